//! The allocation a bandit wants now: evidence → belief → shares → limits.

use super::belief::Belief;
use super::limits::{Claim, Limits};
use super::{Opening, belief, guardrail, name, newcomer, shares};
use crate::allocation::{Allocation, Arm};
use crate::catalog::Entry;
use crate::catalog::experiment::{Bandit, Policy};
use crate::cell::{Cells, Row};
use crate::epoch::Cause;
use crate::epoch::receipt::{self, Receipt};
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
    /// The allocation to step from, where a step is limited.
    pub(super) from: Option<&'a Allocation>,
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

    /// How many visitors with equal totals are worth as much, (Σy)²/Σy²: of a conversion metric, the conversions.
    pub(super) fn events(&self) -> f64 {
        let (sum, squares) = (self.moments.y as f64, self.moments.yy.as_f64());
        if squares > 0.0 {
            sum * sum / squares
        } else {
            0.0
        }
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
    let Belief { arms, mut said, .. } = belief::belief(situation);
    let (shares, rule) = shares(situation, &arms);
    let memory = bandit.half_life.map_or_else(String::new, |half_life| {
        format!(" What was learned counts half after {half_life}.")
    });
    let ramps = newcomer::ramps(situation);
    let held = guardrail::held(situation);
    said = said
        + rule
        + &memory
        + &newcomer::said(situation, &ramps)
        + &guardrail::said(situation, &held);
    let mut claims: Vec<Claim> = Vec::with_capacity(shares.len());
    for (at, (seen, share)) in situation.arms.iter().zip(shares).enumerate() {
        let most = if held[at].is_some() {
            0.0
        } else {
            ramps[at].unwrap_or(1.0)
        };
        let arm = seen.arm;
        claims.push(Claim { arm, share, most });
    }
    let allocation = Limits::of(bandit).applied(&claims, situation.from);
    Opening {
        allocation,
        cause: Cause::Reallocated,
        receipt: Receipt {
            sentence: said,
            beliefs: arms,
        },
    }
}

/// The shares by belief and rule, Σ = 1, and what is to be said about the rule. While newcomers take theirs from a ramp,
/// the others keep the proportions they would have among themselves.
fn shares(situation: Situation<'_>, arms: &[receipt::Belief]) -> (Vec<f64>, &'static str) {
    let rule = situation.bandit.rule;
    let by_rule = |arms: &[receipt::Belief]| {
        let prob_best: Vec<f64> = arms.iter().map(|arm| arm.prob_best).collect();
        shares::shares(rule, &prob_best)
    };
    let (joint, said) = by_rule(arms);
    let ramps = newcomer::ramps(situation);
    let taken = newcomer::taken(situation, &joint, &ramps);
    if taken.iter().all(Option::is_none) {
        return (joint, said);
    }
    let pairs = situation.arms.iter().zip(&taken);
    let others: Vec<Evidence> = pairs
        .filter(|(_, taken)| taken.is_none())
        .map(|(seen, _)| *seen)
        .collect();
    let among = belief::belief(Situation {
        arms: &others,
        ..situation
    });
    let mut among = by_rule(&among.arms).0.into_iter();
    let rest = 1.0 - taken.iter().flatten().sum::<f64>();
    let share = |taken: &Option<f64>| taken.unwrap_or_else(|| rest * among.next().unwrap_or(0.0));
    (taken.iter().map(share).collect(), said)
}

/// Why the starting weights still hold; `None` after burn-in.
fn burn_in(situation: Situation<'_>) -> Option<String> {
    let least = situation.bandit.burn_in;
    let mut arms = situation.arms.iter();
    let waits =
        |arm: &&Evidence| arm.visitors() < least && newcomer::is_founder(situation, arm.arm);
    let short = arms.find(waits)?;
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
