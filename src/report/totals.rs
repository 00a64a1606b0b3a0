//! The sums a report reads, gathered once: by metric, row and era.

use std::cell::OnceCell;

use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Facet, Row, WeightedKey};
use crate::epoch::{EpochNumber, Epochs, Era};
use crate::moments::{Moments, Observation, Weighted};
use crate::time::Day;

use super::Question;
use super::adaptive::cells::Table;

/// The sums of some visitors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// Every visitor counted once; `None` where only unequally weighted sums are kept.
    pub(super) plain: Option<Moments>,
    /// Every visitor counted by the inverse propensity.
    pub(super) weighted: Weighted,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            plain: Some(Moments::default()),
            weighted: Weighted::default(),
        }
    }
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.weighted += other.weighted;
        match (&mut self.plain, &other.plain) {
            (Some(sum), Some(more)) => *sum += *more,
            (None, _) | (_, None) => self.plain = None,
        }
    }

    /// The same of y − `by`.
    fn less(&self, by: i64) -> Self {
        let pivot = Observation { y: by, x: 0 };
        Self {
            plain: self.plain.map(|plain| plain.about(pivot)),
            weighted: self.weighted.less(by),
        }
    }

    /// Visitors.
    pub(super) fn visitors(&self) -> u64 {
        let n = self.plain.map_or(self.weighted.n, |plain| plain.n);
        u64::try_from(n).unwrap_or(0)
    }
}

/// A value of a dimension, by their positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) dimension: u8,
    pub(super) value: u8,
}

/// The plain sums of a metric in an epoch and row.
pub(super) type EpochSums = (EpochNumber, Row, Moments);

/// All sums of one view of the cells. There are few rows and eras, so a search of a list is the fastest.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// By metric.
    sums: Vec<Vec<(Row, Era, Sums)>>,
    /// By metric, oldest epoch first.
    epochs: Vec<Vec<EpochSums>>,
    /// The same as pairs read it, made when the first asks.
    pub(super) tables: OnceCell<Vec<Table>>,
}

impl Totals {
    /// Everything that counts for a question.
    pub(super) fn asked(question: &Question<'_>) -> Self {
        match question.until {
            None => Self::present(question.cells, &question.entry.epochs),
            Some(day) => Self::until(question.cells, day),
        }
    }

    /// Everything so far: plain sums from the epoch cells.
    pub(super) fn present(cells: &Cells, epochs: &Epochs) -> Self {
        let mut totals = Self::default();
        for (key, change) in &cells.weighted {
            if matches!(key.facet, Facet::Day(_)) {
                totals.weigh(key, *change);
            }
        }
        for (key, moments) in &cells.plain {
            let era = epochs.get(key.epoch).map_or(Era(0), |epoch| epoch.era);
            let sums = totals.sums(key.metric, key.row, era);
            if let Some(plain) = &mut sums.plain {
                *plain += *moments;
            }
            at(&mut totals.epochs, key.metric).push((key.epoch, key.row, *moments));
        }
        totals
    }

    /// The sums of a metric epoch by epoch, oldest first; empty where they are not kept.
    pub(super) fn epochs(&self, metric: MetricIndex) -> &[EpochSums] {
        let epochs = self.epochs.get(usize::from(metric.0));
        epochs.map_or(&[], Vec::as_slice)
    }

    /// Everything up to and including a day: prefix sums of the day cells.
    pub(super) fn until(cells: &Cells, day: Day) -> Self {
        let mut totals = Self::default();
        for (key, change) in &cells.weighted {
            if matches!(key.facet, Facet::Day(of) if of <= day) {
                totals.weigh(key, *change);
            }
        }
        totals.unweigh();
        totals
    }

    /// Everything so far by value of these dimensions, in the order of dimensions and values: one pass, since cells lie
    /// in that order.
    pub(super) fn by_value(cells: &Cells, dimensions: &[u8]) -> Vec<(Value, Self)> {
        let mut values: Vec<(Value, Self)> = Vec::new();
        for (key, change) in &cells.weighted {
            let Facet::Dimension { dimension, value } = key.facet else {
                continue;
            };
            if !dimensions.contains(&dimension) {
                continue;
            }
            let of = Value { dimension, value };
            match values.last_mut() {
                Some((last, totals)) if *last == of => totals.weigh(key, *change),
                Some(_) | None => {
                    let mut totals = Self::default();
                    totals.weigh(key, *change);
                    values.push((of, totals));
                }
            }
        }
        for (_, totals) in &mut values {
            totals.unweigh();
        }
        values
    }

    /// The sums of a metric over some rows and the eras that `include` accepts, each value less what `cost` says of its
    /// row.
    pub(super) fn pooled(
        &self,
        metric: MetricIndex,
        rows: &[Row],
        include: impl Fn(Era) -> bool,
        cost: impl Fn(Row) -> i64,
    ) -> Sums {
        let mut pooled = Sums::default();
        let cells = self.sums.get(usize::from(metric.0));
        for (row, era, sums) in cells.into_iter().flatten() {
            if rows.contains(row) && include(*era) {
                pooled.add(&sums.less(cost(*row)));
            }
        }
        pooled
    }

    fn sums(&mut self, metric: MetricIndex, row: Row, era: Era) -> &mut Sums {
        let cells = at(&mut self.sums, metric);
        // Cells come era by era, so the one that is wanted stands near the end.
        let found = cells
            .iter()
            .rposition(|(of, when, _)| (*of, *when) == (row, era));
        let place = found.unwrap_or(cells.len());
        if found.is_none() {
            cells.push((row, era, Sums::default()));
        }
        &mut cells[place].2
    }

    /// Adds a weighted cell.
    pub(super) fn weigh(&mut self, key: &WeightedKey, change: Weighted) {
        self.sums(key.metric, key.row, key.era).weighted += change;
    }

    /// Takes the plain sums from the weighted ones, which is exact where all weights are equal.
    pub(super) fn unweigh(&mut self) {
        for (_, _, sums) in self.sums.iter_mut().flatten() {
            sums.plain = sums.weighted.unweighted();
        }
    }
}

/// The list of a metric, made if it is the first time.
fn at<T>(lists: &mut Vec<Vec<T>>, metric: MetricIndex) -> &mut Vec<T> {
    let place = usize::from(metric.0);
    if lists.len() <= place {
        lists.resize_with(place + 1, Vec::new);
    }
    &mut lists[place]
}
