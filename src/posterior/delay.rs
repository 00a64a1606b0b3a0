//! Conversion delays: which share of the conversions to come has come by an age, estimated from those that have.
//!
//! A conversion is seen only if its age is at most the time since the assignment, so young visitors show early ones alone
//! (right truncation). The likelihood is that of the ages given who has converted,
//! `Π_c Π_i p(age_i) / F(followed_c)`, in which neither the rate nor its season appears (Kalbfleisch and Lawless 1989); a
//! survival curve over all visitors, converted or not, would take a promotion for a delay. Ages beyond a metric's window
//! do not count, so F(window) = 1.
//!
//! # The estimate
//! With some conversions the likelihood says little, and of ages that nobody could have reached yet nothing. So each
//! curve starts from Weibull laws, weighed on a grid of scales and shapes; a variant's laws lie around those of all
//! variants together (log-normal, σ = 1.5 in the scale). The ages themselves then correct the law by the self-consistent
//! estimate of truncated data (Turnbull 1976), in which the law counts as `LAW` conversions.

pub mod difference;
pub mod joint;

use crate::age::{AgeBucket, BUCKETS};

/// Scales of the Weibull laws: two to an octave from 4 minutes on, as the buckets.
const SCALES: usize = 27;
const FIRST_SCALE_MS: f64 = 240_000.0;
/// Shapes of the Weibull laws: 1 is exponential, less has both quick conversions and a long tail.
const SHAPES: [f64; 3] = [0.5, 0.75, 1.0];
const LAWS: usize = SCALES * SHAPES.len();
/// How far a variant's law lies from the common one: standard deviation of the logarithm of its scale, and of its shape in
/// steps of the grid.
const SCALE_SD: f64 = 1.5;
const SHAPE_SD: f64 = 3.0;
/// How many conversions the parametric law counts for.
const LAW: f64 = 20.0;
/// Steps of the self-consistent estimate.
const STEPS: usize = 12;
/// Conversions without which a curve is not estimated.
pub const MIN_CONVERSIONS: f64 = 10.0;

/// By bucket of age.
pub type ByAge = [f64; BUCKETS];

/// Visitors who were followed equally long.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// How many.
    pub visitors: f64,
    /// How many of them have converted.
    pub converted: f64,
    /// Which share of each bucket of ages they were followed through.
    pub followed: ByAge,
}

/// What is known of a variant's delays.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Conversions by age.
    pub ages: ByAge,
    /// The visitors among whom they came.
    pub cohorts: Vec<Cohort>,
}

/// When conversions come.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The share of all conversions that come in each bucket; sums to 1.
    density: ByAge,
    /// The metric's window, in milliseconds.
    window: f64,
}

/// Which share of each bucket, as far as it lies within the window, lies before an age, both in milliseconds. The first counts in full: what comes within a minute
/// comes at once.
pub fn followed(age: f64, window: f64) -> ByAge {
    let mut shares = [0.0; BUCKETS];
    for (share, bucket) in shares.iter_mut().zip(AgeBucket::all()) {
        let (from, to) = within(bucket, window);
        if to > from {
            *share = ((age - from) / (to - from)).clamp(0.0, 1.0);
        }
    }
    shares[0] = 1.0;
    shares
}

/// The part of a bucket that lies within the window, in milliseconds.
fn within(bucket: AgeBucket, window: f64) -> (f64, f64) {
    let (from, to) = bucket.bounds();
    ((from as f64).min(window), (to as f64).min(window))
}

impl Sample {
    /// All conversions.
    pub fn conversions(&self) -> f64 {
        self.ages.iter().sum()
    }

    /// Several variants as one.
    pub fn pooled(samples: &[Self]) -> Self {
        let mut ages = [0.0; BUCKETS];
        for sample in samples {
            for (sum, age) in ages.iter_mut().zip(&sample.ages) {
                *sum += age;
            }
        }
        let cohorts = samples.iter().flat_map(|sample| sample.cohorts.clone());
        Self {
            ages,
            cohorts: cohorts.collect(),
        }
    }

    fn log_likelihood(&self, law: &ByAge) -> f64 {
        let seen = self.ages.iter().zip(law).filter(|(n, _)| **n > 0.0);
        let seen: f64 = seen.map(|(n, p)| n * p.max(f64::MIN_POSITIVE).ln()).sum();
        let converted = self.cohorts.iter().filter(|of| of.converted > 0.0);
        let reach = |of: &Cohort| dot(law, &of.followed).max(f64::MIN_POSITIVE).ln();
        seen - converted.map(|of| of.converted * reach(of)).sum::<f64>()
    }

    /// The self-consistent estimate, for which `law` counts as `weight` conversions.
    fn self_consistent(&self, law: &ByAge, weight: f64) -> ByAge {
        let mut density = *law;
        for _ in 0..STEPS {
            // How many conversions there will be of those who were followed through each bucket.
            let mut at_risk = [weight; BUCKETS];
            for cohort in self.cohorts.iter().filter(|of| of.converted > 0.0) {
                let reached = dot(&density, &cohort.followed);
                if reached > 0.0 {
                    let all = cohort.converted / reached;
                    for (sum, share) in at_risk.iter_mut().zip(&cohort.followed) {
                        *sum += all * share;
                    }
                }
            }
            for (j, p) in density.iter_mut().enumerate() {
                let seen = self.ages[j] + weight * law[j];
                *p = if at_risk[j] > 0.0 {
                    seen / at_risk[j]
                } else {
                    0.0
                };
            }
            normalise(&mut density);
        }
        density
    }
}

impl Curve {
    /// Of one sample alone, by its window in milliseconds.
    pub fn of(sample: &Sample, window: f64) -> Self {
        let laws = laws(window);
        let scores: Vec<f64> = laws.iter().map(|law| sample.log_likelihood(law)).collect();
        Self::weighed(sample, (&laws, window), &weights(&scores))
    }

    /// Of each sample: a curve of its own around the one of all together.
    pub fn each(samples: &[Sample], window: f64) -> Vec<Self> {
        let laws = laws(window);
        let scores: Vec<Vec<f64>> = samples
            .iter()
            .map(|sample| laws.iter().map(|law| sample.log_likelihood(law)).collect())
            .collect();
        let total: Vec<f64> = (0..LAWS)
            .map(|law| scores.iter().map(|of| of[law]).sum())
            .collect();
        let around = spread(&weights(&total));
        let own = |(sample, scores): (&Sample, &Vec<f64>)| {
            let pairs = scores.iter().zip(&around);
            let scores: Vec<f64> = pairs.map(|(score, prior)| score + prior.ln()).collect();
            Self::weighed(sample, (&laws, window), &weights(&scores))
        };
        samples.iter().zip(&scores).map(own).collect()
    }

    fn weighed(sample: &Sample, (laws, window): (&[ByAge], f64), weights: &[f64]) -> Self {
        let mut law = [0.0; BUCKETS];
        for (of, weight) in laws.iter().zip(weights) {
            for (sum, p) in law.iter_mut().zip(of) {
                *sum += weight * p;
            }
        }
        Self {
            density: sample.self_consistent(&law, LAW),
            window,
        }
    }

    /// The share of the conversions to come that has come to visitors followed like this, in [0, 1].
    pub fn reached(&self, followed: &ByAge) -> f64 {
        dot(&self.density, followed).clamp(0.0, 1.0)
    }

    /// The age in milliseconds by which this share of the conversions has come.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut before = 0.0;
        for (p, bucket) in self.density.iter().zip(AgeBucket::all()) {
            if *p > 0.0 && before + p >= share {
                let (from, to) = within(bucket, self.window);
                return from + (to - from) * (share - before) / p;
            }
            before += p;
        }
        self.window
    }
}

/// The laws of the grid, the scale running faster, cut at the window.
fn laws(window: f64) -> Vec<ByAge> {
    let mut laws = Vec::with_capacity(LAWS);
    for shape in SHAPES {
        for scale in 0..SCALES {
            let scale = FIRST_SCALE_MS * (scale as f64 / 2.0).exp2();
            let survival = |age: f64| (-(age / scale).powf(shape)).exp();
            let mut law = [0.0; BUCKETS];
            for (p, bucket) in law.iter_mut().zip(AgeBucket::all()) {
                let (from, to) = within(bucket, window);
                *p = survival(from) - survival(to);
            }
            normalise(&mut law);
            laws.push(law);
        }
    }
    laws
}

/// From log scores to weights that sum to 1.
fn weights(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// How near two laws are, by the standard deviations of the logarithm of a scale, and of a shape in steps of the grid:
/// normal, 1 where they are the same.
fn near(one: usize, other: usize, (scale_sd, shape_sd): (f64, f64)) -> f64 {
    let apart = |one: usize, other: usize| one.abs_diff(other) as f64;
    let step = std::f64::consts::LN_2 / 2.0;
    let scale = apart(one % SCALES, other % SCALES) * step / scale_sd;
    let shape = apart(one / SCALES, other / SCALES) / shape_sd;
    (-f64::midpoint(scale.powi(2), shape.powi(2))).exp()
}

/// The laws of a variant, given those of all: around them.
fn spread(weights: &[f64]) -> Vec<f64> {
    let around = |law: usize| {
        let likely = weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 1e-6);
        likely
            .map(|(other, weight)| weight * near(law, other, (SCALE_SD, SHAPE_SD)))
            .sum::<f64>()
    };
    (0..weights.len())
        .map(|law| around(law).max(f64::MIN_POSITIVE))
        .collect()
}

fn dot(a: &ByAge, b: &ByAge) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normalise(density: &mut ByAge) {
    let sum: f64 = density.iter().sum();
    if sum > 0.0 {
        for p in density {
            *p /= sum;
        }
    }
}

#[cfg(test)]
mod tests;
