//! The sums of a pair of arms epoch by epoch, about a pivot.

use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::experiment::Status;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::epoch::{Epoch, EpochNumber, Era};
use crate::moments::{Moments, Observation};
use crate::report::design::Design;
use crate::report::figure::{Reader, units};
use crate::report::totals::EpochSums;
use crate::stats::adaptive;
use crate::time::Timestamp;

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
#[derive(Debug, Clone, Copy)]
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
    pub(super) fn cell(&self, line: Line, plug_in: [f64; 2]) -> adaptive::Cell {
        let Line {
            ratio,
            constant,
            scale,
        } = line;
        let sum = self.y - ratio * self.x;
        let squares = self.yy - 2.0 * ratio * self.xy + ratio * ratio * self.xx;
        adaptive::Cell {
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
    pub(super) fn epoch(&self, control: Line, treatment: Line) -> adaptive::Epoch {
        adaptive::Epoch {
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

/// A metric epoch by epoch, made once for all pairs.
#[derive(Debug)]
pub(in crate::report) struct Table {
    /// The pivot in units.
    pub(super) offset: [f64; 2],
    epochs: Vec<Met>,
}

/// The arms that met in an epoch.
#[derive(Debug)]
pub(in crate::report) struct Met {
    pub(super) era: Era,
    /// When the next epoch opened, or the experiment stopped.
    pub(super) closed_at: Option<Timestamp>,
    visitors: f64,
    sides: Vec<(Arm, Side)>,
    plug_in: [f64; 2],
}

impl Table {
    fn new(design: &Design<'_>, epochs: &[EpochSums], metric: (MetricIndex, &Metric)) -> Self {
        let units = units(&design.entry.experiment.metrics, metric.1);
        let pivot = pivot(epochs);
        let mut table = Self {
            offset: [pivot.y as f64 / units.0, pivot.x as f64 / units.1],
            epochs: Vec::with_capacity(epochs.len()),
        };
        let mut before = Moments::default();
        for (number, rows) in epochs {
            let mut arms: Vec<(Arm, Moments)> = Vec::with_capacity(rows.len());
            let start = before;
            for (row, moments) in rows {
                let moments = moments.about(pivot);
                before += moments;
                match arms.iter_mut().find(|(arm, _)| *arm == row.arm) {
                    Some((_, sum)) => *sum += moments,
                    None => arms.push((row.arm, moments)),
                }
            }
            if let Some(epoch) = design.entry.epochs.get(*number) {
                let frozen = frozen(metric.1, metric.0, &epoch.means);
                table.epochs.push(Met {
                    era: epoch.era,
                    closed_at: closed_at(design.entry, epoch),
                    visitors: (before.n - start.n) as f64,
                    sides: sides(epoch, design.control(), &arms, units),
                    plug_in: plug_in(frozen, &start, pivot, units),
                });
            }
        }
        table
    }

    /// A pair over the eras that `include` accepts.
    pub(super) fn drawn(
        &self,
        [control, treatment]: [Arm; 2],
        include: impl Fn(&Met) -> bool,
    ) -> Vec<Drawn> {
        let epochs = self.epochs.iter().filter(|met| include(met));
        let drawn = |met: &Met| {
            let side = |of: Arm| {
                let mut sides = met.sides.iter();
                sides.find(|(arm, _)| *arm == of).map(|(_, side)| *side)
            };
            Some(Drawn {
                visitors: met.visitors,
                control: side(control)?,
                treatment: side(treatment)?,
                plug_in: met.plug_in,
            })
        };
        epochs.filter_map(drawn).collect()
    }
}

fn closed_at(entry: &Entry, epoch: &Epoch) -> Option<Timestamp> {
    let next = entry.epochs.get(EpochNumber(epoch.number.0 + 1));
    let lifecycle = &entry.lifecycle;
    let stopped = || (lifecycle.status != Status::Running).then_some(lifecycle.since);
    next.map(|next| next.opened_at).or_else(stopped)
}

/// The live arms of an epoch, those without visitors too.
fn sides(
    epoch: &Epoch,
    control: Arm,
    arms: &[(Arm, Moments)],
    units: (f64, f64),
) -> Vec<(Arm, Side)> {
    let live = epoch.allocation.iter().map(|(arm, _)| arm);
    let side = |arm: Arm| {
        let own = arms.iter().find(|(of, _)| *of == arm);
        let moments = own.map_or_else(Moments::default, |(_, moments)| *moments);
        let propensity = epoch.served(arm, control)?.get();
        Some((arm, Side::new(&moments, units, propensity)))
    };
    live.filter_map(side).collect()
}

fn pivot(epochs: &[EpochSums]) -> Observation {
    let all = epochs
        .iter()
        .flat_map(|(_, rows)| rows)
        .fold(Moments::default(), |sum, (_, moments)| sum + *moments);
    let n = i128::from(all.n.max(1));
    let near = |sum: i128| i64::try_from(sum / n).unwrap_or(0);
    Observation {
        y: near(all.y),
        x: near(all.x),
    }
}

impl<'a> Reader<'a> {
    /// A metric epoch by epoch.
    pub(super) fn table(self, index: MetricIndex) -> Option<&'a Table> {
        let tables = self.totals.tables.get_or_init(|| {
            let metrics = (0..)
                .map(MetricIndex)
                .zip(&self.design.entry.experiment.metrics);
            metrics
                .map(|(index, metric)| {
                    Table::new(self.design, self.totals.epochs(index), (index, metric))
                })
                .collect()
        });
        tables.get(usize::from(index.0))
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
