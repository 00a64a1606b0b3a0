//! Bandit: when the next epoch opens, and with which allocation. Pure; the engine asks on every tick and after every
//! change of an experiment, and writes the answer to the log.
//!
//! An epoch opens when `refresh` has passed, enough was learned (assignments and rewards since the last one at least
//! 20, and 1 % of all), and the weights would move by at least 0.005 in total variation. So epochs grow like the
//! logarithm of traffic. A bandit with a half-life opens one every quarter of it, too, so that what it learned can age.
//! Holdout and forced visitors never enter a posterior.
//!
//! # Seasons
//! A bandit that pools its epochs learns from a promotion that whoever had most traffic then is best: with a constant
//! lift it ended on a wrong variant in a third of simulated runs. So `model = "cohort"` compares variants within epochs
//! ([`crate::posterior::cohort`]), from 20 conversions per variant on; with fewer the pooled Beta posterior, which needs no
//! approximation, is exact enough a guide. It is not the default before its price in steady traffic is measured.

mod belief;
pub mod caps;
mod memory;
mod plug_in;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::allocation::{Allocation, Arm, top_two};
use crate::catalog::Entry;
use crate::catalog::experiment::{Bandit, Experiment, Policy, Rule};
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Row};
use crate::epoch::{Cause, Epoch, Era};
use crate::time::Timestamp;
use belief::Belief;
use plug_in::plug_ins;

/// Least information since the last epoch that is worth a new one.
const MIN_INFORMATION: u64 = 20;
/// Share of top-two sampling that goes to the likely best; near the best choice whatever the truth (Russo 2016).
const LEADING: f64 = 0.5;
/// Least total variation that is worth a new epoch.
const MIN_DISTANCE: f64 = 0.005;

/// Whether the rules for the moment of an epoch apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// The tick: refresh, information and distance decide.
    Tick,
    /// Somebody asked: any move of the weights is enough.
    Forced,
}

/// What the bandit makes of the present state.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Open this epoch.
    Open(Epoch),
    /// Leave the allocation as it is, for this reason.
    Keep(String),
}

/// The epoch that a change of the experiment itself calls for: it started, resumed, or its design changed.
/// `before` is the entry before the change.
pub fn opened_by_change(
    before: Option<&Entry>,
    after: &Entry,
    cells: &Cells,
    now: Timestamp,
) -> Option<Epoch> {
    if !after.is_running() {
        return None;
    }
    let (cause, receipt) = match before.filter(|_| after.epoch().is_some()) {
        None => (
            Cause::Started,
            "Started with the configured weights.".to_owned(),
        ),
        Some(before) if is_redesigned(&before.experiment, &after.experiment) => {
            let version = after.experiment.version;
            (
                Cause::Redefined,
                format!("Version {version} of the definition changed the design."),
            )
        }
        Some(before) if !before.is_running() => (Cause::Resumed, "Resumed.".to_owned()),
        Some(_) => return None,
    };
    let allocation = match (&after.experiment.policy, after.epoch()) {
        (Policy::Bandit(bandit), Some(_)) => target(after, bandit, cells, now).allocation,
        (Policy::Bandit(_) | Policy::Fixed, _) => after.experiment.starting_allocation(),
    };
    Some(epoch(
        after,
        cells,
        now,
        Opening {
            allocation,
            cause,
            receipt,
        },
    ))
}

/// Whether policy, weights, holdout or live variants differ.
fn is_redesigned(before: &Experiment, after: &Experiment) -> bool {
    let (old, new) = (before.starting_allocation(), after.starting_allocation());
    #[expect(
        clippy::float_cmp,
        reason = "a holdout share is a configured constant, never computed"
    )]
    let held = before.holdout != after.holdout;
    before.policy != after.policy || held || !old.same(&new) || !old.same_arms(&new)
}

/// What the running policy makes of the cells.
pub fn reallocate(entry: &Entry, cells: &Cells, now: Timestamp, urgency: Urgency) -> Proposal {
    let Policy::Bandit(bandit) = &entry.experiment.policy else {
        return Proposal::Keep("The policy is fixed: the split is the configured one.".into());
    };
    let Some(current) = entry.epoch().filter(|_| entry.is_running()) else {
        return Proposal::Keep("The experiment is not running.".into());
    };
    let learned = cells.information.saturating_sub(current.basis);
    let closes = |half_life| memory::closes(current.opened_at, half_life);
    let is_old = bandit
        .half_life
        .is_some_and(|half_life| now >= closes(half_life));
    if urgency == Urgency::Tick {
        if now < current.opened_at.plus(bandit.refresh) {
            return Proposal::Keep(format!(
                "Less than {} since the last epoch.",
                bandit.refresh
            ));
        }
        if learned < MIN_INFORMATION.max(cells.information / 100) && !is_old {
            return Proposal::Keep(format!(
                "Only {learned} assignments and rewards since the last epoch."
            ));
        }
    }
    let mut target = target(entry, bandit, cells, now);
    let distance = target.allocation.distance(&current.allocation);
    let least = match urgency {
        Urgency::Tick => MIN_DISTANCE,
        Urgency::Forced => 1e-9,
    };
    if distance < least && is_old {
        target.receipt += " The weights stay; what comes from here on is younger.";
    } else if distance < least {
        return Proposal::Keep(format!(
            "{} The weights would move by {distance:.4}.",
            target.receipt
        ));
    }
    Proposal::Open(epoch(entry, cells, now, target))
}

/// What a new epoch opens with.
struct Opening {
    allocation: Allocation,
    cause: Cause,
    receipt: String,
}

/// The allocation the bandit wants now.
fn target(entry: &Entry, bandit: &Bandit, cells: &Cells, now: Timestamp) -> Opening {
    let experiment = &entry.experiment;
    let arms: Vec<Arm> = experiment.live().map(|(arm, _)| arm).collect();
    let counts = counts(cells, bandit.metric, &arms);
    if let Some(receipt) = burn_in(experiment, bandit, &counts) {
        return Opening {
            allocation: experiment.starting_allocation(),
            cause: Cause::Reallocated,
            receipt,
        };
    }
    let Belief { prob_best, receipt } = belief::belief(entry, bandit, cells, &counts, now);
    let forgets = bandit.half_life.map_or_else(String::new, |half_life| {
        format!(" What was learned counts half after {half_life}.")
    });
    let (shares, rule) = match bandit.rule {
        Rule::Thompson => (prob_best, ""),
        Rule::TopTwo => (
            top_two(&prob_best, LEADING),
            " Half of the traffic goes to the likely best, half to its challengers.",
        ),
    };
    let shares: Vec<(Arm, f64)> = arms.into_iter().zip(shares).collect();
    Opening {
        allocation: Allocation::floored(&shares, bandit.floor_total),
        cause: Cause::Reallocated,
        receipt: format!("{receipt}{rule}{forgets}"),
    }
}

/// Why the starting weights still hold; `None` after burn-in.
fn burn_in(
    experiment: &Experiment,
    bandit: &Bandit,
    counts: &BTreeMap<Arm, (u64, u64)>,
) -> Option<String> {
    let short = counts.iter().find(|(_, (n, _))| *n < bandit.burn_in);
    let (arm, (n, _)) = short?;
    Some(format!(
        "Burn-in: {} has {n} of {} visitors; the starting weights hold.",
        name(experiment, *arm),
        bandit.burn_in
    ))
}

fn name(experiment: &Experiment, arm: Arm) -> &str {
    let variant = experiment.variant(arm);
    variant.map_or("?", |variant| variant.key.as_str())
}

/// Visitors and conversions per live arm over all epochs, without the holdout.
fn counts(cells: &Cells, metric: MetricIndex, arms: &[Arm]) -> BTreeMap<Arm, (u64, u64)> {
    let pooled = cells.pooled(metric, |_| true);
    let count = |value: i128| u64::try_from(value).unwrap_or(0);
    let of = |arm: &Arm| {
        let moments = pooled
            .get(&Row {
                arm: *arm,
                holdout: false,
            })
            .copied()
            .unwrap_or_default();
        (*arm, (count(i128::from(moments.n)), count(moments.y)))
    };
    arms.iter().map(of).collect()
}

fn epoch(entry: &Entry, cells: &Cells, now: Timestamp, opening: Opening) -> Epoch {
    let era: Era = entry.epochs.era_of(&opening.allocation);
    Epoch {
        number: entry.epochs.next_number(),
        era,
        allocation: opening.allocation,
        holdout: entry.experiment.holdout,
        opened_at: now,
        cause: opening.cause,
        receipt: opening.receipt,
        basis: cells.information,
        plug_ins: plug_ins(entry, cells, is_burning_in(entry, cells)),
        caps: entry
            .epoch()
            .map_or_else(Vec::new, |current| current.caps.clone()),
        label: None,
        propensity_known: true,
    }
}

/// Whether a variant still waits for its visitors of burn-in.
fn is_burning_in(entry: &Entry, cells: &Cells) -> bool {
    let Policy::Bandit(bandit) = &entry.experiment.policy else {
        return true;
    };
    let arms: Vec<Arm> = entry.experiment.live().map(|(arm, _)| arm).collect();
    let counts = counts(cells, bandit.metric, &arms);
    counts.values().any(|(n, _)| *n < bandit.burn_in)
}
