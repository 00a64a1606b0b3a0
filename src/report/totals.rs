//! The sums a report reads, gathered once: by metric, row and era.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Facet, Row, WeightedKey};
use crate::epoch::{EpochNumber, Epochs, Era};
use crate::moments::{Moments, Weighted};
use crate::time::Day;

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
        self.plain = self.plain.zip(other.plain).map(|(sum, more)| sum + more);
    }

    /// Visitors.
    pub(super) fn visitors(&self) -> u64 {
        let n = self.plain.map_or(self.weighted.n, |plain| plain.n);
        u64::try_from(n).unwrap_or(0)
    }
}

/// The plain sums of a metric in an epoch, by row.
pub(super) type EpochSums = (EpochNumber, Vec<(Row, Moments)>);

/// All sums of one view of the cells.
#[derive(Debug, Default)]
pub(super) struct Totals {
    sums: BTreeMap<(MetricIndex, Row), BTreeMap<Era, Sums>>,
    epochs: BTreeMap<MetricIndex, Vec<EpochSums>>,
    /// The same as pairs read it, made when the first asks.
    pub(super) tables: OnceCell<Vec<Table>>,
}

impl Totals {
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
            sums.plain = sums.plain.map(|plain| plain + *moments);
            let epochs = totals.epochs.entry(key.metric).or_default();
            match epochs.last_mut() {
                Some((number, rows)) if *number == key.epoch => rows.push((key.row, *moments)),
                Some(_) | None => epochs.push((key.epoch, vec![(key.row, *moments)])),
            }
        }
        totals
    }

    /// The sums of a metric epoch by epoch, oldest first; empty where they are not kept.
    pub(super) fn epochs(&self, metric: MetricIndex) -> &[EpochSums] {
        self.epochs.get(&metric).map_or(&[], Vec::as_slice)
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

    /// Everything so far, by value of a dimension.
    pub(super) fn by_value(cells: &Cells, dimension: u8) -> BTreeMap<u8, Self> {
        let mut values: BTreeMap<u8, Self> = BTreeMap::new();
        for (key, change) in &cells.weighted {
            match key.facet {
                Facet::Dimension {
                    dimension: of,
                    value,
                } if of == dimension => {
                    values.entry(value).or_default().weigh(key, *change);
                }
                Facet::Dimension { .. } | Facet::Day(_) => {}
            }
        }
        for totals in values.values_mut() {
            totals.unweigh();
        }
        values
    }

    /// The sums of a metric over some rows and the eras that `include` accepts.
    pub(super) fn pooled(
        &self,
        metric: MetricIndex,
        rows: &[Row],
        include: impl Fn(Era) -> bool,
    ) -> Sums {
        let mut pooled = Sums::default();
        for eras in rows.iter().filter_map(|row| self.sums.get(&(metric, *row))) {
            for (_, sums) in eras.iter().filter(|(era, _)| include(**era)) {
                pooled.add(sums);
            }
        }
        pooled
    }

    fn sums(&mut self, metric: MetricIndex, row: Row, era: Era) -> &mut Sums {
        let eras = self.sums.entry((metric, row)).or_default();
        eras.entry(era).or_default()
    }

    fn weigh(&mut self, key: &WeightedKey, change: Weighted) {
        self.sums(key.metric, key.row, key.era).weighted += change;
    }

    /// Takes the plain sums from the weighted ones, which is exact where all weights are equal.
    fn unweigh(&mut self) {
        for sums in self.sums.values_mut().flat_map(BTreeMap::values_mut) {
            sums.plain = sums.weighted.unweighted();
        }
    }
}
