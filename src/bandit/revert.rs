//! Back to the weights of an earlier epoch, by hand. They hold, whatever is learned, until somebody asks for a
//! reallocation or changes the design: who takes traffic back does not want it moved again a minute later.

use super::{Opening, epoch};
use crate::catalog::Entry;
use crate::catalog::experiment::Policy;
use crate::cell::Cells;
use crate::epoch::context::Contexts;
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::time::Timestamp;

/// Why the weights of an epoch can not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Irreversible {
    /// Only a bandit moves weights.
    #[error("the policy is fixed: the split is the configured one")]
    Fixed,
    /// Nobody is drawn now.
    #[error("the experiment is not running")]
    NotRunning,
    /// There is no such epoch.
    #[error("there is no epoch {}", .0.0)]
    Unknown(EpochNumber),
    /// Nobody was drawn by its weights here.
    #[error("epoch {} is imported history: nobody was drawn by its weights here", .0.0)]
    Imported(EpochNumber),
    /// Other variants were live.
    #[error("epoch {} had other variants than those that are live now", .0.0)]
    OtherVariants(EpochNumber),
    /// It read other features of visitors than the policy does now.
    #[error("epoch {} read other features of visitors than the policy does now", .0.0)]
    OtherFeatures(EpochNumber),
    /// It told other contexts apart than the policy does now.
    #[error("epoch {} told other contexts apart than the policy does now", .0.0)]
    OtherContexts(EpochNumber),
}

/// The epoch that brings back the weights of epoch `to`.
///
/// # Errors
/// [`Irreversible`].
pub fn revert(
    entry: &Entry,
    cells: &Cells,
    to: EpochNumber,
    now: Timestamp,
) -> Result<Epoch, Irreversible> {
    if entry.experiment.policy == Policy::Fixed {
        return Err(Irreversible::Fixed);
    }
    if !entry.is_running() {
        return Err(Irreversible::NotRunning);
    }
    let earlier = entry.epochs.get(to).ok_or(Irreversible::Unknown(to))?;
    if earlier.cause == Cause::Imported {
        return Err(Irreversible::Imported(to));
    }
    let live = entry.experiment.starting_allocation();
    if !earlier.allocation.same_arms(&live) {
        return Err(Irreversible::OtherVariants(to));
    }
    let even = entry.experiment.contexts(&earlier.allocation);
    let contexts = match (earlier.contexts_kept(), even) {
        (None, even) => even.map(Box::new),
        (Some(kept), Some(even)) if kept.is_like(&even) => Some(Box::new(Contexts {
            metrics: even.metrics,
            ..*kept
        })),
        (Some(_), _) => return Err(Irreversible::OtherContexts(to)),
    };
    let wanted = entry.experiment.linear().map(Box::new);
    let linear = match (earlier.linear.clone(), wanted) {
        (None, wanted) => wanted,
        (Some(kept), Some(wanted)) if kept.is_like(&wanted) => Some(kept),
        (Some(_), _) => return Err(Irreversible::OtherFeatures(to)),
    };
    let sentence = format!(
        "Back to the weights of epoch {} by hand; they hold until a reallocation is asked for.",
        to.0
    );
    let opening = Opening {
        allocation: earlier.allocation.clone(),
        contexts,
        linear,
        cause: Cause::Reverted,
        receipt: sentence.into(),
    };
    Ok(epoch(entry, cells, now, opening))
}

/// Whether the weights in force were brought back by hand and hold.
pub(super) fn is_held(entry: &Entry) -> bool {
    let mut decisions = entry.epochs.iter().rev().filter(|epoch| match epoch.cause {
        Cause::Started | Cause::Redefined | Cause::Reallocated | Cause::Reverted => true,
        Cause::Resumed | Cause::Capped | Cause::Imported => false,
    });
    let last = decisions.next();
    last.is_some_and(|epoch| epoch.cause == Cause::Reverted)
}
