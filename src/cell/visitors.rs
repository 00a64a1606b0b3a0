//! Visitors: how many, of which epoch and day, and at which hour.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cells, Row};
use crate::epoch::EpochNumber;
use crate::moments::Visitors;
use crate::source::Source;
use crate::time::Day;

/// Days of traffic that are averaged.
const TRAFFIC_DAYS: i32 = 28;

/// Visitors per epoch and row.
pub type Counts = BTreeMap<(EpochNumber, Row), i64>;

/// Where visitors are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VisitorsKey {
    /// The epoch of the assignment.
    pub epoch: EpochNumber,
    /// The day.
    pub day: Day,
    /// The variant or holdout.
    pub row: Row,
}

/// At which hour of the day visitors were assigned or exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourKey {
    /// What happened, and who told.
    pub channel: Channel,
    /// The hour, from 0 to 23, in the time zone of the store.
    pub hour: u8,
    /// The epoch of the assignment.
    pub epoch: EpochNumber,
    /// The variant or holdout.
    pub row: Row,
}

/// What happened to a visitor, and who told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// The assignment.
    Assignment,
    /// The first exposure.
    Exposure(Source),
}

impl Channel {
    /// All of them, each at its number in the store.
    pub const ALL: [Self; 5] = [
        Self::Assignment,
        Self::Exposure(Source::Native),
        Self::Exposure(Source::Segment),
        Self::Exposure(Source::Ofrep),
        Self::Exposure(Source::Import),
    ];
}

impl Cells {
    /// Analysed visitors per epoch and row, over all days up to and including `until`.
    pub fn analysed(&self, until: Option<Day>) -> Counts {
        self.counts(until, |visitors| visitors.n)
    }

    /// The same of assigned visitors.
    pub fn assigned(&self, until: Option<Day>) -> Counts {
        self.counts(until, |visitors| visitors.assigned)
    }

    /// The same of those who saw their variant.
    pub fn exposed(&self, until: Option<Day>) -> Counts {
        self.counts(until, |visitors| visitors.exposed)
    }

    /// The same of those who saw another one.
    pub fn unlike(&self, until: Option<Day>) -> Counts {
        self.counts(until, |visitors| visitors.unlike)
    }

    fn counts(&self, until: Option<Day>, of: impl Fn(&Visitors) -> i64) -> Counts {
        let mut counts = Counts::new();
        let days = self.visitors.iter();
        for (key, visitors) in days.filter(|(key, _)| until.is_none_or(|day| key.day <= day)) {
            let more = of(visitors);
            if more != 0 {
                *counts.entry((key.epoch, key.row)).or_insert(0) += more;
            }
        }
        counts
    }

    /// The first day with a visitor.
    pub fn first_day(&self) -> Option<Day> {
        let present = self.visitors.iter();
        let days = present.filter(|(_, visitors)| visitors.n > 0);
        days.map(|(key, _)| key.day).min()
    }

    /// Visitors per day of the assignments that `include` accepts, over the last 28 whole days up to the last
    /// with any. Days before `over` have ended; without it, the last with visitors may not have. The first day, and
    /// such a last one, count only where there is no other, because they began or ended at some hour.
    pub fn per_day(
        &self,
        over: Option<Day>,
        include: impl Fn(&VisitorsKey) -> bool,
    ) -> Option<f64> {
        let present = || {
            let cells = self.visitors.iter();
            cells.filter(|(key, visitors)| {
                let is_over = over.is_none_or(|over| key.day < over);
                is_over && visitors.n > 0 && include(key)
            })
        };
        let first = present().map(|(key, _)| key.day).min()?;
        let last = present().map(|(key, _)| key.day).max()?;
        let average = |from: i32, to: i32| {
            let from = from.max(to - TRAFFIC_DAYS + 1);
            let counted = present().filter(|(key, _)| (from..=to).contains(&key.day.0));
            let visitors: i64 = counted.map(|(_, visitors)| visitors.n).sum();
            (visitors > 0).then(|| visitors as f64 / f64::from(to - from + 1))
        };
        let until = if over.is_none() { last.0 - 1 } else { last.0 };
        average(first.0 + 1, until).or_else(|| average(first.0, last.0))
    }
}
