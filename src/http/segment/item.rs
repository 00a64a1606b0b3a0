//! One call of the tracking API: who did what, and when by which clock.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::body;
use super::super::error::{Code, Problem};
use super::super::incoming::{self, Received};
use super::MAX_ITEM;
use crate::catalog::Catalog;
use crate::engine::recent::Sent;
use crate::event::kind::Kind;
use crate::event::{Aliased, Event, Profiled, Tracked};
use crate::id::{EventId, EventName, GroupId, IdError, VisitorId};
use crate::profile::Told;
use crate::time::Timestamp;

/// What a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Many calls, each with its type.
    Batch,
    /// One of a type.
    One(Type),
    /// What analytics.js counts about itself.
    Metrics,
}

/// The types of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// Something happened.
    Track,
    /// A page was seen.
    Page,
    /// The same in an app.
    Screen,
    /// Who the visitor is.
    Identify,
    /// What the visitor belongs to.
    Group,
    /// Two ids of one visitor.
    Alias,
}

impl Call {
    /// By the last part of a path, or its initial.
    pub(super) fn of_route(name: &str) -> Option<Self> {
        match name {
            "batch" | "b" | "import" => Some(Self::Batch),
            "m" => Some(Self::Metrics),
            _ => Type::of(name).map(Self::One),
        }
    }
}

impl Type {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "track" | "t" => Self::Track,
            "page" | "p" => Self::Page,
            "screen" | "s" => Self::Screen,
            "identify" | "i" => Self::Identify,
            "group" | "g" => Self::Group,
            "alias" | "a" => Self::Alias,
            _ => return None,
        })
    }
}

impl From<Type> for Kind {
    fn from(of: Type) -> Self {
        match of {
            Type::Track => Self::Track,
            Type::Page => Self::Page,
            Type::Screen => Self::Screen,
            Type::Identify => Self::Identify,
            Type::Group => Self::Group,
            Type::Alias => Self::Alias,
        }
    }
}

/// What a call comes to: events, or nothing that counts; and how it was sent.
pub(super) type Taken = (Vec<Event>, Option<Sent>);

/// A call; members that mean nothing here are passed over.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SegmentCall)]
pub(in crate::http) struct Wire<'a> {
    /// What the call is for, in a batch.
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    /// Under which it counts once.
    #[serde(borrow, default)]
    message_id: Option<Cow<'a, str>>,
    /// Who, once known.
    #[serde(borrow, default)]
    user_id: Option<Id<'a>>,
    /// Who, before that.
    #[serde(borrow, default)]
    anonymous_id: Option<Id<'a>>,
    /// What happened; for `track`.
    #[serde(borrow, default)]
    previous_id: Option<Id<'a>>,
    /// The group that the visitor belongs to; for `group`.
    #[serde(borrow, default)]
    group_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    /// What is known of it; those that metrics add up are amounts.
    #[serde(borrow, default)]
    #[schema(value_type = Option<serde_json::Map<String, serde_json::Value>>)]
    properties: Option<&'a RawValue>,
    /// When, by the client's clock.
    #[serde(borrow, default)]
    #[schema(schema_with = incoming::time_schema)]
    timestamp: Option<&'a RawValue>,
    /// The same, where there is no `timestamp`.
    #[serde(borrow, default)]
    #[schema(schema_with = incoming::time_schema)]
    original_timestamp: Option<&'a RawValue>,
    /// When it was sent, by the client's clock: what that is off is taken from the time.
    #[serde(borrow, default)]
    #[schema(value_type = serde_json::Value)]
    sent_at: Option<&'a RawValue>,
    /// What is known of the visitor; for `group`, of the group. Null takes a trait back.
    #[serde(borrow, default)]
    #[schema(value_type = serde_json::Value)]
    traits: Option<&'a RawValue>,
    /// Where it happened; the visitor's traits may be here, too.
    #[serde(borrow, default)]
    #[schema(value_type = serde_json::Value)]
    context: Option<&'a RawValue>,
}

/// What a call's context may have.
#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow, default)]
    traits: Option<&'a RawValue>,
}

/// Most characters of an id that are told to whoever looks for it.
const MAX_TOLD: usize = 256;

/// An id as shops have them: text, or a row's number.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = SegmentId)]
enum Id<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Number(i64),
}

impl Id<'_> {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.chars().take(MAX_TOLD).collect(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// What it says; `None` for an empty text.
    fn whole(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => (!text.is_empty()).then_some(Cow::Borrowed(&**text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
        }
    }
}

fn id<T: TryFrom<String, Error = IdError>>(
    id: Option<&Id<'_>>,
    path: &str,
) -> Result<Option<T>, Problem> {
    let text = id.and_then(Id::whole);
    let id = text.map(|text| T::try_from(text.into_owned())).transpose();
    id.map_err(|error| Problem::at(Code::InvalidField, path, error.to_string()))
}

/// What all calls of a request have in common.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    /// The experiments.
    pub catalog: &'a Catalog,
    /// When the request arrived.
    pub received: Received,
    /// The context of a batch, for calls without traits in theirs.
    pub context: Option<&'a RawValue>,
}

/// Reads one call.
///
/// # Errors
/// A problem with the offending path within the call.
pub(super) fn read(text: &str, call: Call, shared: Shared<'_>) -> Result<Taken, Problem> {
    if text.len() > MAX_ITEM {
        let detail = format!("A call may have at most {MAX_ITEM} bytes.");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let wire: Wire<'_> = body::json(text.as_bytes())?;
    let kind = match call {
        Call::One(kind) => kind,
        Call::Metrics => return Ok((Vec::new(), None)),
        Call::Batch => {
            let named = wire.kind.as_deref().and_then(Type::of);
            named.ok_or_else(|| {
                let types = "must be track, page, screen, identify, group or alias";
                Problem::at(Code::InvalidField, "type", types)
            })?
        }
    };
    let known = known(wire.context).or_else(|| known(shared.context));
    Ok((
        wire.read(kind, known, shared)?,
        Some(wire.sent(kind, known)),
    ))
}

/// The visitor's traits in a context.
fn known(context: Option<&RawValue>) -> Option<&RawValue> {
    let context: Context<'_> = serde_json::from_str(context?.get()).ok()?;
    given(context.traits)
}

/// What is not null.
fn given(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// Traits, where there are any.
fn told(raw: Option<&RawValue>, path: &str) -> Result<Told, Problem> {
    let told = given(raw).map(|raw| Told::parse(raw.get())).transpose();
    let told = told.map_err(|error| incoming::traits_problem(error, path))?;
    Ok(told.unwrap_or_default())
}

impl Wire<'_> {
    /// The events of the call: ids that it joins, what happened, and what it tells of the visitor.
    fn read(
        &self,
        kind: Type,
        known: Option<&RawValue>,
        shared: Shared<'_>,
    ) -> Result<Vec<Event>, Problem> {
        let visitor = self.visitor()?;
        let mut own = told(known, "context.traits")?;
        let traits = || told(self.traits, "traits");
        let mut group = None;
        let happened = match kind {
            Type::Track => {
                self.happened(&visitor, self.event.as_deref().unwrap_or_default(), shared)?
            }
            Type::Page => self.happened(&visitor, "Page Viewed", shared)?,
            Type::Screen => self.happened(&visitor, "Screen Viewed", shared)?,
            Type::Alias => self.aliased(&visitor)?,
            Type::Identify => {
                let path = if self.traits.is_some() {
                    "traits"
                } else {
                    "context.traits"
                };
                let all = traits()?.or(own);
                own = all.map_err(|error| incoming::traits_problem(error, path))?;
                self.identified(&visitor)?
            }
            Type::Group => {
                let id: Option<GroupId> = id(self.group_id.as_ref(), "groupId")?;
                let missing = || Problem::at(Code::InvalidField, "groupId", "must be given");
                group = Some((id.ok_or_else(missing)?, traits()?));
                None
            }
        };
        let mut events: Vec<Event> = happened.into_iter().collect();
        if !own.is_empty() {
            events.push(self.profiled(&visitor, (None, own), shared.received)?);
        }
        if let Some((group, traits)) = group {
            events.push(self.profiled(&visitor, (Some(group), traits), shared.received)?);
        }
        Ok(events)
    }

    /// How the call was sent, for whoever looks for it.
    fn sent(&self, kind: Type, known: Option<&RawValue>) -> Sent {
        let traits = given(self.traits).or(known);
        Sent {
            kind: kind.into(),
            user: self.user_id.as_ref().map(Id::text),
            anonymous: self.anonymous_id.as_ref().map(Id::text),
            traits: traits.map(|traits| traits.get().to_owned()),
        }
    }

    /// Who: the user, if known, else the anonymous visitor.
    fn visitor(&self) -> Result<VisitorId, Problem> {
        let known = match id(self.user_id.as_ref(), "userId")? {
            Some(user) => Some(user),
            None => self.anonymous()?,
        };
        known.ok_or_else(|| {
            let path = "userId";
            Problem::at(Code::InvalidField, path, "or anonymousId must be given")
        })
    }

    fn anonymous(&self) -> Result<Option<VisitorId>, Problem> {
        id(self.anonymous_id.as_ref(), "anonymousId")
    }

    /// Whose the anonymous visitor turned out to be, where one is named.
    fn identified(&self, to: &VisitorId) -> Result<Option<Event>, Problem> {
        let anonymous = self.anonymous()?.filter(|anonymous| anonymous != to);
        Ok(anonymous.map(|visitor| joined(visitor, to)))
    }

    /// The id that was used before, else the anonymous one, and the one used from now on.
    fn aliased(&self, to: &VisitorId) -> Result<Option<Event>, Problem> {
        match id(self.previous_id.as_ref(), "previousId")? {
            Some(visitor) => Ok(Some(joined(visitor, to))),
            None => self.identified(to),
        }
    }

    /// Under which id it counts once, and when it happened.
    fn stamp(&self, received: Received) -> Result<(EventId, Timestamp), Problem> {
        let at = given(self.timestamp).or(given(self.original_timestamp));
        // A clock that can not be read is not corrected.
        let sent_at = given(self.sent_at)
            .and_then(|at| incoming::timestamp(at, "sentAt").ok())
            .or(received.sent_at);
        let received = Received {
            sent_at: sent_at.filter(|_| at.is_some()),
            ..received
        };
        let id = match self.message_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => EventId::parse(id)
                .map_err(|error| Problem::at(Code::InvalidField, "messageId", error.to_string()))
                .map(Some)?,
            None => incoming::fresh_id(received.now),
        };
        let missing = || Problem::at(Code::IdRequired, "messageId", "must be given");
        let id = id.ok_or_else(missing)?;
        Ok((id, incoming::at(at, "timestamp", received)?))
    }

    fn happened(
        &self,
        visitor: &VisitorId,
        name: &str,
        shared: Shared<'_>,
    ) -> Result<Option<Event>, Problem> {
        let name = EventName::parse(name)
            .map_err(|error| Problem::at(Code::InvalidField, "event", error.to_string()))?;
        let properties = given(self.properties).map_or("", RawValue::get);
        incoming::check_properties(shared.catalog, &name, properties)?;
        let (id, at) = self.stamp(shared.received)?;
        Ok(Some(Event::Tracked(Tracked {
            visitor: visitor.clone(),
            id,
            name,
            at,
            properties: properties.to_owned(),
            source: shared.received.source,
        })))
    }

    /// What is told of the visitor, or of a group.
    fn profiled(
        &self,
        visitor: &VisitorId,
        (group, traits): (Option<GroupId>, Told),
        received: Received,
    ) -> Result<Event, Problem> {
        let (id, at) = self.stamp(received)?;
        Ok(Event::Profiled(Profiled {
            visitor: visitor.clone(),
            id,
            group,
            traits,
            at,
            source: received.source,
        }))
    }
}

fn joined(visitor: VisitorId, to: &VisitorId) -> Event {
    let to = to.clone();
    Event::Aliased(Aliased { visitor, to })
}
