//! Rules of a linear policy.

use serde_json::{Value, json};

use super::rules::{assert_one, changed, mistakes};
use crate::catalog::mistake::Code;
use crate::catalog::read_json;

fn dimensions() -> Value {
    let many: Vec<String> = (0..25).map(|value| format!("v{value}")).collect();
    json!([{"key": "device", "values": ["mobile", "desktop"]}, {"key": "city", "values": many}, "language"])
}

fn with(policy: &str, features: &Value) -> Vec<(&'static str, Value)> {
    let allocation = json!({"policy": policy, "metric": "purchase", "features": features});
    vec![("/allocation", allocation), ("/dimensions", dimensions())]
}

#[test]
fn features_are_numbers_with_a_range_and_declared_dimensions() {
    let visits = json!({"attribute": "visits", "min": 0, "max": 20});
    let both = json!([visits, {"dimension": "device"}]);
    assert_eq!(mistakes(&with("linear", &both)), []);
    let spec = read_json(&changed(&with("linear", &both))).unwrap();
    assert_eq!(
        (spec.allocation.model, spec.allocation.features.len()),
        (None, 2)
    );
    let again = serde_json::to_string(&spec).unwrap();
    assert_eq!(read_json(&again).unwrap(), spec);
    let twice = json!([visits, visits]);
    assert_one(
        &with("linear", &twice),
        "allocation.features[1]",
        Code::Duplicate,
    );
    assert_one(
        &with("linear", &json!([])),
        "allocation.features",
        Code::Missing,
    );
    let city = json!([{"dimension": "city"}]);
    assert_one(
        &with("linear", &city),
        "allocation.features",
        Code::TooLarge,
    );
    for policy in ["thompson", "epsilon-greedy", "fixed"] {
        let found = mistakes(&with(policy, &both));
        let place = ("allocation.features".to_owned(), Code::Conflict);
        assert!(found.contains(&place), "{policy} {found:?}");
    }
}

#[test]
fn what_is_no_feature_is_refused_with_its_place() {
    for (feature, at, code) in [
        (r#"{"attribute": "a"}"#, ".max", Code::Missing),
        (r#"{"attribute": "a", "max": 1}"#, ".min", Code::Missing),
        (
            r#"{"attribute": "a", "min": 1, "max": 1}"#,
            ".max",
            Code::Invalid,
        ),
        (
            r#"{"attribute": "a", "min": 2, "max": 1}"#,
            ".max",
            Code::Invalid,
        ),
        (
            r#"{"attribute": "a", "min": -1e308, "max": 1e308}"#,
            ".max",
            Code::Invalid,
        ),
        (
            r#"{"attribute": "a", "min": 1e9, "max": 1000000000.1}"#,
            ".max",
            Code::Invalid,
        ),
        (
            r#"{"attribute": "", "min": 1, "max": 2}"#,
            ".attribute",
            Code::Invalid,
        ),
        ("{}", "", Code::Missing),
        (
            r#"{"attribute": "a", "dimension": "device"}"#,
            "",
            Code::Conflict,
        ),
        (r#"{"dimension": "device", "min": 1}"#, "", Code::Conflict),
        (
            r#"{"dimension": "weather"}"#,
            ".dimension",
            Code::UnknownReference,
        ),
        (r#"{"dimension": "language"}"#, ".dimension", Code::Conflict),
        (r#"{"dimension": 7}"#, ".dimension", Code::WrongType),
        (r#"{"atribute": "a"}"#, ".atribute", Code::UnknownKey),
    ] {
        let given: Value = serde_json::from_str(feature).unwrap();
        let found = mistakes(&with("linear", &json!([given])));
        let place = (format!("allocation.features[0]{at}"), code);
        assert!(found.contains(&place), "{feature} {found:?}");
    }
}

#[test]
fn a_linear_policy_has_few_enough_coefficients() {
    let variants = |count: usize| {
        let variant = |at| json!({"key": format!("v{at}")});
        ("/variants", (0..count).map(variant).collect::<Value>())
    };
    let number = |at| json!({"attribute": format!("a{at}"), "min": 0, "max": 1});
    let with = |count: usize, columns: usize| {
        let features: Value = (0..columns).map(number).collect();
        let mut all = with("linear", &features);
        all.push(variants(count));
        mistakes(&all)
    };
    assert_eq!(with(20, 11), []);
    assert_eq!(with(10, 24), []);
    let features = || "allocation.features".to_owned();
    assert_eq!(with(11, 24), [(features(), Code::TooLarge)]);
    assert_eq!(with(2, 25), [(features(), Code::TooLarge)]);
    assert_eq!(
        with(21, 2),
        [("allocation.policy".to_owned(), Code::TooLarge)]
    );
}

#[test]
fn a_linear_policy_refuses_what_it_can_not_do() {
    let with = |key: &str, value: Value| {
        let mut all = with("linear", &json!([{"dimension": "device"}]));
        all[0].1[key] = value;
        all
    };
    for (key, value) in [
        ("model", json!("cohort")),
        ("stop", json!(true)),
        ("on_drift", json!("forget")),
        ("max_step", json!(0.2)),
        ("guardrail_hold", json!(0.9)),
        ("delay", json!("auto")),
        ("context", json!(["device"])),
    ] {
        let found = mistakes(&with(key, value));
        let place = (format!("allocation.{key}"), Code::Conflict);
        assert!(found.contains(&place), "{key} {found:?}");
    }
    for (key, value) in [
        ("max_share", json!(0.9)),
        ("half_life", json!("30d")),
        ("on_drift", json!("notify")),
        ("delay", json!("ignore")),
        ("metric", json!("revenue")),
    ] {
        assert_eq!(mistakes(&with(key, value)), [], "{key}");
    }
}
