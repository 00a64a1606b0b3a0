//! What was there before: an event counts once, whichever of a person's ids it comes under.

use super::View;
use crate::visitor::{MetricEvent, Record, VisitorKey};

/// The same id, or the same order of the same event name: in the record's list, or among what has left it.
pub(super) fn is_known<V: View>(
    view: &V,
    key: VisitorKey,
    record: &Record,
    event: &MetricEvent,
) -> Result<bool, V::Error> {
    let order = event.order_id();
    let same =
        |other: &MetricEvent| other.id == event.id || order.is_some() && other.order_id() == order;
    if record.events.iter().any(same) {
        return Ok(true);
    }
    for id in std::iter::once(event.id).chain(order) {
        if has_left(view, key, record, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an id is among what has left the list of a person, under any of the person's ids.
pub(super) fn has_left<V: View>(
    view: &V,
    key: VisitorKey,
    record: &Record,
    id: u64,
) -> Result<bool, V::Error> {
    if record.overflowed == 0 {
        return Ok(false);
    }
    let aliases = record.aliases().iter().filter(|alias| alias.remembers);
    for key in std::iter::once(key).chain(aliases.map(|alias| alias.key)) {
        if view.remembers(key, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}
