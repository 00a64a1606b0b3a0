//! What visitors cost: sums are compared net of it.
//!
//! The cost of a variant is money per visitor assigned to it, a gift or a discount's margin, and a sum is money: every
//! analysed visitor's total, capped where the metric has a cap, is reported less the cost of the visitor's variant.
//! That moves the mean of a variant by a constant and leaves its variance alone, so a lift is that of net revenue, its
//! interval is as wide as it would be about gross revenue of that size, and `p_value` tests the net difference. Where less
//! is better the sum is an expense, to which the cost is added: the same that a bandit learns from.
//!
//! The holdout is served the control and costs what it does. Against the holdout the policy costs what its visitors'
//! variants do, visitor by visitor. Under `exposure = "exposed"` those who were exposed are analysed, and each of them
//! costs it once: who never saw a variant took nothing of it.
//!
//! Conversions and counts are no money and stay as they are, and so do ratios: they say what an order is worth, and not
//! what a visitor brings. Orders behind a lift are counted before anything is subtracted.

use std::collections::BTreeMap;

use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::metric::{Direction, Metric, MetricIndex, MetricKind};
use crate::cell::Cells;
use crate::epoch::Cause;
use crate::time::Day;

use super::design::{Design, Pairing};
use super::{Adjustment, ComparisonReport};

/// What the variants of an experiment cost on each day beyond its control: Σ over the analysed visitors of cost(variant) −
/// cost(control), in the currency of its amounts. Imported history cost this shop nothing that it could save.
pub fn variant_costs(entry: &Entry, cells: &Cells) -> BTreeMap<Day, f64> {
    let experiment = &entry.experiment;
    let cost = |arm| experiment.variant(arm).map_or(0.0, |variant| variant.cost);
    let mut days = BTreeMap::new();
    for (key, visitors) in &cells.visitors {
        let more = cost(key.row.arm) - cost(experiment.control);
        let epoch = entry.epochs.get(key.epoch);
        let is_own = epoch.is_some_and(|epoch| epoch.cause != Cause::Imported);
        if is_own && more.abs() > 0.0 {
            *days.entry(key.day).or_insert(0.0) += visitors.n as f64 * more;
        }
    }
    days
}

impl Design<'_> {
    /// What is subtracted from the value of each visitor of an arm, in the metric's integers.
    pub(super) fn cost(&self, metric: &Metric, arm: Arm) -> i64 {
        let sign = match (&metric.kind, metric.direction) {
            (MetricKind::Sum { .. }, Direction::Increase) => 1.0,
            (MetricKind::Sum { .. }, Direction::Decrease) => -1.0,
            (
                MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Ratio { .. },
                _,
            ) => return 0,
        };
        let variant = self.entry.experiment.variant(arm);
        let cost = variant.map_or(0.0, |variant| variant.cost);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast saturates, far above any value"
        )]
        let cost = (sign * cost * metric.kind.unit()).round() as i64;
        cost
    }

    /// The same in units; `None` where nothing is subtracted.
    pub(super) fn price(&self, metric: &Metric, arm: Arm) -> Option<f64> {
        let cost = self.cost(metric, arm);
        (cost != 0).then(|| cost as f64 / metric.kind.unit())
    }

    /// What is subtracted of control and treatment, in units.
    pub(super) fn prices(&self, metric: &Metric, arms: [Arm; 2]) -> [f64; 2] {
        arms.map(|arm| self.price(metric, arm).unwrap_or(0.0))
    }

    /// Whether a metric is net of anything.
    pub(super) fn is_costly(&self, metric: &Metric) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|named| self.cost(metric, named.row.arm) != 0)
    }
}

impl ComparisonReport {
    /// Says so where either arm's values are net of a cost.
    pub(super) fn net(
        mut self,
        design: &Design<'_>,
        index: MetricIndex,
        pairing: &Pairing,
    ) -> Self {
        let arms = [design.control(), pairing.named.row.arm];
        let metric = design.entry.experiment.metric(index);
        let costs = |metric| arms.map(|arm| design.cost(metric, arm)) != [0, 0];
        if metric.is_some_and(costs) {
            self.adjustments.push(Adjustment::Cost);
        }
        self
    }
}
