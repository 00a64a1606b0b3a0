//! The posterior of conversion rates whose common level moves: only the ratios of rates are held to stay.
//!
//! Every epoch has a base rate of its own. Given that X of its visitors converted, who they were tells the ratios alone:
//! x | X ~ Multinomial(X, q) with `q_a = n_a·θ_a / Σ_b n_b·θ_b`. A promotion in the middle of an experiment then cannot
//! make the variant that happened to have most traffic look best (Simpson's paradox), and a delay law that all variants
//! share cancels, since a conversion counts where its visitor was assigned.
//!
//! # The posterior
//! Laplace's: log θ is normal around its mode, found by Newton's method. The prior is log θ ~ N(μ, 1) for every variant
//! alike with μ flat, of precision I − 11ᵀ/K. Neither it nor the likelihood knows the level, so the level is pinned to
//! Σ log θ = 0, which turns the precision into `I + Σ_e w_e·X_e·(diag q_e − q_e·q_eᵀ)`, never singular.
//!
//! # The weight of an epoch
//! Visitors convert once at most, so the x have the variance of a hypergeometric distribution, smaller than the
//! multinomial's by 1 − X/N: an epoch of N visitors weighs 1/(1 − X/N) as much (with N + 1 for N, so that all may
//! convert, and at most 100).

use super::cholesky::Cholesky;

/// Newton's method converges in 4 to 12 steps.
const MAX_STEPS: usize = 100;
/// It ends when no ratio moves by more than this share.
const CONVERGED: f64 = 1e-8;
/// Most that an epoch in which nearly all convert weighs.
const MAX_FACTOR: f64 = 100.0;

/// What one epoch saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// Visitors by arm; 0 where the arm was not live.
    pub visitors: Vec<f64>,
    /// How many of them converted, at most as many.
    pub converted: Vec<f64>,
    /// How much it counts, 1 unless it is discounted.
    pub weight: f64,
}

/// The normal posterior of the arms' log rates around their common level. Only differences mean anything.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRates {
    /// The mode by arm; they sum to 0.
    pub mean: Vec<f64>,
    /// The covariance matrix.
    pub covariance: Vec<Vec<f64>>,
}

/// The posterior of so many arms; epochs × arms² per step of Newton's method. Without conversions it is the prior.
pub fn posterior(arms: usize, cohorts: &[Cohort]) -> LogRates {
    let informed = |cohort: &Cohort| Informed::new(arms, cohort);
    let cohorts: Vec<Informed> = cohorts.iter().filter_map(informed).collect();
    let mut mean = vec![0.0; arms];
    for _ in 0..MAX_STEPS {
        let (gradient, precision) = slope(&mean, &cohorts);
        let step = Cholesky::of(&precision).solve(&gradient);
        let range = range(&step);
        // In a direction d the third derivative is at most range(d) times the second, so a step damped like this always
        // climbs and needs no line search; near the mode it is Newton's own.
        let damping = if range > 0.0 {
            range.ln_1p() / range
        } else {
            1.0
        };
        for (mean, step) in mean.iter_mut().zip(&step) {
            *mean += damping * step;
        }
        if range <= CONVERGED {
            break;
        }
    }
    let level = mean.iter().sum::<f64>() / arms.max(1) as f64;
    for mean in &mut mean {
        *mean -= level;
    }
    let covariance = Cholesky::of(&slope(&mean, &cohorts).1).inverse();
    LogRates { mean, covariance }
}

/// How much an epoch of so many visitors and conversions counts that is discounted by `weight`.
pub(super) fn weight(weight: f64, visitors: f64, converted: f64) -> f64 {
    let factor = (visitors + 1.0) / (visitors + 1.0 - converted);
    weight * factor.min(MAX_FACTOR)
}

/// A cohort that tells anything: two arms had visitors, and somebody converted.
struct Informed {
    /// Arm, visitors, weighted conversions.
    cells: Vec<(usize, f64, f64)>,
    /// Weighted conversions.
    total: f64,
}

impl Informed {
    fn new(arms: usize, cohort: &Cohort) -> Option<Self> {
        let pairs = cohort.visitors.iter().zip(&cohort.converted).enumerate();
        let live = pairs.take(arms).filter(|(_, (n, _))| **n > 0.0);
        let mut cells: Vec<(usize, f64, f64)> = live
            .map(|(arm, (n, x))| (arm, *n, x.clamp(0.0, *n)))
            .collect();
        let sum = |of: fn(&(usize, f64, f64)) -> f64| cells.iter().map(of).sum::<f64>();
        let (visitors, converted) = (sum(|cell| cell.1), sum(|cell| cell.2));
        let weight = weight(cohort.weight, visitors, converted);
        for (_, _, x) in &mut cells {
            *x *= weight;
        }
        let total = converted * weight;
        let tells = cells.len() > 1 && total > 0.0 && total.is_finite();
        tells.then_some(Self { cells, total })
    }
}

/// Gradient of the log posterior, and the precision matrix, at these log rates.
fn slope(mean: &[f64], cohorts: &[Informed]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let arms = mean.len();
    let level = mean.iter().sum::<f64>() / arms.max(1) as f64;
    let rates: Vec<f64> = mean.iter().map(|mean| (mean - level).exp()).collect();
    let mut gradient: Vec<f64> = mean.iter().map(|mean| level - mean).collect();
    let mut precision = vec![vec![0.0; arms]; arms];
    for (arm, row) in precision.iter_mut().enumerate() {
        row[arm] = 1.0;
    }
    let mut shares: Vec<f64> = Vec::with_capacity(arms);
    for cohort in cohorts {
        shares.clear();
        shares.extend(cohort.cells.iter().map(|(arm, n, _)| n * rates[*arm]));
        let sum: f64 = shares.iter().sum();
        for share in &mut shares {
            *share /= sum;
        }
        for ((arm, _, x), share) in cohort.cells.iter().zip(&shares) {
            gradient[*arm] += x - cohort.total * share;
            precision[*arm][*arm] += cohort.total * share;
            let row = &mut precision[*arm];
            for ((other, _, _), theirs) in cohort.cells.iter().zip(&shares) {
                row[*other] -= cohort.total * share * theirs;
            }
        }
    }
    (gradient, precision)
}

/// Largest less smallest.
fn range(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    let smallest = values.iter().copied().fold(f64::MAX, f64::min);
    (largest - smallest).max(0.0)
}

#[cfg(test)]
mod tests;
