//! Against the cohort's posterior at both ends of the interaction, and what must hold for any counts.

use proptest::prelude::*;

use super::arrow::Part;
use super::*;
use crate::posterior::cohort::{self, Cohort, LogRates, add};

fn cohort(counts: &[(f64, f64)]) -> Cohort {
    let (visitors, converted) = counts.iter().copied().unzip();
    Cohort {
        visitors,
        converted,
        weight: 1.0,
        reached: 1.0,
    }
}

/// Epochs 1, 2, … of each context.
fn numbered(contexts: Vec<Vec<Cohort>>) -> Vec<Cohorts> {
    let epochs = |cohorts: Vec<Cohort>| (1..).zip(cohorts).collect();
    contexts.into_iter().map(epochs).collect()
}

/// The posterior under one σ.
fn fit(arms: usize, contexts: &[Vec<Cohort>], sigma: f64) -> Fit {
    let likelihood = |cohorts: &Vec<Cohort>| Likelihood::new(arms, cohorts);
    let contexts: Vec<Likelihood> = contexts.iter().map(likelihood).collect();
    let mut at = Modes::start(arms, contexts.len());
    at.climb(&contexts, sigma * sigma);
    Fit::new(&at, &contexts, sigma * sigma)
}

/// Mean and variance of `log θ_1 − log θ_0`.
fn contrast(rates: &LogRates) -> (f64, f64) {
    let c = &rates.covariance;
    (
        rates.mean[1] - rates.mean[0],
        c[0][0] + c[1][1] - 2.0 * c[0][1],
    )
}

fn opposite() -> Vec<Vec<Cohort>> {
    vec![
        vec![cohort(&[(900.0, 30.0), (1_100.0, 66.0), (500.0, 20.0)])],
        vec![
            cohort(&[(1_000.0, 60.0), (900.0, 31.0), (400.0, 18.0)]),
            cohort(&[(1_500.0, 100.0), (300.0, 9.0), (400.0, 18.0)]),
        ],
    ]
}

#[test]
fn without_interaction_all_contexts_are_one_set_of_cohorts() {
    let contexts = opposite();
    let all: Vec<Cohort> = contexts.iter().flatten().cloned().collect();
    let expected = cohort::posterior(3, &all);
    let fit = fit(3, &contexts, 0.0);
    for rates in fit.contexts.iter().chain([&fit.common]) {
        let (mean, variance) = contrast(rates);
        let (expected, expected_variance) = contrast(&expected);
        assert!((mean - expected).abs() < 1e-7, "{mean} {expected}");
        assert!((variance - expected_variance).abs() < 1e-9);
    }
}

#[test]
fn one_context_is_one_set_of_cohorts() {
    let only = [opposite().remove(1)];
    let expected = contrast(&cohort::posterior(3, &only[0]));
    // The prior of the context is wider by σ², which so many conversions hardly feel.
    let moving = weighed(3, &[Likelihood::new(3, &only[0])], 1.0);
    let (mean, variance) = contrast(&mixture(&moving, |fit| &fit.contexts[0]).moments());
    assert!((mean - expected.0).abs() < 0.03, "{mean} {expected:?}");
    assert!((variance / expected.1 - 1.0).abs() < 0.1);
}

#[test]
fn with_a_large_interaction_contexts_know_nothing_of_each_other() {
    let (two, alone) = (opposite(), vec![opposite().remove(0)]);
    let (with, without) = (fit(3, &two, 100.0), fit(3, &alone, 100.0));
    let (with, without) = (contrast(&with.contexts[0]), contrast(&without.contexts[0]));
    assert!((with.0 - without.0).abs() < 1e-4, "{with:?} {without:?}");
    assert!((with.1 / without.1 - 1.0).abs() < 1e-4);
    // The estimate is the ratio of rates there.
    assert!((with.0 - (66.0 / 1_100.0_f64 / (30.0 / 900.0)).ln()).abs() < 0.01);
}

#[test]
fn the_interaction_is_learned() {
    let same = |_| vec![cohort(&[(2_000.0, 80.0), (2_000.0, 120.0)])];
    let alike: Vec<Vec<Cohort>> = (0..6).map(same).collect();
    let turned = |context: usize| {
        let mut counts = [(2_000.0, 80.0), (2_000.0, 120.0)];
        counts.rotate_left(context % 2);
        vec![cohort(&counts)]
    };
    let opposite: Vec<Vec<Cohort>> = (0..6).map(turned).collect();
    let (alike, opposite) = (
        posterior(2, &numbered(alike)),
        posterior(2, &numbered(opposite)),
    );
    assert!(alike.interaction < 0.1, "{}", alike.interaction);
    assert!(
        (0.15..0.6).contains(&opposite.interaction),
        "{}",
        opposite.interaction
    );
    let best = |of: &Contextual, context: usize| of.contexts[context].prob_best()[1];
    assert!(best(&alike, 0) > 0.999 && best(&opposite, 0) > 0.98 && best(&opposite, 1) < 0.02);
    // A context nobody has seen is as all of them, and less certain.
    let unseen = posterior(2, &numbered(vec![turned(0), turned(2), vec![]])).contexts;
    let (seen, guessed) = (
        contrast(&unseen[0].moments()),
        contrast(&unseen[2].moments()),
    );
    assert!(
        guessed.0 > 0.2 && guessed.1 > seen.1,
        "{seen:?} {guessed:?}"
    );
}

/// One context's epochs, whose level is multiplied by these factors, while traffic goes over to the second arm.
fn levels(factors: &[f64]) -> Vec<Cohort> {
    let cohort_of = |(at, factor): (usize, &f64)| {
        let second = 1_000.0 + 8_000.0 * at as f64 / factors.len() as f64;
        let of = |n: f64| (n, (n * 0.04 * factor).round());
        cohort(&[of(10_000.0 - second), of(second)])
    };
    factors.iter().enumerate().map(cohort_of).collect()
}

#[test]
fn levels_that_stay_make_one_sample_of_all_epochs() {
    let contexts = vec![levels(&[1.0; 20]), levels(&[1.0; 20])];
    let all = posterior(2, &numbered(contexts.clone()));
    assert!(all.steady > 0.999, "{}", all.steady);
    let totals: Vec<Vec<Cohort>> = numbered(contexts.clone())
        .iter()
        .map(|of| vec![level::total(of)])
        .collect();
    let (together, within) = (fit(2, &totals, 0.0), fit(2, &contexts, 0.0));
    let variance = |rates: &LogRates| contrast(rates).1;
    let (together, within) = (variance(&together.common), variance(&within.common));
    let known = variance(&all.contexts[0].moments());
    assert!(
        together < known && known < within,
        "{together} {known} {within}"
    );
}

#[test]
fn levels_that_move_leave_only_what_epochs_tell_within() {
    let mut promotion = [1.0; 20];
    promotion[..4].fill(2.0);
    let trend: Vec<f64> = (0..20).map(|at| 1.4 - 0.04 * f64::from(at)).collect();
    for factors in [&promotion[..], &trend] {
        let contexts = [levels(factors), levels(factors)];
        let all = posterior(2, &numbered(contexts.to_vec()));
        assert!(all.steady < 1e-4, "{}", all.steady);
        // Together the first arm, which had its traffic early, would look better by far.
        let difference = contrast(&all.contexts[0].moments());
        assert!(difference.0.abs() < 0.01, "{difference:?}");
    }
    // One context that moves is enough.
    let contexts = vec![levels(&promotion), levels(&[1.0; 20]), levels(&[1.0; 20])];
    assert!(posterior(2, &numbered(contexts)).steady < 1e-4);
}

#[test]
fn the_chance_is_that_of_the_mixture_not_of_its_moments() {
    let rates = |mean: f64, sd: f64| LogRates {
        mean: vec![0.0, mean],
        covariance: vec![vec![0.0, 0.0], vec![0.0, sd * sd]],
    };
    let mixture = Mixture::new(vec![(1.8, rates(1.0, 0.2)), (0.2, rates(1.0, 3.0))]);
    let expected =
        0.9 * crate::posterior::normal::sf(5.0) + 0.1 * crate::posterior::normal::sf(1.0 / 3.0);
    assert!((mixture.prob_best()[0] - expected).abs() < 1e-9);
    assert!((mixture.times(-1.0).prob_best()[1] - expected).abs() < 1e-9);
    assert_eq!(mixture.among(&[1]).prob_best(), [1.0]);
    let moments = mixture.moments();
    assert!(
        (moments.mean[1] - 1.0).abs() < 1e-12 && (moments.covariance[1][1] - 0.936).abs() < 1e-12
    );
}

#[test]
fn laplace_s_evidence_is_the_integral_of_the_likelihood() {
    // Two arms, one context: only d = log θ_1 − log θ_0 matters, with the prior N(0, 2 + 2σ²).
    let counts = cohort(&[(400.0, 20.0), (300.0, 24.0)]);
    let likelihood = Likelihood::new(2, std::slice::from_ref(&counts));
    let integral = |sigma: f64| {
        let variance = 2.0 + 2.0 * sigma * sigma;
        let density = |d: f64| (-0.5 * d * d / variance).exp() / variance.sqrt();
        let at = |d: f64| (likelihood.log_likelihood(&[0.0, d]) + 290.0).exp() * density(d);
        (-4_000..4_000)
            .map(|step| at(f64::from(step) / 1_000.0))
            .sum::<f64>()
            .ln()
    };
    let evidence = |sigma| fit(2, &[vec![counts.clone()]], sigma).evidence;
    for sigma in [0.4, 0.8] {
        let (laplace, exact) = (
            evidence(sigma) - evidence(0.0),
            integral(sigma) - integral(0.0),
        );
        assert!((laplace - exact).abs() < 0.005, "{laplace} {exact}");
    }
}

prop_compose! {
    fn counts()(visitors in prop_oneof![0.0_f64..1e3, 0.0_f64..1e6], share in prop_oneof![Just(0.0), Just(1.0), 0.0_f64..1.0]) -> (f64, f64) {
        (visitors.floor(), (visitors.floor() * share).floor())
    }
}

fn contexts() -> impl Strategy<Value = Vec<Vec<Cohort>>> {
    let counts = prop::collection::vec(counts(), 3);
    let cohorts = prop::collection::vec(counts.prop_map(|counts| cohort(&counts)), 0..4);
    prop::collection::vec(cohorts, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_counts_have_a_posterior_and_chances_that_sum_to_one(contexts in contexts()) {
        let all = posterior(3, &numbered(contexts.clone()));
        prop_assert_eq!(all.contexts.len(), contexts.len());
        prop_assert!((0.0..=1.0).contains(&all.steady));
        for rates in all.contexts.iter().chain([&all.common]) {
            let moments = rates.moments();
            prop_assert!(moments.mean.iter().all(|mean| mean.is_finite()));
            let (_, variance) = contrast(&moments);
            prop_assert!(variance.is_finite() && variance > 0.0, "{variance}");
            let chances = rates.prob_best();
            prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        // A mean of values of 0.8 at most, up to its last digit.
        prop_assert!((0.0..=0.8 + 1e-12).contains(&all.interaction));
    }

    #[test]
    fn the_slope_vanishes_at_the_mode(contexts in contexts(), sigma in 0.05_f64..2.0) {
        let likelihoods: Vec<Likelihood> = contexts.iter().map(|cohorts| Likelihood::new(3, cohorts)).collect();
        let mut at = Modes::start(3, likelihoods.len());
        at.climb(&likelihoods, sigma * sigma);
        let mut common: Vec<f64> = at.common.iter().map(|common| -common).collect();
        let scale: f64 = 1.0 + contexts.iter().flatten().flat_map(|cohort| &cohort.converted).sum::<f64>() * 100.0;
        for (context, likelihood) in likelihoods.iter().enumerate() {
            let slope = Part::new(&at.rates(context), likelihood, sigma * sigma).gradient;
            for (slope, own) in slope.iter().zip(&at.own[context]) {
                prop_assert!((slope - own / sigma / sigma).abs() < 1e-7 * scale);
            }
            add(&mut common, &slope, 1.0);
        }
        prop_assert!(common.iter().all(|slope| slope.abs() < 1e-7 * scale), "{common:?}");
    }
}
