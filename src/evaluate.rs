//! Evaluate: what another policy would have earned from an experiment's visitors, by its cells alone.
//!
//! # Why cells are enough
//!
//! A visitor who got a variant with the propensity e, which the judged policy gives with the probability π, has the weight
//! w = π/e. All estimators of [`crate::stats::offpolicy`] are functions of the sums of w, w², wY, w²Y and w²Y².
//!
//! - A policy that is the same for everybody: e is constant within an epoch and variant, so the epoch cells give exactly
//!   what a row per visitor would.
//! - A policy by a dimension of the experiment: those cells hold sums weighted by 1/e, and π is constant within a variant
//!   and value. So the figures are exact too, but for weights kept in 1/65,536, and the largest weight, of which only an
//!   upper bound is known: a policy may be refused as dominated that is not quite.
//!
//! # Who counts
//!
//! e is the propensity of being served (statistics R4): control's is that of the holdout and the draw together. The policy
//! is judged as if nobody was held out. Left out, and told, are the visitors of
//! - epochs in which a variant that the policy gives was not live: they can not tell what it would have earned;
//! - imported history without an allocation, as its propensities are unknown. By dimension, sums of the epochs with the same
//!   live variants are kept together, so one such epoch leaves out all of them.
//!
//! A ratio is judged by its two metrics. The model of the doubly robust estimate is each variant's mean, as from a log.

pub mod judged;

mod given;
mod sums;

pub use given::Share;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Entry;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind, Role};
use crate::cell::Cells;
use crate::id::{ExperimentKey, MetricKey};
use crate::stats::offpolicy::Refusal;
use given::Asked;
use judged::Judged;
use sums::Sums;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The experiment.
    pub entry: &'a Entry,
    /// Its cells.
    pub cells: &'a Cells,
    /// What the visitors earned: a metric's key; `None` is the goal.
    pub metric: Option<&'a str>,
    /// The dimension that the policy goes by.
    pub context: Option<&'a str>,
    /// The policy.
    pub policy: &'a [Share],
}

/// What a policy would have earned per visitor of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Evaluation)]
pub struct Answer {
    /// The experiment.
    pub experiment: ExperimentKey,
    /// What was earned.
    pub metric: MetricKey,
    /// The dimension that the policy goes by.
    #[schema(required)]
    pub context: Option<String>,
    /// Visitors who can not tell anything about the policy, which the notes explain.
    pub left_out: u64,
    /// The figures.
    #[serde(flatten)]
    pub judged: Judged,
}

/// Why a policy is not judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{detail}")]
pub struct EvaluateError {
    /// What kind of reason.
    pub cause: Cause,
    /// The place of the question, if it lies there; the detail then goes on after its name.
    pub place: Option<String>,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// The closed set of reasons not to judge a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is no such live variant.
    UnknownVariant,
    /// There is no such metric.
    UnknownMetric,
    /// There is no such dimension.
    UnknownDimension,
    /// Probabilities that are none, or do not add up to 1, or are missing for some visitors.
    InvalidPolicy,
    /// The metric is a ratio.
    RatioMetric,
    /// All visitors were imported without an allocation.
    UnknownPropensity,
    /// No visitor could have been served by the policy.
    NoData,
    /// Fewer than 100 effective visitors remain.
    TooLittleOverlap,
    /// One visitor has more than 5 % of all weight.
    Dominated,
}

impl EvaluateError {
    fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            place: None,
            detail: detail.into(),
        }
    }

    fn at(cause: Cause, place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            place: Some(place.into()),
            ..Self::new(cause, detail)
        }
    }
}

impl From<Refusal> for EvaluateError {
    fn from(why: Refusal) -> Self {
        let cause = match why {
            Refusal::NoData | Refusal::Unusable => Cause::NoData,
            Refusal::FewEffective(_) => Cause::TooLittleOverlap,
            Refusal::Concentrated(_) => Cause::Dominated,
        };
        Self::new(cause, judged::refusal(why))
    }
}

/// Judges a policy by an experiment's visitors so far.
///
/// # Errors
/// [`EvaluateError`]: mistakes of the question, and visitors who tell too little.
pub fn evaluate(question: &Question<'_>) -> Result<Answer, EvaluateError> {
    let (index, metric) = metric(question)?;
    let asked = Asked::new(question)?;
    let sums = Sums::new(question, index, &asked);
    let mut judged = sums.judged(&asked, metric.kind.unit())?;
    judged.notes.extend(sums.notes());
    Ok(Answer {
        experiment: question.entry.experiment.key.clone(),
        metric: metric.key.clone(),
        context: question.context.map(str::to_owned),
        left_out: sums.left_out(),
        judged,
    })
}

/// The metric that is named, else the goal, else the first.
fn metric<'a>(question: &Question<'a>) -> Result<(MetricIndex, &'a Metric), EvaluateError> {
    let metrics = || {
        (0..)
            .map(MetricIndex)
            .zip(&question.entry.experiment.metrics)
    };
    let found = match question.metric {
        Some(name) => metrics().find(|(_, metric)| metric.key.as_str() == name),
        None => metrics()
            .find(|(_, metric)| metric.role == Role::Goal)
            .or_else(|| metrics().next()),
    };
    let found = found.ok_or_else(|| {
        let known: Vec<&str> = metrics().map(|(_, metric)| metric.key.as_str()).collect();
        let (name, known) = (question.metric.unwrap_or_default(), known.join(", "));
        let detail = format!("{name:?} is none of the experiment's metrics: {known}");
        EvaluateError::at(Cause::UnknownMetric, "metric", detail)
    })?;
    let (_, metric) = found;
    match &metric.kind {
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => {
            Ok(found)
        }
        MetricKind::Ratio { .. } => Err(EvaluateError::at(
            Cause::RatioMetric,
            "metric",
            format!(
                "\"{}\" is a ratio, which no visitor has: judge the metrics above and below its line",
                metric.key
            ),
        )),
    }
}

#[cfg(test)]
mod tests;
