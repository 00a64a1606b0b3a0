//! Where a visitor stands towards the global holdout.

use super::super::Server;
use crate::assign::bucket::unit_interval;
use crate::catalog::Entry;
use crate::engine::{Snapshot, Sticky};
use crate::id::VisitorId;

/// A visitor's place in or outside the global holdout in force. It is drawn with the first decision and kept, also when
/// the share changes.
pub(super) struct Place<'a> {
    pub entry: &'a Entry,
    pub held: bool,
    pub is_new: bool,
}

impl<'a> Place<'a> {
    pub(super) fn of(
        server: &Server,
        snapshot: &'a Snapshot,
        sticky: &Sticky,
        visitor: &VisitorId,
    ) -> Option<Self> {
        let entry = snapshot.catalog.global_holdout()?;
        let standing = sticky.assignments.iter().find_map(|assignment| {
            let holdout = snapshot.catalog.holdout_by_serial(assignment.experiment)?;
            Some(assignment.arm == holdout.experiment.control)
        });
        let drawn = || {
            let share = entry
                .epoch()?
                .allocation
                .propensity(entry.experiment.control)?;
            let name = sticky.name(visitor);
            Some(unit_interval(&["global:", &server.salt], name) < share.get())
        };
        Some(Self {
            entry,
            held: standing.or_else(drawn)?,
            is_new: standing.is_none(),
        })
    }
}
