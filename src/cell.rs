//! Cells: the moments of one experiment, kept where reports, posteriors and tests look for them.
//!
//! Two kinds (statistics R1): plain moments per epoch, for the posterior and for inference within constant
//! propensities; weighted moments per day and per dimension value, for timelines and breakdowns. Their number grows
//! with epochs + days + values, never with visitors. Of a sum, epochs also keep its orders, for bandits; where a bandit
//! tells contexts apart, what it reads is kept per epoch and context, too, and where one goes by features of visitors, their
//! products with its metric, and the shares that visitors were drawn from. Beside them lies,
//! for each metric whose cap is a percentile, a sketch of its visitors' totals (see [`crate::winsor`]), and for each
//! conversion metric how many conversions came how long after the assignment, and the hours of the day at which visitors were
//! assigned and exposed. A set of cells is a group, so the change that
//! one event makes has the same type as the whole.

mod joins;
mod visitors;

pub use visitors::{Channel, Counts, HourKey, VisitorsKey};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::age::{AgeBucket, BUCKETS};
use crate::allocation::Arm;
use crate::catalog::metric::MetricIndex;
use crate::epoch::context::ContextCell;
use crate::epoch::{EpochNumber, Era};
use crate::moments::vectors::{Chances, Products};
use crate::moments::{Joins, Moments, Orders, Tally, Visitors, Weighted};
use crate::time::Day;

/// A row of the report: a variant, or the experiment's holdout (served control outside the allocation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The variant served.
    pub arm: Arm,
    /// Whether the visitor was held out.
    pub holdout: bool,
}

/// An epoch cell. Those of a metric lie together, in the order of epochs: most questions are about one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlainKey {
    /// The metric.
    pub metric: MetricIndex,
    /// The epoch of the assignment.
    pub epoch: EpochNumber,
    /// The variant or holdout.
    pub row: Row,
}

/// A context of an epoch, by a metric that its bandit reads. The metric comes first, as in [`PlainKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContextKey {
    /// The metric.
    pub metric: MetricIndex,
    /// The epoch of the assignment.
    pub epoch: EpochNumber,
    /// The context.
    pub context: ContextCell,
    /// The variant or holdout.
    pub row: Row,
}

/// What a weighted cell is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Facet {
    /// What changed on a day; the prefix sum over days is the state as of a day.
    Day(Day),
    /// Visitors with a value of a dimension at assignment.
    Dimension {
        /// Position in the experiment's list of dimensions, or [`VISITOR_TYPE`].
        dimension: u8,
        /// Position in the list of kept values, or [`OTHER`].
        value: u8,
    },
}

/// Dimension position of the dimension that every experiment has: whether the visitor is [`NEW`] or [`RETURNING`].
pub const VISITOR_TYPE: u8 = u8::MAX;
/// Value position of visitors who were first seen at their assignment, or shortly before it.
pub const NEW: u8 = 0;
/// Value position of visitors who were known before.
pub const RETURNING: u8 = 1;

/// Value position of everything beyond the kept values of a dimension (missing attributes too).
pub const OTHER: u8 = u8::MAX;

/// A weighted cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WeightedKey {
    /// Day or dimension value.
    pub facet: Facet,
    /// The era of the assignment.
    pub era: Era,
    /// The variant or holdout.
    pub row: Row,
    /// The metric.
    pub metric: MetricIndex,
}

/// A bucket of a metric's sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SketchKey {
    /// The metric.
    pub metric: MetricIndex,
    /// The bucket, named by its lowest value.
    pub bucket: i64,
}

/// Conversions of an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DelayKey {
    /// The metric, a conversion.
    pub metric: MetricIndex,
    /// The variant or holdout.
    pub row: Row,
    /// How long after the assignment the visitor first converted.
    pub age: AgeBucket,
}

/// The cells of one experiment, or a change of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cells {
    /// Visitors by epoch and day.
    pub visitors: BTreeMap<VisitorsKey, Visitors>,
    /// Assigned and exposed visitors by the hour of the day, and by who told.
    pub hours: BTreeMap<HourKey, Tally>,
    /// Plain moments by epoch.
    pub plain: BTreeMap<PlainKey, Moments>,
    /// Of each sum, what visitors with any spent, by epoch.
    pub orders: BTreeMap<PlainKey, Orders>,
    /// Plain moments by epoch and context, where a contextual bandit learns.
    pub contexts: BTreeMap<ContextKey, Moments>,
    /// Sums of features and values by epoch, where a linear bandit learns.
    pub features: BTreeMap<PlainKey, Products>,
    /// The shares that a linear bandit drew visitors from, by epoch, the holdout among them.
    pub chances: BTreeMap<EpochNumber, Chances>,
    /// Weighted moments by day and by dimension value.
    pub weighted: BTreeMap<WeightedKey, Weighted>,
    /// Totals by bucket, of visitors assigned while the cap was not frozen.
    pub sketches: BTreeMap<SketchKey, Tally>,
    /// Converted visitors by the age of their first conversion.
    pub delays: BTreeMap<DelayKey, Tally>,
    /// Visitors who were assigned more than once, by epoch and day.
    pub joins: BTreeMap<VisitorsKey, Joins>,
    /// Assignments and counted rewards so far: what a tick compares to decide whether enough was learned.
    pub information: u64,
}

macro_rules! merge_map {
    ($into:expr, $from:expr) => {
        for (key, change) in $from {
            let cell = $into.entry(*key).or_default();
            *cell += change;
            if cell.is_zero() {
                $into.remove(key);
            }
        }
    };
}

impl Cells {
    /// No cells.
    pub const fn none() -> Self {
        Self {
            visitors: BTreeMap::new(),
            hours: BTreeMap::new(),
            plain: BTreeMap::new(),
            orders: BTreeMap::new(),
            contexts: BTreeMap::new(),
            features: BTreeMap::new(),
            chances: BTreeMap::new(),
            weighted: BTreeMap::new(),
            sketches: BTreeMap::new(),
            delays: BTreeMap::new(),
            joins: BTreeMap::new(),
            information: 0,
        }
    }

    /// Adds a change; cells that become zero vanish, so that equal sums are equal maps.
    pub fn merge(&mut self, change: &Self) {
        merge_map!(self.visitors, &change.visitors);
        merge_map!(self.hours, &change.hours);
        merge_map!(self.plain, &change.plain);
        merge_map!(self.orders, &change.orders);
        merge_map!(self.contexts, &change.contexts);
        merge_map!(self.features, &change.features);
        merge_map!(self.chances, &change.chances);
        merge_map!(self.weighted, &change.weighted);
        merge_map!(self.sketches, &change.sketches);
        merge_map!(self.delays, &change.delays);
        merge_map!(self.joins, &change.joins);
        self.information += change.information;
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.visitors.is_empty()
            && self.hours.is_empty()
            && self.plain.is_empty()
            && self.orders.is_empty()
            && self.contexts.is_empty()
            && self.features.is_empty()
            && self.chances.is_empty()
            && self.weighted.is_empty()
            && self.sketches.is_empty()
            && self.delays.is_empty()
            && self.joins.is_empty()
            && self.information == 0
    }

    /// Plain moments of a metric per row, summed over the epochs that `include` accepts.
    pub fn pooled(
        &self,
        metric: MetricIndex,
        include: impl Fn(EpochNumber) -> bool,
    ) -> BTreeMap<Row, Moments> {
        let mut rows: BTreeMap<Row, Moments> = BTreeMap::new();
        for (key, moments) in self.of_metric(metric) {
            if include(key.epoch) {
                *rows.entry(key.row).or_default() += *moments;
            }
        }
        rows
    }

    /// The epoch cells of a metric, in the order of epochs.
    pub fn of_metric(&self, metric: MetricIndex) -> impl Iterator<Item = (&PlainKey, &Moments)> {
        let row = Row {
            arm: Arm(0),
            holdout: false,
        };
        let epoch = EpochNumber(0);
        let first = PlainKey { metric, epoch, row };
        let from = self.plain.range(first..);
        from.take_while(move |(key, _)| key.metric == metric)
    }

    /// The epoch and context cells of a metric, in the order of epochs.
    pub fn by_context(&self, metric: MetricIndex) -> impl Iterator<Item = (&ContextKey, &Moments)> {
        let first = ContextKey {
            metric,
            epoch: EpochNumber(0),
            context: ContextCell(0),
            row: Row {
                arm: Arm(0),
                holdout: false,
            },
        };
        let from = self.contexts.range(first..);
        from.take_while(move |(key, _)| key.metric == metric)
    }

    /// The sums of features with a metric, in the order of epochs.
    pub fn products(&self, metric: MetricIndex) -> impl Iterator<Item = (&PlainKey, &Products)> {
        let row = Row {
            arm: Arm(0),
            holdout: false,
        };
        let epoch = EpochNumber(0);
        let first = PlainKey { metric, epoch, row };
        let from = self.features.range(first..);
        from.take_while(move |(key, _)| key.metric == metric)
    }

    /// What was learned from the visitors of an epoch and of later ones.
    #[must_use]
    pub fn since(&self, epoch: EpochNumber) -> Self {
        let later = self.plain.iter().filter(|(key, _)| key.epoch >= epoch);
        Self {
            plain: later.map(|(key, moments)| (*key, *moments)).collect(),
            // How long conversions take is learned from all.
            delays: self.delays.clone(),
            visitors: self.visitors.clone(),
            information: self.information,
            ..Self::none()
        }
    }

    /// The sketch of a metric: buckets, and how many visitors have a total in each.
    pub fn sketch(&self, metric: MetricIndex) -> impl Iterator<Item = (i64, i64)> {
        let at = |bucket| SketchKey { metric, bucket };
        let buckets = self.sketches.range(at(i64::MIN)..=at(i64::MAX));
        buckets.map(|(key, tally)| (key.bucket, tally.n))
    }

    /// How many conversions of a metric came at each age, by row.
    pub fn ages(&self, metric: MetricIndex) -> BTreeMap<Row, [f64; BUCKETS]> {
        let mut rows = BTreeMap::new();
        for (key, tally) in self.delays.iter().filter(|(key, _)| key.metric == metric) {
            let ages = rows.entry(key.row).or_insert([0.0; BUCKETS]);
            ages[key.age.position()] = tally.n.max(0) as f64;
        }
        rows
    }

    /// Weighted moments of a metric per row, summed over the cells whose facet `include` accepts.
    pub fn weighted(
        &self,
        metric: MetricIndex,
        include: impl Fn(Facet) -> bool,
    ) -> BTreeMap<Row, Weighted> {
        let mut rows: BTreeMap<Row, Weighted> = BTreeMap::new();
        for (key, moments) in &self.weighted {
            if key.metric == metric && include(key.facet) {
                *rows.entry(key.row).or_default() += *moments;
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::Observation;

    #[test]
    fn what_was_added_and_taken_back_leaves_no_trace() {
        let row = Row {
            arm: Arm(1),
            holdout: false,
        };
        let key = PlainKey {
            epoch: EpochNumber(1),
            row,
            metric: MetricIndex(0),
        };
        let moments = Moments::of(Observation { y: 5, x: 0 });
        let change = Cells {
            plain: BTreeMap::from([(key, moments)]),
            ..Cells::default()
        };
        let back = Cells {
            plain: BTreeMap::from([(key, -moments)]),
            ..Cells::default()
        };
        let mut cells = Cells::default();
        cells.merge(&change);
        assert_eq!(cells.pooled(MetricIndex(0), |_| true)[&row], moments);
        cells.merge(&back);
        assert!(cells.is_empty());
    }
}
