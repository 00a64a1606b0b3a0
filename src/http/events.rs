//! `POST /api/v1/events`: one event, an array, or `{"events": […], "sent_at"?}`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Array, OneOf};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::Server;
use super::body::{self, Body, MAX_BATCH};
use super::consent;
use super::debugger::reject;
use super::error::{Code, Problem};
use super::incoming::{self, Counts, Received, Rejection, WireEvent};
use crate::event::Event;
use crate::source::Source;
use crate::time::Timestamp;

/// Many events.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventBatch)]
struct WireBatch<'a> {
    /// Each is read on its own.
    #[serde(borrow)]
    #[schema(value_type = Vec<WireEvent<'a>>, max_items = 1000)]
    events: Vec<&'a RawValue>,
    /// When the client sent them, by its clock: what that is off is taken from their times.
    #[serde(borrow)]
    #[schema(schema_with = incoming::time_schema)]
    sent_at: Option<&'a RawValue>,
}

/// The bodies that `items` reads.
pub(super) enum Bodies {}

impl PartialSchema for Bodies {
    fn schema() -> RefOr<Schema> {
        let event = || Ref::from_schema_name(WireEvent::name());
        OneOf::builder()
            .item(event())
            .item(Array::builder().items(event()).max_items(Some(MAX_BATCH)))
            .item(Ref::from_schema_name(WireBatch::name()))
            .description(Some("One event, an array of them, or a batch."))
            .into()
    }
}

impl ToSchema for Bodies {
    fn name() -> std::borrow::Cow<'static, str> {
        "Events".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (WireEvent::name(), WireEvent::schema()),
            (WireBatch::name(), WireBatch::schema()),
        ] {
            schemas.push((name.into_owned(), schema));
        }
        WireEvent::schemas(schemas);
        WireBatch::schemas(schemas);
    }
}

/// What a body may begin with.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    events: Option<&'a RawValue>,
}

/// Records events; the answer comes once they are durable.
pub(super) async fn track(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let body = body::inflated(&request, body::bytes(body).await?)?;
    let text = std::str::from_utf8(&body)
        .map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
    let (items, sent_at, single) = items(text)?;
    if items.len() > MAX_BATCH {
        return Err(Problem::new(
            Code::BatchTooLarge,
            format!("A batch may have at most {MAX_BATCH} events."),
        ));
    }
    let now = server.engine.clock().now();
    let received = Received {
        source: Source::Native,
        now,
        sent_at,
    };
    let (mut events, mut counts) = (Vec::with_capacity(items.len()), Counts::default());
    {
        let snapshot = server.engine.snapshot();
        for (index, item) in items.iter().enumerate() {
            let fresh = || incoming::fresh_id(received.now);
            match incoming::event(item, &snapshot.catalog, received, fresh) {
                Ok(event) => events.push(Event::Tracked(event)),
                Err(problem) => {
                    reject(&server.engine, received.source, item, &problem);
                    if single {
                        return Err(problem);
                    }
                    counts.rejected.push(Rejection::of(index, problem));
                }
            }
        }
    }
    if !events.is_empty() {
        let outcomes = consent::record(&server, &request, events).await?;
        let places: Vec<usize> = (0..outcomes.len()).collect();
        counts.count(&places, &outcomes);
    }
    let kept = counts.accepted + counts.duplicates + counts.no_consent;
    let all_rejected = kept == 0 && !counts.rejected.is_empty();
    let status = if all_rejected {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::ACCEPTED
    };
    Ok(HttpResponse::build(status).json(counts))
}

type Items<'a> = (Vec<&'a str>, Option<Timestamp>, bool);

/// The events of a body, when they were sent, and whether the body is a single event.
fn items(text: &str) -> Result<Items<'_>, Problem> {
    let text = text.trim();
    if text.starts_with('[') {
        let items = body::list(text.as_bytes())?;
        return Ok((items.into_iter().map(RawValue::get).collect(), None, false));
    }
    let probe: Probe<'_> = body::json(text.as_bytes())?;
    if probe.events.is_none() {
        return Ok((vec![text], None, true));
    }
    let batch: WireBatch<'_> = body::json(text.as_bytes())?;
    let sent_at = batch
        .sent_at
        .map(|raw| incoming::timestamp(raw, "sent_at"))
        .transpose()?;
    Ok((
        batch.events.into_iter().map(RawValue::get).collect(),
        sent_at,
        false,
    ))
}
