//! What is told of an event that arrived.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::engine::recent::Rejected;
use crate::event::Tracked;
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
    r#type: &'static str,
    /// By which way it came.
    source: Source,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visitor: Option<&'a str>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Map<String, Value>>,
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
pub(super) struct MetricFate {
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

impl<'a> ToldEvent<'a> {
    pub(super) fn of(received_at: Timestamp, event: &'a Tracked, fate: Fate) -> Self {
        Self {
            id: Some(event.id.as_str()),
            message_id: Some(event.id.as_str()),
            r#type: "track",
            source: event.source,
            event: Some(event.name.as_str()),
            visitor: Some(event.visitor.as_str()),
            timestamp: Some(event.at),
            received_at,
            properties: Some(serde_json::from_str(&event.properties).unwrap_or_default()),
            fate,
        }
    }

    pub(super) fn rejected(received_at: Timestamp, rejected: &'a Rejected) -> Self {
        Self {
            id: rejected.id.as_deref(),
            message_id: rejected.id.as_deref(),
            r#type: "track",
            source: rejected.source,
            event: rejected.event.as_deref(),
            visitor: rejected.visitor.as_deref(),
            timestamp: None,
            received_at,
            properties: None,
            fate: Fate::Rejected {
                code: rejected.code.clone(),
                path: rejected.path.clone(),
                detail: rejected.detail.clone(),
            },
        }
    }
}
