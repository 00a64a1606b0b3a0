//! A variant against the control, and the figures that say how they differ.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::report::headline::Headline;
use crate::report::scaled::Scaled;
use crate::stats::{self, Caveat};

/// A variant against the control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
    /// The share of the pair's visitors whose window to convert was cut short; absent where nobody's was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<f64>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Totals above the cap in force at the assignment count as the cap.
    Winsorised,
    /// What the visitors' history before their assignment explains is taken out.
    Cuped,
    /// What the variants cost per visitor is subtracted.
    Cost,
}

/// How a comparison was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Range {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The relative change of a guardrail in the bad direction, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
