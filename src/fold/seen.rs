//! What shows that a visitor was there, and is no reward: enrolment, and events that no metric reads.

use super::{Delta, Edit, Outcome, View};
use crate::event::Enrolled;
use crate::time::Timestamp;
use crate::visitor::contribution::Reach;
use crate::visitor::{Enrolment, MetricEvent, Record, VisitorKey};

/// A visitor's place in or outside the global holdout.
pub(super) fn enrol<V: View>(
    view: &V,
    enrolled: &Enrolled,
    now: Timestamp,
) -> Result<Delta, V::Error> {
    let key = VisitorKey::of(view.seed(), &enrolled.visitor);
    let mut record = view.record(key)?.unwrap_or_default();
    if record.enrolled.is_some() {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    record.enrolled = Some(Enrolment {
        held: enrolled.held,
        at: enrolled.at,
    });
    Ok(seen(view, (key, record), enrolled.at, now))
}

/// An event that no metric reads: kept in the log for metrics to come; the record only remembers that it was seen.
pub(super) fn unread<V: View>(
    view: &V,
    (key, mut record): (VisitorKey, Record),
    event: &MetricEvent,
    now: Timestamp,
) -> Delta {
    record.overflowed += 1;
    let mut delta = seen(view, (key, record), event.at, now);
    delta.forgotten.push(event.id);
    delta
}

/// Takes note of a visitor, which changes cells only where it makes a new visitor a returning one.
fn seen<V: View>(
    view: &V,
    (key, mut record): (VisitorKey, Record),
    at: Timestamp,
    now: Timestamp,
) -> Delta {
    if record.returns_if_seen(at) {
        let mut edit = Edit::begin(view, key, record, Reach::Everything);
        edit.record.see(at);
        return edit.finish(None, now);
    }
    record.see(at);
    Delta {
        record: Some((key, record)),
        ..Delta::default()
    }
}
