//! Features as they are kept, and shares against exact ones.

use std::collections::BTreeMap;

use super::*;
use crate::allocation::Arm;
use crate::posterior::{Posterior, best};
use proptest::prelude::*;
use serde_json::json;

fn attributes(values: &Value) -> Attributes {
    let values: BTreeMap<String, Value> = serde_json::from_value(values.clone()).unwrap();
    Attributes::new(values).unwrap()
}

#[test]
fn features_are_scaled_numbers_and_a_column_per_value() {
    let number = Feature::Number {
        attribute: "visits".into(),
        min: 0.0,
        max: 20.0,
    };
    let values = Feature::Values {
        attribute: "device".into(),
        values: vec!["mobile".into(), "7".into(), "true".into()],
    };
    let all = Features::new(vec![number, values]);
    assert_eq!(
        all.names(),
        ["visits", "device=mobile", "device=7", "device=true"]
    );
    for (given, expected) in [
        (json!({}), [0, 0, 0, 0]),
        (
            json!({"visits": 0, "device": "mobile"}),
            [-1_024, 1_024, 0, 0],
        ),
        (json!({"visits": 20, "device": 7}), [1_024, 0, 1_024, 0]),
        (
            json!({"visits": 1e300, "device": true}),
            [1_024, 0, 0, 1_024],
        ),
        (json!({"visits": -3, "device": "fridge"}), [-1_024, 0, 0, 0]),
        (json!({"visits": 15.001, "device": null}), [512, 0, 0, 0]),
        (json!({"visits": "15", "device": ["mobile"]}), [0, 0, 0, 0]),
    ] {
        assert_eq!(features(&all, &attributes(&given)), expected, "{given}");
    }
}

fn coefficients(arm: u16, mean: [f32; 3], sd: f32, most: f64) -> Coefficients {
    Coefficients {
        arm: Arm(arm),
        most,
        mean: mean.to_vec(),
        factor: vec![sd, 0.0, sd, 0.0, 0.5 * sd, sd],
    }
}

fn learned(arms: Vec<Coefficients>) -> Learned {
    Learned {
        arms,
        floor_total: 0.06,
        max_share: 1.0,
        average: vec![0, 0],
    }
}

#[test]
fn worth_is_the_normal_of_the_line() {
    let learned = learned(vec![coefficients(0, [0.1, 0.02, -0.04], 0.01, 1.0)]);
    let [worth] = worth(&learned, &[512, -1_024]).try_into().unwrap();
    // L·Lᵀ = 1e-4·[1, 0, 0; 0, 1, ½; 0, ½, 1¼] at x = (1, ½, −1).
    assert!((worth.mean - 0.15).abs() < 1e-7);
    assert!((worth.sd - (1e-4_f64 * (1.0 + 0.25 - 0.5 + 1.25)).sqrt()).abs() < 1e-7);
}

#[test]
fn features_decide_between_floor_and_all() {
    let rising = coefficients(0, [0.1, 0.05, 0.0], 0.003, 1.0);
    let falling = coefficients(1, [0.1, -0.05, 0.0], 0.003, 1.0);
    let known = learned(vec![rising.clone(), falling.clone()]);
    assert_eq!(shares(&known, &[1_024, 0]), [970_000, 30_000]);
    assert_eq!(shares(&known, &[-1_024, 0]), [30_000, 970_000]);
    let [even, _] = shares(&known, &[0, 0]).try_into().unwrap();
    assert!(even.abs_diff(500_000) < 10);
    let known = Learned {
        max_share: 0.8,
        ..learned(vec![rising.clone(), falling.clone()])
    };
    assert_eq!(shares(&known, &[1_024, 0]), [800_000, 200_000]);
    let ramp = Coefficients {
        most: 0.25,
        ..rising
    };
    assert_eq!(
        shares(&learned(vec![ramp, falling]), &[1_024, 0]),
        [250_000, 750_000]
    );
}

proptest! {
    #[test]
    fn shares_are_a_million_above_the_floor_and_near_the_exact_ones(
        raw in prop::collection::vec((prop::array::uniform3(-0.1_f32..0.1), -4.0_f32..-1.0, 0.2_f64..1.0), 2..8),
        x in prop::array::uniform2(-1_024_i16..=1_024), floor_total in 0.0_f64..0.5,
    ) {
        let arms = (0..).zip(&raw).map(|(arm, (mean, log, _))| coefficients(arm, *mean, 10_f32.powf(*log), 1.0));
        let mut known = Learned { floor_total, ..learned(arms.collect()) };
        let floor = floor_total / raw.len() as f64;
        let got = shares(&known, &x);
        prop_assert_eq!(got.iter().sum::<u32>(), MILLION);
        let exact: Vec<Posterior> = worth(&known, &x).iter().map(|of| Posterior::normal(of.mean, of.sd).unwrap()).collect();
        let expected = floored(&best::evaluate(&exact).prob_best, floor_total);
        for (got, expected) in got.iter().zip(expected) {
            prop_assert!(*got >= 1 && f64::from(*got) >= 1e6 * floor - 10.0);
            prop_assert!((f64::from(*got) - 1e6 * expected).abs() < 20.0, "{got} {expected}");
        }
        for (arm, (.., most)) in known.arms.iter_mut().zip(&raw) {
            arm.most = *most;
        }
        let room: f64 = known.arms.iter().map(|arm| arm.most.max(floor)).sum();
        let got = shares(&known, &x);
        prop_assert_eq!(got.iter().sum::<u32>(), MILLION);
        for (got, arm) in got.iter().zip(&known.arms) {
            prop_assert!(room < 1.0 || f64::from(*got) <= 1e6 * arm.most.max(floor) + 10.0);
        }
    }
}
