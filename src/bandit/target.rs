//! The allocation a bandit wants now: evidence → belief → shares → limits.

use super::belief::Belief;
use super::{Opening, belief, limits, name, shares};
use crate::allocation::{Allocation, Arm};
use crate::catalog::Entry;
use crate::catalog::experiment::{Bandit, Policy};
use crate::cell::{Cells, Row};
use crate::epoch::Cause;
use crate::epoch::receipt::Receipt;
use crate::moments::Moments;
use crate::time::Timestamp;

/// What a bandit decides from.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    /// The experiment and its epochs.
    pub(super) entry: &'a Entry,
    /// Its settings.
    pub(super) bandit: &'a Bandit,
    /// What was seen.
    pub(super) cells: &'a Cells,
    /// The live variants, with what all their epochs saw of the metric, without the holdout.
    pub(super) arms: &'a [Evidence],
    /// The time.
    pub(super) now: Timestamp,
}

/// What all epochs saw of a live variant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// The variant.
    pub(super) arm: Arm,
    /// The moments of the bandit's metric.
    pub(super) moments: Moments,
}

impl Evidence {
    /// Visitors.
    pub(super) fn visitors(&self) -> u64 {
        u64::try_from(self.moments.n).unwrap_or(0)
    }

    /// What they brought, in integers of the metric.
    pub(super) fn total(&self) -> i128 {
        self.moments.y
    }
}

/// The live variants' evidence.
pub(super) fn evidence(entry: &Entry, bandit: &Bandit, cells: &Cells) -> Vec<Evidence> {
    let pooled = cells.pooled(bandit.metric, |_| true);
    let of = |arm| {
        let holdout = false;
        let moments = pooled.get(&Row { arm, holdout }).copied();
        Evidence {
            arm,
            moments: moments.unwrap_or_default(),
        }
    };
    entry.experiment.live().map(|(arm, _)| of(arm)).collect()
}

/// The allocation the bandit wants now.
pub(super) fn target(situation: Situation<'_>) -> Opening {
    let Situation { entry, bandit, .. } = situation;
    if let Some(sentence) = burn_in(situation) {
        return Opening {
            allocation: entry.experiment.starting_allocation(),
            cause: Cause::Reallocated,
            receipt: sentence.into(),
        };
    }
    let Belief { arms, mut said } = belief::belief(situation);
    let prob_best: Vec<f64> = arms.iter().map(|arm| arm.prob_best).collect();
    let (shares, rule) = shares::shares(bandit.rule, &prob_best);
    let memory = bandit.half_life.map_or_else(String::new, |half_life| {
        format!(" What was learned counts half after {half_life}.")
    });
    said = said + rule + &memory;
    let shares: Vec<(Arm, f64)> = arms.iter().map(|arm| arm.arm).zip(shares).collect();
    let allocation: Allocation = limits::limited(&shares, bandit);
    Opening {
        allocation,
        cause: Cause::Reallocated,
        receipt: Receipt {
            sentence: said,
            beliefs: arms,
        },
    }
}

/// Why the starting weights still hold; `None` after burn-in.
fn burn_in(situation: Situation<'_>) -> Option<String> {
    let least = situation.bandit.burn_in;
    let mut arms = situation.arms.iter();
    let short = arms.find(|arm| arm.visitors() < least)?;
    Some(format!(
        "Burn-in: {} has {} of {least} visitors; the starting weights hold.",
        name(&situation.entry.experiment, short.arm),
        short.visitors(),
    ))
}

/// Whether a variant still waits for its visitors of burn-in.
pub(super) fn is_burning_in(entry: &Entry, cells: &Cells) -> bool {
    let Policy::Bandit(bandit) = &entry.experiment.policy else {
        return true;
    };
    let arms = evidence(entry, bandit, cells);
    arms.iter().any(|arm| arm.visitors() < bandit.burn_in)
}
