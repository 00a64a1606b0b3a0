//! The comparisons of an experiment and what they can see after some days.

use super::shape::{Horizon, PlannedVariant};
use super::{MAX_DAYS, Question};
use crate::allocation::{Allocation, Arm, Propensity};
use crate::catalog::experiment::Experiment;
use crate::stats::power::{self, Baseline, Pair, Promise};

/// A live variant: its share of new visitors, and the visitors it has.
pub(super) struct Side {
    pub(super) arm: Arm,
    pub(super) share: f64,
    pub(super) visitors: f64,
}

/// The comparisons of an experiment and how fast they grow. The first side is the control.
pub(super) struct Design {
    pub(super) sides: Vec<Side>,
    pub(super) baseline: Baseline,
    pub(super) lift: f64,
    pub(super) promise: Promise,
    pub(super) per_day: f64,
}

impl Design {
    fn pairs(&self, days: f64) -> impl Iterator<Item = Pair> {
        let after = move |side: &Side| side.visitors + side.share * self.per_day * days;
        let control = self.sides.first().map_or(0.0, after);
        let treatments = self.sides.iter().skip(1);
        treatments.map(move |side| Pair {
            control,
            treatment: after(side),
        })
    }

    /// The power of the comparison that sees least, as if every visitor counted 1 / `cost`.
    fn power(&self, days: u32, cost: f64) -> f64 {
        let power = |pair: Pair| {
            let paid = Pair {
                control: pair.control / cost,
                treatment: pair.treatment / cost,
            };
            power::power(self.baseline, self.lift, self.promise.alpha, paid)
        };
        let pairs = self.pairs(f64::from(days));
        pairs.map(power).fold(1.0, f64::min)
    }

    /// The days from now until the power is reached, by bisection.
    pub(super) fn days(&self, cost: f64) -> Option<u32> {
        let reaches = |days: u32| self.power(days, cost) >= self.promise.power;
        let (mut low, mut high) = (0, MAX_DAYS);
        if !reaches(high) {
            return None;
        }
        while low < high {
            let middle = u32::midpoint(low, high);
            if reaches(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(high)
    }

    pub(super) fn horizon(&self, days: u32) -> Horizon {
        let sides = self.sides.iter();
        let so_far: f64 = sides.map(|side| side.visitors).sum();
        Horizon {
            days,
            visitors: whole(so_far + self.per_day * f64::from(days)),
            power: self.power(days, 1.0),
            detectable: self.detectable(days),
        }
    }

    /// The smallest change that every comparison finds. A share does not rise above 1, and nothing falls by all of it.
    fn detectable(&self, days: u32) -> Option<f64> {
        let seen = |pair| power::detectable(self.baseline, self.promise, pair);
        let mut pairs = self.pairs(f64::from(days)).map(seen);
        let smallest = pairs.try_fold(0.0_f64, |largest, seen| Some(largest.max(seen?)))?;
        let is_possible = match self.baseline {
            Baseline::Proportion(rate) if self.lift > 0.0 => rate * (1.0 + smallest) < 1.0,
            Baseline::Proportion(_) | Baseline::Mean { .. } => self.lift > 0.0 || smallest < 1.0,
        };
        is_possible.then_some(smallest.copysign(self.lift))
    }

    /// Visitors of the whole experiment for the comparison that needs most.
    pub(super) fn needed(&self) -> f64 {
        let control = self.sides.first().map_or(1.0, |side| side.share);
        let need = |side: &Side| {
            let ratio = side.share / control;
            let needed = power::visitors(self.baseline, self.lift, self.promise, ratio);
            needed.map_or(0.0, |needed| needed / control)
        };
        self.sides.iter().skip(1).map(need).fold(0.0, f64::max)
    }

    pub(super) fn variants(&self, experiment: &Experiment, needed: f64) -> Vec<PlannedVariant> {
        let planned = |side: &Side| {
            let variant = experiment.variant(side.arm)?;
            Some(PlannedVariant {
                variant: variant.key.as_str().to_owned(),
                share: side.share,
                visitors: whole(side.visitors),
                needed: whole(needed * side.share),
            })
        };
        self.sides.iter().filter_map(planned).collect()
    }
}

/// The live variants with their shares, the control first.
pub(super) fn sides(question: &Question<'_>) -> Vec<Side> {
    let experiment = question.experiment;
    let starting = experiment.starting_allocation();
    let epoch = question.own.and_then(|own| own.entry.epoch());
    let (allocation, holdout): (&Allocation, f64) = epoch
        .map_or((&starting, experiment.holdout), |epoch| {
            (&epoch.allocation, epoch.holdout)
        });
    let present = question.own.map(|own| own.visitors()).unwrap_or_default();
    let side = |(arm, _)| {
        let drawn = allocation.propensity(arm).map_or(0.0, Propensity::get);
        let held = if arm == experiment.control {
            holdout
        } else {
            0.0
        };
        Side {
            arm,
            share: held + (1.0 - holdout) * drawn,
            visitors: present.get(&arm).map_or(0.0, |visitors| *visitors as f64),
        }
    };
    let mut sides: Vec<Side> = experiment.live().map(side).collect();
    sides.sort_by_key(|side| side.arm != experiment.control);
    sides
}

/// Visitors, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast saturates"
)]
pub(super) fn whole(visitors: f64) -> u64 {
    // A share of a sum of shares may lie a hair above a whole number.
    (visitors - 1e-6).ceil() as u64
}
