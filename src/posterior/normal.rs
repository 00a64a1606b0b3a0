//! The normal distribution, and the ratio of two normals: everything that a large sample becomes.
//!
//! Tails come from the complementary error function, never from 1 − Φ, so that a p-value of 1e-112 keeps its digits.

use std::f64::consts::SQRT_2;

use statrs::function::erf::{erfc, erfc_inv};

pub(super) mod table;

/// P(Z > z) of the standard normal.
pub fn sf(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

/// The z with P(Z ≤ z) = `probability`; ±∞ at 1 and 0.
pub fn quantile(probability: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * probability)
}

/// The z with P(|Z| > z) = `alpha`: 1.96 for 0.05.
pub fn critical(alpha: f64) -> f64 {
    SQRT_2 * erfc_inv(alpha)
}

/// Two estimates and their covariance matrix, of which the ratio treatment / control is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The numerator's mean.
    pub treatment: f64,
    /// The variance of the numerator's mean.
    pub treatment_variance: f64,
    /// The denominator's mean.
    pub control: f64,
    /// The variance of the denominator's mean.
    pub control_variance: f64,
    /// Their covariance: 0 for independent arms.
    pub covariance: f64,
}

impl Pair {
    /// The roots in r of (treatment − r·control)² = z²·Var(treatment − r·control), lower first: Fieller (1954).
    ///
    /// `None` if g = z²·Var(control)/control² ≥ 1: the denominator is not distinguishable from 0 and r is unbounded.
    pub fn fieller(&self, z: f64) -> Option<(f64, f64)> {
        let squared = self.control * self.control;
        let scale = z * z / squared;
        let g = scale * self.control_variance;
        if !g.is_finite() || g >= 1.0 {
            return None;
        }
        let ratio = self.treatment / self.control;
        let shift = scale * self.covariance;
        let spread = scale * self.treatment_variance;
        let root = (g * ratio * ratio - 2.0 * ratio * shift + shift * shift + spread * (1.0 - g))
            .max(0.0)
            .sqrt();
        let (low, high) = (
            (ratio - shift - root) / (1.0 - g),
            (ratio - shift + root) / (1.0 - g),
        );
        (low.is_finite() && high.is_finite()).then_some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn tails_keep_their_digits() {
        for case in golden::cases(include_str!("../../tests/golden/special_functions.json")) {
            if case.input["f"] == "norm_sf" {
                case.check("v", &[sf(case.number("z"))]);
            }
        }
        assert!((critical(0.05) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((quantile(0.975) - critical(0.05)).abs() < 1e-12);
    }

    #[test]
    fn a_shared_error_cancels_in_the_ratio() {
        let pair = |covariance| Pair {
            treatment: 2.0,
            treatment_variance: 0.04,
            control: 1.0,
            control_variance: 0.01,
            covariance,
        };
        let (low, high) = pair(0.0).fieller(1.0).unwrap();
        assert!(low < 2.0 && 2.0 < high);
        // Perfectly correlated with proportional errors: the ratio is known exactly.
        let (low, high) = pair(0.02).fieller(1.0).unwrap();
        assert!((low - 2.0).abs() < 1e-9 && (high - 2.0).abs() < 1e-9);
        assert_eq!(pair(0.0).fieller(10.0), None);
    }
}
