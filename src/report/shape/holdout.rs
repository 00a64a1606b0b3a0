//! The shape of what personalization earns: everybody else against the holdout.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Adjustment, AlwaysValid, Effect, Method, Range};
use crate::catalog::metric::{Direction, Role};
use crate::stats::Caveat;
use crate::time::Timestamp;

/// What personalization earns: the policy, which is everybody who was not held out whatever variant they got, against the
/// holdout. No figure here is about a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HoldoutReport {
    /// Since when visitors are counted: while nobody was held out there is nothing to compare with.
    pub since: Timestamp,
    /// Visitors held out.
    pub held_out: u64,
    /// All others.
    pub personalized: u64,
    /// How many of the others come per day, over the last 28 whole days that had any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personalized_per_day: Option<f64>,
    /// The metrics, in the order of the definition.
    pub metrics: Vec<PolicyMetric>,
}

/// A metric of the policy against the holdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyMetric {
    /// Its key.
    pub key: String,
    /// `conversion`, `count`, `sum` or `ratio`.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// Which direction is good.
    pub direction: Direction,
    /// Mean per held-out visitor, or the ratio of their totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Mean>,
    /// The same of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Mean>,
    /// How the figures were made: `aipw` where the share of the holdout moved.
    pub method: Method,
    /// What was done to the visitors' values: `cost` where they are net of what variants cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
    /// Policy − holdout, in units of the metric per visitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Effect>,
    /// (Policy − holdout) / |holdout|, as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Effect>,
    /// Two-sided p-value of no absolute difference, for a look that was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// What holds however often one looks, and whenever one stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_valid: Option<AlwaysValid>,
    /// What the difference comes to per day; for sums only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<PerDay>,
    /// What is missing or weak, and why.
    pub caveats: Vec<Caveat>,
}

/// A mean with its standard error and 95 % interval, where there are any.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// Its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// What one day's visitors bring, within the metric's window, beyond what they would have brought unpersonalized: the
/// difference per visitor × the policy's visitors per day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PerDay {
    /// Currency of the amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The amount, with its interval for one planned look.
    pub amount: Effect,
    /// Its interval that holds however often one looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_valid: Option<Range>,
}
