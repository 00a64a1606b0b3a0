//! The posterior of all contexts under one standard deviation σ of the interaction.
//!
//! The contexts are independent given α, so the precision matrix of all (α, β) is an arrow. With the information `H_c` of
//! a context and `B_c = (I + σ²·H_c)⁻¹`, α alone has the precision `S = I + Σ_c H_c·B_c`, and `α + β_c` the covariance
//! `σ²·B_c + B_c·S⁻¹·B_c`. Both hold at σ = 0, too. A step of Newton's method costs contexts × arms³.

use super::super::cholesky::Cholesky;
use super::super::cohort::{CONVERGED, Likelihood, LogRates, MAX_STEPS, add, range, whole};

type Matrix = Vec<Vec<f64>>;

/// α, and β by context.
pub(super) struct Modes {
    pub(super) common: Vec<f64>,
    pub(super) own: Vec<Vec<f64>>,
}

impl Modes {
    pub(super) fn start(arms: usize, contexts: usize) -> Self {
        Self {
            common: vec![0.0; arms],
            own: vec![vec![0.0; arms]; contexts],
        }
    }

    pub(super) fn rates(&self, context: usize) -> Vec<f64> {
        let pairs = self.common.iter().zip(&self.own[context]);
        pairs.map(|(common, own)| common + own).collect()
    }

    /// Newton's method from here to the mode under this σ².
    pub(super) fn climb(&mut self, contexts: &[Likelihood], variance: f64) {
        if variance <= 0.0 {
            self.own.iter_mut().flatten().for_each(|own| *own = 0.0);
        }
        for _ in 0..MAX_STEPS {
            let (common, rates) = self.step(contexts, variance);
            let width = rates.iter().chain([&common]).map(|step| range(step));
            let width = width.fold(0.0, f64::max);
            // As in a single cohort's posterior: a step damped like this always climbs.
            let damping = if width > 0.0 {
                width.ln_1p() / width
            } else {
                1.0
            };
            for (own, step) in self.own.iter_mut().zip(&rates) {
                add(own, step, damping);
                add(own, &common, -damping);
            }
            add(&mut self.common, &common, damping);
            if width <= CONVERGED {
                return;
            }
        }
    }

    /// The steps of α and of every α + β.
    fn step(&self, contexts: &[Likelihood], variance: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
        let arms = self.common.len();
        let mut right: Vec<f64> = self.common.iter().map(|common| -common).collect();
        let mut precision = identity(arms);
        let mut parts = Vec::with_capacity(contexts.len());
        for (context, likelihood) in contexts.iter().enumerate() {
            let part = Part::new(&self.rates(context), likelihood, variance);
            let pulled: Vec<f64> = part
                .gradient
                .iter()
                .zip(&self.own[context])
                .map(|(slope, own)| variance * slope - own)
                .collect();
            add(&mut right, &part.gradient, 1.0);
            add(&mut right, &times(&part.told, &pulled), -1.0);
            for (row, told) in precision.iter_mut().zip(&part.told) {
                add(row, told, 1.0);
            }
            parts.push((part.shrunk, pulled));
        }
        let common = Cholesky::of(&precision).solve(&right);
        let rates = parts.into_iter().map(|(shrunk, mut pulled)| {
            add(&mut pulled, &common, 1.0);
            times(&shrunk, &pulled)
        });
        (common.clone(), rates.collect())
    }
}

/// What one context's likelihood is like at its log rates.
pub(super) struct Part {
    pub(super) gradient: Vec<f64>,
    /// `B = (I + σ²·H)⁻¹`.
    shrunk: Matrix,
    /// What it tells of α: H·B.
    told: Matrix,
    /// ln det(I + σ²·H).
    log_determinant: f64,
}

impl Part {
    pub(super) fn new(rates: &[f64], likelihood: &Likelihood, variance: f64) -> Self {
        let (gradient, lower) = likelihood.told(rates);
        let information = whole(&lower);
        let mut widened = identity(rates.len());
        for (row, information) in widened.iter_mut().zip(&information) {
            add(row, information, variance);
        }
        let factor = Cholesky::of(&widened);
        let shrunk = factor.inverse();
        let product: Matrix = information.iter().map(|row| times(&shrunk, row)).collect();
        Self {
            gradient,
            told: symmetric(&product),
            log_determinant: factor.log_determinant(),
            shrunk,
        }
    }
}

/// The posterior under one σ².
pub(super) struct Fit {
    pub(super) common: LogRates,
    pub(super) contexts: Vec<LogRates>,
    /// The logarithm of the marginal likelihood, up to a constant.
    pub(super) evidence: f64,
}

impl Fit {
    pub(super) fn new(at: &Modes, contexts: &[Likelihood], variance: f64) -> Self {
        let arms = at.common.len();
        let mut evidence = -0.5 * squares(&at.common);
        let mut precision = identity(arms);
        let mut parts = Vec::with_capacity(contexts.len());
        for (context, likelihood) in contexts.iter().enumerate() {
            let rates = at.rates(context);
            let part = Part::new(&rates, likelihood, variance);
            evidence += likelihood.log_likelihood(&rates);
            if variance > 0.0 {
                evidence -= 0.5 * squares(&at.own[context]) / variance;
            }
            evidence -= 0.5 * part.log_determinant;
            for (row, told) in precision.iter_mut().zip(&part.told) {
                add(row, told, 1.0);
            }
            parts.push((rates, part.shrunk));
        }
        let factor = Cholesky::of(&precision);
        evidence -= 0.5 * factor.log_determinant();
        let covariance = factor.inverse();
        let own = |(rates, shrunk): (Vec<f64>, Matrix)| {
            let half: Matrix = shrunk.iter().map(|row| times(&covariance, row)).collect();
            let mut product: Matrix = half.iter().map(|row| times(&shrunk, row)).collect();
            for (row, shrunk) in product.iter_mut().zip(&shrunk) {
                add(row, shrunk, variance);
            }
            LogRates {
                mean: rates,
                covariance: symmetric(&product),
            }
        };
        Self {
            contexts: parts.into_iter().map(own).collect(),
            common: LogRates {
                mean: at.common.clone(),
                covariance,
            },
            evidence,
        }
    }
}

fn identity(size: usize) -> Matrix {
    let unit = |i| (0..size).map(|j| f64::from(u8::from(i == j))).collect();
    (0..size).map(unit).collect()
}

/// A symmetric matrix times a vector.
fn times(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
    let row = |row: &Vec<f64>| row.iter().zip(vector).map(|(a, b)| a * b).sum();
    matrix.iter().map(row).collect()
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// Without what rounding made of a symmetric matrix.
fn symmetric(matrix: &[Vec<f64>]) -> Matrix {
    let mean = |i: usize, j: usize| f64::midpoint(matrix[i][j], matrix[j][i]);
    let row = |i| (0..matrix.len()).map(|j| mean(i, j)).collect();
    (0..matrix.len()).map(row).collect()
}
