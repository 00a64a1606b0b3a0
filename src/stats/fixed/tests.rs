//! Against the references, and what must hold for any samples, degenerate ones first of all.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::golden::{self, Case};
use crate::stats::mean_interval;

/// The sample of `{n, sum, sumsq}`.
pub(crate) fn sample(sums: &Value, kind: Kind) -> Sample {
    let (sum, squares) = (
        sums["sum"].as_f64().unwrap(),
        sums["sumsq"].as_f64().unwrap(),
    );
    let n = sums["n"].as_u64().unwrap();
    let visitors = n as f64;
    match kind {
        Kind::Proportion => Sample::proportion(sums["sum"].as_u64().unwrap(), n),
        Kind::Mean | Kind::Ratio => Sample {
            n,
            mean: sum / visitors,
            variance: if n > 1 {
                (squares - sum * sum / visitors) / (visitors - 1.0)
            } else {
                0.0
            },
        },
    }
}

fn ends(interval: Option<Interval>) -> Vec<f64> {
    interval.map_or(Vec::new(), |interval| vec![interval.low, interval.high])
}

#[test]
fn proportions_match_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/two_proportion.json")) {
        let alpha = case.number("alpha");
        let arm = |successes: &str, visitors: &str| {
            let count = |field: &str| case.input[field].as_u64().unwrap();
            Sample::proportion(count(successes), count(visitors))
        };
        let (control, treatment) = (arm("x_c", "n_c"), arm("x_t", "n_t"));
        let result = compare(&control, &treatment, Kind::Proportion, alpha, None);
        let absolute = result.absolute.unwrap();
        case.check("diff", &[absolute.estimate]);
        case.check("p_value_pooled", &[result.p_value.unwrap()]);
        case.check(
            "z_unpooled",
            &[absolute.estimate / absolute.std_error.unwrap()],
        );
        let field = match result.method {
            Method::PooledZ => "ci_diff_wald",
            Method::PooledZNewcombe => "ci_diff_newcombe",
            Method::Welch | Method::Ratio => panic!("a mean?"),
        };
        case.check(field, &ends(absolute.interval));
        case.check("ci_diff_wald", &ends(wald(&control, &treatment, alpha)));
        case.check(
            "ci_diff_newcombe",
            &ends(newcombe(&control, &treatment, alpha)),
        );
        let one = |arm| ends(mean_interval(arm, Kind::Proportion, alpha));
        case.check("ci_wilson_control", &one(&control));
        case.check("ci_wilson_treatment", &one(&treatment));
    }
}

#[test]
fn means_match_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/welch.json")) {
        let control = sample(&case.input["control"], Kind::Mean);
        let treatment = sample(&case.input["treatment"], Kind::Mean);
        let alpha = case.number("alpha");
        let result = compare(&control, &treatment, Kind::Mean, alpha, None);
        let absolute = result.absolute.unwrap();
        case.check("diff", &[absolute.estimate]);
        case.check("se", &[absolute.std_error.unwrap()]);
        case.check("t", &[absolute.estimate / absolute.std_error.unwrap()]);
        case.check("p_value", &[result.p_value.unwrap()]);
        case.check("ci_t", &ends(absolute.interval));
    }
}

fn check_edge(case: &Case, result: &Comparison) {
    let caveats: Vec<&str> = result.caveats.iter().map(|caveat| caveat.code()).collect();
    for status in ["lift_status", "diff_status"] {
        if let Some(code) = case.expected[status].as_str() {
            assert!(caveats.contains(&code), "{}: {caveats:?}", case.name);
        }
    }
    let figures = [
        ("diff", result.absolute.map(|figure| figure.estimate)),
        ("lift", result.relative.map(|figure| figure.estimate)),
        ("p_value", result.p_value),
    ];
    for (field, figure) in figures {
        if case.has(field) {
            case.check(field, &Vec::from_iter(figure));
        }
    }
    if case.has("diff_test_available") {
        assert!(result.p_value.is_some() && result.absolute.unwrap().interval.is_some());
    }
}

#[test]
fn degenerate_data_give_caveats_and_no_numbers() {
    for case in golden::cases(include_str!("../../../tests/golden/edge_cases.json")) {
        if case.has("note") {
            continue; // sums of squares that cancel: our variances come from exact sums
        }
        let kind = if case.input["kind"] == "proportion" {
            Kind::Proportion
        } else {
            Kind::Mean
        };
        let control = sample(&case.input["control"], kind);
        let treatment = sample(&case.input["treatment"], kind);
        check_edge(&case, &compare(&control, &treatment, kind, 0.05, None));
    }
}

#[test]
fn unequal_constants_have_no_p_value() {
    let constant = |mean| Sample {
        n: 100,
        mean,
        variance: 0.0,
    };
    let result = compare(&constant(5.0), &constant(6.0), Kind::Mean, 0.05, None);
    assert_eq!(
        (result.p_value, &result.caveats[..]),
        (None, &[Caveat::ZeroVariance][..])
    );
    assert!(result.absolute.unwrap().interval.is_none());
}

#[test]
fn the_report_s_json_has_codes_and_numbers_only() {
    let (control, treatment) = (Sample::proportion(0, 90), Sample::proportion(4, 100));
    let result = compare(&control, &treatment, Kind::Proportion, 0.05, None);
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["method"], "pooled_z_newcombe");
    assert_eq!(json["caveats"], serde_json::json!(["control_mean_zero"]));
    assert_eq!(json["relative"], Value::Null);
    assert!(json["absolute"]["interval"]["low"].is_number());
}

fn assert_finite(value: &Value) {
    match value {
        Value::Object(fields) => fields.values().for_each(assert_finite),
        Value::Array(items) => items.iter().for_each(assert_finite),
        Value::Number(number) => assert!(number.as_f64().unwrap().is_finite()),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// `serde_json` writes a NaN as null, so the optional figures are looked at before that.
fn figures(result: &Comparison) -> Vec<f64> {
    let estimates = result.absolute.into_iter().chain(result.relative);
    let of_estimates = estimates.flat_map(|figure| {
        let parts = [Some(figure.estimate), figure.std_error];
        parts.into_iter().flatten().chain(ends(figure.interval))
    });
    of_estimates.chain(result.p_value).collect()
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e3..1e3_f64,
        1 => Just(0.0),
        1 => Just(1e-300),
        1 => Just(-1e15),
        1 => Just(f64::MAX),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ]
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (0_u64..5, any_number(), any_number()).prop_map(|(n, mean, variance)| Sample {
        n,
        mean,
        variance,
    })
}

proptest! {
    #[test]
    fn nothing_is_ever_nan_or_infinite(control in any_sample(), treatment in any_sample()) {
        for kind in [Kind::Proportion, Kind::Mean] {
            let result = compare(&control, &treatment, kind, 0.05, None);
            prop_assert!(figures(&result).iter().all(|figure| figure.is_finite()), "{result:?}");
            assert_finite(&serde_json::to_value(&result).unwrap());
            let complete = result.p_value.is_some()
                && result.relative.is_some_and(|lift| lift.interval.is_some());
            prop_assert!(complete || !result.caveats.is_empty(), "{result:?}");
            for end in ends(mean_interval(&control, kind, 0.05)) {
                prop_assert!(end.is_finite());
            }
        }
    }

    #[test]
    fn swapping_the_arms_turns_the_difference(x in 0_u64..500, y in 0_u64..500) {
        let (left, right) = (Sample::proportion(x, 500), Sample::proportion(y, 700));
        let one = compare(&left, &right, Kind::Proportion, 0.05, None);
        let other = compare(&right, &left, Kind::Proportion, 0.05, None);
        let turned = ends(other.absolute.unwrap().interval);
        let interval = ends(one.absolute.unwrap().interval);
        prop_assert!((interval[0] + turned[1]).abs() < 1e-12);
        prop_assert!((one.p_value.unwrap() - other.p_value.unwrap()).abs() < 1e-12);
    }

    /// The interval of the lift and Welch's test tell the same story: they share the critical value.
    #[test]
    fn the_lift_excludes_zero_exactly_when_the_test_rejects(
        mean in 1.0..3.0_f64, other in 1.0..3.0_f64, n in 40_u64..4_000,
    ) {
        let arm = |mean| Sample { n, mean, variance: 4.0 };
        let result = compare(&arm(mean), &arm(other), Kind::Mean, 0.05, None);
        let p = result.p_value.unwrap();
        if let Some(interval) = result.relative.unwrap().interval
            && (p - 0.05).abs() > 1e-6
        {
            prop_assert_eq!(interval.low > 0.0 || interval.high < 0.0, p < 0.05);
        }
    }
}
