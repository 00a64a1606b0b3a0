//! A posterior that is one of several with some probability each.

use super::cohort::{LogRates, add};

/// Normal posteriors of log rates with their probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture(Vec<(f64, LogRates)>);

impl Mixture {
    /// Of at least one part, whose probabilities are divided by their sum.
    pub(super) fn new(mut parts: Vec<(f64, LogRates)>) -> Self {
        let total: f64 = parts.iter().map(|(probability, _)| probability).sum();
        for (probability, _) in &mut parts {
            *probability /= total;
        }
        Self(parts)
    }

    /// The same of `factor` times the log rates, of −1 where less is better.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let part = |(probability, rates): &(f64, LogRates)| (*probability, rates.times(factor));
        Self(self.0.iter().map(part).collect())
    }

    /// The probability by arm that its rate is the largest; they sum to 1. Not that of one normal with the same moments,
    /// whose tails are too heavy where an unlikely part is much wider than the others.
    pub fn prob_best(&self) -> Vec<f64> {
        let mut chances = vec![0.0; self.arms()];
        for (probability, rates) in &self.0 {
            add(&mut chances, &rates.prob_best(), *probability);
        }
        chances
    }

    /// The posterior of some of the arms.
    #[must_use]
    pub fn among(&self, arms: &[usize]) -> Self {
        let row = |rates: &LogRates, at: usize| {
            let cells = arms.iter().map(|other| rates.covariance[at][*other]);
            cells.collect()
        };
        let part = |(probability, rates): &(f64, LogRates)| {
            let rates = LogRates {
                mean: arms.iter().map(|at| rates.mean[*at]).collect(),
                covariance: arms.iter().map(|at| row(rates, *at)).collect(),
            };
            (*probability, rates)
        };
        Self(self.0.iter().map(part).collect())
    }

    /// The normal with the same mean and covariance.
    pub fn moments(&self) -> LogRates {
        let arms = self.arms();
        let mut mean = vec![0.0; arms];
        for (probability, part) in &self.0 {
            add(&mut mean, &part.mean, *probability);
        }
        let mut covariance = vec![vec![0.0; arms]; arms];
        for (probability, part) in &self.0 {
            for (i, row) in covariance.iter_mut().enumerate() {
                let off = part.mean[i] - mean[i];
                for (j, sum) in row.iter_mut().enumerate() {
                    let between = off * (part.mean[j] - mean[j]);
                    *sum += probability * (part.covariance[i][j] + between);
                }
            }
        }
        LogRates { mean, covariance }
    }

    /// The parts with their probabilities.
    pub fn into_parts(self) -> Vec<(f64, LogRates)> {
        self.0
    }

    fn arms(&self) -> usize {
        self.0.first().map_or(0, |(_, rates)| rates.mean.len())
    }
}
