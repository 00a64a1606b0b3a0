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

pub mod log;

use serde::Serialize;

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

impl Cell {
    fn weight(&self) -> f64 {
        self.target / self.propensity
    }

    fn visitors(&self) -> f64 {
        self.outcomes.n as f64
    }

    /// Σ (wY − mean)² over the cell.
    fn spread(&self) -> f64 {
        let squares = self.outcomes.variance.max(0.0) * (self.visitors() - 1.0);
        self.weight() * self.weight() * squares
    }

    fn is_usable(&self) -> bool {
        let weight = self.weight();
        self.outcomes.is_usable() && self.propensity > 0.0 && weight >= 0.0 && weight.is_finite()
    }
}

/// How much the logged visitors tell about the judged policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overlap {
    /// Logged visitors.
    pub visitors: u64,
    /// The visitors of an unweighted mean as precise, `(Σ w)²/Σ w²`.
    pub effective: f64,
    /// The mean weight: near 1, unless the judged policy does what the logged one never did, or propensities are wrong.
    pub mean_weight: f64,
    /// The largest weight of a visitor.
    pub largest_weight: f64,
    /// The same as a share of all weight.
    pub largest_share: f64,
}

impl Overlap {
    /// Of usable cells; `None` where no visitor has any weight.
    fn of(cells: &[Cell]) -> Option<Self> {
        let largest = cells.iter().map(Cell::weight).fold(0.0, f64::max);
        // Relative to the largest, no weight overflows when squared.
        let sum = |power: i32| -> f64 {
            let relative = |cell: &Cell| (cell.weight() / largest).powi(power);
            cells
                .iter()
                .map(|cell| cell.visitors() * relative(cell))
                .sum()
        };
        let (first, second) = (sum(1), sum(2));
        let visitors = cells.iter().map(|cell| cell.outcomes.n).sum();
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
pub fn evaluate(cells: &[Cell], alpha: f64) -> Result<Evaluation, Refusal> {
    let cells: Vec<Cell> = cells
        .iter()
        .filter(|cell| cell.outcomes.n > 0)
        .copied()
        .collect();
    if !cells.iter().all(Cell::is_usable) {
        return Err(Refusal::Unusable);
    }
    let overlap = Overlap::of(&cells).ok_or(Refusal::NoData)?;
    if let Some(refusal) = overlap.refusal() {
        return Err(refusal);
    }
    figures(&cells, overlap, alpha).ok_or(Refusal::Unusable)
}

fn figures(cells: &[Cell], overlap: Overlap, alpha: f64) -> Option<Evaluation> {
    let visitors = overlap.visitors as f64;
    let mean = |of: &dyn Fn(&Cell) -> f64| -> f64 {
        let sum: f64 = cells.iter().map(|cell| cell.visitors() * of(cell)).sum();
        sum / visitors
    };
    // Σ (term − center)² over visitors: within cells, and between their means.
    let spread = |of: &dyn Fn(&Cell) -> f64, center: f64| -> f64 {
        let around = |cell: &Cell| cell.visitors() * (of(cell) - center).powi(2) + cell.spread();
        cells.iter().map(around).sum()
    };
    let by_mean = |of: &dyn Fn(&Cell) -> f64| {
        let center = mean(of);
        let variance = spread(of, center) / (visitors - 1.0);
        Estimate::by_z(center, (variance / visitors).sqrt(), alpha)
    };
    let scored = |cell: &Cell| cell.weight() * cell.outcomes.mean;
    let normalised = mean(&scored) / overlap.mean_weight;
    let beyond = |cell: &Cell| cell.weight() * (cell.outcomes.mean - normalised);
    let error = spread(&beyond, 0.0).sqrt() / (visitors * overlap.mean_weight);
    let (logged, modelled) = (
        mean(&|cell| cell.outcomes.mean),
        mean(&|cell| cell.expected),
    );
    let robust =
        |cell: &Cell| cell.expected + cell.weight() * (cell.outcomes.mean - cell.predicted);
    (logged.is_finite() && modelled.is_finite()).then_some(Evaluation {
        overlap,
        logged,
        modelled,
        ips: by_mean(&scored)?,
        snips: Estimate::by_z(normalised, error, alpha)?,
        doubly_robust: by_mean(&robust)?,
    })
}

#[cfg(test)]
mod tests;
