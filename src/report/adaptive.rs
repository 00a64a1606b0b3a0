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
mod shown;

use crate::allocation::Arm;
use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::posterior::normal::{self, Pair};
use crate::stats::adaptive::{Contrast, Epoch, Events, Scored, Starved, Weights};
use crate::stats::kish;
use crate::stats::sequence::{Sequence, odds};
use crate::time::Window;

use super::design::{Basis, Pairing};
use super::figure::{Reader, gate};
use super::{ALPHA, Adjustment, ComparisonReport, Effect, Mean, Method};
use cells::{Costs, Met, Table};
use drawn::{ABOVE, Drawn, Line, Side};
pub(super) use shown::Shown;
use shown::contrast;

/// Effective events of the pair below which there is no interval, and below which it is thin (R3).
pub(super) const MIN_EVENTS: f64 = 25.0;
pub(super) const THIN_EVENTS: f64 = 50.0;
/// The coefficient of variation above which a ratio's denominator is too uncertain to linearise.
pub(super) const NOISY: f64 = 0.3;

/// A metric of a pair of arms over the epochs in which both lived.
pub(super) struct Adaptive {
    epochs: Vec<Drawn>,
    /// By epoch, the visitors with an event of control, treatment and all arms; none where all events are worth the same.
    counts: Vec<[f64; 3]>,
    pivot: [f64; 2],
    /// What a visitor of control and treatment costs.
    costs: [f64; 2],
    is_ratio: bool,
    /// Effective events of the pair.
    events: f64,
    /// How many epochs it takes to pass the gate.
    first: usize,
}

/// A weighted contrast and the means it is about.
struct Weighed {
    epochs: Vec<Epoch>,
    means: Scored,
    is_noisy: bool,
}

/// A weighted contrast of one reading of the epochs.
struct Contrasted {
    epochs: Vec<Epoch>,
    means: Pair,
    starved: Starved,
    weight: f64,
}

impl Adaptive {
    fn weighed(&self, weights: Weights) -> Option<Weighed> {
        if self.is_ratio {
            return self.weighed_ratio(weights);
        }
        let drawn = self.contrast(weights, &|drawn| drawn.epoch(ABOVE, ABOVE))?;
        let pivot = self.pivot[0];
        let means = Pair {
            control: drawn.means.control + pivot,
            treatment: drawn.means.treatment + pivot,
            ..drawn.means
        };
        let scored = drawn.starved.scored(means, drawn.weight);
        Some(Weighed {
            epochs: drawn.epochs,
            means: scored.less(self.costs),
            is_noisy: false,
        })
    }

    /// The same of a ratio, linearised at its arms' own values (the delta method).
    fn weighed_ratio(&self, weights: Weights) -> Option<Weighed> {
        let [pivot, pivot_below] = self.pivot;
        let above = self.contrast(weights, &|drawn| drawn.epoch(ABOVE, ABOVE))?;
        let below = self.contrast(weights, &|drawn| drawn.turned().epoch(ABOVE, ABOVE))?;
        let line = |above: f64, below: f64| {
            let below = below + pivot_below;
            let ratio = (above + pivot) / below;
            Line {
                ratio,
                constant: pivot - ratio * pivot_below,
                scale: 1.0 / below,
            }
        };
        let control = line(above.means.control, below.means.control);
        let treatment = line(above.means.treatment, below.means.treatment);
        let linear = self.contrast(weights, &|drawn| drawn.epoch(control, treatment))?;
        let noise = |line: Line, variance: f64| line.scale.abs() * variance.sqrt() > NOISY;
        let is_finite = control.ratio.is_finite() && treatment.ratio.is_finite();
        is_finite.then(|| Weighed {
            epochs: linear.epochs,
            means: Scored::from(Pair {
                control: control.ratio,
                treatment: treatment.ratio,
                ..linear.means
            }),
            is_noisy: noise(control, below.means.control_variance)
                || noise(treatment, below.means.treatment_variance),
        })
    }

    /// The weighted contrast of what was drawn, read like this.
    fn contrast(&self, weights: Weights, read: &dyn Fn(&Drawn) -> Epoch) -> Option<Contrasted> {
        let epochs: Vec<Epoch> = self.epochs.iter().map(read).collect();
        let all = Contrast::of(&epochs, weights);
        let mut starved = Starved::default();
        let pivot = (!self.is_ratio).then_some(self.pivot[0]);
        for ((epoch, drawn), events) in epochs.iter().zip(&self.epochs).zip(&self.counts) {
            starved.add(epoch, weights, &drawn.values(*events, pivot));
        }
        let means = starved.widened(all.means()?, all.weight);
        Some(Contrasted {
            epochs,
            means,
            starved,
            weight: all.weight,
        })
    }

    /// Effective events of the pair.
    pub(super) fn events(&self) -> f64 {
        self.events
    }

    /// The lift by the weights of the contrast, without its interval.
    fn lift(&self) -> Option<f64> {
        let means = self.weighed(Weights::Common)?.means.means;
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
        let (_, plain) = contrast(&plain.means.means);
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
        let of = |mean: f64, variance: f64, (low, high): (f64, f64)| {
            let error = variance.sqrt();
            let std_error = Some(error).filter(|error| *error > 0.0 && error.is_finite());
            let interval = std_error
                .filter(|_| self.is_open() && !weighed.is_noisy)
                .map(|_| [low, high]);
            Mean {
                mean,
                std_error,
                interval,
            }
        };
        let [control, treatment] = weighed.means.of_means(normal::critical(ALPHA));
        let means = &weighed.means.means;
        Some([
            of(means.control, means.control_variance, control),
            of(means.treatment, means.treatment_variance, treatment),
        ])
    }

    /// The comparison for one planned look; what is left out is explained.
    pub(super) fn compared(&self, blank: ComparisonReport) -> Option<ComparisonReport> {
        let (uniform, common) = (
            self.weighed(Weights::Uniform)?,
            self.weighed(Weights::Common)?,
        );
        let reduction = self.variance_reduction(&uniform.means.means);
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

/// The visitors with a value per visitor, at least (Kish), where nothing counts them.
fn events(epochs: &[Drawn], line: Line) -> f64 {
    let pivot = line.constant;
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for Drawn { all, .. } in epochs {
        n += all.n;
        sum += all.y + pivot * all.n;
        squares += all.yy + 2.0 * pivot * all.y + pivot * pivot * all.n;
    }
    if n > 0.0 { kish(sum, squares) / n } else { 0.0 }
}

impl Reader<'_> {
    /// A pair whose odds moved; `None` for others, where sums per epoch are not kept, and where the visitors of an epoch
    /// were drawn by context, so that they have weights of their own only.
    pub(super) fn adaptive(self, index: MetricIndex, pairing: &Pairing) -> Option<Adaptive> {
        let arms = [self.design.control(), pairing.named.row.arm];
        (pairing.basis == Basis::Weighted && !self.design.contextual)
            .then(|| self.between(index, arms, |met| pairing.eras.contains(&met.era)))?
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
        (!self.design.contextual).then(|| self.between(index, arms, is_old))?
    }

    /// An arm on its own, over its whole life.
    pub(super) fn alone(self, index: MetricIndex, arm: Arm) -> Option<Adaptive> {
        if self.design.contextual {
            return None;
        }
        self.between(index, [arm, arm], |_| true)
    }

    /// Two arms over the epochs that `include` accepts, net of what each costs.
    fn between(
        self,
        index: MetricIndex,
        arms: [Arm; 2],
        include: impl Fn(&Met) -> bool,
    ) -> Option<Adaptive> {
        let metric = self.design.entry.experiment.metric(index)?;
        let over = self.over(index, |table, _| table.drawn(arms, &include))?;
        Some(Adaptive {
            costs: self.design.prices(metric, arms),
            ..over
        })
    }

    /// The holdout, as control, against everybody else, over the epochs in which somebody could be held out.
    pub(super) fn against_holdout(self, index: MetricIndex) -> Option<Adaptive> {
        self.over(index, Table::against_holdout)
    }

    /// A pair of sides of the epochs; events are counted before costs.
    fn over(
        self,
        index: MetricIndex,
        drawn: impl Fn(&Table, Costs) -> Vec<Drawn>,
    ) -> Option<Adaptive> {
        let metrics = &self.design.entry.experiment.metrics;
        let metric = metrics.get(usize::from(index.0))?;
        if self.totals.epochs(index).is_empty() {
            return None;
        }
        let table = self.table(index)?;
        let epochs = drawn(table, Costs::After);
        let is_ratio = matches!(metric.kind, MetricKind::Ratio { .. });
        let gate = gate(metrics, metric);
        let counting = self.table(gate.unwrap_or(index))?;
        let is_below = is_ratio && gate.is_none();
        let line = Line {
            constant: counting.offset[usize::from(is_below)],
            ..ABOVE
        };
        let counted = drawn(counting, Costs::Before);
        let per_visitor = if is_ratio {
            1.0
        } else {
            events(&counted, line)
        };
        let count = |side: Side| match gate {
            Some(_) => side.y + line.constant * side.n,
            None => side.n * per_visitor,
        };
        let (mut events, mut first, mut counts) = (Events::default(), 0, Vec::new());
        for drawn in counted {
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
            costs: [0.0; 2],
            is_ratio,
            events: events.effective(),
        })
    }
}
