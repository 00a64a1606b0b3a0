//! What is told of an event that arrived.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::engine::recent::{Arrival, Arrived, Kind, Rejected};
use crate::event::Tracked;
use crate::event::exposure::exposed;
use crate::source::Source;
use crate::time::Timestamp;
use crate::visitor::fate::Effect;

/// The last events, newest first.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RecentEvents<'a> {
    pub(super) events: Vec<ToldEvent<'a>>,
}

/// One event. Of one that was rejected only what could be read of it is told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToldEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// The same, as Segment calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    /// What it was sent as, or what a tracked event is.
    r#type: Kind,
    /// By which way it came.
    source: Source,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visitor: Option<&'a str>,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<&'a str>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traits: Option<Map<String, Value>>,
    fate: Fate,
}

/// What became of an event.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Fate {
    /// It counts for metrics.
    Counted {
        metrics: Vec<MetricFate>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exposure: Option<ExposureFate>,
    },
    /// It told what the visitor has seen.
    Exposure { exposure: ExposureFate },
    /// No metric reads it yet.
    Profile {},
    /// It counts, but so many came after it that it is no longer kept apart.
    Settled {},
    /// Two ids are one person's from now on.
    Joined {},
    /// It is in the visitor's profile, as far as nothing later is known.
    Stored {},
    /// The visitor does not allow it: nothing is kept of it.
    NoConsent {},
    /// It counts for nothing.
    Acknowledged {},
    /// It had come before.
    Duplicate {},
    /// It was refused.
    Rejected {
        code: String,
        path: String,
        detail: String,
    },
}

/// What a metric makes of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct MetricFate {
    pub(super) experiment: String,
    /// The visitor's variant.
    pub(super) variant: String,
    pub(super) metric: String,
    pub(super) effect: Effect,
}

/// What was seen, beside what the visitor was assigned.
#[derive(Serialize, ToSchema)]
pub(super) struct ExposureFate {
    pub(super) experiment: String,
    /// The variant that was seen; null if the experiment never had it.
    #[schema(required)]
    pub(super) variant: Option<String>,
    /// The visitor's variant; null without an assignment.
    #[schema(required)]
    pub(super) assigned: Option<String>,
    pub(super) matches: bool,
}

/// What is tracked under these names are orders.
const ORDERS: [&str; 3] = ["Order Completed", "Order Refunded", "Order Cancelled"];

impl<'a> ToldEvent<'a> {
    /// What is known of every arrival.
    fn arrived(arrival: &'a Arrival, fate: Fate) -> Self {
        let sent = arrival.sent.as_ref();
        let traits = sent.and_then(|sent| sent.traits.as_deref());
        Self {
            id: arrival.id(),
            message_id: arrival.id(),
            r#type: sent.map_or(Kind::Track, |sent| sent.kind),
            source: Source::Native,
            event: None,
            visitor: arrival.visitor(),
            user_id: sent.and_then(|sent| sent.user.as_deref()),
            anonymous_id: sent.and_then(|sent| sent.anonymous.as_deref()),
            timestamp: None,
            received_at: arrival.received,
            properties: None,
            traits: traits.and_then(|traits| serde_json::from_str(traits).ok()),
            fate,
        }
    }

    pub(super) fn of(arrival: &'a Arrival, event: &'a Tracked, fate: Fate) -> Self {
        let told = Self::arrived(arrival, fate);
        let is_order = ORDERS.contains(&event.name.as_str());
        let kind = if told.r#type != Kind::Track {
            told.r#type
        } else if exposed(event).is_some() {
            Kind::Exposure
        } else if is_order {
            Kind::Order
        } else {
            Kind::Track
        };
        Self {
            r#type: kind,
            source: event.source,
            event: Some(event.name.as_str()),
            timestamp: Some(event.at),
            properties: Some(serde_json::from_str(&event.properties).unwrap_or_default()),
            ..told
        }
    }

    /// One that is no event: two ids that were joined, traits, or something that counts for nothing.
    pub(super) fn other(arrival: &'a Arrival, fate: Fate) -> Self {
        let told = Self::arrived(arrival, fate);
        match (&arrival.sent, &arrival.what) {
            (None, Arrived::Joined(aliased, _)) => Self {
                r#type: Kind::Alias,
                user_id: Some(aliased.to.as_str()),
                anonymous_id: Some(aliased.visitor.as_str()),
                ..told
            },
            (sent, Arrived::Profiled(profiled, _)) => {
                let json = |value: Option<&str>| serde_json::from_str(value?).ok();
                let own = profiled.traits.iter();
                let own =
                    own.map(|(name, value)| (name.to_owned(), json(value).unwrap_or_default()));
                let kind = if profiled.group.is_some() {
                    Kind::Group
                } else {
                    Kind::Identify
                };
                Self {
                    r#type: sent.as_ref().map_or(kind, |sent| sent.kind),
                    source: profiled.source,
                    timestamp: Some(profiled.at),
                    traits: Some(own.collect()),
                    ..told
                }
            }
            // Only Segment's calls say how they were sent.
            (Some(_) | None, _) => Self {
                source: Source::Segment,
                ..told
            },
        }
    }

    pub(super) fn rejected(arrival: &'a Arrival, rejected: &'a Rejected) -> Self {
        let fate = Fate::Rejected {
            code: rejected.code.clone(),
            path: rejected.path.clone(),
            detail: rejected.detail.clone(),
        };
        Self {
            source: rejected.source,
            event: rejected.event.as_deref(),
            ..Self::arrived(arrival, fate)
        }
    }
}
