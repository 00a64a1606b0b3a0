//! The sums of a pair of arms epoch by epoch, about a pivot.

use crate::allocation::Arm;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::epoch::Era;
use crate::moments::{Moments, Observation};
use crate::report::figure::{Reader, units};
use crate::stats::adaptive::{Cell, Epoch};

/// A pair of arms in one epoch: sums about the pivot in units, and plug-in means less the pivot.
#[derive(Clone, Copy)]
pub(super) struct Drawn {
    pub(super) visitors: f64,
    pub(super) control: Side,
    pub(super) treatment: Side,
    /// Plug-in means above and below the line.
    pub(super) plug_in: [f64; 2],
}

/// The sums of an arm in an epoch.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) n: f64,
    pub(super) y: f64,
    pub(super) yy: f64,
    pub(super) x: f64,
    pub(super) xx: f64,
    pub(super) xy: f64,
    pub(super) propensity: f64,
}

impl Side {
    pub(super) fn new(moments: &Moments, (above, below): (f64, f64), propensity: f64) -> Self {
        Self {
            n: moments.n as f64,
            y: moments.y as f64 / above,
            yy: moments.yy.as_f64() / (above * above),
            x: moments.x as f64 / below,
            xx: moments.xx.as_f64() / (below * below),
            xy: moments.xy.as_f64() / (above * below),
            propensity,
        }
    }

    /// The sums of (y − ratio·x + constant)·scale.
    pub(super) fn cell(&self, line: Line, plug_in: [f64; 2]) -> Cell {
        let Line {
            ratio,
            constant,
            scale,
        } = line;
        let sum = self.y - ratio * self.x;
        let squares = self.yy - 2.0 * ratio * self.xy + ratio * ratio * self.xx;
        Cell {
            n: self.n,
            sum: scale * (sum + self.n * constant),
            squares: scale
                * scale
                * (squares + 2.0 * constant * sum + self.n * constant * constant),
            propensity: self.propensity,
            plug_in: scale * (plug_in[0] - ratio * plug_in[1] + constant),
        }
    }
}

/// What is analysed of a visitor: (y − ratio·x + constant)·scale.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) ratio: f64,
    pub(super) constant: f64,
    pub(super) scale: f64,
}

pub(super) const ABOVE: Line = Line {
    ratio: 0.0,
    constant: 0.0,
    scale: 1.0,
};

impl Drawn {
    pub(super) fn epoch(&self, control: Line, treatment: Line) -> Epoch {
        Epoch {
            visitors: self.visitors,
            control: self.control.cell(control, self.plug_in),
            treatment: self.treatment.cell(treatment, self.plug_in),
        }
    }

    /// The same with x above the line.
    pub(super) fn turned(&self) -> Self {
        let turn = |side: Side| Side {
            y: side.x,
            yy: side.xx,
            ..side
        };
        Self {
            control: turn(self.control),
            treatment: turn(self.treatment),
            plug_in: [self.plug_in[1], 0.0],
            ..*self
        }
    }
}

impl Reader<'_> {
    /// Integers near the means of y and x over everything.
    pub(super) fn pivot(self, index: MetricIndex) -> Observation {
        let epochs = self.totals.epochs(index).iter();
        let all = epochs
            .flat_map(|(_, rows)| rows)
            .fold(Moments::default(), |sum, (_, moments)| sum + *moments);
        let n = i128::from(all.n.max(1));
        let near = |sum: i128| i64::try_from(sum / n).unwrap_or(0);
        Observation {
            y: near(all.y),
            x: near(all.x),
        }
    }

    pub(super) fn drawn(
        self,
        index: MetricIndex,
        [control, treatment]: [Arm; 2],
        pivot: Observation,
        include: &impl Fn(Era) -> bool,
    ) -> Vec<Drawn> {
        let entry = self.design.entry;
        let Some(metric) = entry.experiment.metric(index) else {
            return Vec::new();
        };
        let units = units(&entry.experiment.metrics, metric);
        let mut before = Moments::default();
        let mut drawn = Vec::new();
        for (number, rows) in self.totals.epochs(index) {
            let sum = |of: &dyn Fn(Arm) -> bool| {
                let rows = rows.iter().filter(|(row, _)| of(row.arm));
                rows.fold(Moments::default(), |sum, (_, moments)| sum + *moments)
            };
            let all = sum(&|_| true).about(pivot);
            let epoch = entry.epochs.get(*number).filter(|epoch| include(epoch.era));
            let served = |arm| Some(epoch?.served(arm, self.design.control())?.get());
            if let (Some(epoch), Some(of_control), Some(of_treatment)) =
                (epoch, served(control), served(treatment))
            {
                let side = |arm, propensity| {
                    Side::new(&sum(&|of| of == arm).about(pivot), units, propensity)
                };
                drawn.push(Drawn {
                    visitors: all.n as f64,
                    control: side(control, of_control),
                    treatment: side(treatment, of_treatment),
                    plug_in: plug_in(frozen(metric, index, &epoch.means), &before, pivot, units),
                });
            }
            before += all;
        }
        drawn
    }
}

/// The frozen means above and below the line; 0 is none.
fn frozen(metric: &Metric, index: MetricIndex, means: &[f64]) -> [f64; 2] {
    let of = |index: MetricIndex| means.get(usize::from(index.0)).copied().unwrap_or(0.0);
    match metric.kind {
        MetricKind::Ratio {
            numerator,
            denominator,
        } => [of(numerator), of(denominator)],
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => {
            [of(index), 0.0]
        }
    }
}

/// The plug-in means about the pivot: the frozen ones, else those of the epochs before, which are sums about the pivot.
fn plug_in(
    frozen: [f64; 2],
    before: &Moments,
    pivot: Observation,
    (above, below): (f64, f64),
) -> [f64; 2] {
    let mean = |frozen: f64, sum: i128, pivot: i64, unit: f64| {
        if frozen.abs() > 0.0 || before.n <= 0 {
            frozen - pivot as f64 / unit
        } else {
            sum as f64 / before.n as f64 / unit
        }
    };
    [
        mean(frozen[0], before.y, pivot.y, above),
        mean(frozen[1], before.x, pivot.x, below),
    ]
}
