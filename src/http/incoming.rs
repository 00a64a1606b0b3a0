//! Events as clients send them: read, checked, and turned into events of the log.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{KnownFormat, Object, OneOf, SchemaFormat, Type};

use super::body;
use super::error::{Code, Problem};
use crate::catalog::Catalog;
use crate::event::{REFUND, Tracked};
use crate::fold::{Outcome, amount};
use crate::id::{EventId, EventName, VisitorId};
use crate::profile::TraitsError;
use crate::source::Source;
use crate::time::{DAY_MS, TimeError, Timestamp, Window};
use crate::visitor::attribution::AMOUNT;
use crate::visitor::join::MAX_IDS;

/// Something that a visitor did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event)]
pub(super) struct WireEvent<'a> {
    /// Only rows of an import name their type: `event`.
    #[serde(borrow, default, rename = "type")]
    _type: Option<Cow<'a, str>>,
    /// Under which it counts once; absent: it is told apart from no other.
    id: Option<EventId>,
    /// Its name, such as `Order Completed`.
    event: EventName,
    /// Who did it.
    visitor: VisitorId,
    /// When; absent: now.
    #[serde(borrow)]
    #[schema(schema_with = time_schema)]
    timestamp: Option<&'a RawValue>,
    /// What is known of it; those that metrics add up are amounts.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    properties: Option<&'a RawValue>,
}

/// What one item was rejected for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Rejection {
    /// Its position in the request, from 0.
    pub index: usize,
    /// Its code.
    pub code: Code,
    /// The offending place within the item.
    pub path: String,
    /// What is wrong there.
    pub detail: String,
}

impl Rejection {
    /// The rejection of item `index` for a problem.
    pub(super) fn of(index: usize, problem: Problem) -> Self {
        let at = problem.errors.into_iter().next();
        let (path, detail) = at.map_or((String::new(), problem.detail), |at| (at.path, at.detail));
        Self {
            index,
            code: problem.code,
            path,
            detail,
        }
    }
}

/// What became of a request's items.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Counts {
    /// Durable now.
    pub accepted: usize,
    /// Known already.
    pub duplicates: usize,
    /// Of visitors who do not allow it: nothing was kept.
    #[serde(skip_serializing_if = "is_none")]
    pub no_consent: usize,
    /// Refused, with reasons.
    pub rejected: Vec<Rejection>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes by reference"
)]
pub(super) fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Counts {
    /// Adds what became of items, whose events have their places in the request.
    pub(super) fn count(&mut self, places: &[usize], outcomes: &[Outcome]) {
        let of: Vec<(&usize, &Outcome)> = places.iter().zip(outcomes).collect();
        for item in of.chunk_by(|one, other| one.0 == other.0) {
            let some = |wanted: fn(&Outcome) -> bool| item.iter().any(|(_, of)| wanted(of));
            if some(|of| *of == Outcome::Accepted) {
                self.accepted += 1;
            } else if some(|of| *of == Outcome::NoConsent) {
                self.no_consent += 1;
            } else if some(|of| refusal(of).is_none()) {
                self.duplicates += 1;
            }
        }
    }
}

/// The rejections of items, by their places in the request, of which the engine refused something.
pub(super) fn refused(places: &[usize], outcomes: &[Outcome]) -> impl Iterator<Item = Rejection> {
    let of = places.iter().zip(outcomes);
    of.filter_map(|(place, outcome)| Some(Rejection::of(*place, refusal(outcome)?)))
}

/// The problem of an event that the engine refused.
pub(super) fn refusal(outcome: &Outcome) -> Option<Problem> {
    match outcome {
        Outcome::TooManyAliases => {
            let detail = format!("A person may have at most {MAX_IDS} ids.");
            Some(Problem::new(Code::TooManyAliases, detail))
        }
        Outcome::TooManyTraits => Some(traits_problem(TraitsError::TooMany, "traits")),
        Outcome::Accepted
        | Outcome::Duplicate
        | Outcome::Standing(_)
        | Outcome::Void
        | Outcome::NoConsent => None,
    }
}

/// The problem of traits that can not be kept.
pub(super) fn traits_problem(error: TraitsError, path: &str) -> Problem {
    let code = match error {
        TraitsError::NoObject => Code::InvalidField,
        TraitsError::TooMany => Code::TooManyTraits,
    };
    Problem::at(code, path, error.to_string())
}

/// When a request's events arrived, and when the client says it sent them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// By which way.
    pub source: Source,
    /// The server's time.
    pub now: Timestamp,
    /// The client's time of sending.
    pub sent_at: Option<Timestamp>,
}

impl Received {
    /// A client's time as it counts: corrected by the skew of its clock (at most a day), clamped to now.
    fn correct(self, at: Timestamp) -> Result<Timestamp, TimeError> {
        let skew = self.sent_at.map_or(0, |sent| {
            (self.now.millis() - sent.millis()).clamp(-DAY_MS, DAY_MS)
        });
        at.plus(Window::from_millis(skew)).received_at(self.now)
    }
}

/// What [`timestamp`] reads.
pub(super) fn time_schema() -> Schema {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let text = Object::builder()
        .schema_type(Type::String)
        .format(Some(format));
    let millis = Object::builder()
        .schema_type(Type::Integer)
        .minimum(Some(Timestamp::earliest().millis()));
    let null = Object::builder().schema_type(Type::Null);
    OneOf::builder()
        .item(null)
        .item(text)
        .item(millis)
        .description(Some(
            "RFC 3339, or milliseconds since 1970; from the year 2000 on, at most a day ahead.",
        ))
        .into()
}

/// Reads a time: RFC 3339 text or integer milliseconds.
///
/// # Errors
/// [`Code::TimestampOutOfRange`] or [`Code::InvalidField`] at `path`.
pub(super) fn timestamp(raw: &RawValue, path: &str) -> Result<Timestamp, Problem> {
    let text: Result<Cow<'_, str>, _> = serde_json::from_str(raw.get());
    let at = match text {
        Ok(text) => Timestamp::parse(&text),
        Err(_) => raw
            .get()
            .parse()
            .map_err(|_| TimeError::Malformed)
            .and_then(Timestamp::from_millis),
    };
    at.map_err(|error| time_problem(&error, path))
}

fn time_problem(error: &TimeError, path: &str) -> Problem {
    let code = match error {
        TimeError::OutOfRange => Code::TimestampOutOfRange,
        TimeError::Malformed | TimeError::BadWindow | TimeError::BadZone => Code::InvalidField,
    };
    Problem::at(code, path, error.to_string())
}

/// When an event happened: the client's time, corrected, or now.
///
/// # Errors
/// As [`timestamp`].
pub(super) fn at(
    raw: Option<&RawValue>,
    path: &str,
    received: Received,
) -> Result<Timestamp, Problem> {
    let Some(at) = raw.map(|raw| timestamp(raw, path)).transpose()? else {
        return Ok(received.now);
    };
    let corrected = received.correct(at);
    corrected.map_err(|error| time_problem(&error, path))
}

/// Reads one event. `fresh_id` names events that bring no id of their own.
///
/// # Errors
/// A problem with the offending path within the event.
pub(super) fn event(
    raw: &str,
    catalog: &Catalog,
    received: Received,
    fresh_id: impl FnOnce() -> Option<EventId>,
) -> Result<Tracked, Problem> {
    let wire: WireEvent<'_> = body::json(raw.as_bytes())?;
    let at = at(wire.timestamp, "timestamp", received)?;
    let properties = wire.properties.map_or("", RawValue::get);
    check_properties(catalog, &wire.event, properties)?;
    let id = wire.id.or_else(fresh_id);
    let id = id.ok_or_else(|| Problem::at(Code::IdRequired, "id", "must be given"))?;
    let properties = if properties == "null" { "" } else { properties }.to_owned();
    Ok(Tracked {
        visitor: wire.visitor,
        id,
        name: wire.event,
        at,
        properties,
        source: received.source,
    })
}

/// Properties shorter than this can not be nested too deeply to be read (128 levels).
const DEEP: usize = 2 * 128;

/// Properties are an object, and those that metrics read are amounts.
///
/// # Errors
/// [`Code::InvalidField`] or [`Code::InvalidAmount`] with the path.
pub(super) fn check_properties(
    catalog: &Catalog,
    event: &EventName,
    properties: &str,
) -> Result<(), Problem> {
    if properties.is_empty() || properties == "null" {
        return Ok(());
    }
    if !properties.starts_with('{') {
        return Err(Problem::at(
            Code::InvalidField,
            "properties",
            "must be an object",
        ));
    }
    let read = catalog.signal(event.as_str()).into_iter().flatten();
    // What a refund names decides how much of the order it takes back.
    let refunded = (event.as_str() == REFUND).then_some(AMOUNT);
    let mut read = read.map(String::as_str).chain(refunded).peekable();
    if read.peek().is_none() && properties.len() < DEEP {
        return Ok(());
    }
    let values: serde_json::Value =
        body::json(properties.as_bytes()).map_err(|problem| within("properties", problem))?;
    for property in read {
        if let Some(Err(error)) = amount(&values, property) {
            return Err(Problem::at(
                Code::InvalidAmount,
                format!("properties.{property}"),
                error.to_string(),
            ));
        }
    }
    Ok(())
}

/// The problem of a part of an item, placed in the whole.
fn within(part: &str, problem: Problem) -> Problem {
    let place = problem.errors.into_iter().next();
    let (path, detail) = place.map_or((String::new(), problem.detail), |at| {
        (format!(".{}", at.path), at.detail)
    });
    Problem::at(Code::InvalidField, format!("{part}{path}"), detail)
}

/// A new id, ordered by time.
pub(super) fn fresh_id(now: Timestamp) -> Option<EventId> {
    let millis = u64::try_from(now.millis()).ok()?;
    let at = uuid::Timestamp::from_unix(
        uuid::NoContext,
        millis / 1_000,
        u32::try_from(millis % 1_000).ok()? * 1_000_000,
    );
    EventId::parse(&uuid::Uuid::new_v7(at).to_string()).ok()
}
