//! Bandit: when the next epoch opens, and with which allocation. Pure; the engine asks on every tick and after every
//! change of an experiment, and writes the answer to the log.
//!
//! An epoch opens when `refresh` has passed, enough was learned (assignments and rewards since the last one at least
//! 20, and 1 % of all), and the weights would move by at least 0.005 in total variation. So epochs grow like the
//! logarithm of traffic. One in which anything was learned lasts a day at most, so that a change of what works can be
//! seen and dated ([`drift`]); a bandit with a half-life opens one every quarter of it, too, so that what it learned can age.
//! Holdout and forced visitors never enter a posterior.
//!
//! # Seasons
//! A bandit that pools its epochs learns from a promotion that whoever had most traffic then is best: with a constant
//! lift it ended on a wrong variant in a third of simulated runs. So the default `model = "cohort"` compares variants within
//! epochs ([`crate::posterior::cohort`]) as far as their level may have moved ([`crate::posterior::level`]), from 20
//! conversions per variant on; with fewer the pooled Beta posterior, which needs no approximation, is exact enough a guide. `upswing simulate experiments/scenarios/` prints what either costs.
//!
//! # Contexts
//! Under `policy = "contextual"` every epoch has an allocation for each context ([`crate::posterior::contextual`]). Floor,
//! `max_share`, `max_step` and the ramps of newcomers hold in each of them; a guardrail is judged over all, within epochs
//! and contexts. It neither ends by itself nor tells changes of what works.
//!
//! # Features
//! Under `policy = "linear"` an epoch has no allocation but what it takes to make one for each visitor: the posterior of every
//! variant's coefficients, with floor, `max_share` and the ramps of newcomers.

mod belief;
mod caps;
mod cohorts;
mod contextual;
pub mod drift;
mod guardrail;
mod limits;
mod linear;
mod maturity;
mod memory;
mod newcomer;
mod plug_in;
pub mod revert;
mod shares;
mod stop;
mod target;
#[cfg(test)]
mod tests;
pub mod tick;

use crate::allocation::{Allocation, Arm};
use crate::catalog::Entry;
use crate::catalog::experiment::{Bandit, Experiment, OnDrift, Policy};
use crate::cell::Cells;
use crate::epoch::context::Contexts;
use crate::epoch::linear::Linear;
use crate::epoch::receipt::Receipt;
use crate::epoch::{Cause, Epoch, Era};
use crate::time::{Timestamp, Window};
pub use linear::distance;
use plug_in::plug_ins;
use target::{Situation, evidence, target};

/// Least information since the last epoch that is worth a new one.
const MIN_INFORMATION: u64 = 20;
/// An epoch in which anything was learned lasts no longer than this.
const LONGEST: Window = Window::days(1);
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
    let opening = match (&after.experiment.policy, after.epoch()) {
        (Policy::Bandit(_), Some(held)) if cause == Cause::Resumed && revert::is_held(after) => {
            Opening {
                contexts: held.contexts_kept(),
                linear: held.linear.clone(),
                allocation: held.allocation.clone(),
                cause,
                receipt: receipt.into(),
            }
        }
        (Policy::Bandit(bandit), Some(_)) => {
            let mut wanted = wanted(after, bandit, cells, None, now);
            wanted.receipt.sentence = format!("{receipt} {}", wanted.receipt.sentence);
            Opening { cause, ..wanted }
        }
        (Policy::Bandit(_) | Policy::Fixed, _) => {
            Opening::starting(&after.experiment, cause, receipt)
        }
    };
    Some(epoch(after, cells, now, opening))
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
    let is_old = memory::is_old(current, bandit, now)
        || learned >= MIN_INFORMATION && now >= current.opened_at.plus(LONGEST);
    let is_held = revert::is_held(entry);
    if urgency == Urgency::Tick {
        if is_held {
            return Proposal::Keep(current.receipt.sentence.clone());
        }
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
    let target = wanted(entry, bandit, cells, Some(current), now);
    let mut epoch = epoch(entry, cells, now, target);
    let distance = distance(&epoch, current);
    let least = match urgency {
        Urgency::Tick => MIN_DISTANCE,
        // Even the same weights end a hold.
        Urgency::Forced if is_held => -1.0,
        Urgency::Forced => 1e-9,
    };
    if distance < least && is_old {
        epoch.receipt.sentence += " The weights stay; what comes from here on is younger.";
    } else if distance < least {
        return Proposal::Keep(format!(
            "{} The weights would move by {distance:.4}.",
            epoch.receipt.sentence
        ));
    }
    Proposal::Open(epoch)
}

/// What a new epoch opens with.
struct Opening {
    allocation: Allocation,
    contexts: Option<Box<Contexts>>,
    linear: Option<Box<Linear>>,
    cause: Cause,
    receipt: Receipt,
}

impl Opening {
    /// The configured weights, in all contexts.
    fn starting(experiment: &Experiment, cause: Cause, sentence: String) -> Self {
        let allocation = experiment.starting_allocation();
        Self {
            contexts: experiment.contexts(&allocation).map(Box::new),
            linear: experiment.linear().map(Box::new),
            allocation,
            cause,
            receipt: sentence.into(),
        }
    }
}

/// The allocation the bandit wants now, at most a step away from that of the epoch it moves.
fn wanted(
    entry: &Entry,
    bandit: &Bandit,
    cells: &Cells,
    from: Option<&Epoch>,
    now: Timestamp,
) -> Opening {
    let change = drift::noticed(entry, cells, (bandit.metric, now));
    let recent = recent(bandit, change, cells);
    let cells = recent.as_ref().unwrap_or(cells);
    let arms = evidence(entry, bandit, cells);
    let mut opening = target(Situation {
        entry,
        bandit,
        cells,
        arms: &arms,
        from,
        now,
    });
    if let Some(change) = change {
        opening.receipt.sentence += &told(change, bandit.on_drift);
    }
    opening
}

/// What came since a change of what works, where what came before is forgotten.
fn recent(bandit: &Bandit, change: Option<drift::Change>, cells: &Cells) -> Option<Cells> {
    let forgotten = change.filter(|_| bandit.on_drift == OnDrift::Forget);
    forgotten.map(|change| cells.since(change.since))
}

fn told(change: drift::Change, on_drift: OnDrift) -> String {
    let effect = match on_drift {
        OnDrift::Notify => "all the same, everything counts",
        OnDrift::Forget => "only what came since counts",
    };
    format!(" What works has changed about {}: {effect}.", change.at)
}

fn name(experiment: &Experiment, arm: Arm) -> &str {
    let variant = experiment.variant(arm);
    variant.map_or("?", |variant| variant.key.as_str())
}

fn epoch(entry: &Entry, cells: &Cells, now: Timestamp, opening: Opening) -> Epoch {
    let era: Era = entry.epochs.era_of(&opening.allocation);
    Epoch {
        number: entry.epochs.next_number(),
        era,
        allocation: opening.allocation,
        contexts: opening.contexts,
        linear: opening.linear,
        holdout: entry.experiment.holdout,
        opened_at: now,
        cause: opening.cause,
        receipt: opening.receipt,
        basis: cells.information,
        plug_ins: plug_ins(entry, cells),
        caps: entry
            .epoch()
            .map_or_else(Vec::new, |current| current.caps.clone()),
        order_caps: caps::order_caps(entry, cells),
        label: None,
        propensity_known: true,
    }
}
