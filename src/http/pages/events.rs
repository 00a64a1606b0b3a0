//! The event debugger, for people.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use serde::Deserialize;

use super::super::Server;
use super::super::access::Caller;
use super::super::debugger::{self, Asked};
use super::{PageProblem, frame, html};
use crate::dashboard::Place;
use crate::dashboard::events::{self, Wanted};
use crate::dashboard::live::Live;

/// How many events are shown.
const LIMIT: usize = 100;
/// How often the page asks for news, in seconds.
const EVERY: u32 = 5;

/// Which events; empty fields of the form ask for nothing.
#[derive(Deserialize)]
pub(in crate::http) struct Filter {
    #[serde(default)]
    visitor: String,
    #[serde(default)]
    message_id: String,
}

/// The last events.
pub(in crate::http) async fn page(
    server: Data<Server>,
    caller: Caller,
    filter: Query<Filter>,
) -> Result<HttpResponse, PageProblem> {
    let wanted = Wanted {
        visitor: filter.visitor.trim(),
        message_id: filter.message_id.trim(),
    };
    let asked = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let arrivals = debugger::latest(
        &server,
        &Asked {
            visitor: asked(wanted.visitor),
            message_id: asked(wanted.message_id),
            limit: Some(LIMIT),
        },
    )?;
    let told = debugger::all_told(&server, &arrivals)?;
    let mut frame = frame(&caller, Some(Place::Events));
    frame.live = Some(Live {
        every: EVERY,
        ..Live::of("")
    });
    Ok(html(
        HttpResponse::Ok(),
        events::page(&frame, wanted, &told),
    ))
}
