//! `GET /api/v1/events`: the event debugger, the last events that arrived by any way, and what became of each.

mod told;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Server;
use super::error::{Code, Problem};
use crate::engine::recent::{Arrival, Arrived, Rejected, Sent};
use crate::engine::{Engine, Snapshot};
use crate::event::Tracked;
use crate::event::exposure::exposed;
use crate::event::kind::Kind;
use crate::source::Source;
use crate::telemetry;
use crate::visitor::fate::counted;
use crate::visitor::told::{ExposureFate, Fate, MetricFate, ToldEvent};
use crate::visitor::{Record, VisitorKey, fingerprint};

/// How many events are shown unless asked otherwise.
const LIMIT: usize = 50;
/// Most events of one answer.
const MAX_LIMIT: usize = 1_000;

/// What is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only events under this id of a visitor.
    pub(super) visitor: Option<String>,
    /// Only the event of this id.
    pub(super) message_id: Option<String>,
    /// At most so many; 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
}

/// The last events, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RecentEvents<'a> {
    events: Vec<ToldEvent<'a>>,
}

/// `GET …`: the last events, newest first.
pub(super) async fn events(
    server: Data<Server>,
    query: Result<Query<Asked>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let asked = query.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    let arrivals = latest(&server, &asked)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(RecentEvents {
        events: all_told(&server, &arrivals)?,
    }))
}

/// What arrived last and is asked for, newest first.
///
/// # Errors
/// [`Code::InvalidQuery`].
pub(super) fn latest(server: &Server, asked: &Asked) -> Result<Vec<Arc<Arrival>>, Problem> {
    let limit = asked.limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("must be between 1 and {MAX_LIMIT}");
        return Err(Problem::at(Code::InvalidQuery, "limit", detail));
    }
    let fits = |asked: &Option<String>, own: Option<&str>| {
        asked.as_deref().is_none_or(|asked| own == Some(asked))
    };
    Ok(server.engine.recent().latest(limit, |arrival| {
        fits(&asked.visitor, arrival.visitor()) && fits(&asked.message_id, arrival.id())
    }))
}

/// What became of each.
///
/// # Errors
/// [`Code::Unavailable`] if records can not be read.
pub(super) fn all_told<'a>(
    server: &Server,
    arrivals: &'a [Arc<Arrival>],
) -> Result<Vec<ToldEvent<'a>>, Problem> {
    let snapshot = server.engine.snapshot();
    let told = arrivals
        .iter()
        .map(|arrival| told(server, &snapshot, arrival));
    told.collect()
}

fn told<'a>(
    server: &Server,
    snapshot: &Snapshot,
    arrival: &'a Arrival,
) -> Result<ToldEvent<'a>, Problem> {
    let (event, fate) = match &arrival.what {
        Arrived::Rejected(rejected) => return Ok(ToldEvent::rejected(arrival, rejected)),
        Arrived::Joined(_, true) => return Ok(ToldEvent::other(arrival, Fate::Joined {})),
        Arrived::Profiled(_, true) => return Ok(ToldEvent::other(arrival, Fate::Stored {})),
        Arrived::Joined(_, false) | Arrived::Profiled(_, false) => {
            return Ok(ToldEvent::other(arrival, Fate::Duplicate {}));
        }
        Arrived::Unconsented { .. } => return Ok(ToldEvent::other(arrival, Fate::NoConsent {})),
        Arrived::Acknowledged => return Ok(ToldEvent::other(arrival, Fate::Acknowledged {})),
        Arrived::Duplicate(event) => (event, Fate::Duplicate {}),
        Arrived::Kept(event) => {
            let visitor = VisitorKey::of(snapshot.seed, &event.visitor);
            let record = server.engine.record_of(visitor)?.unwrap_or_default();
            (event, fate(snapshot, &record, event))
        }
    };
    Ok(ToldEvent::of(arrival, event, fate))
}

/// What an event that was kept counts for now: metrics, an exposure, or nothing but the visitor's profile. One that has left
/// the visitor's list of recent events is settled: it counts, and for what is no longer kept apart.
fn fate(snapshot: &Snapshot, record: &Record, event: &Tracked) -> Fate {
    let id = fingerprint(snapshot.seed, event.id.as_str());
    let listed = counted(record, &snapshot.catalog, &snapshot.zone, id);
    let is_read = snapshot.catalog.signal(event.name.as_str()).is_some();
    let is_settled = listed.is_none() && is_read;
    let metrics = listed.unwrap_or_default().into_iter();
    let metrics: Vec<MetricFate> = metrics
        .filter_map(|of| MetricFate::of(&snapshot.catalog, of))
        .collect();
    match (exposure(snapshot, record, event), metrics.is_empty()) {
        (exposure, false) => Fate::Counted { metrics, exposure },
        (Some(exposure), true) => Fate::Exposure { exposure },
        (None, true) if is_settled => Fate::Settled {},
        (None, true) => Fate::Profile {},
    }
}

/// The exposure that an event is, beside what the visitor was assigned.
fn exposure(snapshot: &Snapshot, record: &Record, event: &Tracked) -> Option<ExposureFate> {
    let exposed = exposed(event)?;
    let entry = snapshot.catalog.get(&exposed.experiment)?;
    let experiment = &entry.experiment;
    let assignment = record.assignment(entry.serial, None);
    let seen = exposed
        .seen
        .variant(experiment, assignment.map(|of| of.arm));
    let own = assignment.and_then(|of| experiment.first_revision(of.arm));
    let key = |arm| Some(experiment.variant(arm)?.key.to_string());
    Some(ExposureFate {
        experiment: experiment.key.to_string(),
        variant: seen.and_then(key),
        assigned: own.and_then(key),
        matches: own.is_some() && seen == own,
    })
}

/// Keeps the rejection of a text for those who look for it.
pub(super) fn reject(engine: &Engine, source: Source, text: &str, problem: &Problem) {
    telemetry::rejected(source);
    let readable: Readable = serde_json::from_str(text).unwrap_or_default();
    let arrival = Arrival {
        received: engine.clock().now(),
        sent: Some(readable.sent()),
        what: Arrived::Rejected(rejected(source, &readable, problem)),
    };
    engine.recent().add([arrival]);
}

/// Keeps what counts for nothing for those who look for it.
pub(super) fn acknowledge(engine: &Engine, sent: Sent) {
    engine.recent().add([Arrival {
        received: engine.clock().now(),
        sent: Some(sent),
        what: Arrived::Acknowledged,
    }]);
}

/// What was rejected, as far as it can be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Readable {
    r#type: Value,
    visitor: Value,
    #[serde(rename = "userId")]
    user: Value,
    #[serde(rename = "anonymousId")]
    anonymous: Value,
    #[serde(alias = "messageId")]
    id: Value,
    event: Value,
    traits: Value,
}

impl Readable {
    fn sent(&self) -> Sent {
        Sent {
            kind: Kind::deserialize(&self.r#type).unwrap_or_default(),
            user: short(&self.user),
            anonymous: short(&self.anonymous),
            traits: self.traits.is_object().then(|| self.traits.to_string()),
        }
    }
}

/// A value as text of at most 256 characters, unless it is null.
fn short(value: &Value) -> Option<String> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    (!value.is_null()).then(|| text.chars().take(256).collect())
}

fn rejected(source: Source, readable: &Readable, problem: &Problem) -> Rejected {
    let place = problem.errors.first();
    Rejected {
        source,
        code: problem.code.name(),
        path: place.map_or_else(String::new, |at| at.path.clone()),
        detail: place.map_or_else(|| problem.detail.clone(), |at| at.detail.clone()),
        visitor: [&readable.visitor, &readable.user, &readable.anonymous]
            .into_iter()
            .find_map(short),
        id: short(&readable.id),
        event: short(&readable.event),
    }
}
