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
//! Every epoch enters as it is, however old: to add epochs of different allocation would bring Simpson's paradox back, and
//! ten arms in 10,000 epochs take 2 ms.
//!
//! # The weight of an epoch
//! Visitors convert once at most, so the x have the variance of a hypergeometric distribution, smaller than the
//! multinomial's by 1 − X/N: an epoch of N visitors weighs 1/(1 − X/N) as much (with N + 1 for N, so that all may
//! convert, and at most 100).

use std::collections::BTreeMap;

use super::cholesky::Cholesky;

/// Newton's method converges in 2 to 5 steps from the pooled rates.
pub(super) const MAX_STEPS: usize = 100;
/// It ends when no ratio moves by more than this share: the error that is left is its square.
pub(super) const CONVERGED: f64 = 1e-5;
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
    /// The share of its conversions to come that has come, 1 unless they take time. What its arms differ in is in `visitors`.
    pub reached: f64,
}

/// What each epoch saw of one context, by its number.
pub type Cohorts = BTreeMap<u32, Cohort>;

/// The normal posterior of the arms' log rates around their common level. Only differences mean anything.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRates {
    /// The mode by arm; they sum to 0.
    pub mean: Vec<f64>,
    /// The covariance matrix.
    pub covariance: Vec<Vec<f64>>,
}

impl LogRates {
    /// The same of `factor` times the log rates, of −1 where less is better.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let row = |row: &Vec<f64>| row.iter().map(|c| c * factor * factor).collect();
        Self {
            mean: self.mean.iter().map(|log| log * factor).collect(),
            covariance: self.covariance.iter().map(row).collect(),
        }
    }
}

/// The posterior of so many arms; epochs × arms² per step of Newton's method. Without conversions it is the prior.
pub fn posterior(arms: usize, cohorts: &[Cohort]) -> LogRates {
    let likelihood = Likelihood::new(arms, cohorts);
    let mut mean = likelihood.pooled();
    for _ in 0..MAX_STEPS {
        let (gradient, precision) = likelihood.slope(&mean);
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
    let covariance = Cholesky::of(&likelihood.slope(&mean).1).inverse();
    LogRates { mean, covariance }
}

/// How much an epoch of so many visitors and conversions counts that is discounted by `weight`.
pub(super) fn weight(weight: f64, visitors: f64, converted: f64) -> f64 {
    let factor = (visitors + 1.0) / (visitors + 1.0 - converted);
    weight * factor.min(MAX_FACTOR)
}

/// The cohorts that tell anything: two arms had visitors, and somebody converted.
pub(super) struct Likelihood {
    arms: usize,
    /// Visitors by arm, one cohort after the other.
    visitors: Vec<f64>,
    /// Weighted conversions of each cohort.
    totals: Vec<f64>,
    /// Weighted conversions of each arm.
    converted: Vec<f64>,
}

impl Likelihood {
    pub(super) fn new(arms: usize, cohorts: &[Cohort]) -> Self {
        let mut all = Self {
            arms,
            visitors: Vec::with_capacity(arms * cohorts.len()),
            totals: Vec::with_capacity(cohorts.len()),
            converted: vec![0.0; arms],
        };
        for cohort in cohorts {
            all.add(cohort);
        }
        all
    }

    fn add(&mut self, cohort: &Cohort) {
        let counts = || {
            let pairs = cohort.visitors.iter().zip(&cohort.converted);
            let counts = pairs.take(self.arms).map(|(n, x)| (n.max(0.0), *x));
            counts.map(|(n, x)| (n, x.clamp(0.0, n)))
        };
        let visitors: f64 = counts().map(|(n, _)| n).sum();
        let converted: f64 = counts().map(|(_, x)| x).sum();
        let weight = weight(cohort.weight, visitors, converted);
        let total = converted * weight;
        let live = counts().filter(|(n, _)| *n > 0.0).count();
        if live < 2 || total <= 0.0 || !total.is_finite() {
            return;
        }
        self.visitors.extend(counts().map(|(n, _)| n));
        self.visitors
            .resize(self.visitors.len().next_multiple_of(self.arms), 0.0);
        self.totals.push(total);
        let own: Vec<f64> = counts().map(|(_, x)| x * weight).collect();
        for (sum, own) in self.converted.iter_mut().zip(own) {
            *sum += own;
        }
    }

    /// Visitors by arm and the weighted conversions, by cohort.
    fn cohorts(&self) -> impl Iterator<Item = (&[f64], f64)> {
        let visitors = self.visitors.chunks_exact(self.arms.max(1));
        visitors.zip(self.totals.iter().copied())
    }

    /// Where Newton's method starts: the log rates of all cohorts together.
    fn pooled(&self) -> Vec<f64> {
        let mut visitors = vec![0.0; self.arms];
        for (cohort, _) in self.cohorts() {
            for (sum, n) in visitors.iter_mut().zip(cohort) {
                *sum += n;
            }
        }
        let total: f64 = self.totals.iter().sum();
        if total <= 0.0 {
            return vec![0.0; self.arms];
        }
        // One visitor more, of the mean rate: an arm without conversions has a logarithm, too.
        let rate = total / visitors.iter().sum::<f64>();
        let counts = self.converted.iter().zip(&visitors);
        counts
            .map(|(x, n)| ((x + rate) / (n + 1.0) / rate).ln())
            .collect()
    }

    /// The weighted log likelihood, up to a constant.
    pub(super) fn log_likelihood(&self, rates: &[f64]) -> f64 {
        let highest = rates.iter().copied().fold(f64::MIN, f64::max);
        let odds: Vec<f64> = rates.iter().map(|rate| (rate - highest).exp()).collect();
        let sum = |visitors: &[f64]| visitors.iter().zip(&odds).map(|(n, odds)| n * odds).sum();
        let cohorts = self.cohorts();
        let cohorts = cohorts.map(|(visitors, total): (&[f64], f64)| {
            let sum: f64 = sum(visitors);
            total * sum.ln()
        });
        let own = self.converted.iter().zip(rates);
        own.map(|(x, rate)| x * (rate - highest)).sum::<f64>() - cohorts.sum::<f64>()
    }

    /// Gradient of the log posterior, and the precision matrix's rows up to the diagonal, at these log rates.
    fn slope(&self, mean: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let (mut gradient, mut precision) = self.told(mean);
        let level = mean.iter().sum::<f64>() / self.arms.max(1) as f64;
        for ((arm, slope), mean) in gradient.iter_mut().enumerate().zip(mean) {
            *slope += level - mean;
            precision[arm][arm] += 1.0;
        }
        (gradient, precision)
    }

    /// Gradient of the log likelihood, and the information's rows up to the diagonal, at these log rates.
    pub(super) fn told(&self, mean: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let arms = self.arms;
        let level = mean.iter().sum::<f64>() / arms.max(1) as f64;
        let rates: Vec<f64> = mean.iter().map(|mean| (mean - level).exp()).collect();
        // Σ X·q and Σ X·q·qᵀ, of which the lower triangle is wanted.
        let mut expected = vec![0.0; arms];
        let mut products = vec![0.0; arms * arms];
        let mut shares = vec![0.0; arms];
        for (visitors, total) in self.cohorts() {
            let mut sum = 0.0;
            for ((share, n), rate) in shares.iter_mut().zip(visitors).zip(&rates) {
                *share = n * rate;
                sum += *share;
            }
            let scale = total / sum;
            let rows = products.chunks_exact_mut(arms);
            for ((row, expected), share) in rows.zip(&mut expected).zip(&shares) {
                let (count, own) = (scale * share, scale * share / sum);
                *expected += count;
                for (product, other) in row.iter_mut().zip(&shares) {
                    *product += own * other;
                }
            }
        }
        let observed = self.converted.iter().zip(&expected);
        let gradient = observed.map(|(x, expected)| x - expected).collect();
        let mut information: Vec<Vec<f64>> = Vec::with_capacity(arms);
        for (arm, row) in products.chunks_exact(arms.max(1)).enumerate() {
            let mut row: Vec<f64> = row.iter().take(arm + 1).map(|product| -product).collect();
            row[arm] += expected[arm];
            information.push(row);
        }
        (gradient, information)
    }
}

/// The symmetric matrix with these rows up to the diagonal.
pub(super) fn whole(lower: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let cell = |i: usize, j: usize| lower[i.max(j)][i.min(j)];
    let row = |i| (0..lower.len()).map(|j| cell(i, j)).collect();
    (0..lower.len()).map(row).collect()
}

/// sum += factor · more.
pub(super) fn add(sum: &mut [f64], more: &[f64], factor: f64) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += factor * more;
    }
}

/// Largest less smallest.
pub(super) fn range(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    let smallest = values.iter().copied().fold(f64::MAX, f64::min);
    (largest - smallest).max(0.0)
}

#[cfg(test)]
mod tests;
