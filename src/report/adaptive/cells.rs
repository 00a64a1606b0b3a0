//! The sums of a pair of arms epoch by epoch, about a pivot.

use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::experiment::Status;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::cell::Row;
use crate::epoch::{Epoch, EpochNumber, Era, PlugIn};
use crate::moments::{Moments, Observation};
use crate::report::adjusted::MIN_VISITORS;
use crate::report::design::Design;
use crate::report::figure::{Reader, units};
use crate::report::totals::EpochSums;
use crate::stats::adaptive::{self, Covariate, Known};
use crate::time::Timestamp;

/// A pair of arms in one epoch: sums about the pivot in units, and plug-in means less the pivot.
#[derive(Clone, Copy)]
pub(super) struct Drawn {
    pub(super) visitors: f64,
    pub(super) control: Side,
    pub(super) treatment: Side,
    /// What is known of all visitors from before their assignment.
    pub(super) history: History,
    /// The stored variance per visitor.
    pub(super) variance: Option<f64>,
}

/// The covariate of a metric in an epoch: the plug-in rises by `slope` per unit of x above `center`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct History {
    slope: f64,
    center: f64,
    /// Σ x − center over the visitors of all arms, and the sum of its squares.
    sum: f64,
    squares: f64,
}

impl History {
    /// The least-squares slope and the mean of the epochs before; `all` are the visitors of this one.
    fn new(before: &Moments, all: &Moments, (above, below): (f64, f64)) -> Self {
        let slope = before
            .covariance(below, above)
            .zip(before.variance_x(below))
            .map(|(mixed, spread)| mixed / spread)
            .filter(|slope| slope.is_finite() && before.n >= MIN_VISITORS);
        let Some(slope) = slope else {
            return Self::default();
        };
        let center = before.x as f64 / before.n as f64 / below;
        let (n, x) = (all.n as f64, all.x as f64 / below);
        let squares = all.xx.as_f64() / (below * below);
        Self {
            slope,
            center,
            sum: x - n * center,
            squares: squares - 2.0 * center * x + n * center * center,
        }
    }
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
    /// Plug-in means above and below the line.
    plug_in: [f64; 2],
}

impl Side {
    fn new(
        moments: &Moments,
        (above, below): (f64, f64),
        propensity: f64,
        plug_in: [f64; 2],
    ) -> Self {
        Self {
            n: moments.n as f64,
            y: moments.y as f64 / above,
            yy: moments.yy.as_f64() / (above * above),
            x: moments.x as f64 / below,
            xx: moments.xx.as_f64() / (below * below),
            xy: moments.xy.as_f64() / (above * below),
            propensity,
            plug_in,
        }
    }

    /// The sums of (y − ratio·x + constant)·scale.
    fn cell(&self, line: Line, center: f64) -> adaptive::Cell {
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
            plug_in: scale * (self.plug_in[0] - ratio * self.plug_in[1] + constant),
            covariate: Known {
                sum: self.x - self.n * center,
                squares: self.xx - 2.0 * center * self.x + self.n * center * center,
                product: self.xy - center * self.y,
            },
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
        let History {
            slope,
            center,
            sum,
            squares,
        } = self.history;
        adaptive::Epoch {
            visitors: self.visitors,
            covariate: Covariate {
                slope,
                sum,
                squares,
            },
            control: self.control.cell(control, center),
            treatment: self.treatment.cell(treatment, center),
        }
    }

    /// The same with x above the line.
    pub(super) fn turned(&self) -> Self {
        let turn = |side: Side| Side {
            y: side.x,
            yy: side.xx,
            plug_in: [side.plug_in[1], 0.0],
            ..side
        };
        Self {
            control: turn(self.control),
            treatment: turn(self.treatment),
            ..*self
        }
    }

    /// The treatment's share of the two propensities.
    pub(super) fn share(&self) -> f64 {
        self.treatment.propensity / (self.treatment.propensity + self.control.propensity)
    }

    /// Whether the plug-in follows a covariate.
    pub(super) fn is_adjusted(&self) -> bool {
        self.history.slope.abs() > 0.0
    }

    /// The same without what is known from before.
    pub(super) fn unadjusted(&self) -> Self {
        Self {
            history: History::default(),
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
    /// The holdout and everybody else, where somebody could be held out.
    held: Option<[Side; 2]>,
    history: History,
    variance: Option<f64>,
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
            let Some(epoch) = design.entry.epochs.get(*number) else {
                continue;
            };
            let (all, is_adjusted) = (before - start, metric.1.covariate.is_some());
            let past = Past {
                start,
                pivot,
                units,
            };
            let stored = epoch.plug_ins.get(usize::from(metric.0.0));
            table.epochs.push(Met {
                era: epoch.era,
                closed_at: closed_at(design.entry, epoch),
                visitors: all.n as f64,
                sides: past.sides(epoch, (design.control(), metric), &arms),
                held: past.held(design, epoch, metric, rows),
                history: if is_adjusted {
                    History::new(&start, &all, units)
                } else {
                    History::default()
                },
                variance: stored.and_then(|stored| stored.variance),
            });
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
                history: met.history,
                variance: met.variance,
            })
        };
        epochs.filter_map(drawn).collect()
    }

    /// The holdout, as control, against everybody else.
    pub(super) fn against_holdout(&self) -> Vec<Drawn> {
        let drawn = |met: &Met| {
            let [control, treatment] = met.held?;
            Some(Drawn {
                visitors: met.visitors,
                control,
                treatment,
                history: met.history,
                variance: None,
            })
        };
        self.epochs.iter().filter_map(drawn).collect()
    }
}

fn closed_at(entry: &Entry, epoch: &Epoch) -> Option<Timestamp> {
    let next = entry.epochs.get(EpochNumber(epoch.number.0 + 1));
    let lifecycle = &entry.lifecycle;
    let stopped = || (lifecycle.status != Status::Running).then_some(lifecycle.since);
    next.map(|next| next.opened_at).or_else(stopped)
}

/// What came before an epoch: sums about the pivot.
struct Past {
    start: Moments,
    pivot: Observation,
    units: (f64, f64),
}

impl Past {
    /// The live arms of an epoch, those without visitors too.
    fn sides(
        &self,
        epoch: &Epoch,
        (control, metric): (Arm, (MetricIndex, &Metric)),
        arms: &[(Arm, Moments)],
    ) -> Vec<(Arm, Side)> {
        let live = epoch.allocation.iter().map(|(arm, _)| arm);
        let side = |arm: Arm| {
            let own = arms.iter().find(|(of, _)| *of == arm);
            let moments = own.map_or_else(Moments::default, |(_, moments)| *moments);
            let propensity = epoch.served(arm, control)?.get();
            let plug_in = self.plug_in(frozen(metric, &epoch.plug_ins, arm));
            Some((arm, Side::new(&moments, self.units, propensity, plug_in)))
        };
        live.filter_map(side).collect()
    }

    /// The holdout and everybody else, with the propensities h and 1 − h and the control's plug-in for both.
    fn held(
        &self,
        design: &Design<'_>,
        epoch: &Epoch,
        metric: (MetricIndex, &Metric),
        rows: &[(Row, Moments)],
    ) -> Option<[Side; 2]> {
        let share = design.held_share(epoch)?;
        let mut sums = [Moments::default(); 2];
        for (row, moments) in rows {
            let [held, others] = &mut sums;
            let side = if design.is_held(*row) { held } else { others };
            *side += moments.about(self.pivot);
        }
        let plug_in = self.plug_in(frozen(metric, &epoch.plug_ins, design.control()));
        let side = |sums, propensity| Side::new(sums, self.units, propensity, plug_in);
        let [held, others] = sums;
        Some([side(&held, share), side(&others, 1.0 - share)])
    }

    /// The plug-in means about the pivot: the frozen ones, else those of the epochs before.
    fn plug_in(&self, frozen: Option<[f64; 2]>) -> [f64; 2] {
        let (above, below) = self.units;
        let pivot = [self.pivot.y as f64 / above, self.pivot.x as f64 / below];
        let n = self.start.n as f64;
        match frozen {
            Some([y, x]) => [y - pivot[0], x - pivot[1]],
            None if n > 0.0 => [
                self.start.y as f64 / n / above,
                self.start.x as f64 / n / below,
            ],
            None => pivot.map(|pivot| -pivot),
        }
    }
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

/// An arm's frozen means above and below the line.
fn frozen(
    (index, metric): (MetricIndex, &Metric),
    plug_ins: &[PlugIn],
    arm: Arm,
) -> Option<[f64; 2]> {
    let of = |index: MetricIndex| Some(plug_ins.get(usize::from(index.0))?.mean.of(arm));
    match metric.kind {
        MetricKind::Ratio {
            numerator,
            denominator,
        } => Some([of(numerator)?, of(denominator)?]),
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => {
            Some([of(index)?, 0.0])
        }
    }
}
