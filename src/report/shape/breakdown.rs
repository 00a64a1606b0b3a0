//! The shape of breakdowns.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MetricReport;

/// The metrics per value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Breakdown {
    /// The dimension.
    pub dimension: String,
    /// Its values that have visitors.
    pub values: Vec<BreakdownValue>,
    /// Whether the lifts differ between the values, by metric and variant; absent where fewer than two values have
    /// visitors enough for a lift.
    pub interactions: Vec<Interaction>,
}

/// Whether a variant's lift differs between the values of a dimension, or only seems to: Cochran's Q of the log lifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Interaction {
    /// The metric.
    pub metric: String,
    /// The variant.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// How many values were compared: those with 25 orders or more in both arms.
    pub values: usize,
    /// The p-value of the same lift everywhere, for a look that was planned.
    pub p_value: f64,
    /// The same adjusted for all interactions of the report (Benjamini–Hochberg).
    pub p_adjusted: f64,
    /// What that means, in a sentence.
    pub text: String,
}

/// The metrics of the visitors with one value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BreakdownValue {
    /// The value; `other` is everything beyond the values that are kept apart.
    pub value: String,
    /// The metrics, as in [`Report::metrics`](super::Report::metrics), without decision aids: those are about everybody.
    pub metrics: Vec<MetricReport>,
}
