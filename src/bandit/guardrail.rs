//! Which variants a bandit holds at the floor because they harm a guardrail.
//!
//! The harm is judged within epochs and their contexts, control against variant, because the shares moved: of a conversion metric by the
//! posterior of the ratio of rates ([`crate::posterior::cohort`]), of any other by the normal of its stratified difference
//! ([`crate::posterior::stratified`]), once the two have 20 orders between them. It is a decision aid that is asked at every
//! epoch: it holds harmless variants for a while, too, and lets them go as the evidence turns. What trips a guardrail for
//! good is valid at any look, and decided elsewhere (statistics R16).

use std::collections::BTreeMap;

use super::cohorts::{Part, cohorts, parts};
use super::name;
use super::target::{Evidence, Situation};
use crate::allocation::Arm;
use crate::catalog::metric::{Direction, Metric, MetricIndex, MetricKind, Role};
use crate::cell::Row;
use crate::moments::Moments;
use crate::posterior::stratified::{self, Group, Stratum};
use crate::posterior::{cohort, normal};

/// Orders of equal value of the two variants from which a normal stands for the difference of means.
const MIN_EVENTS: f64 = 20.0;

/// What a variant does to a guardrail.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Harm {
    /// The metric that is harmed most likely.
    metric: MetricIndex,
    /// How likely.
    probability: f64,
}

/// By live variant, the harm that holds it at the floor.
pub(super) fn held(situation: Situation<'_>) -> Vec<Option<Harm>> {
    let experiment = &situation.entry.experiment;
    let harm = |arm: Arm| {
        let least = situation.bandit.guardrail_hold?;
        let metrics = (0..).map(MetricIndex).zip(&experiment.metrics);
        let guardrails = metrics.filter(|(_, metric)| metric.role == Role::Guardrail);
        let harms = guardrails.filter_map(|(index, metric)| {
            let probability = probability(situation, (index, metric), arm)?;
            Some(Harm {
                metric: index,
                probability,
            })
        });
        let worst = harms.max_by(|a, b| a.probability.total_cmp(&b.probability))?;
        (worst.probability >= least).then_some(worst)
    };
    let live = situation.arms.iter().map(|seen| seen.arm);
    live.map(|arm| {
        if arm == experiment.control {
            None
        } else {
            harm(arm)
        }
    })
    .collect()
}

/// What is to be said about them.
pub(super) fn said(situation: Situation<'_>, held: &[Option<Harm>]) -> String {
    let experiment = &situation.entry.experiment;
    let say = |(seen, harm): (&Evidence, &Option<Harm>)| {
        let harm = harm.as_ref()?;
        let metric = experiment.metric(harm.metric)?.key.as_str();
        let key = name(experiment, seen.arm);
        let percent = harm.probability * 100.0;
        Some(format!(
            " {key} is held at the floor: it harms {metric} with {percent:.1} %."
        ))
    };
    situation.arms.iter().zip(held).filter_map(say).collect()
}

/// The probability that a variant does worse than control; `None` while it can not be told.
fn probability(
    situation: Situation<'_>,
    (index, metric): (MetricIndex, &Metric),
    arm: Arm,
) -> Option<f64> {
    let seen = |arm| situation.arms.iter().find(|seen| seen.arm == arm);
    let pair = [*seen(situation.entry.experiment.control)?, *seen(arm)?];
    let (mean, sd) = match metric.kind {
        MetricKind::Conversion { .. } => {
            let arms = pair.map(|seen| seen.arm);
            let cohorts = cohorts(situation.entry, situation.cells, index, &arms);
            let cohorts = cohorts.into_iter().map(|(_, cohort)| cohort);
            let rates = cohort::posterior(2, &cohorts.collect::<Vec<_>>());
            let (mean, of) = (&rates.mean, &rates.covariance);
            (
                mean[1] - mean[0],
                (of[0][0] + of[1][1] - 2.0 * of[0][1]).sqrt(),
            )
        }
        MetricKind::Count { .. } | MetricKind::Sum { .. } | MetricKind::Ratio { .. } => {
            let difference = difference(situation, (index, metric), pair.map(|seen| seen.arm))?;
            (difference.mean(), difference.sd())
        }
    };
    let worse = match metric.direction {
        Direction::Increase => -mean,
        Direction::Decrease => mean,
    };
    (sd > 0.0).then(|| normal::sf(-worse / sd))
}

/// The stratified difference of means, treatment less control; of a ratio that of its linearised values `y − R·x`.
fn difference(
    situation: Situation<'_>,
    (index, metric): (MetricIndex, &Metric),
    [control, treatment]: [Arm; 2],
) -> Option<crate::posterior::Posterior> {
    let both = [control, treatment].map(|arm| Row {
        arm,
        holdout: false,
    });
    let parts = parts(situation.entry, situation.cells, index);
    let parts = parts.filter(|(_, row, _)| both.contains(row));
    let seen: BTreeMap<(Row, Part), Moments> = parts
        .map(|(part, row, moments)| ((row, part), moments))
        .collect();
    let total = seen
        .values()
        .fold(Moments::default(), |sum, one| sum + *one);
    let all = Evidence {
        arm: treatment,
        moments: total,
    };
    if all.events() < MIN_EVENTS {
        return None;
    }
    let ratio = match metric.kind {
        MetricKind::Ratio { .. } if total.x > 0 => total.y as f64 / total.x as f64,
        MetricKind::Ratio { .. } => return None,
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => 0.0,
    };
    let group = |row: Row, part: Part| linearised(seen.get(&(row, part))?, ratio);
    let strata = seen.keys().filter(|(row, _)| *row == both[1]);
    let strata = strata.filter_map(|(row, part)| {
        Some(Stratum {
            control: group(both[0], *part)?,
            treatment: group(*row, *part)?,
        })
    });
    stratified::difference(&strata.collect::<Vec<_>>())
}

/// Number, mean and centred squares of `y − R·x`, in integers of the metric.
fn linearised(moments: &Moments, ratio: f64) -> Option<Group> {
    let n = moments.n as f64;
    let mean = moments.mean(1.0)? - ratio * moments.x as f64 / n;
    let variance = || {
        let spread = moments.variance(1.0)?;
        if ratio == 0.0 {
            return Some(spread);
        }
        let mixed = moments.covariance(1.0, 1.0)?;
        Some(spread - 2.0 * ratio * mixed + ratio * ratio * moments.variance_x(1.0)?)
    };
    let squares = variance().map_or(0.0, |variance| variance.max(0.0) * (n - 1.0));
    Some(Group { n, mean, squares })
}
