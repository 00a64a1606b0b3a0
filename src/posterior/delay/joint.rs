//! Which delays the variants may have, all together, by the ages of their conversions and by how many there are.
//!
//! Few conversions so far, spread evenly over the ages, may be those of a bad variant or of a slow one. The ages alone do not
//! tell these apart before they have come; but variants of one shop rarely differ much in their rates, while their delays
//! may differ by a factor of ten. So a law `l` of a variant's delays weighs by its prior, by the likelihood of the ages and
//! by that of the count x among the exposure `E_l = Σ visitors × F_l(followed)`: `∫ Poisson(x; λ·E_l) N(ln λ; ln λ₀,
//! RATE_SD²) d ln λ`, variants' rates lying log-normally around a common one. The integrand is log-concave and its prior
//! narrow, so Laplace's approximation is within a thousandth of it up to ten times λ₀ and down to a tenth (Tierney and
//! Kadane 1986). That prior weighs the laws alone and draws no rate to the others.
//!
//! Where levels stay, the shares of the conversions that came from younger and from older visitors tell of the law too:
//! given x, they are multinomial with `E_lc / E_l`. Where levels move they tell nothing, so this counts only as far as it
//! explains the counts better than gamma distributed levels do ([`level`]).
//!
//! A law is with the probability `ALIKE` the common one, else of any scale and of about the common shape. The common law
//! and λ₀ are on a grid; given both the variants are independent. What follows of all that is the mixture over the laws
//! of all variants, not one normal of its moments: a few scenarios stand for it, found by a lattice as a Monte Carlo
//! sample would be, so that figures are the same on every call.

use std::collections::BTreeMap;

use super::super::level::{self, Count};
use super::{ByAge, Curve, LAW, SCALES, SHAPES, Sample, dot, laws, near, weights};

/// Standard deviation of the logarithm of the variants' rates.
const RATE_SD: f64 = 0.15;
/// The probability that a variant's law is the common one, before anything is seen.
const ALIKE: f64 = 0.5;
/// How far another law lies from the common one: standard deviations of the logarithm of its scale, and of its shape in
/// steps of the grid.
const SCALE_SD: f64 = 4.0;
const SHAPE_SD: f64 = 0.3;
/// The grid of the common rate: so many steps up and down.
const RATES: i32 = 6;
const RATE_STEP: f64 = 0.15;
/// Steps to the mode of a rate, which is within the prior's few deviations from the common one.
const NEWTON: usize = 5;
/// Scenarios times variants, and the least and the most scenarios.
const WORK: usize = 256;
const LEAST: usize = 4;
const MOST: usize = 32;

/// One possibility.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its probability.
    pub probability: f64,
    /// The curve of each variant.
    pub curves: Vec<Curve>,
}

/// What the laws of the variants may be, given a common law and a common rate.
struct Part {
    score: f64,
    /// By variant and law; each variant's sum to 1.
    laws: Vec<Vec<f64>>,
}

/// The scenarios of these variants, by the metric's window in milliseconds; their probabilities sum to 1.
pub fn scenarios(samples: &[Sample], window: f64) -> Vec<Scenario> {
    let laws = laws(window);
    let parts = parts(samples, &laws);
    let scores: Vec<f64> = parts.iter().map(|part| part.score).collect();
    let chances = weights(&scores);
    let order = from_slow_to_quick(samples, &laws);
    let number = (WORK / samples.len().max(1)).clamp(LEAST, MOST);
    let steps = steps(samples.len() + 1);
    let mut found: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for point in 1..=number {
        let at = |dimension: usize| (0.5 + point as f64 * steps[dimension]).fract();
        let part = &parts[chosen(0..parts.len(), &chances, at(0))];
        let own = part.laws.iter().enumerate();
        let own = own.map(|(arm, laws)| chosen(order.iter().copied(), laws, at(arm + 1)));
        *found.entry(own.collect()).or_insert(0) += 1;
    }
    let scenario = |(picked, times): (Vec<usize>, usize)| Scenario {
        probability: times as f64 / number as f64,
        curves: curves(samples, &picked, (&laws, window)),
    };
    found.into_iter().map(scenario).collect()
}

/// The curves of variants that have these laws: one of all the ages of those who share a law.
fn curves(samples: &[Sample], picked: &[usize], (laws, window): (&[ByAge], f64)) -> Vec<Curve> {
    let mut by_law: BTreeMap<usize, Vec<Sample>> = BTreeMap::new();
    for (law, sample) in picked.iter().zip(samples) {
        by_law.entry(*law).or_default().push(sample.clone());
    }
    let curve = |(law, sharing): (usize, Vec<Sample>)| {
        let density = Sample::pooled(&sharing).self_consistent(&laws[law], LAW);
        (law, Curve { density, window })
    };
    let curves: BTreeMap<usize, Curve> = by_law.into_iter().map(curve).collect();
    picked.iter().map(|law| curves[law].clone()).collect()
}

/// By each common rate and each common law.
fn parts(samples: &[Sample], laws: &[ByAge]) -> Vec<Part> {
    let likelihoods: Vec<Vec<f64>> = samples
        .iter()
        .map(|sample| {
            let likelihood = |law| sample.log_likelihood(law) + log_shares(sample, law);
            laws.iter().map(likelihood).collect()
        })
        .collect();
    let exposures: Vec<Vec<f64>> = samples
        .iter()
        .map(|sample| laws.iter().map(|law| exposure(sample, law)).collect())
        .collect();
    let middle = log_rate_of_all(samples, laws, &likelihoods);
    let around: Vec<Vec<f64>> = (0..laws.len()).map(around).collect();
    let mut parts = Vec::new();
    for step in -RATES..=RATES {
        let common = middle + f64::from(step) * RATE_STEP;
        let scored = samples.iter().zip(&likelihoods).zip(&exposures);
        let scored: Vec<(f64, Vec<f64>)> = scored
            .map(|((sample, ages), exposures)| {
                let seen = sample.conversions();
                let score =
                    |(ages, exposure): (&f64, &f64)| ages + log_count(seen, *exposure, common);
                relative(&ages.iter().zip(exposures).map(score).collect::<Vec<f64>>())
            })
            .collect();
        parts.extend(around.iter().map(|prior| part(prior, &scored)));
    }
    parts
}

/// Of the variants' largest log likelihoods and the likelihoods of the laws relative to them.
fn part(prior: &[f64], scored: &[(f64, Vec<f64>)]) -> Part {
    let mut score = 0.0;
    let own = |(largest, likelihoods): &(f64, Vec<f64>)| {
        let pairs = prior.iter().zip(likelihoods);
        let mut laws: Vec<f64> = pairs
            .map(|(prior, likelihood)| prior * likelihood)
            .collect();
        let total = laws.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        score += largest + total.ln();
        for law in &mut laws {
            *law /= total;
        }
        laws
    };
    let laws = scored.iter().map(own).collect();
    Part { score, laws }
}

/// The largest of log scores, and all relative to it.
fn relative(scores: &[f64]) -> (f64, Vec<f64>) {
    let largest = scores.iter().copied().fold(f64::MIN, f64::max);
    let scores = scores.iter().map(|score| (score - largest).exp());
    (largest, scores.collect())
}

fn exposure(sample: &Sample, law: &ByAge) -> f64 {
    let cohorts = sample.cohorts.iter();
    cohorts.map(|of| of.visitors * dot(law, &of.followed)).sum()
}

/// The log likelihood of how many of the conversions came from each cohort, up to what no law changes: the mean of that
/// under a level that stays, and under those that move.
fn log_shares(sample: &Sample, law: &ByAge) -> f64 {
    let all = sample.cohorts.iter().map(|of| of.converted).sum::<f64>();
    let level = all / exposure(sample, law).max(f64::MIN_POSITIVE);
    let counts: Vec<Count> = (sample.cohorts.iter())
        .map(|of| Count {
            seen: of.converted,
            expected: level * of.visitors * dot(law, &of.followed),
        })
        .collect();
    let stays = |of: &Count| of.seen * of.expected.max(f64::MIN_POSITIVE).ln();
    let moves = level::SHAPES.map(|shape| {
        let factors = counts.iter().map(|count| count.log_factor(shape));
        factors.sum::<f64>().exp()
    });
    let moves = moves.iter().sum::<f64>() / moves.len() as f64;
    counts.iter().map(stays).sum::<f64>() + f64::midpoint(1.0, moves).ln()
}

/// The logarithm of `∫ Poisson(x; λ·E) N(ln λ; ln λ₀, RATE_SD²) d ln λ` by Laplace, less what depends on x alone.
fn log_count(seen: f64, exposure: f64, common: f64) -> f64 {
    let precision = RATE_SD.powi(-2);
    let mut deviation = 0.0;
    let mut expected = exposure * common.exp();
    for _ in 0..NEWTON {
        let slope = seen - expected - precision * deviation;
        deviation += (slope / (expected + precision)).clamp(-1.0, 1.0);
        expected = exposure * (common + deviation).exp();
    }
    let reach = exposure.max(f64::MIN_POSITIVE).ln() + common + deviation;
    let curvature = expected / precision + 1.0;
    let prior = f64::midpoint(precision * deviation.powi(2), curvature.ln());
    seen * reach - expected - prior
}

/// Of all variants, by one law for all.
fn log_rate_of_all(samples: &[Sample], laws: &[ByAge], likelihoods: &[Vec<f64>]) -> f64 {
    let together = |law: usize| likelihoods.iter().map(|of| of[law]).sum();
    let weights = weights(&(0..laws.len()).map(together).collect::<Vec<f64>>());
    let all = Sample::pooled(samples);
    let pairs = laws.iter().zip(&weights);
    let exposed: f64 = pairs
        .map(|(law, weight)| weight * exposure(&all, law))
        .sum();
    (all.conversions().max(1.0) / exposed.max(f64::EPSILON)).ln()
}

/// The prior of a variant's law, given the common one.
fn around(common: usize) -> Vec<f64> {
    let laws = 0..SCALES * SHAPES.len();
    let near: Vec<f64> = laws
        .map(|law| near(law, common, (SCALE_SD, SHAPE_SD)))
        .collect();
    let total: f64 = near.iter().sum();
    let prior = |(law, near): (usize, f64)| {
        let alike = if law == common { ALIKE } else { 0.0 };
        alike + (1.0 - ALIKE) * near / total
    };
    near.into_iter().enumerate().map(prior).collect()
}

/// The laws by what they let all variants' visitors have shown, so that near points of a lattice choose near laws.
fn from_slow_to_quick(samples: &[Sample], laws: &[ByAge]) -> Vec<usize> {
    let all = Sample::pooled(samples);
    let exposures: Vec<f64> = laws.iter().map(|law| exposure(&all, law)).collect();
    let mut order: Vec<usize> = (0..laws.len()).collect();
    order.sort_by(|a, b| exposures[*a].total_cmp(&exposures[*b]));
    order
}

/// The one in which the sum of the weights passes `at`.
fn chosen(order: impl Iterator<Item = usize>, weights: &[f64], at: f64) -> usize {
    let (mut before, mut last) = (0.0, 0);
    for one in order {
        before += weights[one];
        if weights[one] > 0.0 {
            last = one;
        }
        if at < before {
            break;
        }
    }
    last
}

/// Steps of the additive lattice in so many dimensions: powers of the root of `gᵈ⁺¹ = g + 1` (Roberts 2018), the golden
/// ratio's sequence in one.
fn steps(dimensions: usize) -> Vec<f64> {
    let power = 1.0 / (dimensions as f64 + 1.0);
    let root = (0..64).fold(2.0_f64, |root, _| (1.0 + root).powf(power));
    let step = |dimension: i32| root.powi(-dimension).fract();
    (1..).take(dimensions).map(step).collect()
}

#[cfg(test)]
mod tests;
