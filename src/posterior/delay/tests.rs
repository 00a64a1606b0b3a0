//! Curves from truncated ages, and the size and power of the test of their equality.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution, Exp};

use super::difference::{Difference, difference};
use super::*;
use crate::time::Window;

const HOUR: f64 = 3_600_000.0;
const DAY: f64 = 24.0 * HOUR;
const WINDOW: f64 = 14.0 * DAY;

/// So many visitors an hour over so many days, who convert at a rate after an exponential delay.
fn simulated(random: &mut StdRng, (visitors, rate): (u64, f64), mean: f64, days: f64) -> Sample {
    let mut ages = [0.0; BUCKETS];
    let mut cohorts = Vec::new();
    let mut followed_for = days * DAY - HOUR / 2.0;
    while followed_for > 0.0 {
        let mut converted = 0.0;
        let all = Binomial::new(visitors, rate).unwrap().sample(random);
        for _ in 0..all {
            let age = Exp::new(1.0 / mean).unwrap().sample(random);
            if age < followed_for.min(WINDOW) {
                #[expect(clippy::cast_possible_truncation, reason = "an age")]
                let bucket = AgeBucket::of(Window::from_millis(age as i64));
                ages[bucket.position()] += 1.0;
                converted += 1.0;
            }
        }
        cohorts.push(Cohort {
            visitors: visitors as f64,
            converted,
            followed: followed(followed_for, WINDOW),
        });
        followed_for -= HOUR;
    }
    Sample { ages, cohorts }
}

#[test]
fn young_visitors_do_not_make_delays_look_short() {
    let mut random = StdRng::seed_from_u64(1);
    let sample = simulated(&mut random, (2_000, 0.03), 3.0 * DAY, 5.0);
    let curve = Curve::of(&sample, WINDOW);
    let naive = sample.ages.iter().scan(0.0, |sum, n| {
        *sum += n;
        Some(*sum)
    });
    let half = sample.conversions() / 2.0;
    let position = naive.take_while(|sum| *sum < half).count();
    let naive = AgeBucket::all().nth(position).unwrap().bounds().0 as f64;
    let truth = 3.0 * std::f64::consts::LN_2;
    let median = curve.quantile(0.5) / DAY;
    assert!((median / truth - 1.0).abs() < 0.2, "{median} {truth}");
    assert!(naive / DAY < 0.7 * truth, "{naive}");
    let expected = 1.0 - (-2.0_f64 / 3.0).exp();
    let reached = curve.reached(&followed(2.0 * DAY, WINDOW));
    assert!((reached - expected).abs() < 0.06, "{reached} {expected}");
}

#[test]
fn a_curve_rises_from_what_comes_at_once_to_all_within_the_window() {
    let mut random = StdRng::seed_from_u64(2);
    let sample = simulated(&mut random, (100, 0.05), DAY, 3.0);
    let curve = Curve::of(&sample, WINDOW);
    let ages = (0..14 * 24).map(|hour| curve.reached(&followed(f64::from(hour) * HOUR, WINDOW)));
    let ages: Vec<f64> = ages.collect();
    assert!(ages.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
    assert!((curve.reached(&followed(WINDOW, WINDOW)) - 1.0).abs() < 1e-9);
    assert!(curve.quantile(0.5) < curve.quantile(0.8));
    assert!(curve.quantile(0.8) < curve.quantile(0.95));
}

#[test]
fn without_conversions_a_curve_is_finite() {
    let none = Sample {
        ages: [0.0; BUCKETS],
        cohorts: Vec::new(),
    };
    assert!(Curve::of(&none, WINDOW).quantile(0.95).is_finite());
}

/// The test on three variants of different rates and traffic, whose delays have these means in days.
fn tested(seed: u64, means: [f64; 3]) -> Difference {
    let mut random = StdRng::seed_from_u64(seed);
    let arms = [(60, 0.03), (30, 0.06), (90, 0.02)];
    let samples = arms.iter().zip(means);
    let samples: Vec<Sample> = samples
        .map(|(arm, mean)| simulated(&mut random, *arm, mean * DAY, 4.0))
        .collect();
    let common = Curve::of(&Sample::pooled(&samples), WINDOW);
    difference(&samples, &common).unwrap()
}

#[test]
fn equal_delays_are_told_apart_as_often_as_the_level_says() {
    let runs = 200;
    let found: Vec<Difference> = (0..runs).map(|seed| tested(seed, [1.0; 3])).collect();
    let beyond = |quantile: f64| found.iter().filter(|of| of.statistic > quantile).count();
    // The quantiles of χ² with two degrees of freedom at 0.95 and at 0.999, −2 ln of 0.05 and of 0.001.
    assert!(beyond(5.991) <= 20, "{} of {runs}", beyond(5.991));
    assert!(beyond(13.816) <= 2, "{} of {runs}", beyond(13.816));
    let believed = found.iter().filter(|of| of.probability > 0.99).count();
    assert!(believed <= 2, "{believed} of {runs}");
}

#[test]
fn a_slower_variant_is_found() {
    let found = (0..20).filter(|seed| tested(*seed, [0.5, 0.5, 3.0]).probability > 0.99);
    assert!(found.count() >= 19);
}
