//! The posterior of values that go linearly with features of visitors, variant by variant: disjoint Bayesian ridge.
//!
//! A visitor of epoch e with features x (the first is 1, the intercept) who gets variant a is worth
//! `y = m_e + xᵀθ_a + ε`, ε of variance s². Nothing is known of the levels `m_e` beforehand (a flat prior); every coefficient
//! is N(0, v) with the same v for all variants: v is the square of the mean value, so a feature may well double it. s² is
//! what the fit leaves, pooled over variants. Whatever the values are (conversions, counts, amounts), means over many
//! visitors are normal.
//!
//! # The level of an epoch
//! With a flat prior `m_e` is what is left of the epoch's mean, so what counts is how visitors differ from the others of their
//! epoch: with the sums `S_ea = Σx`, all coefficients together have the precision
//! `⊕_a(Σ_e Σxxᵀ/s² + I/v) − Σ_e S_e·S_eᵀ/(n_e·s²)` (the within-estimator of panel data; Mundlak 1978). A promotion that
//! raises everybody's chances, or one that came while one variant had most of the traffic, so leaves no trace in θ. What is
//! not covered: a promotion that works for some visitors only is learned as if it were for ever, and one that doubles all
//! rates doubles their differences, too, so those of its epochs weigh more than their visitors do.
//!
//! # One normal per variant
//! Whoever decides for a visitor in microseconds wants independent normals, but the levels tie variants together. What is
//! tied is mostly common to all, and leaves no trace in who is best. So each variant gets the covariance `C_a` for which
//! `C_a + C_b` comes nearest, in least squares over all pairs, to the covariance of `θ_a − θ_b`: exactly it for two and
//! for three variants. Where that would not be a covariance, as much of the way there from that of known levels as is.
//!
//! # What it costs
//! Lost conversions in 50,000 visitors in batches of 1,000, no floor, 40 runs: two segments with 3 % and 5 % the other way
//! round, 31.7 ± 2.0, which is 0.92 times what Thompson sampling per segment loses in batches (contextual 42.5 ± 3.1, pooled
//! 500); ten segments that do not matter with 4 % and 5 %, 114.7 ± 5.0, as much as per segment (contextual 47.6 ± 4.2, pooled
//! 25.4 ± 2.7). Variants share nothing, so a feature that does not matter is paid for: give those that may.
//!
//! A report on it needs a floor, as under [`super::contextual`]: without one the two segments' interval covered the truth
//! in 75 % of the runs that showed one.

pub mod contest;

use super::cholesky::Cholesky;

type Matrix = Vec<Vec<f64>>;

/// How often the noise is estimated anew from what the fit leaves.
const ROUNDS: usize = 2;
/// How often the way towards a matrix that is no covariance is halved.
const HALVINGS: usize = 6;
/// A direction with less than this share of the variance of known levels is none.
const LEAST_PIVOT: f64 = 1e-3;

/// Sums over the visitors of one variant in one epoch. There are as many columns as coefficients; the first is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// Σx; the first is the number of visitors.
    pub x: Vec<f64>,
    /// The lower triangle of Σxxᵀ, row by row.
    pub xx: Vec<Vec<f64>>,
    /// Σy.
    pub y: f64,
    /// Σy².
    pub yy: f64,
    /// Σx·y.
    pub xy: Vec<f64>,
}

/// The visitors of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// What each of its visitors counts.
    pub weight: f64,
    /// By variant.
    pub arms: Vec<Sums>,
}

/// The posterior of a variant's coefficients.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficients {
    /// The means.
    pub mean: Vec<f64>,
    /// Their covariance matrix, made for comparisons between variants.
    pub covariance: Matrix,
}

/// The posterior of all variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// By variant.
    pub arms: Vec<Coefficients>,
    /// The variance that features do not explain, s².
    pub noise: f64,
}

/// The posterior given the epochs' sums, for so many variants and columns; `None` if no value differs from the others.
pub fn posterior(arms: usize, columns: usize, cohorts: &[Cohort]) -> Option<Linear> {
    let within = Within::new((arms, columns), cohorts);
    let level = within.total / within.visitors;
    let mut noise = within.squares / within.visitors;
    if !(noise > 0.0 && noise.is_finite()) {
        return None;
    }
    for _ in 0..ROUNDS {
        let prior = (level * level).max(noise / within.visitors);
        let mean = within.factor(noise, prior).solve(&within.scaled(noise));
        let left = within.left(&mean);
        // Even a perfect fit is one to finitely many visitors.
        noise = (left / within.visitors).max(1e-9 * noise);
    }
    let prior = (level * level).max(noise / within.visitors);
    let factor = within.factor(noise, prior);
    let mean = factor.solve(&within.scaled(noise));
    let covariances = separate(&factor.inverse(), &within.known(noise, prior));
    let arms = mean.chunks(columns).zip(covariances);
    let arms = arms.map(|(mean, covariance)| Coefficients {
        mean: mean.to_vec(),
        covariance,
    });
    Some(Linear {
        arms: arms.collect(),
        noise,
    })
}

/// What all epochs say about differences within them.
struct Within {
    visitors: f64,
    /// Σy.
    total: f64,
    /// Σ(y − ȳ)², ȳ being the epoch's mean.
    squares: f64,
    /// Σxxᵀ by variant, as if levels were known.
    blocks: Vec<Matrix>,
    /// All coefficients' Σxxᵀ less that of the epochs' means; the lower triangle.
    information: Matrix,
    /// Σx·(y − ȳ), of all coefficients.
    slopes: Vec<f64>,
}

impl Within {
    fn new((arms, columns): (usize, usize), cohorts: &[Cohort]) -> Self {
        let size = arms * columns;
        let mut within = Self {
            visitors: 0.0,
            total: 0.0,
            squares: 0.0,
            blocks: vec![zeros(columns); arms],
            information: zeros(size),
            slopes: vec![0.0; size],
        };
        for cohort in cohorts {
            within.add(cohort);
        }
        for (arm, block) in within.blocks.iter().enumerate() {
            for (i, row) in block.iter().enumerate() {
                for (j, cell) in row.iter().enumerate().take(i + 1) {
                    within.information[arm * columns + i][arm * columns + j] += cell;
                }
            }
        }
        within
    }

    fn add(&mut self, cohort: &Cohort) {
        let sum = |of: fn(&Sums) -> f64| cohort.arms.iter().map(of).sum::<f64>();
        let (n, y) = (sum(|arm| arm.x[0]), sum(|arm| arm.y));
        if n <= 0.0 {
            return;
        }
        let (weight, mean) = (cohort.weight, y / n);
        self.visitors += weight * n;
        self.total += weight * y;
        self.squares += weight * (sum(|arm| arm.yy) - y * mean).max(0.0);
        for (block, arm) in self.blocks.iter_mut().zip(&cohort.arms) {
            for (row, of) in block.iter_mut().zip(&arm.xx) {
                for (cell, of) in row.iter_mut().zip(of) {
                    *cell += weight * of;
                }
            }
        }
        let x: Vec<f64> = cohort.arms.iter().flat_map(|arm| &arm.x).copied().collect();
        let xy = cohort.arms.iter().flat_map(|arm| &arm.xy);
        for ((slope, xy), x) in self.slopes.iter_mut().zip(xy).zip(&x) {
            *slope += weight * (xy - x * mean);
        }
        for (i, row) in self.information.iter_mut().enumerate() {
            for (cell, other) in row.iter_mut().zip(&x[..=i]) {
                *cell -= weight / n * x[i] * other;
            }
        }
    }

    fn scaled(&self, noise: f64) -> Vec<f64> {
        self.slopes.iter().map(|slope| slope / noise).collect()
    }

    /// The factor of the precision of all coefficients.
    fn factor(&self, noise: f64, prior: f64) -> Cholesky {
        Cholesky::of(&ridge(&self.information, noise, prior))
    }

    /// The covariance of each variant if the levels were known.
    fn known(&self, noise: f64, prior: f64) -> Vec<Matrix> {
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|block| Cholesky::of(&ridge(block, noise, prior)).inverse());
        blocks.collect()
    }

    /// The sum of squares that the coefficients leave.
    fn left(&self, mean: &[f64]) -> f64 {
        let mut left = self.squares;
        for (i, row) in self.information.iter().enumerate() {
            left -= 2.0 * mean[i] * self.slopes[i];
            for (j, cell) in row.iter().enumerate().take(i + 1) {
                let twice = if j < i { 2.0 } else { 1.0 };
                left += twice * mean[i] * mean[j] * cell;
            }
        }
        left.max(0.0)
    }
}

/// information/noise + I/prior.
fn ridge(information: &[Vec<f64>], noise: f64, prior: f64) -> Matrix {
    let mut precision: Matrix = information
        .iter()
        .map(|row| row.iter().map(|cell| cell / noise).collect())
        .collect();
    for (at, row) in precision.iter_mut().enumerate() {
        row[at] += prior.recip();
    }
    precision
}

/// One covariance per variant, from that of all coefficients and those of known levels.
fn separate(joint: &[Vec<f64>], known: &[Matrix]) -> Vec<Matrix> {
    let arms = known.len();
    let columns = known.first().map_or(0, Vec::len);
    if arms < 2 {
        return known.to_vec();
    }
    // What levels add to the covariance of a difference.
    let added = |a: usize, b: usize, (i, j): (usize, usize)| {
        let cell = |of: usize, other: usize| joint[of * columns + i][other * columns + j];
        cell(a, a) + cell(b, b) - cell(a, b) - cell(b, a) - known[a][i][j] - known[b][i][j]
    };
    let (count, mut shares) = (arms as f64, vec![zeros(columns); arms]);
    for i in 0..columns {
        for j in 0..columns {
            let of = |a: usize| (0..arms).filter(move |b| *b != a);
            let sums: Vec<f64> = (0..arms)
                .map(|a| of(a).map(|b| added(a, b, (i, j))).sum())
                .collect();
            let all = sums.iter().sum::<f64>() / 2.0;
            for (share, sum) in shares.iter_mut().zip(sums) {
                share[i][j] = if arms == 2 {
                    all / 2.0
                } else {
                    (sum - all / (count - 1.0)) / (count - 2.0)
                };
            }
        }
    }
    let pairs = known.iter().zip(&shares);
    pairs.map(|(known, share)| towards(known, share)).collect()
}

/// known + as much of `more` as leaves a covariance.
fn towards(known: &[Vec<f64>], more: &[Vec<f64>]) -> Matrix {
    let mut pace = 1.0;
    for _ in 0..HALVINGS {
        let whole: Matrix = known
            .iter()
            .zip(more)
            .map(|(known, more)| {
                let cells = known.iter().zip(more);
                cells.map(|(known, more)| known + pace * more).collect()
            })
            .collect();
        if is_covariance(&whole, known) {
            return whole;
        }
        pace /= 2.0;
    }
    known.to_vec()
}

/// Whether no direction has next to no variance.
fn is_covariance(matrix: &[Vec<f64>], known: &[Vec<f64>]) -> bool {
    let pivots = |of: &[Vec<f64>]| {
        let factor = Cholesky::of(of);
        let last = |row: &Vec<f64>| row.last().copied().unwrap_or(0.0).powi(2);
        factor.rows().iter().map(last).collect::<Vec<f64>>()
    };
    let pairs = pivots(matrix).into_iter().zip(pivots(known));
    pairs
        .into_iter()
        .all(|(own, known)| own > LEAST_PIVOT * known)
}

fn zeros(size: usize) -> Matrix {
    vec![vec![0.0; size]; size]
}

impl Coefficients {
    /// The rows of the lower triangular L with L·Lᵀ = the covariance.
    pub fn factor(&self) -> Matrix {
        Cholesky::of(&self.covariance).rows().to_vec()
    }
}

#[cfg(test)]
mod tests;
