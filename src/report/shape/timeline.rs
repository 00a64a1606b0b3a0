//! The shape of the timeline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlwaysValid, Effect, Money};

/// What was known at the end of a day, in the server's time zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineDay {
    /// The day, such as 2026-12-24.
    pub day: String,
    /// Visitors assigned by its end.
    pub visitors: u64,
    /// The share of new visitors that each variant got under the allocation that drew the last of them.
    pub weights: BTreeMap<String, f64>,
    /// The metrics, in the order of the definition.
    pub metrics: Vec<TimelineMetric>,
    /// What the policy had brought against the holdout by then, for each sum where that can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earned: Vec<TimelineMoney>,
}

/// What the policy had brought by a day: as [`super::PolicyMetric::so_far`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineMoney {
    /// The metric.
    pub metric: String,
    /// The money.
    pub so_far: Money,
}

/// A metric as of a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineMetric {
    /// Its key.
    pub metric: String,
    /// Every variant but the control against the control.
    pub comparisons: Vec<TimelineEffect>,
}

/// A variant against the control as of a day. What is not computable is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEffect {
    /// The variant.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// Variant − control, in units of the metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Effect>,
    /// (Variant − control) / |control|, as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Effect>,
    /// What holds however often one looks: the band to draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_valid: Option<AlwaysValid>,
}
