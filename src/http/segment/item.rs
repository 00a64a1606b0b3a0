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
use crate::engine::recent::{Kind, Sent};
use crate::event::{Aliased, Tracked};
use crate::id::{EventId, EventName, VisitorId};

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

/// What a call comes to.
#[derive(Debug)]
pub(super) enum Read {
    /// Something that happened.
    Event(Tracked),
    /// Two ids of one person.
    Aliased(Aliased),
    /// Nothing that counts.
    Acknowledged,
}

/// What a call comes to, and how it was sent.
pub(super) type Taken = (Read, Option<Sent>);

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
    /// What is known of the visitor.
    #[serde(borrow, default)]
    #[schema(value_type = serde_json::Value)]
    traits: Option<&'a RawValue>,
    /// Where it happened; traits may be here, too.
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

    fn parse(&self, path: &str) -> Result<Option<VisitorId>, Problem> {
        let text = match self {
            Self::Text(text) if text.is_empty() => return Ok(None),
            Self::Text(text) => Cow::Borrowed(&**text),
            Self::Number(number) => Cow::Owned(number.to_string()),
        };
        let id = VisitorId::parse(&text);
        id.map(Some)
            .map_err(|error| Problem::at(Code::InvalidField, path, error.to_string()))
    }
}

fn id(id: Option<&Id<'_>>, path: &str) -> Result<Option<VisitorId>, Problem> {
    Ok(id.map(|id| id.parse(path)).transpose()?.flatten())
}

/// Reads one call.
///
/// # Errors
/// A problem with the offending path within the call.
pub(super) fn read(
    text: &str,
    call: Call,
    catalog: &Catalog,
    received: Received,
) -> Result<Taken, Problem> {
    if text.len() > MAX_ITEM {
        let detail = format!("A call may have at most {MAX_ITEM} bytes.");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let wire: Wire<'_> = body::json(text.as_bytes())?;
    let kind = match call {
        Call::One(kind) => kind,
        Call::Metrics => return Ok((Read::Acknowledged, None)),
        Call::Batch => {
            let named = wire.kind.as_deref().and_then(Type::of);
            named.ok_or_else(|| {
                let types = "must be track, page, screen, identify, group or alias";
                Problem::at(Code::InvalidField, "type", types)
            })?
        }
    };
    Ok((wire.read(kind, catalog, received)?, Some(wire.sent(kind))))
}

impl<'a> Wire<'a> {
    fn read(&self, kind: Type, catalog: &Catalog, received: Received) -> Result<Read, Problem> {
        let visitor = self.visitor()?;
        let name = match kind {
            Type::Track => self.event.as_deref().unwrap_or_default(),
            Type::Page => "Page Viewed",
            Type::Screen => "Screen Viewed",
            Type::Identify => return self.identified(visitor),
            Type::Alias => return self.aliased(visitor),
            Type::Group => return Ok(Read::Acknowledged),
        };
        let name = EventName::parse(name)
            .map_err(|error| Problem::at(Code::InvalidField, "event", error.to_string()))?;
        self.event(visitor, name, catalog, received)
            .map(Read::Event)
    }

    /// How the call was sent, for whoever looks for it.
    fn sent(&self, kind: Type) -> Sent {
        let of_context = || {
            let context: Context<'a> = serde_json::from_str(self.context?.get()).ok()?;
            context.traits
        };
        let traits = self.traits.or_else(of_context);
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
    fn identified(&self, to: VisitorId) -> Result<Read, Problem> {
        let anonymous = self.anonymous()?.filter(|anonymous| *anonymous != to);
        Ok(anonymous.map_or(Read::Acknowledged, |visitor| {
            Read::Aliased(Aliased { visitor, to })
        }))
    }

    /// The id that was used before, else the anonymous one, and the one used from now on.
    fn aliased(&self, to: VisitorId) -> Result<Read, Problem> {
        match id(self.previous_id.as_ref(), "previousId")? {
            Some(visitor) => Ok(Read::Aliased(Aliased { visitor, to })),
            None => self.identified(to),
        }
    }

    fn event(
        &self,
        visitor: VisitorId,
        name: EventName,
        catalog: &Catalog,
        received: Received,
    ) -> Result<Tracked, Problem> {
        let given = |raw: Option<&'a RawValue>| raw.filter(|raw| raw.get() != "null");
        let at = given(self.timestamp).or(given(self.original_timestamp));
        // A clock that can not be read is not corrected.
        let sent_at = given(self.sent_at)
            .and_then(|at| incoming::timestamp(at, "sentAt").ok())
            .or(received.sent_at);
        let received = Received {
            sent_at: sent_at.filter(|_| at.is_some()),
            ..received
        };
        let properties = given(self.properties).map_or("", RawValue::get);
        incoming::check_properties(catalog, &name, properties)?;
        let id = match self.message_id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => EventId::parse(id)
                .map_err(|error| Problem::at(Code::InvalidField, "messageId", error.to_string()))
                .map(Some)?,
            None => incoming::fresh_id(received.now),
        };
        Ok(Tracked {
            visitor,
            id: id.ok_or_else(|| Problem::at(Code::IdRequired, "messageId", "must be given"))?,
            name,
            at: incoming::at(at, "timestamp", received)?,
            properties: properties.to_owned(),
            source: received.source,
        })
    }
}
