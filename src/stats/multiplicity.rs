//! p-values of several tests at once: each adjusted so that it may be read as if it were the only one.
//!
//! Holm (1979) bounds the probability of any false claim in a family, whatever the dependence between its tests;
//! Benjamini and Hochberg (1995) bound the expected share of false claims among those made, for tests that are
//! independent or positively dependent. Holm is for the claim that an experiment makes, Benjamini–Hochberg for a wall of
//! metrics that is scanned for something to look into (statistics §12).

/// Holm's adjustment: the i-th smallest of m times m − i + 1, never falling, at most 1. In the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &at) in order.iter().enumerate() {
        let others = (p_values.len() - rank) as f64;
        largest = largest.max(p_values[at] * others).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

/// Benjamini and Hochberg's adjustment: the i-th smallest of m times m / i, never falling, at most 1. In the order given.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, &at) in order.iter().enumerate().rev() {
        let share = p_values.len() as f64 / (rank + 1) as f64;
        smallest = smallest.min(p_values[at] * share);
        adjusted[at] = smallest;
    }
    adjusted
}

/// The positions from the smallest p-value to the largest.
fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, flatten};
    use proptest::prelude::*;

    #[test]
    fn adjusted_p_values_match_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/multiple_testing.json")) {
            let p_values = flatten(&case.input["p"]);
            case.check("holm", &holm(&p_values));
            case.check("bh", &benjamini_hochberg(&p_values));
        }
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjusting_never_helps_and_keeps_the_order(
            p_values in prop::collection::vec(0.0..=1.0_f64, 1..20)
        ) {
            let (claims, wall) = (holm(&p_values), benjamini_hochberg(&p_values));
            for i in 0..p_values.len() {
                prop_assert!(p_values[i] <= wall[i] && wall[i] <= claims[i] && claims[i] <= 1.0);
                for j in 0..p_values.len() {
                    prop_assert!(p_values[i] > p_values[j] || claims[i] <= claims[j]);
                    prop_assert!(p_values[i] > p_values[j] || wall[i] <= wall[j]);
                }
            }
        }
    }
}
