//! What is told of an event that arrived, and of what became of it.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fate::{Counted, Effect};
use crate::catalog::Catalog;
use crate::event::kind::Kind;
use crate::source::Source;
use crate::time::Timestamp;

/// One event. Of one that was rejected only what could be read of it is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToldEvent<'a> {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// The same, as Segment calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<&'a str>,
    /// What it was sent as, or what a tracked event is.
    pub r#type: Kind,
    /// By which way it came.
    pub source: Source,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'a str>,
    /// The visitor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<&'a str>,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_id: Option<&'a str>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
    /// What it says of the visitor or a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traits: Option<Map<String, Value>>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fate {
    /// It counts for metrics.
    Counted {
        /// The metrics.
        metrics: Vec<MetricFate>,
        /// What it told of what the visitor has seen.
        #[serde(skip_serializing_if = "Option::is_none")]
        exposure: Option<ExposureFate>,
    },
    /// It told what the visitor has seen.
    Exposure {
        /// What was seen.
        exposure: ExposureFate,
    },
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
        /// The stable code of the problem.
        code: String,
        /// The offending place.
        path: String,
        /// What is wrong there.
        detail: String,
    },
}

/// What a metric makes of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricFate {
    /// The experiment.
    pub experiment: String,
    /// The visitor's variant.
    pub variant: String,
    /// The metric.
    pub metric: String,
    /// What it does there.
    pub effect: Effect,
}

/// What was seen, beside what the visitor was assigned.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExposureFate {
    /// The experiment.
    pub experiment: String,
    /// The variant that was seen; null if the experiment never had it.
    #[schema(required)]
    pub variant: Option<String>,
    /// The visitor's variant; null without an assignment.
    #[schema(required)]
    pub assigned: Option<String>,
    /// Whether they are the same.
    pub matches: bool,
}

impl MetricFate {
    /// In names; `None` if the catalog no longer has them.
    pub fn of(catalog: &Catalog, of: Counted) -> Option<Self> {
        let experiment = &catalog.by_serial(of.experiment)?.experiment;
        Some(Self {
            experiment: experiment.key.to_string(),
            variant: experiment.variant(of.arm)?.key.to_string(),
            metric: experiment.metric(of.metric)?.key.to_string(),
            effect: of.effect,
        })
    }
}
