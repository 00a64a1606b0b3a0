//! The sums of a pair of arms epoch by epoch, about a pivot.

use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::experiment::Status;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::epoch::{Epoch, EpochNumber, Era, PlugIn};
use crate::moments::{Moments, Observation};
use crate::report::design::Design;
use crate::report::figure::Reader;
use crate::report::totals::EpochSums;
use crate::time::Timestamp;

use super::drawn::{Drawn, History, Side};

/// Whether sums are taken before or after what visitors cost.
#[derive(Debug, Clone, Copy)]
pub(super) enum Costs {
    Before,
    After,
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
    /// All of them together.
    all: Option<Side>,
    /// The holdout and everybody else, where somebody could be held out.
    held: Option<Held>,
    history: History,
    variance: Option<f64>,
}

/// The holdout and everybody else, whose variants cost them something or nothing.
#[derive(Debug)]
struct Held {
    before_costs: [Side; 2],
    after_costs: [Side; 2],
}

impl Table {
    fn new(design: &Design<'_>, epochs: &[EpochSums], metric: (MetricIndex, &Metric)) -> Self {
        let units = metric.1.units(&design.entry.experiment.metrics);
        let pivot = pivot(epochs);
        let mut table = Self {
            offset: [pivot.y as f64 / units.0, pivot.x as f64 / units.1],
            epochs: Vec::with_capacity(epochs.len()),
        };
        let mut before = Moments::default();
        for rows in epochs.chunk_by(|(one, ..), (next, ..)| one == next) {
            let mut arms: Vec<(Arm, Moments)> = Vec::with_capacity(rows.len());
            let start = before;
            for (_, row, moments) in rows {
                let moments = moments.about(pivot);
                before += moments;
                match arms.iter_mut().find(|(arm, _)| *arm == row.arm) {
                    Some((_, sum)) => *sum += moments,
                    None => arms.push((row.arm, moments)),
                }
            }
            let number = rows.first().map(|(number, ..)| *number);
            let Some(epoch) = number.and_then(|number| design.entry.epochs.get(number)) else {
                continue;
            };
            let (all, is_adjusted) = (before - start, metric.1.covariate.is_some());
            let past = Past {
                start,
                pivot,
                units,
            };
            let stored = epoch.plug_ins.get(usize::from(metric.0.0));
            let sides = past.sides(epoch, (design.control(), metric), &arms);
            let own: Vec<Side> = sides.iter().map(|(_, side)| *side).collect();
            table.epochs.push(Met {
                era: epoch.era,
                closed_at: closed_at(design.entry, epoch),
                visitors: all.n as f64,
                all: Side::together(&own),
                sides,
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
                all: met.all?,
                history: met.history,
                variance: met.variance,
            })
        };
        epochs.filter_map(drawn).collect()
    }

    /// The holdout, as control, against everybody else.
    pub(super) fn against_holdout(&self, costs: Costs) -> Vec<Drawn> {
        let drawn = |met: &Met| {
            let held = met.held.as_ref()?;
            let [control, treatment] = match costs {
                Costs::Before => held.before_costs,
                Costs::After => held.after_costs,
            };
            Some(Drawn {
                visitors: met.visitors,
                control,
                treatment,
                all: Side::together(&[control, treatment])?,
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
            let propensity = epoch.served(arm, control, None)?.get();
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
        rows: &[EpochSums],
    ) -> Option<Held> {
        let share = design.held_share(epoch)?;
        let plug_in = self.plug_in(frozen(metric, &epoch.plug_ins, design.control()));
        let sides = |cost: &dyn Fn(Arm) -> i64| {
            let mut sums = [Moments::default(); 2];
            for (_, row, moments) in rows {
                let [held, others] = &mut sums;
                let side = if design.is_held(*row) { held } else { others };
                *side += moments.about(Observation {
                    y: self.pivot.y.saturating_add(cost(row.arm)),
                    ..self.pivot
                });
            }
            let [held, others] = sums;
            let side = |sums, propensity| Side::new(sums, self.units, propensity, plug_in);
            [side(&held, share), side(&others, 1.0 - share)]
        };
        Some(Held {
            before_costs: sides(&|_| 0),
            after_costs: sides(&|arm| design.cost(metric.1, arm)),
        })
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
    let (n, y, x) = epochs.iter().fold((0, 0, 0), |(n, y, x), (.., moments)| {
        (n + moments.n, y + moments.y, x + moments.x)
    });
    let near = |sum: i128| i64::try_from(sum / i128::from(n.max(1))).unwrap_or(0);
    Observation {
        y: near(y),
        x: near(x),
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
