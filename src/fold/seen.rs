//! What shows that a visitor was there, and is no reward: events that no metric reads.

use super::{Delta, Edit, View};
use crate::time::Timestamp;
use crate::visitor::contribution::Reach;
use crate::visitor::{MetricEvent, Record, VisitorKey};

/// An event that no metric reads: kept in the log for metrics to come; the record only remembers that it was seen. Cells
/// change only where it makes a new visitor a returning one.
pub(super) fn unread<V: View>(
    view: &V,
    (key, mut record): (VisitorKey, Record),
    event: &MetricEvent,
    now: Timestamp,
) -> Delta {
    record.overflowed += 1;
    let mut delta = if record.returns_if_seen(event.at) {
        let mut edit = Edit::begin(view, key, record, Reach::Everything);
        edit.record.see(event.at);
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
