//! The Segment tracking API: what analytics.js and the server SDKs of several vendors send reaches us unchanged.
//!
//! Their clients drop what is answered 4xx and repeat for hours what is answered 5xx, so a batch with some bad events is
//! answered 200 and keeps the good ones; who integrates asks with `X-Strict-Mode: 1` and is told the reasons by 400. Content
//! types mean nothing here: browsers send JSON as `text/plain`, others gzip as a form.
//!
//! `track`, `page` and `screen` become events; `identify` with both ids and `alias` join two visitors; the traits of
//! `identify`, `group` and of any call's context go into the visitor's profile.

mod item;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Server;
use super::access::{self, Caller, Refusal};
use super::body::{self, Body, MAX_BATCH};
use super::consent;
use super::debugger::{acknowledge, reject};
use super::error::{Code, Problem};
use super::incoming::{self, Counts, Received, Rejection};
use crate::engine::recent::{Sent, expected};
use crate::event::Event;
use crate::id::VisitorId;
use crate::source::Source;
use crate::time::Timestamp;
pub(super) use item::Wire as Item;
use item::{Call, Shared};

/// Longest item, in bytes.
const MAX_ITEM: usize = 32 << 10;

/// Many calls.
#[derive(Deserialize, ToSchema)]
#[schema(as = SegmentBatch)]
pub(super) struct Batch<'a> {
    /// Each is read on its own.
    #[serde(borrow, rename = "batch")]
    #[schema(value_type = Vec<Item<'a>>, max_items = 1000)]
    items: Vec<&'a RawValue>,
    /// When the client sent them, by its clock.
    #[serde(borrow, default, rename = "sentAt")]
    #[schema(value_type = serde_json::Value)]
    sent_at: Option<&'a RawValue>,
    /// For calls that have no traits in theirs.
    #[serde(borrow, default)]
    #[schema(value_type = serde_json::Value)]
    context: Option<&'a RawValue>,
}

/// All is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Success {
    /// True.
    success: bool,
}

/// What was wrong with some calls, for whoever asked to be told.
#[derive(Serialize, ToSchema)]
pub(super) struct Reasons<'a> {
    /// False.
    success: bool,
    #[serde(flatten)]
    counts: &'a Counts,
}

/// What analytics.js asks for before it sends anything.
#[derive(Serialize, ToSchema)]
pub(super) struct Settings<'a> {
    /// Where it sends to.
    integrations: Integrations<'a>,
}

/// The one destination there is.
#[derive(Serialize, ToSchema)]
struct Integrations<'a> {
    #[serde(rename = "Segment.io")]
    segment: Destination<'a>,
}

/// This server, as analytics.js knows destinations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Destination<'a> {
    /// The write key that was asked with.
    api_key: &'a str,
    /// Host and path.
    api_host: String,
    /// `http` or `https`.
    protocol: &'a str,
}

/// The key of a body, where no header has it.
#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow, default, rename = "writeKey")]
    write_key: Option<Cow<'a, str>>,
}

/// `POST /v1/{call}`: one call, or under `batch` and `import` many.
pub(super) async fn call(
    server: Data<Server>,
    request: HttpRequest,
    name: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    match received(&server, &request, &name, body).await {
        Err(Refused::Problem(problem)) if problem.code == Code::Overloaded => {
            Ok(HttpResponse::TooManyRequests()
                .insert_header((RETRY_AFTER, "1"))
                .json(problem.body()))
        }
        Err(Refused::Problem(problem)) => Err(problem),
        Err(Refused::Refusal(refusal)) => Ok(refusal.response(request.path())),
        Ok(answer) => Ok(answer),
    }
}

/// Why a call is not received.
enum Refused {
    Problem(Problem),
    Refusal(Refusal),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// Lets a call in whose body has the key, where no header has it.
fn admit(server: &Server, request: &HttpRequest, body: &[u8]) -> Result<(), Refused> {
    if Caller::of(request).is_known() {
        return Ok(());
    }
    let keyed: Keyed<'_> = body::json(body)?;
    access::in_body(server, request, keyed.write_key.as_deref())?;
    Ok(())
}

/// `GET /v1/projects/{writeKey}/settings`: what analytics.js asks for before it sends anything, with us as its host.
pub(super) async fn settings(request: HttpRequest, key: Path<String>) -> HttpResponse {
    let connection = request.connection_info();
    let host = format!("{}/v1", connection.host());
    let segment = Destination {
        api_key: &key,
        api_host: host,
        protocol: connection.scheme(),
    };
    HttpResponse::Ok().json(Settings {
        integrations: Integrations { segment },
    })
}

async fn received(
    server: &Server,
    request: &HttpRequest,
    name: &str,
    body: Body,
) -> Result<HttpResponse, Refused> {
    let call = Call::of_route(name).ok_or_else(|| unknown(name))?;
    let body = body::inflated(request, body::bytes(body).await?)?;
    admit(server, request, &body)?;
    let now = server.engine.clock().now();
    let mut taken = Taken::default();
    {
        let (items, sent_at, context) = items(call, &body)?;
        let snapshot = server.engine.snapshot();
        let received = Received {
            source: Source::Segment,
            now,
            sent_at,
        };
        let shared = Shared {
            catalog: &snapshot.catalog,
            received,
            context,
        };
        for (index, text) in items.into_iter().enumerate() {
            let read = item::read(text, call, shared);
            match &read {
                Ok((events, Some(sent))) if events.is_empty() => {
                    acknowledge(&server.engine, sent.clone());
                }
                Ok(_) => {}
                Err(problem) => reject(&server.engine, received.source, text, problem),
            }
            taken.take(index, read);
        }
    }
    Ok(answer(request, &taken.record(server, request).await?))
}

/// The calls of a body, when they were sent, and their common context.
type Items<'a> = (Vec<&'a str>, Option<Timestamp>, Option<&'a RawValue>);

fn items(call: Call, body: &[u8]) -> Result<Items<'_>, Problem> {
    match call {
        Call::Batch => {
            let batch: Batch<'_> = body::json(body)?;
            if batch.items.len() > MAX_BATCH {
                let detail = format!("A batch may have at most {MAX_BATCH} items.");
                return Err(Problem::new(Code::BatchTooLarge, detail));
            }
            let items = batch.items.iter().map(|item| item.get());
            let sent_at = batch
                .sent_at
                .and_then(|at| incoming::timestamp(at, "sentAt").ok());
            Ok((items.collect(), sent_at, batch.context))
        }
        Call::One(_) | Call::Metrics => {
            let text = std::str::from_utf8(body)
                .map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
            Ok((vec![text], None, None))
        }
    }
}

/// What a request's items come to.
#[derive(Default)]
struct Taken {
    events: Vec<Event>,
    /// The place of each event in the request.
    places: Vec<usize>,
    counts: Counts,
    /// How they were sent, by visitor and id.
    sent: Vec<((VisitorId, String), Sent)>,
}

impl Taken {
    fn take(&mut self, index: usize, read: Result<item::Taken, Problem>) {
        let (events, sent) = match read {
            Ok(read) => read,
            Err(problem) => {
                self.counts.rejected.push(Rejection::of(index, problem));
                return;
            }
        };
        if events.is_empty() {
            self.counts.accepted += 1;
        }
        let keys = events.iter().filter_map(expected);
        self.sent.extend(
            keys.zip(std::iter::repeat_n(sent, events.len()))
                .filter_map(|(key, sent)| Some((key, sent?))),
        );
        self.places.extend(events.iter().map(|_| index));
        self.events.extend(events);
    }

    /// Makes the events durable; what became of all.
    async fn record(self, server: &Server, request: &HttpRequest) -> Result<Counts, Problem> {
        let mut counts = self.counts;
        if !self.events.is_empty() {
            server.engine.recent().expect(self.sent);
            let outcomes = consent::record(server, request, self.events).await?;
            counts.count(&self.places, &outcomes);
            counts
                .rejected
                .extend(incoming::refused(&self.places, &outcomes));
        }
        Ok(counts)
    }
}

fn unknown(name: &str) -> Problem {
    let routes = "batch, import, track, page, screen, identify, group, alias or their initials";
    Problem::new(Code::NotFound, format!("{name:?} is none of {routes}."))
}

fn answer(request: &HttpRequest, counts: &Counts) -> HttpResponse {
    let asked = request.headers().get("x-strict-mode");
    let is_strict = asked.is_some_and(|value| value == "1" || value == "true");
    if is_strict && !counts.rejected.is_empty() {
        let success = false;
        return HttpResponse::build(StatusCode::BAD_REQUEST).json(Reasons { success, counts });
    }
    HttpResponse::Ok().json(Success { success: true })
}
