//! Whether delays differ by variant: the Kruskal–Wallis test for truncated ages.
//!
//! Every conversion scores the share of all conversions that come before it, its rank under the common curve, less what is
//! expected of one that could only be seen up to the age its cohort was followed to. Under equal curves the mean excess
//! `m_a = U_a / V_a` of a variant has variance `1 / V_a`, so `Q = Σ V_a·(m_a − m̄)²` is χ² with K − 1 degrees of freedom
//! (Cochran 1954). Rates do not enter, so variants may convert more or less often, in season or out of it.

use super::{ByAge, Curve, MIN_CONVERSIONS, Sample, dot};
use crate::age::BUCKETS;

/// Standard deviation of a variant's excess among variants whose delays differ: twice the delay is about 2.
const SPREAD: f64 = 2.0;
/// The probability that delays differ, before anything is seen.
const PRIOR: f64 = 0.3;

/// The probability of a difference below which curves count as alike.
const ALIKE: f64 = 0.05;

/// What the ages say of the variants' curves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Cochran's Q.
    pub statistic: f64,
    /// Degrees of freedom: variants with conversions, less one.
    pub df: usize,
    /// The posterior probability that the curves differ.
    pub probability: f64,
}

impl Difference {
    /// Whether the ages leave a difference so little probability that the curves count as alike.
    pub fn speaks_against(&self) -> bool {
        self.probability < ALIKE
    }
}

/// Compares the curves; `None` with fewer than two variants that have conversions enough, or if all ages are alike.
pub fn difference(samples: &[Sample], common: &Curve) -> Option<Difference> {
    let ranks = ranks(&common.density);
    let excess = |sample: &Sample| {
        let enough = sample.conversions() >= MIN_CONVERSIONS / 2.0;
        enough
            .then(|| excess(sample, common, &ranks))
            .filter(|(_, variance)| *variance > 0.0)
    };
    let excesses: Vec<(f64, f64)> = samples.iter().filter_map(excess).collect();
    let df = excesses.len().checked_sub(1).filter(|df| *df > 0)?;
    let means: Vec<(f64, f64)> = excesses.iter().map(|(u, v)| (u / v, 1.0 / v)).collect();
    let (statistic, _, same) = spread_of(&means, 0.0);
    let (_, _, differ) = spread_of(&means, SPREAD * SPREAD);
    let odds = PRIOR / (1.0 - PRIOR) * (differ - same).min(600.0).exp();
    Some(Difference {
        statistic,
        df,
        probability: odds / (1.0 + odds),
    })
}

/// Weighted squares of the means around their mean, that mean, and the log likelihood, if they scatter by `between`
/// beyond their own variances; the level is integrated out.
fn spread_of(means: &[(f64, f64)], between: f64) -> (f64, f64, f64) {
    let weight = |variance: f64| 1.0 / (variance + between);
    let total: f64 = means.iter().map(|(_, variance)| weight(*variance)).sum();
    let level = means
        .iter()
        .map(|(mean, variance)| mean * weight(*variance))
        .sum::<f64>()
        / total;
    let square = |(mean, variance): &(f64, f64)| (mean - level).powi(2) * weight(*variance);
    let squares: f64 = means.iter().map(square).sum();
    let logs: f64 = means
        .iter()
        .map(|(_, variance)| weight(*variance).ln())
        .sum();
    (squares, level, (logs - total.ln() - squares) / 2.0)
}

/// The share of all conversions before the middle of each bucket.
fn ranks(density: &ByAge) -> ByAge {
    let mut ranks = [0.0; BUCKETS];
    let mut before = 0.0;
    for (rank, p) in ranks.iter_mut().zip(density) {
        *rank = before + p / 2.0;
        before += p;
    }
    ranks
}

/// Sum of the ranks beyond what was expected, and its variance.
fn excess(sample: &Sample, common: &Curve, ranks: &ByAge) -> (f64, f64) {
    let mut excess = dot(&sample.ages, ranks);
    let mut variance = 0.0;
    for cohort in sample.cohorts.iter().filter(|of| of.converted > 0.0) {
        let (mut p, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for ((density, followed), rank) in common.density.iter().zip(&cohort.followed).zip(ranks) {
            let seen = density * followed;
            p += seen;
            mean += seen * rank;
            squares += seen * rank * rank;
        }
        if p > 0.0 {
            mean /= p;
            excess -= cohort.converted * mean;
            variance += cohort.converted * (squares / p - mean * mean).max(0.0);
        }
    }
    (excess, variance)
}
