//! Imported assignments: the history of another system, in any order.
//!
//! Where live assignments are decided by log order, imported ones are decided by their own time (the earliest wins),
//! so that the order of rows never matters. Each distinct allocation becomes an epoch of its own (statistics R2). Such
//! an epoch has no frozen caps, whenever it comes: imported totals count in full, and help to find a cap by percentile.

use std::sync::Arc;

use super::consent::is_denied;
use super::{Delta, Edit, Outcome, View, dimension_values, insert, with_seen};
use crate::allocation::{Allocation, Propensity};
use crate::catalog::{Entry, Serial};
use crate::epoch::{Cause, Epoch, Epochs};
use crate::event::Imported;
use crate::time::Timestamp;
use crate::visitor::contribution::Reach;
use crate::visitor::{Assignment, VisitorKey};

pub(super) fn import<V: View>(
    view: &V,
    imported: &Imported,
    now: Timestamp,
) -> Result<Delta, V::Error> {
    let Some(entry) = view.catalog().get(imported.experiment.as_str()) else {
        return Ok(Delta::none(Outcome::Void));
    };
    let (key, record) = view.person(VisitorKey::of(view.seed(), &imported.visitor))?;
    if is_denied(view, &record) {
        return Ok(Delta::none(Outcome::NoConsent));
    }
    let standing = record.assignment(entry.serial, None).cloned();
    let crossover = standing
        .as_ref()
        .is_some_and(|standing| standing.arm != imported.arm || standing.crossover);
    let place = (imported.at, imported.arm);
    if let Some(standing) = standing
        .as_ref()
        .filter(|standing| (standing.at, standing.arm) <= place)
    {
        let known = standing.crossover == crossover;
        return Ok(if known {
            Delta::none(Outcome::Duplicate)
        } else {
            let edit = Edit::begin(view, key, record, Reach::Everything);
            cross_over(edit, entry.serial).finish(None, now)
        });
    }
    let (epoch, opened) = epoch_of(entry, imported);
    let (dimensions, seen) = dimension_values(entry, &imported.dimensions);
    let served = epoch.served(imported.arm, entry.experiment.control, None);
    let assignment = Assignment {
        experiment: entry.serial,
        session: None,
        arm: imported.arm,
        holdout: false,
        epoch: epoch.number,
        at: imported.at,
        weight: served.map_or(0, Propensity::weight),
        dimensions,
        drawn: None,
        settled: standing.map_or_else(Vec::new, |standing| standing.settled),
        crossover,
    };
    let changed = with_epoch(entry, opened, seen);
    let mut edit = Edit::begin(view, key, record, Reach::Everything);
    edit.record.see(imported.at);
    edit.record
        .assignments
        .retain(|other| other.experiment != entry.serial || other.session.is_some());
    insert(&mut edit.record.assignments, assignment);
    Ok(edit.finish(changed, now))
}

/// Marks a visitor who was later seen under another variant.
fn cross_over<V: View>(mut edit: Edit<'_, V>, experiment: Serial) -> Edit<'_, V> {
    let same = |a: &&mut Assignment| a.experiment == experiment && a.session.is_none();
    for assignment in edit.record.assignments.iter_mut().filter(same) {
        assignment.crossover = true;
    }
    edit
}

/// The entry with a new epoch and new dimension values, if there are any.
fn with_epoch(
    entry: &Entry,
    opened: Option<Epoch>,
    seen: Option<Vec<Vec<String>>>,
) -> Option<Entry> {
    let grown = with_seen(entry, seen);
    let Some(epoch) = opened else { return grown };
    let mut entry = grown.unwrap_or_else(|| entry.clone());
    Arc::make_mut(&mut entry.epochs).push(epoch);
    Some(entry)
}

/// The epoch an imported assignment belongs to, and the same again if it must be opened first.
fn epoch_of(entry: &Entry, imported: &Imported) -> (Epoch, Option<Epoch>) {
    let configured = || entry.experiment.starting_allocation();
    let allocation = imported.allocation.clone().unwrap_or_else(configured);
    let known = imported.allocation.is_some();
    let same = |epoch: &&Epoch| {
        epoch.caps.is_empty()
            && epoch.contexts.is_none()
            && epoch.linear.is_none()
            && match imported.label {
                Some(label) => epoch.label == Some(label),
                None if known => {
                    epoch.propensity_known
                        && epoch.holdout <= 0.0
                        && epoch.allocation.same(&allocation)
                }
                None => !epoch.propensity_known && epoch.allocation.same(&allocation),
            }
    };
    if let Some(epoch) = entry.epochs.iter().find(same) {
        return (epoch.clone(), None);
    }
    let epoch = imported_epoch(&entry.epochs, allocation, imported);
    (epoch.clone(), Some(epoch))
}

fn imported_epoch(epochs: &Epochs, allocation: Allocation, imported: &Imported) -> Epoch {
    let known = imported.allocation.is_some();
    let receipt = if known {
        "Imported history under the allocation its rows name."
    } else {
        "Imported history; its rows name no allocation, so the configured weights are assumed."
    };
    Epoch {
        number: epochs.next_number(),
        era: epochs.era_of(&allocation),
        allocation,
        contexts: None,
        linear: None,
        holdout: 0.0,
        opened_at: imported.at,
        cause: Cause::Imported,
        receipt: receipt.into(),
        basis: 0,
        plug_ins: Vec::new(),
        caps: Vec::new(),
        order_caps: Vec::new(),
        label: imported.label,
        propensity_known: known,
    }
}
