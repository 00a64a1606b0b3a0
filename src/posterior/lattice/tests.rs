//! Against closed forms, the quadrature, and a lattice of many points.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::posterior::cohort::{Cohort, posterior};

fn independent(arms: &[(f64, f64)]) -> LogRates {
    let row = |i: usize| {
        let variance = |j: usize| if i == j { arms[i].1 * arms[i].1 } else { 0.0 };
        (0..arms.len()).map(variance).collect()
    };
    LogRates {
        mean: arms.iter().map(|arm| arm.0).collect(),
        covariance: (0..arms.len()).map(row).collect(),
    }
}

fn exact(arms: &[(f64, f64)]) -> Vec<f64> {
    let normal = |(mean, sd): &(f64, f64)| Posterior::normal(*mean, *sd).unwrap();
    let arms: Vec<Posterior> = arms.iter().map(normal).collect();
    best::evaluate(&arms).prob_best
}

/// By the lattice alone.
fn by_lattice(rates: &LogRates, points: usize) -> Vec<f64> {
    let mut lattice = Lattice::new(rates.mean.len() - 2);
    lattice.grow(points);
    Means::of(rates).over(&lattice)
}

fn worst(left: &[f64], right: &[f64]) -> f64 {
    let pairs = left.iter().zip(right);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn two_arms_are_one_normal() {
    let rates = LogRates {
        mean: vec![0.1, 0.3],
        covariance: vec![vec![0.04, 0.01], vec![0.01, 0.09]],
    };
    // sd² = 0.04 + 0.09 − 2 · 0.01.
    let expected = normal::sf(-0.2 / 0.11_f64.sqrt());
    assert!((rates.prob_best()[1] - expected).abs() < 1e-12);
    assert_eq!(independent(&[(1.0, 1.0)]).prob_best(), [1.0]);
    assert!(independent(&[]).prob_best().is_empty());
}

#[test]
fn equal_arms_have_equal_chances() {
    for arms in [3, 4, 10, 11, 20] {
        let chances = independent(&vec![(0.0, 1.0); arms]).prob_best();
        let share = 1.0 / arms as f64;
        assert!(chances.iter().all(|chance| (chance - share).abs() < 1e-12));
    }
}

#[test]
fn a_shared_error_changes_nothing() {
    let arms = [(0.0, 0.3), (0.1, 0.2), (0.2, 0.5), (-0.1, 0.4)];
    let mut shared = independent(&arms);
    shared
        .covariance
        .iter_mut()
        .flatten()
        .for_each(|c| *c += 7.0);
    assert!(worst(&shared.prob_best(), &independent(&arms).prob_best()) < 1e-9);
}

#[test]
fn arms_that_are_known_exactly_have_an_answer() {
    let same = independent(&[(0.0, 0.0), (0.0, 0.0), (-1.0, 0.0)]).prob_best();
    assert!(worst(&same, &[0.5, 0.5, 0.0]) < 1e-3, "{same:?}");
    let sure = independent(&[(0.0, 1e-9), (1.0, 1e-9), (0.5, 1.0)]).prob_best();
    assert!(sure[0] <= 0.0 && sure[1] > 0.6, "{sure:?}");
}

/// Arms with a common factor of unequal loadings, (mean, own sd, loading): one integral over the factor.
fn by_factor(arms: &[(f64, f64, f64)]) -> (LogRates, Vec<f64>) {
    let own: Vec<(f64, f64)> = arms.iter().map(|arm| (arm.0, arm.1)).collect();
    let mut rates = independent(&own);
    for (row, a) in rates.covariance.iter_mut().zip(arms) {
        row.iter_mut().zip(arms).for_each(|(c, b)| *c += a.2 * b.2);
    }
    let mut chances = vec![0.0; arms.len()];
    for step in -60..=60 {
        let factor = f64::from(step) / 10.0;
        let density = (-0.5 * factor * factor).exp() / 10.0 / std::f64::consts::TAU.sqrt();
        let moved: Vec<(f64, f64)> = arms
            .iter()
            .map(|arm| (arm.0 + arm.2 * factor, arm.1))
            .collect();
        let given = exact(&moved);
        chances
            .iter_mut()
            .zip(given)
            .for_each(|(sum, chance)| *sum += density * chance);
    }
    (rates, chances)
}

prop_compose! {
    fn counts()(visitors in 50_u32..2_000, share in 0.02_f64..0.12) -> (f64, f64) {
        (f64::from(visitors), (f64::from(visitors) * share).round())
    }
}

fn cohort(counts: Vec<(f64, f64)>) -> Cohort {
    let (visitors, converted) = counts.into_iter().unzip();
    Cohort {
        visitors,
        converted,
        weight: 1.0,
        reached: 1.0,
    }
}

proptest! {
    // The lattice is a fixed rule with an error of its own: the cases are fixed, too.
    #![proptest_config(ProptestConfig { cases: 8, rng_seed: RngSeed::Fixed(11), ..ProptestConfig::default() })]
    #[test]
    fn independent_normals_match_the_quadrature(arms in prop::collection::vec((-2.0_f64..2.0, 0.2_f64..2.0), 3..=20)) {
        let rates = independent(&arms);
        let expected = exact(&arms);
        prop_assert!(worst(&rates.prob_best(), &expected) < 1e-4);
        // The lattice alone, which nothing corrects here.
        let error = worst(&by_lattice(&rates, MOST_POINTS), &expected);
        prop_assert!(error < 6e-4, "{error}");
        let sum: f64 = rates.prob_best().iter().sum();
        prop_assert!((sum - 1.0).abs() < 1e-12);
        prop_assert_eq!(rates.prob_best(), rates.prob_best());
    }

    #[test]
    fn a_common_factor_matches_the_quadrature(arms in prop::collection::vec((-1.0_f64..1.0, 0.3_f64..1.0, 0.4_f64..0.6), 3..=12)) {
        let (rates, expected) = by_factor(&arms);
        let error = worst(&rates.prob_best(), &expected);
        prop_assert!(error < 1e-4, "{error}");
    }

    #[test]
    fn cohorts_match_a_lattice_of_many_points(counts in prop::collection::vec(prop::collection::vec(counts(), 6), 1..5)) {
        let cohorts: Vec<Cohort> = counts.into_iter().map(cohort).collect();
        let rates = posterior(6, &cohorts);
        let error = worst(&rates.prob_best(), &by_lattice(&rates, 20_480));
        prop_assert!(error < 5e-5, "{error}");
    }

    #[test]
    fn the_order_of_arms_does_not_matter(mut arms in prop::collection::vec((-1.0_f64..1.0, 0.2_f64..1.0), 3..8)) {
        let mut chances = independent(&arms).prob_best();
        chances.rotate_left(1);
        arms.rotate_left(1);
        prop_assert!(worst(&chances, &independent(&arms).prob_best()) < 1e-9);
    }
}
