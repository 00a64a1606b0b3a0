//! What shows that a visitor was there, and is no reward: events that no metric reads.

use super::{Delta, Edit, View};
use crate::time::Timestamp;
use crate::visitor::contribution::Reach;
use crate::visitor::{Exposure, MetricEvent, Record, VisitorKey};

/// An event that no metric reads: kept in the log for metrics to come; the record only remembers that it was seen, and what
/// it exposed. Cells change only where it makes a new visitor a returning or an exposed one.
pub(super) fn unread<V: View>(
    view: &V,
    (key, mut record): (VisitorKey, Record),
    (event, exposures): (&MetricEvent, Option<Vec<Exposure>>),
    now: Timestamp,
) -> Delta {
    record.overflowed += 1;
    let mut delta = if exposures.is_some() || record.returns_if_seen(event.at) {
        let mut edit = Edit::begin(view, key, record, Reach::Everything);
        edit.record.see(event.at);
        edit.expose(exposures);
        edit.finish(None, now)
    } else {
        record.see(event.at);
        Delta {
            record: Some((key, record)),
            ..Delta::default()
        }
    };
    delta.forgotten.push(event.id);
    delta
}
