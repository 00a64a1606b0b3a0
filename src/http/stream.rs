//! `GET /api/v1/stream`: what happens to experiments, as server-sent events; and the same for OpenFeature's web provider,
//! which is told to ask again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;

use super::Server;
use super::access::{Caller, Refusal};
use super::connection::Connection;
use super::error::{Code, Problem};
use crate::catalog::Entry;
use crate::engine::notice::Notice;

/// Proxies close connections on which nothing moves.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How soon a client that lost its connection comes back, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// Everything that happens.
pub(super) async fn happenings(server: Data<Server>, request: HttpRequest) -> HttpResponse {
    respond(server, &request, |notice| match notice {
        Notice::Changed(entry) => Some(named("experiment", &changed(entry))),
        Notice::Tripped(entry) => Some(named("guardrail", &tripped(entry)?)),
        Notice::Opened(entry) => Some(named("epoch", &opened(entry)?)),
        Notice::Closing => None,
    })
}

/// When a visitor's flags may have changed. A bandit's epochs change nobody's.
pub(super) async fn flags(server: Data<Server>, request: HttpRequest) -> HttpResponse {
    let refetch = || format!("data: {}\n\n", json!({ "type": "refetchEvaluation" }));
    respond(server, &request, move |notice| match notice {
        Notice::Changed(_) => Some(refetch()),
        Notice::Tripped(_) | Notice::Opened(_) | Notice::Closing => None,
    })
}

fn named(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn changed(entry: &Entry) -> Value {
    json!({
        "experiment": entry.experiment.key,
        "version": entry.experiment.version,
        "status": entry.lifecycle.status,
        "archived": entry.lifecycle.archived,
        "at": entry.lifecycle.since,
    })
}

fn tripped(entry: &Entry) -> Option<Value> {
    let trip = entry.lifecycle.trips.last()?;
    Some(json!(entry.happening(entry.tripped(trip), trip.at)))
}

fn opened(entry: &Entry) -> Option<Value> {
    let epoch = entry.epochs.iter().next_back()?;
    Some(json!(entry.happening(entry.opened(epoch), epoch.opened_at)))
}

/// A stream of what the caller hears, until the server stops or the caller's key is revoked; refused where too many are open.
fn respond(
    server: Data<Server>,
    request: &HttpRequest,
    text: impl Fn(&Notice) -> Option<String> + 'static,
) -> HttpResponse {
    let Ok(place) = Arc::clone(&server.streams).try_acquire_owned() else {
        let detail = "Too many streams are open; ask for the state instead.";
        let problem = Problem::new(Code::TooManyStreams, detail);
        return Refusal::from(problem).response(request.path());
    };
    let caller = Caller::of(request);
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let opening = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(RETRY.as_bytes())) });
    // Nor does the server itself keep a connection on which nothing moves.
    let heartbeat = HEARTBEAT.min(server.patience / 2);
    let heard = told(server.engine.notices(), heartbeat);
    let heard = heard.take_while(move |_| std::future::ready(caller.may_stay(&server)));
    let told = heard.filter_map(move |heard| {
        // The place is given back with the stream.
        let _ = &place;
        if let Some(connection) = &connection {
            connection.moves();
        }
        let text = match &heard {
            Heard::Notice(notice) => text(notice),
            Heard::Nothing => Some(": still here\n\n".to_owned()),
            // Whoever missed something asks for the state.
            Heard::TooMuch => Some(named("missed", &json!({}))),
        };
        std::future::ready(text.map(|text| Ok(Bytes::from(text))))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(opening.chain(told))
}

/// What a listener hears next.
enum Heard {
    Notice(Notice),
    Nothing,
    TooMuch,
}

/// Until the server stops.
fn told(notices: Receiver<Notice>, heartbeat: Duration) -> impl Stream<Item = Heard> {
    stream::unfold(notices, move |mut notices| async move {
        let heard = match timeout(heartbeat, notices.recv()).await {
            Ok(Ok(Notice::Closing) | Err(RecvError::Closed)) => return None,
            Ok(Ok(notice)) => Heard::Notice(notice),
            Ok(Err(RecvError::Lagged(_))) => Heard::TooMuch,
            Err(_) => Heard::Nothing,
        };
        Some((heard, notices))
    })
}
