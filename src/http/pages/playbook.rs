//! The playbook.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use serde::Deserialize;

use super::super::Server;
use super::super::access::Caller;
use super::super::playbook::{Wanted, plays};
use super::{PageProblem, frame, html};
use crate::catalog::experiment::Status;
use crate::dashboard::{Place, playbook};

/// What is looked for.
#[derive(Deserialize)]
pub(in crate::http) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
}

/// The page.
pub(in crate::http) async fn page(
    server: Data<Server>,
    caller: Caller,
    asked: Query<Asked>,
) -> Result<HttpResponse, PageProblem> {
    let status = serde_json::from_value(asked.status.as_str().into());
    let status: Option<Status> = status.ok();
    let wanted = Wanted {
        q: asked.q.clone(),
        status,
    };
    let plays = plays(server, wanted).await?;
    let frame = frame(&caller, Some(Place::Playbook));
    let page = playbook::page(&frame, (&asked.q, status), &plays);
    Ok(html(HttpResponse::Ok(), page))
}
