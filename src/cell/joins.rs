//! Who was assigned more than once.

use std::collections::BTreeMap;

use super::{Cells, Counts, Row};
use crate::epoch::EpochNumber;
use crate::moments::Joins;
use crate::time::Day;

impl Cells {
    /// What is known of visitors who were assigned more than once, by epoch and row, over all days up to and including
    /// `until`.
    pub fn joins(&self, until: Option<Day>) -> BTreeMap<(EpochNumber, Row), Joins> {
        let mut sums: BTreeMap<_, Joins> = BTreeMap::new();
        let counted = self.joins.iter();
        for (key, joins) in counted.filter(|(key, _)| until.is_none_or(|day| key.day <= day)) {
            *sums.entry((key.epoch, key.row)).or_default() += joins;
        }
        sums
    }

    /// Assignments as they were drawn, by epoch and row: of whoever has several ids, one under each of them (statistics
    /// R9).
    pub fn drawn(&self, until: Option<Day>) -> Counts {
        let mut counts = self.assigned(until);
        for (place, joins) in self.joins(until) {
            *counts.entry(place).or_insert(0) += joins.aside;
        }
        counts
    }
}
