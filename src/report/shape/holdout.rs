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
    /// What all of it costs and leaves; only of the global holdout, and with a metric that is money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profit: Option<Profit>,
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
    /// What one day's visitors bring, within the metric's window, beyond what they would have brought unpersonalized: the
    /// difference per visitor × the policy's visitors per day. For sums only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<Money>,
    /// What all visitors so far brought beyond that: the difference per visitor × the policy's visitors. For sums only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub so_far: Option<Money>,
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

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Money {
    /// Its currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The amount, with its interval for one planned look.
    pub amount: Effect,
    /// Its interval that holds however often one looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_valid: Option<Range>,
}

/// What all personalization costs, and what it leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Profit {
    /// The metric whose money it is: the goal if it is a sum, else the first sum.
    pub metric: String,
    /// Days from [`HoldoutReport::since`] to the moment of the report.
    pub days: f64,
    /// What it brought before costs: positive is good, also where less of the metric is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Money>,
    /// Fixed costs per month; absent where they are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_cost: Option<f64>,
    /// Fixed costs over these days; a month has 30.4375.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_costs: Option<f64>,
    /// What the variants of all experiments cost beyond their controls.
    pub variant_costs: f64,
    /// Both together.
    pub costs: f64,
    /// Experiments whose variants cost money of another currency, which is left out.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub foreign_experiments: u32,
    /// The gain less the costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Money>,
    /// The net gain per money spent; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Returns>,
    /// How soon it pays; absent where that can not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payback: Option<Payback>,
    /// Why the payback can not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpaid: Option<Unpaid>,
    /// The same in plain words.
    pub sentence: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_none_of_them(count: &u32) -> bool {
    *count == 0
}

/// Return on investment: the net gain / the costs, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Returns {
    /// The estimate, with its interval for one planned look.
    pub roi: Effect,
    /// Its interval that holds however often one looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_valid: Option<Range>,
}

/// How many days after its start personalization would have earned its costs so far, at the present gain per day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Payback {
    /// Days: costs so far / gain per day.
    pub days: f64,
    /// At the upper end of the gain's interval.
    pub low: f64,
    /// At its lower end.
    pub high: f64,
}

/// Why a payback can not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoPayback)]
pub enum Unpaid {
    /// No costs are known.
    NoCosts,
    /// There is no difference to the holdout yet.
    NoGain,
    /// Visitors per day are not known.
    NoRate,
    /// The interval of the gain includes none.
    Uncertain,
    /// It earns nothing.
    NotPositive,
}
