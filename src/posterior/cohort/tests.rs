//! Against closed forms, and what must hold for any counts.

use proptest::prelude::*;

use super::*;

fn cohort(counts: &[(f64, f64)]) -> Cohort {
    let (visitors, converted) = counts.iter().copied().unzip();
    Cohort {
        visitors,
        converted,
        weight: 1.0,
        reached: 1.0,
    }
}

/// Mean and variance of `log θ_b − log θ_a`.
fn contrast(rates: &LogRates, a: usize, b: usize) -> (f64, f64) {
    let c = &rates.covariance;
    (
        rates.mean[b] - rates.mean[a],
        c[a][a] + c[b][b] - 2.0 * c[a][b],
    )
}

#[test]
fn without_conversions_it_is_the_prior() {
    let unknown = cohort(&[(10.0, 0.0), (50.0, 0.0), (0.0, 0.0)]);
    let alone = cohort(&[(10.0, 9.0), (0.0, 0.0), (0.0, 0.0)]);
    for rates in [posterior(3, &[]), posterior(3, &[unknown, alone])] {
        assert_eq!(rates.mean, [0.0; 3]);
        for (i, row) in rates.covariance.iter().enumerate() {
            for (j, covariance) in row.iter().enumerate() {
                let unit = f64::from(u8::from(i == j));
                assert!((covariance - unit).abs() < 1e-14);
            }
        }
    }
    assert_eq!(posterior(0, &[]).mean, [0.0; 0]);
    assert_eq!(posterior(1, &[cohort(&[(9.0, 3.0)])]).mean, [0.0]);
}

#[test]
fn a_large_sample_has_the_ratio_of_rates_and_its_standard_error() {
    let (n, p, r) = (1e6, 0.2, 0.3);
    let rates = posterior(2, &[cohort(&[(n, n * p), (n, n * r)])]);
    let (mean, variance) = contrast(&rates, 0, 1);
    assert!((mean - (r / p).ln()).abs() < 1e-4, "{mean}");
    // Var ln p̂ = (1 − p)/(np); conditioning loses what little unequal rates tell of their level: 1.7 %.
    let exact = (1.0 - p) / (n * p) + (1.0 - r) / (n * r);
    assert!(
        (variance / exact - 1.0).abs() < 0.02,
        "{}",
        variance / exact
    );
}

#[test]
fn the_slope_at_the_mode_vanishes() {
    let cohorts = [
        cohort(&[(100.0, 7.0), (300.0, 40.0), (0.0, 0.0)]),
        cohort(&[(20.0, 9.0), (0.0, 0.0), (50.0, 11.0)]),
    ];
    let rates = posterior(3, &cohorts);
    let step = 1e-4;
    let log_posterior = |mean: &[f64]| {
        let likelihood = |cohort: &Cohort| {
            let (n, x): (f64, f64) = (cohort.visitors.iter().sum(), cohort.converted.iter().sum());
            let odds = cohort.visitors.iter().zip(mean).map(|(n, l)| n * l.exp());
            let sum: f64 = odds.sum();
            let own: f64 = cohort.converted.iter().zip(mean).map(|(x, l)| x * l).sum();
            (own - x * sum.ln()) * (n + 1.0) / (n + 1.0 - x)
        };
        let squares: f64 = mean.iter().map(|l| l * l).sum();
        let level = mean.iter().sum::<f64>().powi(2) / 3.0;
        cohorts.iter().map(likelihood).sum::<f64>() - 0.5 * (squares - level)
    };
    let at = |i: usize, by: f64| {
        let mut moved = rates.mean.clone();
        moved[i] += by;
        log_posterior(&moved)
    };
    for i in 0..3 {
        let slope = (at(i, step) - at(i, -step)) / (2.0 * step);
        assert!(slope.abs() < 1e-6, "{slope}");
    }
    assert!(rates.mean.iter().sum::<f64>().abs() < 1e-12);
}

#[test]
fn a_promotion_does_not_turn_the_order_round() {
    // The better arm (1.15×) had most traffic in quiet times, the worse one at the sale: pooled, 1.2 % against 2.8 %.
    let quiet = cohort(&[(1_000.0, 10.0), (9_000.0, 103.5)]);
    let sale = cohort(&[(9_000.0, 270.0), (1_000.0, 34.5)]);
    let rates = posterior(2, &[quiet, sale]);
    let (mean, _) = contrast(&rates, 0, 1);
    assert!((mean - 1.15_f64.ln()).abs() < 0.01, "{mean}");
}

#[test]
fn half_the_weight_is_nearly_twice_the_variance() {
    let full = cohort(&[(10_000.0, 300.0), (10_000.0, 330.0)]);
    let half = Cohort {
        weight: 0.5,
        ..full.clone()
    };
    let variance = |cohort| contrast(&posterior(2, &[cohort]), 0, 1).1;
    let ratio = variance(half) / variance(full);
    assert!((ratio - 2.0).abs() < 0.02, "{ratio}");
}

prop_compose! {
    fn counts()(visitors in prop_oneof![0.0_f64..1e3, 0.0_f64..1e7], share in prop_oneof![Just(0.0), Just(1.0), 0.0_f64..1.0]) -> (f64, f64) {
        (visitors.floor(), (visitors.floor() * share).floor())
    }
}

fn cohorts() -> impl Strategy<Value = Vec<Cohort>> {
    let counts = prop::collection::vec(counts(), 4);
    prop::collection::vec(counts.prop_map(|counts| cohort(&counts)), 0..6)
}

proptest! {
    #[test]
    fn any_counts_have_a_finite_posterior_no_wider_than_the_prior(cohorts in cohorts()) {
        let rates = posterior(4, &cohorts);
        prop_assert!(rates.mean.iter().all(|mean| mean.is_finite()));
        for (a, b) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
            let (_, variance) = contrast(&rates, a, b);
            prop_assert!(variance.is_finite() && variance > 0.0 && variance < 2.0 + 1e-9, "{variance}");
        }
        let likelihood = Likelihood::new(4, &cohorts);
        let scale: f64 = 1.0 + likelihood.totals.iter().sum::<f64>();
        let (gradient, _) = likelihood.slope(&rates.mean);
        prop_assert!(gradient.iter().all(|slope| slope.abs() < 1e-8 * scale), "{gradient:?}");
    }

    #[test]
    fn arms_are_alike_in_the_prior(cohorts in cohorts()) {
        let turned: Vec<Cohort> = cohorts.iter().cloned().map(|mut cohort| {
            cohort.visitors.rotate_left(1);
            cohort.converted.rotate_left(1);
            cohort
        }).collect();
        let (rates, mut same) = (posterior(4, &cohorts), posterior(4, &turned));
        same.mean.rotate_right(1);
        for (mean, same) in rates.mean.iter().zip(&same.mean) {
            prop_assert!((mean - same).abs() < 1e-5, "{mean} {same}");
        }
    }
}
