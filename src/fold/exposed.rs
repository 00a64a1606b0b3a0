//! What exposures change.

use super::{Edit, View};
use crate::catalog::experiment::Unit;
use crate::event::Tracked;
use crate::event::exposure::exposed;
use crate::visitor::{Exposure, Record};

/// The exposures of a record after an event, if it changes them. Those of an experiment that nobody defined yet, that was
/// concluded by then, or whose unit is the session (which no such event names) are ordinary events.
pub(super) fn news<V: View>(view: &V, tracked: &Tracked, record: &Record) -> Option<Vec<Exposure>> {
    let exposed = exposed(tracked)?;
    let entry = view.catalog().get(&exposed.experiment)?;
    let mut frozen = entry.lifecycle.frozen.iter();
    if entry.experiment.unit == Unit::Session || frozen.any(|frozen| frozen.covers(tracked.at)) {
        return None;
    }
    let assigned = record.assignment(entry.serial, None).map(|of| of.arm);
    record.exposures_with(Exposure {
        experiment: entry.serial,
        arm: exposed.seen.variant(&entry.experiment, assigned),
        at: tracked.at,
        source: tracked.source,
    })
}

impl<V: View> Edit<'_, V> {
    /// Takes the exposures that an event made anew over.
    pub(super) fn expose(&mut self, exposures: Option<Vec<Exposure>>) {
        if let Some(exposures) = exposures {
            self.record.exposures = exposures;
        }
    }
}
