//! What an experiment's own visitors say: who is there, how many come per day, and what the control does.

use std::collections::BTreeMap;

use super::Own;
use crate::allocation::Arm;
use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::cell::{Facet, Row};
use crate::moments::{Moments, Weighted};
use crate::stats::power::Baseline;
use crate::stats::{Ratio, kish};

/// Orders that a baseline must rest on, as the interval of a lift.
const MIN_ORDERS: f64 = 25.0;

impl Own<'_> {
    /// The visitors that were served each variant, held out or not.
    pub(super) fn visitors(&self) -> BTreeMap<Arm, i64> {
        let mut visitors = BTreeMap::new();
        for ((_, row), assigned) in self.cells.analysed(None) {
            *visitors.entry(row.arm).or_insert(0) += assigned;
        }
        visitors
    }

    /// Visitors per day over the last whole days.
    pub(super) fn per_day(&self) -> Option<f64> {
        self.cells.per_day(Some(self.today), |_| true)
    }

    /// What the control does, held out or not: its mean by inverse propensities, so that a moving split does not bend it.
    /// `None` below 25 orders, and where nothing varies.
    pub(super) fn baseline(&self, goal: MetricIndex) -> Option<Baseline> {
        let experiment = &self.entry.experiment;
        let metric = experiment.metric(goal)?;
        let is_control = |row: &Row| row.arm == experiment.control;
        let (mut plain, mut weighted) = (Moments::default(), Weighted::default());
        for (row, moments) in self.cells.pooled(goal, |_| true) {
            plain = if is_control(&row) {
                plain + moments
            } else {
                plain
            };
        }
        for (row, moments) in self.cells.weighted(goal, |of| matches!(of, Facet::Day(_))) {
            if is_control(&row) {
                weighted += moments;
            }
        }
        let unit = |index: MetricIndex| experiment.metric(index).map_or(1.0, |of| of.kind.unit());
        let (baseline, orders) = match metric.kind {
            MetricKind::Conversion { .. } => {
                let rate = weighted.mean(1.0)?;
                (Baseline::Proportion(rate), plain.y as f64)
            }
            MetricKind::Count { .. } | MetricKind::Sum { .. } => {
                let mean = weighted.mean(unit(goal))?;
                let sd = plain.variance(unit(goal))?.sqrt();
                (
                    Baseline::Mean { mean, sd },
                    kish(plain.y as f64, plain.yy.as_f64()),
                )
            }
            MetricKind::Ratio {
                numerator,
                denominator,
            } => {
                let baseline = ratio(&plain, unit(numerator), unit(denominator))?;
                (baseline, kish(plain.x as f64, plain.xx.as_f64()))
            }
        };
        (orders >= MIN_ORDERS && varies(baseline)).then_some(baseline)
    }
}

fn ratio(moments: &Moments, above: f64, below: f64) -> Option<Baseline> {
    let ratio = Ratio::of(moments, above, below)?;
    let sample = ratio.sample()?;
    let (mean, sd) = (sample.mean, sample.variance.sqrt());
    Some(Baseline::Mean { mean, sd })
}

fn varies(baseline: Baseline) -> bool {
    match baseline {
        Baseline::Proportion(rate) => rate > 0.0 && rate < 1.0,
        Baseline::Mean { mean, sd } => mean.abs() > 0.0 && sd > 0.0,
    }
}
