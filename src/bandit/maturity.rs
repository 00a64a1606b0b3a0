//! How much of what its visitors will do has been done: trials count by the share of the conversions to come that has come,
//! so who was assigned a moment ago is no failure.
//!
//! One curve for all variants would mislead a bandit whose best variant converts slowly: by the time its conversions come
//! it has no traffic left, and one normal about its own curve takes slow for bad. So many scenarios of all variants' curves are
//! believed, each with its probability ([`crate::posterior::delay::joint`]), and the chances of the variants are mixed
//! accordingly.

use std::collections::BTreeMap;

use super::name;
use super::target::Situation;
use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::experiment::Delay;
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Row};
use crate::delay::{Delays, delays};
use crate::epoch::EpochNumber;
use crate::posterior::cohort::Cohort;
use crate::posterior::delay::{Curve, joint};
use crate::time::Timestamp;

/// A share of conversions above which nothing is worth correcting.
const COMPLETE: f64 = 0.99;

/// How much trials count.
#[derive(Debug, Clone, Default)]
pub(super) struct Maturity {
    shares: BTreeMap<(EpochNumber, Arm), f64>,
}

/// What was learned about delays.
pub(super) struct Learned {
    /// What may be, with its probability; they sum to 1.
    pub(super) scenarios: Vec<(f64, Maturity)>,
    /// In plain sentences.
    pub(super) said: String,
}

impl Maturity {
    /// By the variants' own curves where they more likely differ than not, else in full.
    pub(super) fn where_different(
        entry: &Entry,
        cells: &Cells,
        (metric, now): (MetricIndex, Timestamp),
        arms: &[Arm],
    ) -> Self {
        let delays = delays(entry, cells, (metric, &drawn(arms)), now);
        let differ = |of: &Delays| of.difference.is_some_and(|found| found.probability > 0.5);
        delays.filter(differ).map_or_else(Self::default, |delays| {
            shares(entry, &delays, arms, |position| &delays.curves[position])
        })
    }

    /// The share of the conversions to come that has come to an epoch's visitors of a variant.
    pub(super) fn share(&self, epoch: EpochNumber, arm: Arm) -> f64 {
        self.shares.get(&(epoch, arm)).copied().unwrap_or(1.0)
    }

    /// Counts an epoch's visitors relative to those of the most mature variant, whose share the level then lacks: the
    /// ratio of rates needs no more.
    pub(super) fn apply(&self, epoch: EpochNumber, arms: &[Arm], cohort: &mut Cohort) {
        let shares: Vec<f64> = arms.iter().map(|arm| self.share(epoch, *arm)).collect();
        let most = shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        for (visitors, share) in cohort.visitors.iter_mut().zip(&shares) {
            *visitors *= share / most;
        }
        cohort.reached = most;
    }
}

/// What the ages of conversions say; `None` if they are to be ignored, too few, or come at once.
pub(super) fn learned(situation: Situation<'_>) -> Option<Learned> {
    if situation.bandit.delay == Delay::Ignore {
        return None;
    }
    let arms: Vec<Arm> = situation.arms.iter().map(|seen| seen.arm).collect();
    let rows = drawn(&arms);
    let asked = (situation.bandit.metric, rows.as_slice());
    let delays = delays(situation.entry, situation.cells, asked, situation.now)?;
    let pairs = || delays.samples.iter().zip(&delays.curves);
    let own: Vec<f64> = pairs()
        .map(|(sample, curve)| Delays::reached_in_all(sample, curve))
        .collect();
    if own.iter().all(|share| *share >= COMPLETE) {
        return None;
    }
    let probability = delays.difference.map_or(0.0, |found| found.probability);
    let matured = |scenario: joint::Scenario| {
        let curve = |position: usize| &scenario.curves[position];
        let maturity = shares(situation.entry, &delays, &arms, curve);
        (scenario.probability, maturity)
    };
    let scenarios = joint::scenarios(&delays.samples, delays.window);
    Some(Learned {
        scenarios: scenarios.into_iter().map(matured).collect(),
        said: said(situation, &own, probability),
    })
}

fn shares<'c>(
    entry: &Entry,
    delays: &Delays,
    arms: &[Arm],
    curve: impl Fn(usize) -> &'c Curve,
) -> Maturity {
    let mut shares = BTreeMap::new();
    for epoch in entry.epochs.iter() {
        for (position, arm) in arms.iter().enumerate() {
            let share = delays.reached(epoch.number, curve(position));
            shares.insert((epoch.number, *arm), share);
        }
    }
    Maturity { shares }
}

/// The rows of visitors who were drawn.
fn drawn(arms: &[Arm]) -> Vec<Row> {
    let row = |arm: &Arm| Row {
        arm: *arm,
        holdout: false,
    };
    arms.iter().map(row).collect()
}

fn said(situation: Situation<'_>, own: &[f64], probability: f64) -> String {
    let come = |(seen, share): (&super::target::Evidence, &f64)| {
        let key = name(&situation.entry.experiment, seen.arm);
        format!("{key} {:.0} %", share * 100.0)
    };
    let come: Vec<String> = situation.arms.iter().zip(own).map(come).collect();
    format!(
        " Conversions are delayed: of those to come, {} have come, and trials count by that; that the variants differ in it has a probability of {:.0} %.",
        come.join(", "),
        probability * 100.0
    )
}
