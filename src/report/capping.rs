//! Which caps stand behind the figures of a metric. A ratio has those of its parts.

use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::stats::Caveat;

use super::design::Design;
use super::{Adjustment, ComparisonReport};

impl Design<'_> {
    /// The cap under which new visitors are analysed, in units of the metric.
    pub(super) fn cap(&self, index: MetricIndex, metric: &Metric) -> Option<f64> {
        let cap = metric.kind.cap(self.frozen(index))?;
        Some(cap as f64 / metric.kind.unit())
    }

    /// Whether some of the visitors are analysed under a cap.
    fn is_winsorised(&self, index: MetricIndex) -> bool {
        let visited = |part: MetricIndex| {
            let mut epochs = self.visited.iter();
            epochs.find_map(|epoch| epoch.cap(usize::from(part.0)))
        };
        let mut parts = self.parts(index);
        parts.any(|(part, metric)| metric.kind.cap(visited(part)).is_some())
    }

    /// Whether a cap is to come.
    fn awaits_cap(&self, index: MetricIndex) -> bool {
        let mut parts = self.parts(index);
        parts
            .any(|(part, metric)| metric.kind.percentile().is_some() && self.frozen(part).is_none())
    }

    /// The cap frozen for a metric: the same in every epoch that has one.
    fn frozen(&self, index: MetricIndex) -> Option<i64> {
        let mut epochs = self.entry.epochs.iter().rev();
        epochs.find_map(|epoch| epoch.cap(usize::from(index.0)))
    }

    /// The metrics whose totals a metric is made of.
    fn parts(&self, index: MetricIndex) -> impl Iterator<Item = (MetricIndex, &Metric)> {
        let metrics = &self.entry.experiment.metrics;
        let at = |index: MetricIndex| metrics.get(usize::from(index.0));
        let parts = match at(index).map(|metric| &metric.kind) {
            Some(MetricKind::Ratio {
                numerator,
                denominator,
            }) => vec![*numerator, *denominator],
            Some(
                MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. },
            ) => vec![index],
            None => Vec::new(),
        };
        let parts = parts.into_iter();
        parts.filter_map(move |part| at(part).map(|metric| (part, metric)))
    }
}

impl ComparisonReport {
    /// With what the caps of its metric make of it.
    pub(super) fn capped(mut self, design: &Design<'_>, index: MetricIndex) -> Self {
        if design.is_winsorised(index) {
            self.adjustments.push(Adjustment::Winsorised);
        }
        if design.awaits_cap(index) {
            self.caveats.push(Caveat::CapPending);
        }
        self
    }
}
