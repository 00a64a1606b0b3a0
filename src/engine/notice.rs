//! What the engine tells everybody who listens: which experiments changed, and how. It is told after it is durable.

use std::sync::Arc;

use crate::catalog::{Catalog, Entry};

/// How many notices a slow listener may be behind before it misses some.
pub(super) const BACKLOG: usize = 256;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Notice {
    /// The definition or the status of an experiment.
    Changed(Arc<Entry>),
    /// A guardrail tripped.
    Tripped(Arc<Entry>),
    /// An epoch was opened.
    Opened(Arc<Entry>),
    /// The server is about to stop.
    Closing,
}

/// What is new in a catalog.
pub(super) fn notices(before: &Catalog, after: &Catalog) -> Vec<Notice> {
    let mut notices = Vec::new();
    for entry in after.iter() {
        let old = before.by_serial(entry.serial);
        if old.is_some_and(|old| Arc::ptr_eq(old, entry)) {
            continue;
        }
        if old.is_none_or(|old| is_changed(old, entry)) {
            notices.push(Notice::Changed(Arc::clone(entry)));
        }
        let grown = |of: &dyn Fn(&Entry) -> usize| of(entry) > old.map_or(0, |old| of(old));
        if grown(&|entry| entry.lifecycle.trips.len()) {
            notices.push(Notice::Tripped(Arc::clone(entry)));
        }
        if grown(&|entry| entry.epochs.len()) {
            notices.push(Notice::Opened(Arc::clone(entry)));
        }
    }
    notices
}

fn is_changed(old: &Entry, new: &Entry) -> bool {
    let standing = |entry: &Entry| {
        let of = &entry.lifecycle;
        (of.status, of.since, of.halted, of.archived)
    };
    old.experiment.version != new.experiment.version
        || standing(old) != standing(new)
        || old.lifecycle.conclusion != new.lifecycle.conclusion
        || old.lifecycle.takeaway != new.lifecycle.takeaway
}
