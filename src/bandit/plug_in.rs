//! What is frozen for inference when burn-in closes.

use super::target::is_burning_in;
use crate::catalog::Entry;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::cell::Cells;
use crate::epoch::{Means, PlugIn};
use crate::moments::Moments;

/// One plug-in per metric: the pooled mean and variance of this moment, or what was frozen before, for ever.
pub(super) fn plug_ins(entry: &Entry, cells: &Cells) -> Vec<PlugIn> {
    let current = entry.epoch().map(|epoch| &epoch.plug_ins);
    if let Some(frozen) = current.filter(|frozen| !frozen.is_empty()) {
        return frozen.clone();
    }
    if is_burning_in(entry, cells) {
        return Vec::new();
    }
    let metrics = &entry.experiment.metrics;
    let pooled = |(index, metric): (u16, &Metric)| {
        let rows = cells.pooled(MetricIndex(index), |_| true);
        let total = rows
            .values()
            .fold(Moments::default(), |sum, row| sum + *row);
        plug_in(metrics, metric, &total)
    };
    (0..).zip(metrics).map(pooled).collect()
}

fn plug_in(metrics: &[Metric], metric: &Metric, total: &Moments) -> PlugIn {
    let unit = |index: MetricIndex| {
        let of = metrics.get(usize::from(index.0));
        of.map_or(1.0, |of| of.kind.unit())
    };
    let (mean, variance) = match metric.kind {
        MetricKind::Ratio {
            numerator,
            denominator,
        } => ratio(total, unit(numerator), unit(denominator)),
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => {
            let unit = metric.kind.unit();
            (total.mean(unit), unexplained(total, unit))
        }
    };
    PlugIn {
        mean: Means::Common(mean.filter(|mean| mean.is_finite()).unwrap_or(0.0)),
        variance: variance.filter(|variance| *variance > 0.0 && variance.is_finite()),
    }
}

/// The variance of y that x leaves, `Var(y) − Cov(x, y)²/Var(x)`; all of it where x does not vary (no covariate).
fn unexplained(total: &Moments, unit: f64) -> Option<f64> {
    let explained = || {
        let spread = total.variance_x(unit).filter(|spread| *spread > 0.0)?;
        Some(total.covariance(unit, unit)?.powi(2) / spread)
    };
    Some(total.variance(unit)? - explained().unwrap_or(0.0))
}

/// The ratio R of the totals, and the variance of a visitor's `(y − R·x)/x̄`.
fn ratio(total: &Moments, above: f64, below: f64) -> (Option<f64>, Option<f64>) {
    let denominator = total.x as f64 / below / total.n.max(1) as f64;
    let Some(ratio) = total.mean(above).map(|mean| mean / denominator) else {
        return (None, None);
    };
    let spread = || {
        let mixed = total.covariance(below, above)?;
        Some(
            total.variance(above)? - 2.0 * ratio * mixed
                + ratio * ratio * total.variance_x(below)?,
        )
    };
    let variance = spread().map(|spread| spread / (denominator * denominator));
    (Some(ratio), variance)
}
