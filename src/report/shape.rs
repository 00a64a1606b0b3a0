//! The shape of a report: plain data, the same for the API, the command line and the dashboard.
//!
//! Numbers are finite. What cannot be computed is absent, and a caveat of the result it belongs to says why.

mod holdout;

pub use holdout::*;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::experiment::Status;
use crate::catalog::metric::{Direction, Role};
use crate::stats::{self, Caveat, srm::Srm};
use crate::time::Timestamp;

use super::freshness::Freshness;
use super::headline::{Headline, Shown};
use super::looks::Looks;
use super::scaled::Scaled;
use super::verdict::Verdict;

/// What an experiment shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which experiment.
    pub experiment: About,
    /// When it was asked, or the moment it describes.
    pub as_of: Timestamp,
    /// What follows from it, in one sentence.
    pub verdict: Verdict,
    /// Which way the evidence is shown.
    pub shown: Shown,
    /// Visitors assigned, the holdout's included.
    pub visitors: u64,
    /// Visitors per day of late; absent while no day is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitors_per_day: Option<f64>,
    /// Epochs so far.
    pub epochs: usize,
    /// Whether more than one allocation or holdout share drew these visitors.
    pub adaptive: bool,
    /// The share of new visitors that each live variant gets now; empty before the start.
    pub weights: BTreeMap<String, f64>,
    /// One row per variant revision that is live or has visitors, and one for the holdout.
    pub variants: Vec<VariantTraffic>,
    /// Whether the data can be trusted.
    pub health: Health,
    /// The metrics, in the order of the definition.
    pub metrics: Vec<MetricReport>,
    /// Where it stands among the looks that were planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Looks>,
    /// The variant to bet on, and what another could still add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Champion>,
    /// What personalization earns; absent where nobody was ever held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<HoldoutReport>,
    /// How likely the goal is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<GoalReport>,
    /// The metrics per value of the dimension that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// What every caveat in this report means.
    pub notes: Vec<Note>,
}

/// The experiment a report is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its key.
    pub key: String,
    /// Its name; the key if it has none.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// Version of the definition.
    pub version: u32,
    /// How traffic is allocated.
    pub policy: String,
    /// When it first ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Currency of its amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What was believed to happen, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<String>,
}

/// The visitors of a variant revision, or of the holdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantTraffic {
    /// The variant served.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// Whether these visitors are held out (and served control).
    pub holdout: bool,
    /// Whether this is what the others are compared with.
    pub control: bool,
    /// Whether it still takes visitors.
    pub live: bool,
    /// Visitors assigned.
    pub visitors: u64,
    /// Their share of all; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The share that the logged propensities promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_share: Option<f64>,
}

/// Whether the data can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Whether the visitors per variant fit the propensities under which they were assigned.
    pub srm: Srm,
    /// Whether data still arrive.
    pub freshness: Freshness,
}

/// A metric over all variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricReport {
    /// Its key.
    pub key: String,
    /// `conversion`, `count`, `sum` or `ratio`.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// Which direction is good.
    pub direction: Direction,
    /// For guardrails: the relative harm that is too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// What a visitor's total is cut off at, in units of the metric; absent where it is not, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// One row per row of [`Report::variants`], in the same order.
    pub variants: Vec<VariantMetric>,
    /// Every variant but the control against the control.
    pub comparisons: Vec<ComparisonReport>,
}

/// A metric of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantMetric {
    /// The variant served.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// Whether these visitors are held out.
    pub holdout: bool,
    /// Visitors the metric is taken over.
    pub visitors: u64,
    /// Total over the visitors (for a ratio: above the line); absent where only weighted sums are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Mean per visitor, or the ratio of the totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// Its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The probability that this live variant is the best of the live ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_best: Option<f64>,
}

/// A variant against the control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// The variant.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// What it is compared with.
    pub baseline: String,
    /// Visitors on the baseline's side, the holdout's included where it joins.
    pub baseline_visitors: u64,
    /// The figures to read first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<Headline>,
    /// How the figures for one planned look were made.
    pub method: Method,
    /// What was done to the visitors' values before they were compared; the rows of the variants are without CUPED.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
    /// The share of the variance of `absolute` that the adjustments took away; negative where they added some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance_reduction: Option<f64>,
    /// Variant − control, in units of the metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Effect>,
    /// The standard error of `absolute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// (Variant − control) / |control|, as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Effect>,
    /// The same from the visitors alone whose windows are closed, where traffic moved between epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mature: Option<Effect>,
    /// What the headline comes to at the present traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaled: Option<Scaled>,
    /// Orders (visitors with any) of the arm with fewer of them; effective ones where traffic moved (statistics R3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<f64>,
    /// Two-sided p-value of no absolute difference, for a look that was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// The same adjusted for all comparisons of its family, so that it may be read as if it were the only one: Holm over
    /// the variants for the goal, Benjamini–Hochberg over all secondary metrics, and `p_value` itself for a guardrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_adjusted: Option<f64>,
    /// What holds however often one looks, and whenever one stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_valid: Option<AlwaysValid>,
    /// What the posteriors say: decision aids, no significance test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bayes: Option<Bayes>,
    /// For guardrails: the relative change in the bad direction (negative is an improvement).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm: Option<Harm>,
    /// For guardrails with a limit: whether the harm reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GuardrailStatus>,
    /// What is missing or weak, and why.
    pub caveats: Vec<Caveat>,
}

/// What was done to the visitors' values before they were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Totals above the cap in force at the assignment count as the cap.
    Winsorised,
    /// What the visitors' history before their assignment explains is taken out.
    Cuped,
}

/// How a comparison was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Welch's t test.
    Welch,
    /// Pooled z test, Wald interval.
    PooledZ,
    /// Pooled z test, Newcombe's interval.
    PooledZNewcombe,
    /// Delta method for a ratio of totals.
    Ratio,
    /// Augmented inverse-propensity weighting over epochs: absolute averaged over time, relative with the weights of the
    /// contrast.
    Aipw,
    /// Visitors weighted by their inverse propensities.
    Weighted,
}

impl From<stats::Method> for Method {
    fn from(method: stats::Method) -> Self {
        match method {
            stats::Method::Welch => Self::Welch,
            stats::Method::PooledZ => Self::PooledZ,
            stats::Method::PooledZNewcombe => Self::PooledZNewcombe,
            stats::Method::Ratio => Self::Ratio,
        }
    }
}

/// Intervals and a p-value that stay valid under any number of looks. They hold for all variants together: with K − 1 of
/// them against the control each has its share of the 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlwaysValid {
    /// Variant − control, in units of the metric; absent for conversions, whose evidence is about the ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Range>,
    /// (Variant − control) / |control|, as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Range>,
    /// The p-value of no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
}

/// An effect, with its 95 % interval where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The point estimate.
    pub estimate: f64,
    /// Lower end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// What the posteriors say; better means lower where a decrease is good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bayes {
    /// The probability that the variant is better than the control.
    pub prob_better: f64,
    /// The probability that it is the best of the live variants; absent for a retired one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_best: Option<f64>,
    /// What choosing it is expected to cost per visitor, against the best live variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_loss: Option<f64>,
    /// 95 % credible interval of the relative lift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Range>,
}

/// A range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The relative change of a guardrail in the bad direction, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Harm {
    /// The estimate; absent where the control is at zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f64>,
    /// What it is at least, however often one looks; holds for all guardrails and variants together. Absent while there
    /// is too little data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
}

/// Where a guardrail stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailStatus {
    /// The estimate is below the limit.
    Ok,
    /// The estimate is at the limit or beyond it, and may be chance.
    AtRisk,
    /// The estimate is at the limit or beyond it, and that there is harm is certain enough to act.
    Tripped,
}

impl From<stats::Interval> for Range {
    fn from(of: stats::Interval) -> Self {
        Self {
            low: of.low,
            high: of.high,
        }
    }
}

/// The live variant that is most likely the best one for the goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Champion {
    /// The variant.
    pub variant: String,
    /// The probability that it is the best.
    pub prob_best: f64,
    /// The probability that no other is better by more than 1 %: from 95 % on there is no more to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_near_best: Option<f64>,
}

/// How likely the goal is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoalReport {
    /// The metric.
    pub metric: String,
    /// The relative lift to reach.
    pub target_lift: f64,
    /// By when.
    pub by: Timestamp,
    /// The live variant most likely to have reached it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The probability that its lift is at least the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_reached: Option<f64>,
}

/// The metrics per value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The dimension.
    pub dimension: String,
    /// Its values that have visitors.
    pub values: Vec<BreakdownValue>,
}

/// The metrics of the visitors with one value of a dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakdownValue {
    /// The value; `other` is everything beyond the values that are kept apart.
    pub value: String,
    /// The metrics, as in [`Report::metrics`].
    pub metrics: Vec<MetricReport>,
}

/// What a caveat means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The caveat.
    pub code: Caveat,
    /// The same in a sentence.
    pub text: String,
}
