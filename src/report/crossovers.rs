//! Visitors who were assigned more than once: under several ids that turned out to be one person's, or by an import.
//!
//! They count for the first variant, which is as random as any, and what they saw of another one draws the variants
//! together: lifts are somewhat too small. Under every variant as many of them are to be expected, unless a variant itself
//! makes visitors recognisable, by letting them log in, say. Then the variants' visitors are no longer alike (statistics
//! R16).

use super::Question;
use super::design::Design;
use crate::cell::Counts;
use crate::epoch::Epoch;
use crate::stats::srm::{self, EpochCounts};

/// Whether those who were assigned under several ids are unequally many among the visitors of the variants. Each epoch is
/// compared within itself, since older visitors have had more time; epochs that tell visitors apart can not be.
pub(super) fn are_unequal(question: &Question<'_>, design: &Design<'_>, assigned: &Counts) -> bool {
    let joins = question.cells.joins(question.until);
    let count = |visitors: i64| u64::try_from(visitors).unwrap_or(0);
    let of_epoch = |epoch: &Epoch| {
        let place = |row| (epoch.number, row);
        let rows = || design.rows.iter().map(|named| named.row);
        let doubled = |row| joins.get(&place(row)).map_or(0, |joins| joins.doubled);
        let visitors = |row| assigned.get(&place(row)).copied().unwrap_or(0);
        EpochCounts {
            counts: rows().map(|row| count(doubled(row))).collect(),
            propensities: rows().map(|row| visitors(row).max(0) as f64).collect(),
        }
    };
    let epochs = question.entry.epochs.iter();
    let alike: Vec<EpochCounts> = epochs
        .filter(|epoch| epoch.is_uniform())
        .map(of_epoch)
        .collect();
    srm::adaptive(&alike, &[]).verdict == srm::Verdict::Mismatch
}
