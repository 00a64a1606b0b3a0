//! What is told of what arrived.

use crate::engine::recent::{Arrival, Arrived, Rejected};
use crate::event::Tracked;
use crate::event::exposure::exposed;
use crate::event::kind::Kind;
use crate::source::Source;
use crate::visitor::told::{Fate, ToldEvent};

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
