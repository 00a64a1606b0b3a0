//! Whether the ratios of the variants' rates have changed at some time: a novelty that wore off, a new season's taste.
//!
//! The posterior of [`super::cohort`] holds that only the common level moves. Against it stands, for every moment between
//! two epochs, that the log rates moved there by δ ~ N(0, τ²). With g the gradient of the log likelihood after that moment
//! at the mode of all epochs, and V its efficient information (that about δ which the unknown rates leave,
//! `A − A(A + B)⁻¹A` with A the information after and B before), the Bayes factor of a change is
//! `|I + τ²V|^(−½)·exp(½·gᵀ(V + I/τ²)⁻¹g)`: the score test of a change at a known moment (Rao 1948; Andrews 1993), mixed
//! over its size as in Robbins' mixture sequences. The evidence is the mean over all moments.
//!
//! By Ville's inequality such a mean passes 100 in less than 1 % of experiments without a change, however often it is
//! looked at; the tests hold it to that under a level that moves, too.

use std::slice::from_ref;

use super::cholesky::Cholesky;
use super::cohort::{self, Cohort, Likelihood, whole};

/// The standard deviation of a change of log rates.
const SIZE: f64 = 0.25;
/// Most moments that are weighed, evenly apart in conversions.
const MAX_MOMENTS: f64 = 64.0;
/// Least conversions before and after a moment.
const MIN_CONVERSIONS: f64 = 20.0;
/// The evidence that makes a change certain enough to say so.
pub const ALARM: f64 = 100.0;

/// When the ratios changed, if they did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// The Bayes factor of a change at any moment against none.
    pub evidence: f64,
    /// The first cohort after the likeliest moment.
    pub since: usize,
}

impl Drift {
    /// Whether the evidence is beyond doubt.
    pub fn is_certain(&self) -> bool {
        self.evidence >= ALARM
    }
}

/// Weighs a change between cohorts, which are in the order of time and count in full; `None` while too little is known.
pub fn detect(arms: usize, cohorts: &[Cohort]) -> Option<Drift> {
    let mode = cohort::posterior(arms, cohorts).mean;
    let slopes: Vec<Slope> = cohorts.iter().map(|of| Slope::of(&mode, of)).collect();
    let total: f64 = cohorts.iter().map(converted).sum();
    let all = slopes.iter().fold(Slope::none(arms), Slope::plus);
    let posterior = Cholesky::of(&plus_identity(&all.information, 1.0));
    let mut after = Slope::none(arms);
    let (mut counted, mut weighed) = (0.0, 0.0);
    let mut moments: Vec<(usize, f64)> = Vec::new();
    for (at, slope) in slopes.iter().enumerate().skip(1).rev() {
        after = after.plus(slope);
        counted += converted(&cohorts[at]);
        let is_between = counted >= MIN_CONVERSIONS && total - counted >= MIN_CONVERSIONS;
        if is_between && counted - weighed >= total / MAX_MOMENTS {
            weighed = counted;
            moments.push((at, after.log_factor(&posterior)));
        }
    }
    let likeliest = moments.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let relative = moments.iter().map(|(_, log)| (log - likeliest.1).exp());
    let mean = relative.sum::<f64>() / moments.len() as f64;
    Some(Drift {
        // Bounded, so that it can be written down.
        evidence: (likeliest.1 + mean.ln()).min(700.0).exp(),
        since: likeliest.0,
    })
}

fn converted(cohort: &Cohort) -> f64 {
    cohort.converted.iter().sum()
}

/// Gradient and information of the log likelihood of some cohorts.
struct Slope {
    gradient: Vec<f64>,
    information: Vec<Vec<f64>>,
}

impl Slope {
    fn none(arms: usize) -> Self {
        Self {
            gradient: vec![0.0; arms],
            information: vec![vec![0.0; arms]; arms],
        }
    }

    /// Those of one cohort, at these log rates.
    fn of(mode: &[f64], cohort: &Cohort) -> Self {
        let (gradient, lower) = Likelihood::new(mode.len(), from_ref(cohort)).told(mode);
        Self {
            gradient,
            information: whole(&lower),
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (sum, more) in self.gradient.iter_mut().zip(&other.gradient) {
            *sum += more;
        }
        for (row, more) in self.information.iter_mut().zip(&other.information) {
            for (sum, more) in row.iter_mut().zip(more) {
                *sum += more;
            }
        }
        self
    }

    /// The logarithm of the Bayes factor of a change before these cohorts.
    fn log_factor(&self, posterior: &Cholesky) -> f64 {
        let a = &self.information;
        let arms = a.len();
        let explained: Vec<Vec<f64>> = a.iter().map(|row| posterior.solve(row)).collect();
        let efficient = |i: usize, j: usize| {
            let known: f64 = a[i].iter().zip(&explained[j]).map(|(a, b)| a * b).sum();
            a[i][j] - known
        };
        let row = |i| (0..arms).map(|j| efficient(i, j)).collect();
        let v: Vec<Vec<f64>> = (0..arms).map(row).collect();
        let factor = Cholesky::of(&plus_identity(&v, 1.0 / (SIZE * SIZE)));
        let solved = factor.solve(&self.gradient);
        let quadratic: f64 = self.gradient.iter().zip(&solved).map(|(a, b)| a * b).sum();
        let diagonal = factor.rows().iter().filter_map(|row| row.last());
        let determinant: f64 = diagonal.map(|pivot| (pivot * SIZE).ln()).sum();
        0.5 * quadratic - determinant
    }
}

fn plus_identity(matrix: &[Vec<f64>], scale: f64) -> Vec<Vec<f64>> {
    let mut sum = matrix.to_vec();
    for (at, row) in sum.iter_mut().enumerate() {
        row[at] += scale;
    }
    sum
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Epochs of 1,000 visitors, split as if a bandit preferred the second arm more and more.
    fn epochs(count: usize, seed: u64, rate: impl Fn(usize, usize) -> f64) -> Vec<Cohort> {
        let mut random = StdRng::seed_from_u64(seed);
        let epoch = |at: usize| {
            let favoured = (0.34 + 0.02 * at as f64).min(0.8);
            let shares = [0.5 - favoured / 2.0, favoured, 0.5 - favoured / 2.0];
            let visitors = shares.map(|share| (1_000.0 * share).round());
            let mut converts = |arm: usize, n: f64| {
                let draws = std::iter::successors(Some(1.0), |i| Some(i + 1.0));
                let draws = draws.take_while(|i| *i <= n);
                draws
                    .filter(|_| random.random::<f64>() < rate(at, arm))
                    .count() as f64
            };
            let converted = visitors.iter().enumerate();
            Cohort {
                converted: converted.map(|(arm, n)| converts(arm, *n)).collect(),
                visitors: visitors.to_vec(),
                weight: 1.0,
                reached: 1.0,
            }
        };
        (0..count).map(epoch).collect()
    }

    fn ever(cohorts: &[Cohort]) -> Option<(usize, Drift)> {
        let looks = (2..=cohorts.len()).step_by(2);
        let mut found = looks.filter_map(|look| Some((look, detect(3, &cohorts[..look])?)));
        found.find(|(_, drift)| drift.is_certain())
    }

    #[test]
    fn a_level_that_moves_raises_no_alarm() {
        let level =
            |at: usize| if at % 7 < 2 { 2.0 } else { 1.0 } * if at > 20 { 1.5 } else { 1.0 };
        let rate = |at: usize, arm: usize| level(at) * [0.04, 0.05, 0.044][arm];
        let alarms = (0..150).filter(|seed| ever(&epochs(40, *seed, rate)).is_some());
        let alarms = alarms.count();
        // 1 % of 150 and three standard errors.
        assert!(alarms <= 5, "{alarms} of 150");
    }

    #[test]
    fn arms_that_change_places_are_noticed_and_dated() {
        let rate = |at: usize, arm: usize| {
            let best = usize::from(at < 20);
            if arm == best { 0.06 } else { 0.04 }
        };
        for seed in 0..20 {
            let (look, drift) = ever(&epochs(60, seed, rate)).expect("it is noticed");
            assert!((20..=50).contains(&look), "{seed}: at {look}");
            assert!((14..=30).contains(&drift.since), "{seed}: {drift:?}");
        }
    }

    #[test]
    fn little_is_no_evidence() {
        assert_eq!(detect(3, &[]), None);
        let few = epochs(1, 1, |_, _| 0.05);
        assert_eq!(detect(3, &few), None);
    }
}
