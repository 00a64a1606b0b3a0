//! The joint weights of delays and rates on expected ages, where the answer is known.

use super::*;
use crate::age::{AgeBucket, BUCKETS};
use crate::posterior::delay::Cohort;
use crate::posterior::delay::followed;

const DAY: f64 = 86_400_000.0;
const WINDOW: f64 = 14.0 * DAY;

/// What a day has brought of visitors who convert at a rate after an exponential delay of so many days, as expected.
fn expected(visitors: f64, rate: f64, mean: f64) -> Sample {
    let mut ages = [0.0; BUCKETS];
    let cohort = |hour: u8| {
        let followed_for = (f64::from(hour) + 0.5) * DAY / 24.0;
        let share = |age: f64| 1.0 - (-age.min(followed_for) / mean / DAY).exp();
        for (sum, bucket) in ages.iter_mut().zip(AgeBucket::all()) {
            let (from, to) = bucket.bounds();
            *sum += visitors * rate * (share(to as f64) - share(from as f64));
        }
        Cohort {
            visitors,
            converted: visitors * rate * share(f64::MAX),
            followed: followed(followed_for, WINDOW),
        }
    };
    let cohorts = (0..24).map(cohort).collect();
    Sample { ages, cohorts }
}

/// The chances that a variant's visitors of the last day have shown less than such a share of their conversions.
fn slow(samples: &[Sample], arm: usize, share: f64) -> f64 {
    let day = followed(DAY, WINDOW);
    let scenarios = scenarios(samples, WINDOW);
    let slow = scenarios
        .iter()
        .filter(|of| of.curves[arm].reached(&day) < share);
    slow.map(|of| of.probability).sum()
}

#[test]
fn probabilities_sum_to_one_and_every_variant_has_a_curve() {
    let samples = [expected(100.0, 0.03, 0.5), expected(100.0, 0.03, 1.0)];
    let found = scenarios(&samples, WINDOW);
    let total: f64 = found.iter().map(|of| of.probability).sum();
    assert!((total - 1.0).abs() < 1e-12 && found.len() > 4);
    assert!(found.iter().all(|of| of.curves.len() == 2));
    assert!(scenarios(&[], WINDOW).iter().all(|of| of.curves.is_empty()));
}

#[test]
fn few_conversions_of_a_variant_like_the_others_are_slow_ones() {
    let quick = expected(400.0, 0.03, 0.3);
    let late = expected(400.0, 0.036, 3.0);
    let samples = [quick.clone(), quick.clone(), late];
    assert!(slow(&samples, 2, 0.6) > 0.9, "{}", slow(&samples, 2, 0.6));
    assert!(slow(&samples, 0, 0.6) < 0.1, "{}", slow(&samples, 0, 0.6));
}

#[test]
fn equal_delays_stay_equal_in_most_scenarios() {
    let samples = [expected(400.0, 0.03, 0.5), expected(400.0, 0.033, 0.5)];
    assert!(slow(&samples, 1, 0.6) < 0.2, "{}", slow(&samples, 1, 0.6));
}

#[test]
fn the_steps_of_one_dimension_are_those_of_the_golden_ratio() {
    assert!((steps(1)[0] - 0.618_033_988_749_895).abs() < 1e-12);
    assert!(steps(3).windows(2).all(|pair| pair[0] > pair[1]));
}

#[test]
fn the_rate_integrated_out_is_within_a_thousandth() {
    let integral = |seen: f64, exposure: f64| {
        let step = RATE_SD / 50.0;
        let points = (-1500..=1500).map(|at| f64::from(at) * step);
        let log = |deviation: f64| {
            let expected = exposure * deviation.exp();
            let prior = deviation.powi(2) / (2.0 * RATE_SD.powi(2));
            seen * (exposure.ln() + deviation) - expected - prior
        };
        let logs: Vec<f64> = points.map(log).collect();
        let (largest, relative) = relative(&logs);
        let density = step / (RATE_SD * std::f64::consts::TAU.sqrt());
        largest + (relative.iter().sum::<f64>() * density).ln()
    };
    for seen in [0.0, 1.0, 5.0, 40.0, 400.0] {
        for rate in [0.1, 0.3, 1.0, 3.0, 10.0] {
            let exposure = f64::max(seen, 1.0) / rate;
            let error = log_count(seen, exposure, 0.0) - integral(seen, exposure);
            assert!(error.abs() < 1e-3, "{seen} of {exposure}: {error}");
        }
    }
}
