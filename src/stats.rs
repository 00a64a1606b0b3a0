//! Honest figures from sums: estimates, intervals and p-values of one arm or two, and what is wrong with them.
//!
//! Input is a [`Sample`] per arm; the unit is the visitor, never the event. Every function is total: a figure that does
//! not exist is absent and a [`Caveat`] says why. p-values come from survival functions, so small ones keep their digits.
//!
//! This module assumes a fixed split. Sums from several allocations must not be pooled: 90/10 at a base rate of 3 %
//! followed by 50/50 at 6 % shows a lift of 35 % that is not there.

pub mod adaptive;
mod caveat;
pub mod cuped;
mod fixed;
pub mod group_sequential;
pub mod heterogeneity;
mod lift;
pub mod multiplicity;
pub mod offpolicy;
pub mod power;
mod ratio;
pub mod sequence;
pub mod special;
pub mod srm;

use serde::{Deserialize, Serialize};

pub use caveat::Caveat;
pub use fixed::{Comparison, Estimate, Method, compare};
pub use ratio::Ratio;

use crate::posterior::normal;

/// What a metric's mean is, which decides how it is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A share of visitors: pooled z test, Wilson and Newcombe intervals.
    Proportion,
    /// A mean per visitor: Welch's t test.
    Mean,
    /// A ratio of totals ([`Ratio::sample`]): z test by the delta method.
    Ratio,
}

/// One arm's totals per visitor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Visitors.
    pub n: u64,
    /// Mean per visitor.
    pub mean: f64,
    /// Variance between visitors: p(1 − p) for proportions, with denominator n − 1 for means.
    pub variance: f64,
}

impl Sample {
    /// A share of visitors: `successes` of `n`.
    pub fn proportion(successes: u64, n: u64) -> Self {
        let mean = successes as f64 / n.max(1) as f64;
        Self {
            n,
            mean,
            variance: mean * (1.0 - mean),
        }
    }

    /// The variance of the mean; 0 without visitors.
    fn variance_of_mean(&self) -> f64 {
        self.variance.max(0.0) / self.n.max(1) as f64
    }

    fn is_usable(&self) -> bool {
        self.n > 0 && self.mean.is_finite() && self.variance.is_finite()
    }
}

/// An interval on the scale of its estimate; both ends finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    fn new(low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite()).then_some(Self { low, high })
    }

    fn around(center: f64, half: f64) -> Option<Self> {
        Self::new(center - half, center + half)
    }
}

/// Kish's effective number `(Σ y)² / Σ y²`: at most as many as are not zero.
pub fn kish(sum: f64, squares: f64) -> f64 {
    if squares > 0.0 {
        sum * sum / squares
    } else {
        0.0
    }
}

/// The confidence interval of one arm's mean: Wilson for a proportion, Student's t for a mean, z for a ratio.
///
/// `None` without visitors, and for a mean with fewer than two of them or without variance.
pub fn mean_interval(sample: &Sample, kind: Kind, alpha: f64) -> Option<Interval> {
    if !sample.is_usable() {
        return None;
    }
    match kind {
        Kind::Proportion => wilson(sample.mean, sample.n as f64, alpha),
        Kind::Mean | Kind::Ratio if sample.n < 2 || sample.variance <= 0.0 => None,
        Kind::Ratio => {
            let critical = normal::critical(alpha);
            Interval::around(sample.mean, critical * sample.variance_of_mean().sqrt())
        }
        Kind::Mean => {
            let critical = special::t_critical(alpha, sample.n as f64 - 1.0);
            Interval::around(sample.mean, critical * sample.variance_of_mean().sqrt())
        }
    }
}

/// Wilson (1927) of a share of n visitors, or of an effective number: \[p + z²/2n ± z√(pq/n + z²/4n²)\] / (1 + z²/n).
///
/// `None` without visitors.
pub fn wilson(p: f64, n: f64, alpha: f64) -> Option<Interval> {
    let z = normal::critical(alpha);
    let weight = z * z / n;
    let half = z * ((p * (1.0 - p)).max(0.0) / n + weight / (4.0 * n)).sqrt();
    Interval::new(
        ((p + 0.5 * weight - half) / (1.0 + weight)).max(0.0),
        ((p + 0.5 * weight + half) / (1.0 + weight)).min(1.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_needs_data_and_variance() {
        let sample = |n, variance| Sample {
            n,
            mean: 2.0,
            variance,
        };
        for (n, variance) in [(0, 1.0), (1, 0.0), (9, 0.0), (9, f64::NAN)] {
            assert_eq!(mean_interval(&sample(n, variance), Kind::Mean, 0.05), None);
        }
        // t(8) at 97.5 % is 2.306004, and the standard error 2 / 3.
        let interval = mean_interval(&sample(9, 4.0), Kind::Mean, 0.05).unwrap();
        assert!((interval.high - 2.0 - 2.306_004_135 * 2.0 / 3.0).abs() < 1e-8);
    }

    #[test]
    fn a_share_of_nobody_has_no_interval_and_a_share_of_zero_has_one() {
        let interval = |x, n| mean_interval(&Sample::proportion(x, n), Kind::Proportion, 0.05);
        assert_eq!(interval(0, 0), None);
        let none = interval(0, 100).unwrap();
        assert!(none.low <= 0.0 && (0.03..0.04).contains(&none.high));
        let all = interval(100, 100).unwrap();
        assert!(all.high >= 1.0 && (0.96..0.97).contains(&all.low));
    }
}
