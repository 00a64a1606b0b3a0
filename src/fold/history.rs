//! What changes of an experiment leave in its history.

use std::sync::Arc;

use super::{Delta, View, control};
use crate::catalog::Trip;
use crate::catalog::history::{Change, Version, What, differing};
use crate::epoch::{Cause, Epoch};
use crate::event::{Defined, Learned, Transitioned};
use crate::id::ExperimentKey;

pub(super) fn define<V: View>(view: &V, defined: &Defined) -> Delta {
    let mut delta = control::define(view.catalog(), defined);
    let Some(entry) = &delta.entry else {
        return delta;
    };
    let before = view.catalog().by_serial(entry.serial);
    let spec = &entry.experiment.spec;
    let version = Version {
        number: entry.experiment.version,
        cosmetic: defined.cosmetic,
        source: defined.source.clone(),
        status: entry.lifecycle.status,
        fields: before.map_or_else(Vec::new, |before| differing(&before.experiment.spec, spec)),
    };
    delta.note(view, defined.at, What::Defined(version));
    delta
}

pub(super) fn transition<V: View>(view: &V, transitioned: &Transitioned) -> Delta {
    let mut delta = control::transition(view.catalog(), transitioned);
    let what = What::Transitioned(transitioned.transition.clone());
    delta.note(view, transitioned.at, what);
    delta
}

pub(super) fn trip<V: View>(view: &V, experiment: &ExperimentKey, trip: &Trip) -> Delta {
    let mut delta = control::trip(view.catalog(), experiment, trip);
    delta.note(view, trip.at, What::Tripped(trip.clone()));
    delta
}

pub(super) fn learn<V: View>(view: &V, learned: &Learned) -> Delta {
    let mut delta = control::learn(view.catalog(), learned);
    let what = What::Learned(learned.takeaway.clone());
    delta.note(view, learned.at, what);
    delta
}

/// Only what somebody asked for is noted, since all epochs are kept.
pub(super) fn open<V: View>(view: &V, experiment: &ExperimentKey, epoch: &Epoch) -> Delta {
    let mut delta = control::open(view.catalog(), experiment, epoch);
    let is_asked_for = match epoch.cause {
        Cause::Reallocated | Cause::Reverted => view.author().is_some(),
        Cause::Started | Cause::Redefined | Cause::Resumed | Cause::Capped | Cause::Imported => {
            false
        }
    };
    if is_asked_for {
        delta.note(view, epoch.opened_at, What::Opened(epoch.number));
    }
    delta
}

impl Delta {
    /// Adds a change to the history of the experiment that changed, if one did.
    fn note<V: View>(&mut self, view: &V, at: crate::time::Timestamp, what: What) {
        if let Some(entry) = &mut self.entry {
            let by = view.author().cloned();
            Arc::make_mut(&mut entry.history).push(Change { at, by, what });
        }
    }
}
