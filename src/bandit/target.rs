//! The allocation a bandit wants now: evidence → belief → shares → limits.

use super::belief::Belief;
use super::limits::{Claim, Limits};
use super::{Opening, belief, contextual, guardrail, linear, memory, name, newcomer, shares};
use crate::allocation::{Allocation, Arm};
use crate::catalog::Entry;
use crate::catalog::experiment::{Bandit, Policy};
use crate::cell::{Cells, Row};
use crate::epoch::context::ContextCell;
use crate::epoch::receipt::{self, Receipt};
use crate::epoch::{Cause, Epoch};
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
    /// The epoch to step from, where a step is limited.
    pub(super) from: Option<&'a Epoch>,
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
        return Opening::starting(&entry.experiment, Cause::Reallocated, sentence);
    }
    let own = linear::target(situation).or_else(|| contextual::target(situation));
    if let Some(opening) = own {
        return opening;
    }
    let Belief { arms, said, .. } = belief::belief(situation);
    let bounds = Bounds::new(situation);
    let (shares, rule) = shares(situation, &arms, &bounds);
    let sentence = said + rule + &memory::said(bandit) + &bounds.said(situation);
    let allocation = bounds.applied(situation, &shares, None);
    let mut contexts = entry.experiment.contexts(&allocation).map(Box::new);
    for (cell, own) in contexts.iter_mut().flat_map(|contexts| contexts.iter_mut()) {
        *own = bounds.applied(situation, &shares, Some(cell));
    }
    Opening {
        allocation,
        contexts,
        linear: None,
        cause: Cause::Reallocated,
        receipt: Receipt {
            sentence,
            beliefs: arms,
        },
    }
}

/// What keeps single variants from the shares they would get, by live variant.
pub(super) struct Bounds {
    ramps: Vec<Option<f64>>,
    held: Vec<Option<guardrail::Harm>>,
}

impl Bounds {
    pub(super) fn new(situation: Situation<'_>) -> Self {
        Self {
            ramps: newcomer::ramps(situation),
            held: guardrail::held(situation),
        }
    }

    pub(super) fn said(&self, situation: Situation<'_>) -> String {
        newcomer::said(situation, &self.ramps) + &guardrail::said(situation, &self.held)
    }

    /// What each variant gets at most.
    pub(super) fn most(&self) -> Vec<f64> {
        let bounds = self.held.iter().zip(&self.ramps);
        let most = bounds.map(|(held, ramp)| match held {
            Some(_) => 0.0,
            None => ramp.unwrap_or(1.0),
        });
        most.collect()
    }

    /// What these shares come to, at most a step from the weights of the context.
    pub(super) fn applied(
        &self,
        situation: Situation<'_>,
        shares: &[f64],
        context: Option<ContextCell>,
    ) -> Allocation {
        let arms = situation.arms.iter().zip(shares).zip(self.most());
        let claims: Vec<Claim> = arms
            .map(|((seen, share), most)| Claim {
                arm: seen.arm,
                share: *share,
                most,
            })
            .collect();
        let from = situation.from.map(|epoch| epoch.drawn_from(context));
        Limits::of(situation.bandit).applied(&claims, from)
    }

    /// The shares that the rule gives, Σ = 1, but that newcomers take theirs from a ramp, and the others keep the
    /// proportions they would have `among` themselves.
    pub(super) fn divided(
        &self,
        situation: Situation<'_>,
        joint: Vec<f64>,
        among: impl FnOnce(&[usize]) -> Vec<f64>,
    ) -> Vec<f64> {
        let taken = newcomer::taken(situation, &joint, &self.ramps);
        if taken.iter().all(Option::is_none) {
            return joint;
        }
        let others = (0..taken.len()).filter(|at| taken[*at].is_none());
        let mut among = among(&others.collect::<Vec<_>>()).into_iter();
        let rest = 1.0 - taken.iter().flatten().sum::<f64>();
        let share =
            |taken: &Option<f64>| taken.unwrap_or_else(|| rest * among.next().unwrap_or(0.0));
        taken.iter().map(share).collect()
    }
}

/// The shares by belief and rule, Σ = 1, and what is to be said about the rule.
fn shares(
    situation: Situation<'_>,
    arms: &[receipt::Belief],
    bounds: &Bounds,
) -> (Vec<f64>, &'static str) {
    let rule = situation.bandit.rule;
    let by_rule = |arms: &[receipt::Belief]| {
        let prob_best: Vec<f64> = arms.iter().map(|arm| arm.prob_best).collect();
        shares::shares(rule, &prob_best)
    };
    let (joint, said) = by_rule(arms);
    let among = |others: &[usize]| {
        let others: Vec<Evidence> = others.iter().map(|at| situation.arms[*at]).collect();
        let among = belief::belief(Situation {
            arms: &others,
            ..situation
        });
        by_rule(&among.arms).0
    };
    (bounds.divided(situation, joint, among), said)
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
