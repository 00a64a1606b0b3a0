//! What each epoch saw of the bandit's metric, in the metric's units, and how much of it still counts.

use super::super::super::memory;
use super::super::super::target::Situation;
use crate::allocation::Arm;
use crate::cell::{PlainKey, Row};
use crate::epoch::EpochNumber;
use crate::moments::Moments;
use crate::posterior::cohort::{Cohort, LogRates};
use crate::posterior::hurdle::Spent;

/// What an epoch saw, by live variant, without the holdout.
pub(super) struct Seen {
    /// How much it counts; 1 where nothing is forgotten.
    pub(super) weight: f64,
    /// By live variant.
    pub(super) arms: Vec<Sums>,
}

/// Sums over the visitors of a variant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// Visitors.
    pub(super) n: f64,
    /// Σ y.
    pub(super) y: f64,
    /// Σ y².
    pub(super) yy: f64,
    /// Σ x: of a ratio, what is below the line.
    pub(super) x: f64,
    /// Σ x².
    pub(super) xx: f64,
    /// Σ x·y.
    pub(super) xy: f64,
    /// Of a sum, the capped values of those with any.
    pub(super) spent: Spent,
}

impl Sums {
    fn add(&mut self, weight: f64, other: &Self) {
        self.n += weight * other.n;
        self.y += weight * other.y;
        self.yy += weight * other.yy;
        self.x += weight * other.x;
        self.xx += weight * other.xx;
        self.xy += weight * other.xy;
        self.spent.orders += weight * other.spent.orders;
        self.spent.total += weight * other.spent.total;
        self.spent.squares += weight * other.spent.squares;
    }
}

/// By epoch, oldest number first.
pub(super) fn by_epoch(situation: Situation<'_>) -> Vec<Seen> {
    let arms: Vec<Arm> = situation.arms.iter().map(|seen| seen.arm).collect();
    let weight = memory::weights(situation);
    let metric = situation.bandit.metric;
    let own = situation.cells.of_metric(metric);
    let drawn = own.filter(|(key, _)| !key.row.holdout);
    let mut epochs: Vec<EpochNumber> = drawn.map(|(key, _)| key.epoch).collect();
    epochs.dedup();
    let holdout = false;
    let key = |epoch, arm| PlainKey {
        epoch,
        row: Row { arm, holdout },
        metric,
    };
    let seen = |epoch: EpochNumber| Seen {
        weight: weight(epoch),
        arms: arms
            .iter()
            .map(|arm| sums(situation, &key(epoch, *arm)))
            .collect(),
    };
    epochs.into_iter().map(seen).collect()
}

fn sums(situation: Situation<'_>, key: &PlainKey) -> Sums {
    let experiment = &situation.entry.experiment;
    let metric = experiment.metric(situation.bandit.metric);
    let (above, below) = metric.map_or((1.0, 1.0), |of| of.units(&experiment.metrics));
    let cells = situation.cells;
    let plain: Moments = cells.plain.get(key).copied().unwrap_or_default();
    let orders = cells.orders.get(key).copied().unwrap_or_default();
    Sums {
        n: plain.n.max(0) as f64,
        y: plain.y as f64 / above,
        yy: plain.yy.as_f64() / (above * above),
        x: plain.x as f64 / below,
        xx: plain.xx.as_f64() / (below * below),
        xy: plain.xy.as_f64() / (above * below),
        spent: Spent {
            orders: orders.n.max(0) as f64,
            total: orders.y as f64 / above,
            squares: orders.yy.as_f64() / (above * above),
        },
    }
}

/// Of all epochs together, at their weights.
pub(super) fn total(epochs: &[Seen], arms: usize) -> Vec<Sums> {
    let mut total = vec![Sums::default(); arms];
    for epoch in epochs {
        for (sum, own) in total.iter_mut().zip(&epoch.arms) {
            sum.add(epoch.weight, own);
        }
    }
    total
}

/// Everything a variant and its fellows saw, as one.
pub(super) fn pooled(arms: &[Sums]) -> Sums {
    let mut pooled = Sums::default();
    for arm in arms {
        pooled.add(1.0, arm);
    }
    pooled
}

/// Events that tell the level of rates to a tenth.
const LEVEL_EVENTS: f64 = 100.0;

/// The level that the arms' log rates are relative to, and the variance of its logarithm: by the newest epochs with events
/// enough, but for the current one, whose visitors may still convert. (1, 1) without any event.
pub(super) fn level(rates: &LogRates, cohorts: &[Cohort]) -> (f64, f64) {
    let (current, closed) = match cohorts.split_last() {
        Some((current, closed)) => (Some(current), closed),
        None => (None, cohorts),
    };
    let (mut events, mut expected) = (0.0, 0.0);
    for cohort in closed.iter().rev().chain(current) {
        if events >= LEVEL_EVENTS {
            break;
        }
        let visitors = cohort.visitors.iter().zip(&rates.mean);
        expected += visitors.map(|(n, log)| n * log.exp()).sum::<f64>();
        events += cohort.converted.iter().sum::<f64>();
    }
    if events > 0.0 && expected > 0.0 {
        (events / expected, 1.0 / events)
    } else {
        (1.0, 1.0)
    }
}
