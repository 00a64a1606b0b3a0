//! Where a visitor is counted: as assigned, as exposed, and as analysed.

use super::{Assignment, Record, first_exposure};
use crate::catalog::Entry;
use crate::catalog::spec::Exposure;
use crate::cell::{Cells, Channel, HourKey, Row, VisitorsKey};
use crate::epoch::EpochNumber;
use crate::moments::{Tally, Visitors};
use crate::time::{Day, Timestamp, Zone};

/// On which days, and in which hours, the visitor of an assignment is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Presence {
    epoch: EpochNumber,
    row: Row,
    days: Vec<(Day, Visitors)>,
    hours: Vec<(Channel, u8)>,
}

impl Record {
    /// From when on the visitor of an assignment is analysed; `None` if not at all.
    pub(super) fn analysed_from(
        &self,
        assignment: &Assignment,
        entry: &Entry,
    ) -> Option<Timestamp> {
        match entry.experiment.spec.exposure {
            Exposure::Assigned => Some(assignment.at),
            Exposure::Exposed => {
                let seen = first_exposure(&self.exposures, assignment, &entry.experiment);
                seen.map(|seen| seen.at)
            }
        }
    }
}

impl Presence {
    pub(super) fn of(record: &Record, assignment: &Assignment, entry: &Entry, zone: &Zone) -> Self {
        let seen = first_exposure(&record.exposures, assignment, &entry.experiment);
        let unlike = record.first_unlike(assignment, &entry.experiment);
        let start = record.analysed_from(assignment, entry);
        let none = Visitors::default();
        let counted = [
            (
                Some(assignment.at),
                Visitors {
                    assigned: 1,
                    ..none
                },
            ),
            (start, Visitors { n: 1, ..none }),
            (seen.map(|seen| seen.at), Visitors { exposed: 1, ..none }),
            (unlike, Visitors { unlike: 1, ..none }),
        ];
        let days = counted.into_iter();
        let assigned = (Channel::Assignment, zone.hour(assignment.at));
        let exposed = seen.map(|seen| (Channel::Exposure(seen.source), zone.hour(seen.at)));
        Self {
            epoch: assignment.epoch,
            row: Row {
                arm: assignment.arm,
                holdout: assignment.holdout,
            },
            days: days
                .filter_map(|(at, visitors)| Some((zone.day(at?), visitors)))
                .collect(),
            hours: std::iter::once(assigned).chain(exposed).collect(),
        }
    }

    /// Adds the visitor to cells (`sign` 1) or takes it out (−1).
    pub(super) fn add_to(&self, cells: &mut Cells, sign: i64) {
        let (epoch, row) = (self.epoch, self.row);
        for (day, visitors) in &self.days {
            let key = VisitorsKey {
                epoch,
                day: *day,
                row,
            };
            let visitors = *visitors;
            *cells.visitors.entry(key).or_default() += if sign < 0 { -visitors } else { visitors };
        }
        for (channel, hour) in &self.hours {
            let key = HourKey {
                channel: *channel,
                hour: *hour,
                epoch,
                row,
            };
            *cells.hours.entry(key).or_default() += Tally { n: sign };
        }
    }
}
