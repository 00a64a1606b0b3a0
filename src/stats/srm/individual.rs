//! Visitors who were each assigned with propensities of their own: what sums over them still tell.

use super::evidence::TILTS;

/// Visitors per arm, with sums of the propensities that each of them had.
#[derive(Debug, Clone, PartialEq)]
pub struct IndividualCounts {
    /// Visitors by arm.
    pub counts: Vec<u64>,
    /// Σ e by arm: how many were expected.
    pub expected: Vec<f64>,
    /// Σ e·eᵀ.
    pub products: Vec<Vec<f64>>,
}

impl IndividualCounts {
    /// Whether an arm that nobody could get has visitors.
    pub(super) fn is_impossible(&self) -> bool {
        let mut pairs = self.counts.iter().zip(&self.expected);
        pairs.any(|(count, expected)| *count > 0 && *expected <= 0.0)
    }

    /// Adds expectation and covariance of the visitors per arm.
    pub(super) fn add_to(&self, expected: &mut [f64], variance: &mut [Vec<f64>]) {
        for (sum, own) in expected.iter_mut().zip(&self.expected) {
            *sum += own;
        }
        for (at, row) in variance.iter_mut().enumerate().take(self.expected.len()) {
            row[at] += self.expected[at];
            for (cell, product) in row.iter_mut().zip(&self.products[at]) {
                *cell -= product;
            }
        }
    }

    /// A lower bound, by arm and tilt r, of ln of `Π r^[got it] / (1 + e·(r − 1))` over the visitors. With u = e·(r − 1),
    /// `ln(1 + u) ≤ u − u²/2` for u ≤ 0 and `≤ u − u²/2 + u³/3` for u > 0, where `u³ ≤ (r − 1)·u²`. What is below a
    /// supermartingale is one.
    pub(super) fn log_e(&self) -> Vec<[f64; TILTS.len()]> {
        let arm = |at: usize| {
            let (count, expected) = (self.counts[at] as f64, self.expected[at]);
            TILTS.map(|tilt| {
                let tilted = tilt - 1.0;
                let curved = tilted * tilted * (0.5 - tilted.max(0.0) / 3.0);
                count * tilt.ln() - tilted * expected + curved * self.products[at][at]
            })
        };
        (0..self.counts.len()).map(arm).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EpochCounts, Verdict, adaptive};
    use super::*;

    /// The sums of an epoch in which all had the same propensities.
    fn individual(epoch: &EpochCounts) -> IndividualCounts {
        let n = epoch.counts.iter().sum::<u64>() as f64;
        let e = &epoch.propensities;
        let row = |a: &f64| e.iter().map(|b| n * a * b).collect();
        IndividualCounts {
            counts: epoch.counts.clone(),
            expected: e.iter().map(|e| n * e).collect(),
            products: e.iter().map(row).collect(),
        }
    }

    #[test]
    fn equal_propensities_are_those_of_an_epoch() {
        let epoch = |counts: [u64; 3]| EpochCounts {
            counts: counts.to_vec(),
            propensities: vec![0.5, 0.3, 0.2],
        };
        let (one, other) = (epoch([5_060, 2_980, 1_960]), epoch([480, 330, 190]));
        let whole = adaptive(&[one.clone(), other.clone()], &[]);
        let parts = adaptive(std::slice::from_ref(&one), &[individual(&other)]);
        assert!((whole.chi2.unwrap() - parts.chi2.unwrap()).abs() < 1e-9);
        assert_eq!((whole.df, parts.verdict), (2, Verdict::Ok));
        assert!(parts.e_value.unwrap() <= whole.e_value.unwrap());
        let lossy = individual(&epoch([5_600, 2_900, 1_500]));
        assert_eq!(adaptive(&[], &[lossy]).verdict, Verdict::Mismatch);
    }

    /// E\[e\] ≤ 1 under the null, and not much below: the mean over all outcomes of visitors with different propensities.
    #[test]
    fn the_expected_e_value_is_at_most_one() {
        let shares = [0.05, 0.2, 0.5, 0.5, 0.9];
        let mut mean = 0.0;
        for outcome in 0_u32..32 {
            let (mut chance, mut counts) = (1.0, vec![0, 0]);
            for (at, share) in shares.iter().enumerate() {
                let got = outcome >> at & 1;
                chance *= if got == 1 { *share } else { 1.0 - share };
                counts[got as usize] += 1;
            }
            let sum = |of: &dyn Fn(f64) -> f64| shares.iter().map(|share| of(*share)).sum::<f64>();
            let mixed = sum(&|e| e * (1.0 - e));
            let individual = IndividualCounts {
                counts,
                expected: vec![sum(&|e| 1.0 - e), sum(&|e| e)],
                products: vec![
                    vec![sum(&|e| (1.0 - e).powi(2)), mixed],
                    vec![mixed, sum(&|e| e * e)],
                ],
            };
            let e = super::super::evidence::log_e(&[], &[individual]).exp();
            mean += chance * e;
        }
        assert!(mean <= 1.0 && mean > 0.8, "{mean}");
    }

    #[test]
    fn who_got_what_nobody_could_is_a_mismatch() {
        let impossible = IndividualCounts {
            counts: vec![10, 1],
            expected: vec![11.0, 0.0],
            products: vec![vec![11.0, 0.0], vec![0.0, 0.0]],
        };
        let result = adaptive(&[], &[impossible]);
        assert_eq!((result.chi2, result.verdict), (None, Verdict::Mismatch));
    }
}
