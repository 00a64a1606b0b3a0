//! One metric of some visitors: what their sums say.

use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::cell::Row;
use crate::epoch::Era;
use crate::moments::Moments;
use crate::posterior::Posterior;
use crate::posterior::nig::Nig;
use crate::stats::{self, Kind, Ratio, Sample};

use super::ALPHA;
use super::design::{Basis, Design};
use super::totals::{Sums, Totals};
use super::weighted::{self, Weighing};

/// What the sums of a metric say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figure {
    /// Visitors.
    pub(super) n: u64,
    /// Their total, where it is kept.
    pub(super) sum: Option<f64>,
    /// Mean and variance; absent without visitors, and for a ratio without a denominator.
    pub(super) sample: Option<Sample>,
    /// The standard error of the mean, where it is not that of the sample.
    pub(super) error: Option<f64>,
    /// The interval of the mean.
    pub(super) interval: Option<[f64; 2]>,
    /// Visitors with an order, or a lower bound of their number.
    pub(super) orders: Option<u64>,
    /// Whether a ratio's denominator is too uncertain to compare by the delta method.
    pub(super) is_noisy: bool,
    /// Whether the sums are weighted, so that tests for a fixed split do not hold.
    pub(super) is_weighted: bool,
    /// What the intervals of weighted sums need to know.
    pub(super) weighing: Option<Weighing>,
    /// What is believed about the mean.
    pub(super) posterior: Option<Posterior>,
}

impl Figure {
    pub(super) fn mean(&self) -> Option<f64> {
        self.sample.map(|sample| sample.mean)
    }

    /// Orders, or effective ones.
    pub(super) fn events(&self) -> Option<f64> {
        let effective = self.weighing.map(|weighing| weighing.events());
        effective.or(self.orders.map(|orders| orders as f64))
    }

    pub(super) fn std_error(&self) -> Option<f64> {
        if self.error.is_some() {
            return self.error;
        }
        let sample = self.sample.filter(|_| !self.is_weighted)?;
        let error = (sample.variance / sample.n.max(1) as f64).sqrt();
        (error > 0.0).then_some(error)
    }
}

/// Reads figures of one view of the cells.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) design: &'a Design<'a>,
    pub(super) totals: &'a Totals,
    /// Tests of one look have confidence 1 − this.
    pub(super) alpha: f64,
    /// Whether decision aids are left out.
    pub(super) is_bare: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(design: &'a Design<'a>, totals: &'a Totals) -> Self {
        Self {
            design,
            totals,
            alpha: ALPHA,
            is_bare: false,
        }
    }

    /// Without posteriors and what follows from them.
    pub(super) fn bare(design: &'a Design<'a>, totals: &'a Totals) -> Self {
        Self {
            is_bare: true,
            ..Self::new(design, totals)
        }
    }
}

/// Which visitors: rows, eras and how they may be summed.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) rows: &'a [Row],
    /// `None` is every era.
    pub(super) eras: Option<&'a std::collections::BTreeSet<Era>>,
    pub(super) basis: Basis,
}

impl Reader<'_> {
    /// A metric of a group.
    pub(super) fn figure(&self, index: MetricIndex, group: Group<'_>) -> Figure {
        let metrics = &self.design.entry.experiment.metrics;
        let Some(metric) = metrics.get(usize::from(index.0)) else {
            return Figure::default();
        };
        let sums = self.sums(index, group);
        let net = self.net(index, group);
        let gate = gate(metrics, metric).map(|gate| {
            if gate == index {
                sums
            } else {
                self.sums(gate, group)
            }
        });
        let plain = sums.plain.filter(|_| group.basis != Basis::Weighted);
        let Some((moments, net_moments)) = plain.zip(net.plain) else {
            return weighted::figure(metrics, metric, (&sums, &net), gate.as_ref());
        };
        let figure = plain_figure(metrics, metric, (&moments, &net_moments));
        let orders = gate.and_then(|gate| gate.plain).map(|gate| count(gate.y));
        let posterior = match metric.kind {
            MetricKind::Count { .. } | MetricKind::Sum { .. } if !self.is_bare => {
                let cost = moments.mean(metric.kind.unit()).zip(figure.mean());
                let posterior = self.student(index, group, &moments);
                posterior.map(|of| of.less(cost.map_or(0.0, |(gross, net)| gross - net)))
            }
            MetricKind::Conversion { .. }
            | MetricKind::Ratio { .. }
            | MetricKind::Count { .. }
            | MetricKind::Sum { .. } => figure.posterior,
        };
        Figure {
            orders: orders.or(figure.orders),
            posterior,
            ..figure
        }
    }

    /// The posterior of a mean before costs, whose prior is what all rows together are like; none where nothing varies.
    fn student(&self, index: MetricIndex, group: Group<'_>, own: &Moments) -> Option<Posterior> {
        let metric = self.design.entry.experiment.metric(index)?;
        let rows: Vec<Row> = self.design.rows.iter().map(|named| named.row).collect();
        let everybody = Group {
            rows: &rows,
            ..group
        };
        let (unit, pooled) = (metric.kind.unit(), self.sums(index, everybody).plain?);
        let prior = Nig::weak(pooled.mean(unit)?, pooled.variance(unit)?)?;
        let n = own.n as f64;
        let variance = own.variance(unit).unwrap_or(0.0);
        prior
            .updated(n, own.mean(unit)?, (n - 1.0) * variance)
            .mean()
    }

    /// The sums of a metric, before costs.
    pub(super) fn sums(&self, index: MetricIndex, group: Group<'_>) -> Sums {
        self.less(index, group, |_| 0)
    }

    /// The sums of a metric, net of what the visitors cost.
    pub(super) fn net(&self, index: MetricIndex, group: Group<'_>) -> Sums {
        let metric = self.design.entry.experiment.metric(index);
        self.less(index, group, |row| {
            metric.map_or(0, |metric| self.design.cost(metric, row.arm))
        })
    }

    fn less(&self, index: MetricIndex, group: Group<'_>, cost: impl Fn(Row) -> i64) -> Sums {
        let include = |era| group.eras.is_none_or(|eras| eras.contains(&era));
        self.totals.pooled(index, group.rows, include, cost)
    }
}

/// The conversion metric that counts the orders behind a metric.
pub(super) fn gate(metrics: &[Metric], metric: &Metric) -> Option<MetricIndex> {
    let below = match metric.kind {
        MetricKind::Ratio { denominator, .. } => metrics.get(usize::from(denominator.0))?,
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => metric,
    };
    let event = below.kind.event()?;
    let counts = |of: &Metric| match &of.kind {
        MetricKind::Conversion { event: converting } => converting == event,
        MetricKind::Count { .. } | MetricKind::Sum { .. } | MetricKind::Ratio { .. } => false,
    };
    let position = metrics.iter().position(counts)?;
    u16::try_from(position).ok().map(MetricIndex)
}

/// The figure of plain sums, and of the same net of costs.
fn plain_figure(
    metrics: &[Metric],
    metric: &Metric,
    (moments, net): (&Moments, &Moments),
) -> Figure {
    let (above, below) = metric.units(metrics);
    let n = u64::try_from(moments.n).unwrap_or(0);
    let present = |sample| (n > 0).then_some(sample);
    let mean = || {
        present(Sample {
            n,
            mean: net.mean(above).unwrap_or(0.0),
            variance: net.variance(above).unwrap_or(0.0),
        })
    };
    let (kind, sample, ratio) = match metric.kind {
        MetricKind::Conversion { .. } => (
            Kind::Proportion,
            present(Sample::proportion(count(moments.y), n)),
            None,
        ),
        MetricKind::Count { .. } | MetricKind::Sum { .. } => (Kind::Mean, mean(), None),
        MetricKind::Ratio { .. } => {
            let ratio = Ratio::of(moments, above, below);
            (Kind::Ratio, ratio.and_then(|ratio| ratio.sample()), ratio)
        }
    };
    let interval = match ratio {
        Some(ratio) => ratio.interval(ALPHA),
        None => sample.and_then(|sample| stats::mean_interval(&sample, kind, ALPHA)),
    };
    Figure {
        n,
        sum: (n > 0).then(|| moments.y as f64 / above),
        sample,
        interval: interval.map(|interval| [interval.low, interval.high]),
        orders: Some(match kind {
            Kind::Proportion => count(moments.y),
            Kind::Mean => effective(moments.y as f64, moments.yy.as_f64()),
            Kind::Ratio => effective(moments.x as f64, moments.xx.as_f64()),
        }),
        error: None,
        is_noisy: ratio.is_some_and(|ratio| ratio.is_noisy()),
        is_weighted: false,
        weighing: None,
        posterior: match kind {
            Kind::Proportion => (n > 0).then(|| Posterior::beta(count(moments.y), n)),
            Kind::Mean => None, // its prior is made of all rows
            Kind::Ratio => sample.and_then(|sample| central(&sample)),
        },
    }
}

/// The posterior of a mean under a flat prior; none where nothing varies yet.
pub(super) fn central(sample: &Sample) -> Option<Posterior> {
    let error = (sample.variance / sample.n as f64).sqrt();
    Posterior::normal(sample.mean, error).filter(|_| error > 0.0)
}

fn count(sum: i128) -> u64 {
    u64::try_from(sum).unwrap_or(0)
}

/// Kish's effective number (Σ y)² / Σ y²: at most as many as are not zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast saturates"
)]
fn effective(sum: f64, squares: f64) -> u64 {
    stats::kish(sum, squares).round() as u64
}
