//! CUPED against the reference, and where there is nothing to adjust by.

use super::*;
use crate::golden;
use crate::moments::Observation;
use crate::stats::sequence::Sequence;
use crate::stats::{Kind, compare};
use proptest::prelude::*;
use serde_json::Value;

/// Sums of one arm: n, Σy, Σy², Σx, Σx², Σxy.
fn sums(arm: &Value) -> [f64; 6] {
    ["n", "sum", "sumsq", "xsum", "xsumsq", "xy"].map(|field| arm[field].as_f64().unwrap())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count in a golden file"
)]
fn joint([n, y, yy, x, xx, xy]: [f64; 6]) -> Joint {
    let centred = |second: f64, a: f64, b: f64| (second - a * b / n) / (n - 1.0);
    Joint {
        n: n as u64,
        value: y / n,
        covariate: x / n,
        value_variance: centred(yy, y, y),
        covariate_variance: centred(xx, x, x),
        covariance: centred(xy, x, y),
    }
}

#[test]
fn figures_match_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/cuped.json")) {
        let (of_c, of_t) = (sums(&case.input["control"]), sums(&case.input["treatment"]));
        let alpha = case.number("alpha");
        let (control, treatment) = (joint(of_c), joint(of_t));
        let adjustment = Adjustment::of(&joint(std::array::from_fn(|i| of_c[i] + of_t[i])));
        let (adjusted_c, adjusted_t) = (adjustment.sample(&control), adjustment.sample(&treatment));
        case.check("theta", &[adjustment.theta]);
        case.check("adj_mean_c", &[adjusted_c.mean]);
        case.check("adj_mean_t", &[adjusted_t.mean]);
        case.check("adj_var_c", &[adjusted_c.variance]);
        case.check("adj_var_t", &[adjusted_t.variance]);
        let reduction = adjustment.reduction(&control, &treatment).unwrap();
        case.check("variance_reduction", &[reduction]);

        // By z, as for anything asymptotic.
        let by_z = compare(&adjusted_c, &adjusted_t, Kind::Ratio, alpha, None);
        let absolute = by_z.absolute.unwrap();
        let interval = absolute.interval.unwrap();
        case.check("diff", &[absolute.estimate]);
        case.check("se", &[absolute.std_error.unwrap()]);
        case.check("ci_z", &[interval.low, interval.high]);
        case.check("p_value_z", &[by_z.p_value.unwrap()]);

        // By t, as other tools do.
        let other = case.part(&case.expected["growthbook"]);
        let by_t = compare(&adjusted_c, &adjusted_t, Kind::Mean, alpha, None);
        let interval = by_t.absolute.unwrap().interval.unwrap();
        other.check("abs_ci_t", &[interval.low, interval.high]);
        let lift = adjustment.lift(&control, &treatment, alpha).unwrap();
        other.check("lift", &[lift.estimate]);
        other.check("lift_se", &[lift.std_error.unwrap()]);
        let interval = lift.interval.unwrap();
        assert!(interval.low < lift.estimate && lift.estimate < interval.high);
    }
}

#[test]
fn a_covariate_that_never_varies_changes_nothing() {
    let moments = |values: &[i64]| {
        let all = values.iter().map(|&y| Moments::of(Observation { y, x: 7 }));
        all.fold(Moments::default(), |sum, one| sum + one)
    };
    let (control, treatment) = (moments(&[1, 2, 3]), moments(&[2, 4, 9]));
    let adjustment = Adjustment::of(&Joint::of(&(control + treatment), 1.0, 1.0).unwrap());
    assert!(adjustment.theta.abs() <= 0.0);
    let control = Joint::of(&control, 1.0, 1.0).unwrap();
    let sample = adjustment.sample(&control);
    assert!((sample.mean - 2.0).abs() < 1e-15 && (sample.variance - 1.0).abs() < 1e-15);
    assert_eq!(Joint::of(&moments(&[5]), 1.0, 1.0), None);
}

#[test]
fn a_covariate_that_explains_all_leaves_no_variance() {
    // y = 3x + 2, in micro-units against counts; the treatment has 5 more.
    let moments = |past: std::ops::Range<i64>, more: i64| {
        let all = past.map(|x| {
            let y = 1_000_000 * (3 * x + 2 + more);
            Moments::of(Observation { y, x })
        });
        all.fold(Moments::default(), |sum, one| sum + one)
    };
    let (control, treatment) = (moments(0..10, 0), moments(0..10, 5));
    let adjustment = Adjustment::of(&Joint::of(&(control + treatment), 1e6, 1.0).unwrap());
    assert!((adjustment.theta - 3.0).abs() < 1e-12);
    let of = |moments| Joint::of(moments, 1e6, 1.0).unwrap();
    let (control, treatment) = (of(&control), of(&treatment));
    let (before, after) = (adjustment.sample(&control), adjustment.sample(&treatment));
    assert!((after.mean - before.mean - 5.0).abs() < 1e-12);
    assert!(before.variance < 1e-9 && after.variance < 1e-9);
    assert!((adjustment.reduction(&control, &treatment).unwrap() - 1.0).abs() < 1e-9);
}

fn observations() -> impl Strategy<Value = Vec<(i64, i64)>> {
    const MOST: i64 = 1_000_000_000_000_000;
    let number = prop_oneof![Just(0), Just(1), -5..5_i64, Just(MOST), -MOST..MOST];
    prop::collection::vec((number.clone(), number), 0..6)
}

proptest! {
    #[test]
    fn whatever_the_data_figures_are_finite_or_absent(
        control in observations(),
        treatment in observations(),
    ) {
        let moments = |values: &[(i64, i64)]| {
            let all = values.iter().map(|&(y, x)| Moments::of(Observation { y, x }));
            all.fold(Moments::default(), |sum, one| sum + one)
        };
        let (control, treatment) = (moments(&control), moments(&treatment));
        let Some(all) = Joint::of(&(control + treatment), 1e6, 1.0) else { return Ok(()) };
        let adjustment = Adjustment::of(&all);
        let arms = Joint::of(&control, 1e6, 1.0).zip(Joint::of(&treatment, 1e6, 1.0));
        let Some((control, treatment)) = arms else { return Ok(()) };
        let (before, after) = (adjustment.sample(&control), adjustment.sample(&treatment));
        prop_assert!(before.is_usable() && after.is_usable() && before.variance >= 0.0);
        let reduction = adjustment.reduction(&control, &treatment);
        prop_assert!(reduction.is_none_or(f64::is_finite));
        if let Some(lift) = adjustment.lift(&control, &treatment, 0.05) {
            prop_assert!(lift.estimate.is_finite() && lift.std_error.is_none_or(f64::is_finite));
        }
        let comparison = compare(&before, &after, Kind::Mean, 0.05, None);
        prop_assert!(comparison.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)));
        let sequence = Sequence::fixed(&before, &after);
        prop_assert!(sequence.absolute(0.05).is_none_or(|i| i.low <= i.high));
    }
}
