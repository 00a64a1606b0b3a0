//! What another policy would have earned, judged by the visitors of a logged one: off-policy evaluation.
//!
//! A visitor who got an action with the logged probability e, which the judged policy gives with probability π, speaks
//! for w = π/e visitors. The estimators (statistics §14) are
//! - inverse propensity scores, `Σ wY / N`: unbiased, wide where weights are large;
//! - the same self-normalised, `Σ wY / Σ w`: never outside the outcomes, and narrower where Σ w misses N by chance;
//! - doubly robust, the mean of `Σ_a π(a)q(a) + w(Y − q(A))` with a model q of the outcomes: right if either the
//!   propensities or the model are, and narrower the better the model (Dudík, Langford & Li 2011).
//!
//! Few visitors with large weights make all three worthless and their errors too small, which shows in no figure but
//! the weights. Then there is a [`Refusal`] instead.
//!
//! All of it needs sums alone. Where the propensity is constant, a [`Cell`] of plain ones is exact; where it moved and only
//! sums weighted by its inverse are kept, they are judged as exactly ([`weighted`]), up to the largest weight.

pub mod log;
pub mod weighted;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Estimate, Sample};

/// Effective visitors below which nothing is said.
const MIN_EFFECTIVE: f64 = 100.0;
/// The share of all weight that one visitor may have.
const MAX_SHARE: f64 = 0.05;

/// Visitors with the same action and the same probabilities of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Their outcomes; the variance has the denominator n − 1, and is 0 for one visitor.
    pub outcomes: Sample,
    /// The probability under which they got their action; positive.
    pub propensity: f64,
    /// The probability of that action under the judged policy.
    pub target: f64,
    /// The modelled mean of their action, made without their outcomes; 0 without a model.
    pub predicted: f64,
    /// The modelled mean under the judged policy in their context, `Σ_a π(a)q(a)`; 0 without a model.
    pub expected: f64,
}

/// Visitors who are judged together. A visitor's weight is w, the outcome Y.
trait Group {
    fn visitors(&self) -> u64;

    /// The largest w, or a bound of it.
    fn largest(&self) -> f64;

    /// Σ w and Σ w², with w in units of `largest`: so no square overflows.
    fn weights(&self, largest: f64) -> [f64; 2];

    /// Σ w(Y − `predicted`).
    fn beyond(&self, predicted: f64) -> f64;

    /// Σ (`constant` + w(Y − `predicted`))².
    fn squares(&self, constant: f64, predicted: f64) -> f64;

    fn model(&self) -> Modelled;

    fn is_usable(&self) -> bool;
}

/// What a model says about visitors: the mean of their action, and that under the judged policy in their context.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Modelled {
    predicted: f64,
    expected: f64,
}

impl Group for Cell {
    fn visitors(&self) -> u64 {
        self.outcomes.n
    }

    fn largest(&self) -> f64 {
        self.target / self.propensity
    }

    fn weights(&self, largest: f64) -> [f64; 2] {
        let (n, relative) = (self.outcomes.n as f64, self.largest() / largest);
        [n * relative, n * relative * relative]
    }

    fn beyond(&self, predicted: f64) -> f64 {
        self.outcomes.n as f64 * self.largest() * (self.outcomes.mean - predicted)
    }

    fn squares(&self, constant: f64, predicted: f64) -> f64 {
        let (n, weight) = (self.outcomes.n as f64, self.largest());
        let center = constant + weight * (self.outcomes.mean - predicted);
        let within = self.outcomes.variance.max(0.0) * (n - 1.0);
        n * center * center + weight * weight * within
    }

    fn model(&self) -> Modelled {
        Modelled {
            predicted: self.predicted,
            expected: self.expected,
        }
    }

    fn is_usable(&self) -> bool {
        let weight = self.largest();
        self.outcomes.is_usable() && self.propensity > 0.0 && weight >= 0.0 && weight.is_finite()
    }
}

/// How much the logged visitors tell about the judged policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overlap {
    /// Logged visitors.
    pub visitors: u64,
    /// The visitors of an unweighted mean as precise, `(Σ w)²/Σ w²`.
    pub effective: f64,
    /// The mean weight: near 1, unless the judged policy does what the logged one never did, or propensities are wrong.
    pub mean_weight: f64,
    /// The largest weight of a visitor; where only weighted sums are kept, an upper bound of it.
    pub largest_weight: f64,
    /// The same as a share of all weight.
    pub largest_share: f64,
}

impl Overlap {
    /// Of usable groups; `None` where no visitor has any weight.
    fn of<G: Group>(groups: &[G]) -> Option<Self> {
        let largest = groups.iter().map(Group::largest).fold(0.0, f64::max);
        let [mut first, mut second] = [0.0; 2];
        for group in groups {
            let [weights, squares] = group.weights(largest);
            first += weights;
            second += squares;
        }
        let visitors = groups.iter().map(Group::visitors).sum();
        (largest > 0.0).then(|| Self {
            visitors,
            effective: first * first / second,
            mean_weight: first * (largest / visitors as f64),
            largest_weight: largest,
            largest_share: first.recip(),
        })
    }

    fn refusal(&self) -> Option<Refusal> {
        if self.effective < MIN_EFFECTIVE {
            Some(Refusal::FewEffective(*self))
        } else if self.largest_share > MAX_SHARE {
            Some(Refusal::Concentrated(*self))
        } else {
            None
        }
    }
}

/// Why nothing is said about a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// No visitor of the log could have been served by the policy.
    NoData,
    /// A logged probability is not positive, or a number is beyond a float's range.
    Unusable,
    /// So few effective visitors remain: fewer than 100.
    FewEffective(Overlap),
    /// One visitor has so large a share of all weight: more than .05.
    Concentrated(Overlap),
}

/// The judged policy's mean per visitor, by three estimators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// How much the log tells.
    pub overlap: Overlap,
    /// The mean that the logged policy earned.
    pub logged: f64,
    /// The mean by the model alone; 0 without one.
    pub modelled: f64,
    /// By inverse propensity scores.
    pub ips: Estimate,
    /// Self-normalised.
    pub snips: Estimate,
    /// Doubly robust; `ips` without a model.
    pub doubly_robust: Estimate,
}

/// Judges a policy by the cells of a log, with z intervals of confidence 1 − `alpha`.
///
/// Visitors whose action the policy never takes belong to the cells too, with the target 0.
///
/// # Errors
/// [`Refusal`] where the log tells too little.
pub fn evaluate(cells: &[Cell], alpha: f64) -> Result<Evaluation, Refusal> {
    let mean = |cells: &[Cell]| {
        let outcomes = |cell: &Cell| cell.outcomes.n as f64 * cell.outcomes.mean;
        let visitors: f64 = cells.iter().map(|cell| cell.outcomes.n as f64).sum();
        cells.iter().map(outcomes).sum::<f64>() / visitors
    };
    judged(cells, mean, alpha)
}

/// Judges a policy by groups whose visitors earned a mean of `logged`.
fn judged<G: Group + Copy>(
    groups: &[G],
    logged: impl Fn(&[G]) -> f64,
    alpha: f64,
) -> Result<Evaluation, Refusal> {
    let present = groups.iter().filter(|group| group.visitors() > 0);
    let groups: Vec<G> = present.copied().collect();
    if !groups.iter().all(Group::is_usable) {
        return Err(Refusal::Unusable);
    }
    let overlap = Overlap::of(&groups).ok_or(Refusal::NoData)?;
    if let Some(refusal) = overlap.refusal() {
        return Err(refusal);
    }
    figures(&groups, overlap, logged(&groups), alpha).ok_or(Refusal::Unusable)
}

fn figures<G: Group>(
    groups: &[G],
    overlap: Overlap,
    logged: f64,
    alpha: f64,
) -> Option<Evaluation> {
    let visitors = overlap.visitors as f64;
    let mean = |of: &dyn Fn(&G) -> f64| groups.iter().map(of).sum::<f64>() / visitors;
    // The mean of the terms expected + w(Y − predicted), with the error that their variance gives it.
    let by_mean = |model: &dyn Fn(&G) -> Modelled| {
        let center = mean(&|group| {
            let of = model(group);
            group.visitors() as f64 * of.expected + group.beyond(of.predicted)
        });
        let spread = mean(&|group| {
            let of = model(group);
            group.squares(of.expected - center, of.predicted)
        });
        Estimate::by_z(center, (spread / (visitors - 1.0)).sqrt(), alpha)
    };
    let normalised = mean(&|group| group.beyond(0.0)) / overlap.mean_weight;
    let spread = mean(&|group| group.squares(0.0, normalised));
    let error = (spread / visitors).sqrt() / overlap.mean_weight;
    let modelled = mean(&|group| group.visitors() as f64 * group.model().expected);
    let none = Modelled {
        predicted: 0.0,
        expected: 0.0,
    };
    (logged.is_finite() && modelled.is_finite()).then_some(Evaluation {
        overlap,
        logged,
        modelled,
        ips: by_mean(&|_| none)?,
        snips: Estimate::by_z(normalised, error, alpha)?,
        doubly_robust: by_mean(&Group::model)?,
    })
}

#[cfg(test)]
mod tests;
