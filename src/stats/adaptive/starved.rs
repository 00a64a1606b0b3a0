//! The variance of arms that hardly anybody was served.
//!
//! At a propensity of 1 % a variant's share of a contrast's variance rests on a few dozen orders that weigh a hundred
//! times as much as others. Order values are skewed: a sample without a large order has both a low mean and a low variance,
//! so its interval is too short just when it is off. What the visitors of an arm add to the variance at a propensity below
//! [`STARVED`] is therefore at least what they would add if their x events were like those of all its visitors,
//!
//! ```text
//! Σ h²·ΣD²/e²  ≥  Σ h²·x/e² · m        m = (ΣD² + k·max(s, ΣD²/Σx)) / (Σx + k)        s = v²·ΣD²/Σx over all arms
//! ```
//!
//! and m borrows k = [`BORROWED`] events from all arms together, scaled to the arm's mean value by v = its mean value per
//! event as a share of theirs, at most 1, since only they have seen enough wholesale orders. Sums in m are over all epochs;
//! events are counted, not visitors, since rates move with seasons. Where nothing counts them they are as many per visitor
//! as the values of all arms are worth at least (Kish): fewer for heavy tails, so that more is borrowed.
//!
//! Where the heaviest values are the starved arm's own, nobody else's say so: what is left is the work of [`Scored`], whose
//! page has the figures of both.
//! Conversions are all worth the same and need none of it.

use super::{Cell, Epoch, Scored, Weights};
use crate::posterior::normal::Pair;

/// The propensity below which an arm starves.
const STARVED: f64 = 0.1;
/// How many events an arm borrows.
const BORROWED: f64 = 300.0;

/// What is known of the values in an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    /// The visitors of all arms, at a propensity of 1.
    pub all: Cell,
    /// Visitors with an event: of the control, of the treatment, and of all arms.
    pub events: [f64; 3],
    /// Sums of the values of the same, not about a pivot; zeros if arms can not be compared by their mean value.
    pub sums: [f64; 3],
}

/// Sums about a contrast: of the control, the treatment, and all arms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Starved([Arm; 3]);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Arm {
    /// Σ h²·ΣD²/e² while it starved.
    own: f64,
    /// Σ h²·x/e² while it starved.
    weight: f64,
    /// ΣD² of all its visitors.
    squares: f64,
    /// Those with an event.
    events: f64,
    /// The sum of their values.
    sum: f64,
}

impl Arm {
    fn add(&mut self, cell: &Cell, (slope, weight): (f64, f64), (events, sum): (f64, f64)) {
        let own = cell.deviations(slope).squares;
        let scale = cell.propensity * cell.propensity;
        self.squares += own * scale;
        self.events += events;
        self.sum += sum;
        if cell.propensity < STARVED {
            self.own += weight * weight * own;
            self.weight += weight * weight * events / scale;
        }
    }

    /// What its sum of squares lacks.
    fn lack(&self, all: &Self) -> f64 {
        let square = |of: &Self| of.squares / of.events;
        let worth = (self.sum / self.events) / (all.sum / all.events);
        let worth = if worth.is_finite() {
            worth.abs().min(1.0)
        } else {
            0.0
        };
        let borrowed = (worth * worth * square(all)).max(square(self));
        let square = (self.squares + BORROWED * borrowed) / (self.events + BORROWED);
        let lack = self.weight * square - self.own;
        if lack.is_finite() { lack.max(0.0) } else { 0.0 }
    }
}

impl Starved {
    /// Adds an epoch.
    pub fn add(&mut self, epoch: &Epoch, weights: Weights, values: &Values) {
        let score = (epoch.covariate.slope, weights.of(epoch));
        let cells = [epoch.control, epoch.treatment, values.all];
        let known = values.events.into_iter().zip(values.sums);
        for ((arm, cell), known) in self.0.iter_mut().zip(cells).zip(known) {
            arm.add(&cell, score, known);
        }
    }

    /// The means with the variances that their arms have at least; `weight` is that of the contrast.
    #[must_use]
    pub fn widened(&self, means: Pair, weight: f64) -> Pair {
        let [control, treatment] = self.lacks(weight);
        Pair {
            control_variance: means.control_variance + control,
            treatment_variance: means.treatment_variance + treatment,
            ..means
        }
    }

    /// The same variances, of which what rests on starved visitors goes with the means; these are widened already, and
    /// not about a pivot.
    #[must_use]
    pub fn scored(&self, widened: Pair, weight: f64) -> Scored {
        let lacks = self.lacks(weight);
        let share = |at: usize, variance: f64| {
            let starved = self.0[at].own / (weight * weight) + lacks[at];
            if variance > 0.0 {
                (starved / variance).min(1.0)
            } else {
                0.0
            }
        };
        let shares = [
            share(0, widened.control_variance),
            share(1, widened.treatment_variance),
        ];
        Scored::new(widened, shares)
    }

    fn lacks(&self, weight: f64) -> [f64; 2] {
        let [control, treatment, all] = &self.0;
        [control, treatment].map(|arm| arm.lack(all) / (weight * weight))
    }
}

#[cfg(test)]
mod tests;
