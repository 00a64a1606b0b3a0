//! Pairs whose odds moved, by AIPW over the epochs in which both lived (statistics §15, R2–R5).
//!
//! Sums are taken about a pivot near the mean in exact integers, so that nothing cancels in floats. A ratio is
//! linearised: visitors count by `(m − R·d)/d̄` about the ratio R of their arm's AIPW means. Where an epoch has no frozen
//! plug-in mean, it is the mean of the epochs before it, which uses no outcome of its own. The slope of a covariate
//! always is that of the epochs before (R16).
//!
//! The scale of a confidence sequence is the variance stored when burn-in closed; where none is stored, that of the epochs
//! until the gate was passed (R3).

pub(super) mod cells;
mod drawn;

use crate::allocation::Arm;
use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::posterior::normal::{self, Pair};
use crate::stats::adaptive::{Contrast, Epoch, Events, Starved, Weights};
use crate::stats::sequence::{Sequence, odds};
use crate::stats::{Caveat, Interval};
use crate::time::Window;

use super::design::{Basis, Pairing};
use super::figure::{Reader, gate};
use super::{ALPHA, Adjustment, ComparisonReport, Effect, Mean, Method};
use cells::{Met, Table};
use drawn::{ABOVE, Drawn, Line, Side};

/// Effective events of the pair below which there is no interval, and below which it is thin (R3).
pub(super) const MIN_EVENTS: f64 = 25.0;
const THIN_EVENTS: f64 = 50.0;
/// The coefficient of variation above which a ratio's denominator is too uncertain to linearise.
pub(super) const NOISY: f64 = 0.3;

/// A metric of a pair of arms over the epochs in which both lived.
pub(super) struct Adaptive {
    epochs: Vec<Drawn>,
    /// By epoch, the visitors with an event of control, treatment and all arms; none where all events are worth the same.
    counts: Vec<[f64; 3]>,
    pivot: [f64; 2],
    is_ratio: bool,
    /// Effective events of the pair.
    events: f64,
    /// How many epochs it takes to pass the gate.
    first: usize,
}

/// A weighted contrast and the means it is about.
struct Weighed {
    epochs: Vec<Epoch>,
    means: Pair,
    is_noisy: bool,
}

impl Adaptive {
    fn weighed(&self, weights: Weights) -> Option<Weighed> {
        let contrast = |drawn: &dyn Fn(&Drawn) -> Epoch| {
            let epochs: Vec<Epoch> = self.epochs.iter().map(drawn).collect();
            let all = Contrast::of(&epochs, weights);
            let mut starved = Starved::default();
            let pivot = (!self.is_ratio).then_some(self.pivot[0]);
            for ((epoch, drawn), events) in epochs.iter().zip(&self.epochs).zip(&self.counts) {
                starved.add(epoch, weights, &drawn.values(*events, pivot));
            }
            let means = all.means()?;
            Some((epochs, starved.widened(means, all.weight)))
        };
        let (epochs, above) = contrast(&|drawn| drawn.epoch(ABOVE, ABOVE))?;
        let [pivot, pivot_below] = self.pivot;
        if !self.is_ratio {
            let means = Pair {
                control: above.control + pivot,
                treatment: above.treatment + pivot,
                ..above
            };
            return Some(Weighed {
                epochs,
                means,
                is_noisy: false,
            });
        }
        let (_, below) = contrast(&|drawn| drawn.turned().epoch(ABOVE, ABOVE))?;
        let line = |above: f64, below: f64| {
            let below = below + pivot_below;
            let ratio = (above + pivot) / below;
            Line {
                ratio,
                constant: pivot - ratio * pivot_below,
                scale: 1.0 / below,
            }
        };
        let control = line(above.control, below.control);
        let treatment = line(above.treatment, below.treatment);
        let (epochs, linear) = contrast(&|drawn| drawn.epoch(control, treatment))?;
        let noise = |line: Line, variance: f64| line.scale.abs() * variance.sqrt() > NOISY;
        Some(Weighed {
            epochs,
            means: Pair {
                control: control.ratio,
                treatment: treatment.ratio,
                ..linear
            },
            is_noisy: noise(control, below.control_variance)
                || noise(treatment, below.treatment_variance),
        })
        .filter(|weighed| weighed.means.control.is_finite() && weighed.means.treatment.is_finite())
    }

    /// Effective events of the pair.
    pub(super) fn events(&self) -> f64 {
        self.events
    }

    /// The lift by the weights of the contrast, without its interval.
    fn lift(&self) -> Option<f64> {
        let means = self.weighed(Weights::Common)?.means;
        let lift = (means.treatment - means.control) / means.control.abs();
        lift.is_finite().then_some(lift)
    }

    /// The same without what is known from before the assignments.
    fn unadjusted(&self) -> Self {
        Self {
            epochs: self.epochs.iter().map(Drawn::unadjusted).collect(),
            counts: self.counts.clone(),
            ..*self
        }
    }

    /// The share of the variance of a difference that a covariate took away; `None` without one.
    fn variance_reduction(&self, adjusted: &Pair) -> Option<f64> {
        self.epochs.iter().find(|drawn| drawn.is_adjusted())?;
        let plain = self.unadjusted().weighed(Weights::Uniform)?;
        let (_, error) = contrast(adjusted);
        let (_, plain) = contrast(&plain.means);
        let share = 1.0 - (error? / plain?).powi(2);
        share.is_finite().then_some(share)
    }

    /// Whether there are events enough for an interval.
    fn is_open(&self) -> bool {
        self.events >= MIN_EVENTS
    }

    /// The means of control and treatment, averaged over time.
    pub(super) fn means(&self) -> Option<[Mean; 2]> {
        let weighed = self.unadjusted().weighed(Weights::Uniform)?;
        let of = |mean: f64, variance: f64| {
            let error = variance.sqrt();
            let std_error = Some(error).filter(|error| *error > 0.0 && error.is_finite());
            let half = std_error
                .filter(|_| self.is_open() && !weighed.is_noisy)
                .map(|error| normal::critical(ALPHA) * error);
            Mean {
                mean,
                std_error,
                interval: half.map(|half| [mean - half, mean + half]),
            }
        };
        let means = &weighed.means;
        Some([
            of(means.control, means.control_variance),
            of(means.treatment, means.treatment_variance),
        ])
    }

    /// The comparison for one planned look; what is left out is explained.
    pub(super) fn compared(&self, blank: ComparisonReport) -> Option<ComparisonReport> {
        let (uniform, common) = (
            self.weighed(Weights::Uniform)?,
            self.weighed(Weights::Common)?,
        );
        let reduction = self.variance_reduction(&uniform.means);
        let shown = Shown {
            method: Method::Aipw,
            difference: uniform.means,
            lift: common.means,
            events: self.events,
            is_noisy: common.is_noisy || uniform.is_noisy,
        };
        Some(shown.compared(ComparisonReport {
            adjustments: Vec::from_iter(reduction.is_some().then_some(Adjustment::Cuped)),
            variance_reduction: reduction,
            ..blank
        }))
    }

    /// The confidence sequence of the contrast; `None` as long as there are too few events.
    pub(super) fn sequence(&self) -> Option<Sequence> {
        let weighed = self
            .weighed(Weights::Common)
            .filter(|weighed| self.is_open() && !weighed.is_noisy)?;
        let all = Contrast::of(&weighed.epochs, Weights::Common);
        let stored = |drawn: &Drawn| Some((drawn.variance?, drawn.share()));
        let sequence = if let Some((variance, share)) = self.epochs.iter().find_map(stored) {
            Sequence::anchored(&all, variance, share)
        } else {
            let first = weighed.epochs.get(..self.first)?;
            Sequence::adaptive(&all, &Contrast::of(first, Weights::Common))
        };
        Some(sequence?.at(weighed.means))
    }

    /// Converted visitors per epoch and the odds under which they were drawn.
    pub(super) fn odds(&self) -> impl Iterator<Item = odds::Cell> {
        self.epochs.iter().map(|drawn| {
            let (control, treatment) = (&drawn.control, &drawn.treatment);
            odds::Cell {
                share: drawn.share(),
                treatment: treatment.y + self.pivot[0] * treatment.n,
                control: control.y + self.pivot[0] * control.n,
            }
        })
    }
}

/// Means of a pair under moving odds, gated by effective events.
pub(super) struct Shown {
    pub(super) method: Method,
    /// The means whose difference is shown.
    pub(super) difference: Pair,
    /// The means whose ratio is shown, and tested.
    pub(super) lift: Pair,
    /// Effective events of the pair.
    pub(super) events: f64,
    /// Whether a ratio's denominator is too uncertain to linearise.
    pub(super) is_noisy: bool,
}

impl Shown {
    /// The comparison for one planned look; what is left out is explained.
    pub(super) fn compared(&self, blank: ComparisonReport) -> ComparisonReport {
        let critical = normal::critical(ALPHA);
        let mut caveats = Vec::new();
        let is_open = self.events >= MIN_EVENTS && !self.is_noisy;
        if !is_open {
            caveats.push(Caveat::TooFew);
        } else if self.events < THIN_EVENTS {
            caveats.push(Caveat::Thin);
        }
        let (difference, error) = contrast(&self.difference);
        if error.is_none() {
            caveats.push(Caveat::ZeroVariance);
        }
        let half = error.filter(|_| is_open).map(|error| critical * error);
        let means = &self.lift;
        let (weighted, weighted_error) = contrast(means);
        let lift = weighted / means.control.abs();
        let interval = fieller(means, critical);
        if !lift.is_finite() {
            caveats.push(Caveat::ControlMeanZero);
        } else if interval.is_none() && is_open {
            caveats.push(Caveat::LiftUnbounded);
        }
        let interval = interval.filter(|_| is_open && error.is_some());
        let p_value = weighted_error
            .filter(|_| is_open)
            .map(|error| 2.0 * normal::sf((weighted / error).abs()));
        ComparisonReport {
            method: self.method,
            absolute: Some(Effect {
                estimate: difference,
                low: half.map(|half| difference - half),
                high: half.map(|half| difference + half),
            }),
            relative: lift.is_finite().then_some(Effect {
                estimate: lift,
                low: interval.map(|interval| interval.low),
                high: interval.map(|interval| interval.high),
            }),
            std_error: error,
            p_value,
            caveats,
            ..blank
        }
    }
}

/// Treatment − control, and its standard error if anything varies.
fn contrast(means: &Pair) -> (f64, Option<f64>) {
    let variance = means.treatment_variance + means.control_variance - 2.0 * means.covariance;
    let error = variance.max(0.0).sqrt();
    (
        means.treatment - means.control,
        (error > 0.0 && error.is_finite()).then_some(error),
    )
}

/// Fieller's interval of the lift relative to |control|.
fn fieller(means: &Pair, critical: f64) -> Option<Interval> {
    let (low, high) = means.fieller(critical)?;
    Some(if means.control > 0.0 {
        Interval {
            low: low - 1.0,
            high: high - 1.0,
        }
    } else {
        Interval {
            low: 1.0 - high,
            high: 1.0 - low,
        }
    })
}

impl Reader<'_> {
    /// A pair whose odds moved; `None` for others, where sums per epoch are not kept, and where the visitors of an epoch
    /// were drawn by context, so that they have weights of their own only.
    pub(super) fn adaptive(self, index: MetricIndex, pairing: &Pairing) -> Option<Adaptive> {
        let arms = [self.design.control(), pairing.named.row.arm];
        (pairing.basis == Basis::Weighted && !self.design.contextual).then(|| {
            self.over(index, |table| {
                table.drawn(arms, |met| pairing.eras.contains(&met.era))
            })
        })?
    }

    /// The lift over the epochs whose visitors have had their whole window to convert (R6); `None` where the odds stood
    /// still, because both arms then have visitors of the same age.
    pub(super) fn mature(self, index: MetricIndex, pairing: &Pairing) -> Option<Effect> {
        if pairing.basis != Basis::Weighted {
            return None;
        }
        let window = self.design.entry.experiment.metric(index)?.window;
        Some(Effect {
            estimate: self.older(index, pairing, window)?.lift()?,
            low: None,
            high: None,
        })
    }

    /// A pair over the epochs that were closed so long ago.
    pub(super) fn older(
        self,
        index: MetricIndex,
        pairing: &Pairing,
        age: Window,
    ) -> Option<Adaptive> {
        let arms = [self.design.control(), pairing.named.row.arm];
        let is_old = |met: &Met| {
            let old = met.closed_at.map(|closed| closed.plus(age));
            old.is_some_and(|old| old <= self.design.as_of) && pairing.eras.contains(&met.era)
        };
        (!self.design.contextual).then(|| self.over(index, |table| table.drawn(arms, is_old)))?
    }

    /// An arm on its own, over its whole life.
    pub(super) fn alone(self, index: MetricIndex, arm: Arm) -> Option<Adaptive> {
        if self.design.contextual {
            return None;
        }
        self.over(index, |table| table.drawn([arm, arm], |_| true))
    }

    /// The holdout, as control, against everybody else, over the epochs in which somebody could be held out.
    pub(super) fn against_holdout(self, index: MetricIndex) -> Option<Adaptive> {
        self.over(index, Table::against_holdout)
    }

    fn over(self, index: MetricIndex, drawn: impl Fn(&Table) -> Vec<Drawn>) -> Option<Adaptive> {
        let metrics = &self.design.entry.experiment.metrics;
        let metric = metrics.get(usize::from(index.0))?;
        if self.totals.epochs(index).is_empty() {
            return None;
        }
        let table = self.table(index)?;
        let epochs = drawn(table);
        let is_ratio = matches!(metric.kind, MetricKind::Ratio { .. });
        let gate = gate(metrics, metric);
        let counting = self.table(gate.unwrap_or(index))?;
        let is_below = is_ratio && gate.is_none();
        let line = Line {
            constant: counting.offset[usize::from(is_below)],
            ..ABOVE
        };
        let count = |side: Side| match gate {
            Some(_) => side.y + line.constant * side.n,
            None => side.n,
        };
        let (mut events, mut first, mut counts) = (Events::default(), 0, Vec::new());
        for drawn in drawn(counting) {
            let drawn = if is_below { drawn.turned() } else { drawn };
            first += usize::from(events.effective() < MIN_EVENTS);
            events.add(&drawn.epoch(line, line));
            counts.push([drawn.control, drawn.treatment, drawn.all].map(count));
        }
        if matches!(metric.kind, MetricKind::Conversion { .. }) {
            counts.clear();
        }
        (!epochs.is_empty()).then_some(Adaptive {
            first: first.min(epochs.len()),
            epochs,
            counts,
            pivot: table.offset,
            is_ratio,
            events: events.effective(),
        })
    }
}
