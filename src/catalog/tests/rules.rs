//! Single rules, each by the smallest definition that breaks it.

use super::{SMALL, read_one};
use crate::catalog::mistake::Code;
use crate::catalog::{
    Catalog, Entry, Lifecycle, Source, experiment::Experiment, experiment::Status, read_json,
};
use crate::epoch::Epochs;
use crate::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The small definition with changes: pairs of JSON pointer and value; null removes.
pub(super) fn changed(changes: &[(&str, Value)]) -> String {
    let mut value = json!({
        "key": "small",
        "variants": [{"key": "control"}, {"key": "treatment"}],
        "metrics": [
            {"key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal"},
            {"key": "revenue", "event": "Order Completed", "kind": "sum"}
        ]
    });
    for (pointer, change) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(items) => items.push(change.clone()),
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                parent[key] = change.clone();
            }
        }
    }
    value.to_string()
}

pub(super) fn mistakes(changes: &[(&str, Value)]) -> Vec<(String, Code)> {
    let result = read_json(&changed(changes));
    result
        .err()
        .into_iter()
        .flatten()
        .map(|mistake| (mistake.key, mistake.code))
        .collect()
}

#[track_caller]
pub(super) fn assert_one(changes: &[(&str, Value)], key: &str, code: Code) {
    assert_eq!(mistakes(changes), [(key.to_owned(), code)]);
}

#[test]
fn what_comes_later_is_known_and_refused() {
    let later = Code::NotSupportedYet;
    for key in ["prior", "context"] {
        assert_one(&[(&format!("/{key}"), json!(1))], key, later);
    }
    let allocation = json!({"policy": "thompson", "metric": "purchase", "prior": 1});
    assert_one(&[("/allocation", allocation)], "allocation.prior", later);
}

#[test]
fn sessions_have_no_exposures() {
    let exposed = ("/exposure", json!("exposed"));
    assert!(mistakes(std::slice::from_ref(&exposed)).is_empty());
    let session = ("/sticky", json!("session"));
    assert_one(&[exposed, session], "exposure", Code::Conflict);
}

#[test]
fn shares_and_slots_lie_in_their_ranges() {
    for (key, bad) in [
        ("holdout", -0.1),
        ("holdout", 1.0),
        ("traffic", 0.0),
        ("traffic", 1.1),
    ] {
        assert_one(&[(&format!("/{key}"), json!(bad))], key, Code::Invalid);
    }
    let layer = |from: f64, to: f64| json!({"key": "home", "from": from, "to": to});
    assert_one(&[("/layer", layer(-0.1, 0.5))], "layer.from", Code::Invalid);
    assert_one(&[("/layer", layer(0.1, 1.5))], "layer.to", Code::Invalid);
    assert_one(&[("/layer", layer(0.5, 0.5))], "layer.to", Code::Invalid);
    assert_one(
        &[("/layer", json!({"key": "home", "from": 0}))],
        "layer.to",
        Code::Missing,
    );
    assert_one(&[("/layer", json!("home"))], "layer", Code::WrongType);
}

#[test]
fn variants_are_distinct_and_alike() {
    let flag = |a: Value, b: Value| [("/variants/0/value", a), ("/variants/1/value", b)];
    assert_eq!(mistakes(&flag(json!(true), json!(false))), []);
    assert_one(
        &flag(json!(1), json!("x")),
        "variants[1].value",
        Code::WrongType,
    );
    assert_one(
        &[("/variants/1/value", json!(1))],
        "variants[0].value",
        Code::Missing,
    );
    assert_one(
        &[("/variants/1/key", json!("control"))],
        "variants[1].key",
        Code::Duplicate,
    );
    assert_one(
        &[("/variants/1/weight", json!(1))],
        "variants[0].weight",
        Code::Missing,
    );
    let weights = [
        ("/variants/0/weight", json!(1)),
        ("/variants/1/weight", json!(0)),
    ];
    assert_one(&weights, "variants[1].weight", Code::Invalid);
    assert_one(
        &[("/control", json!("contrl"))],
        "control",
        Code::UnknownReference,
    );
    assert_one(
        &[("/variants/0/payload", json!("x".repeat(64 << 10)))],
        "variants[0].payload",
        Code::TooLarge,
    );
    let many: Vec<_> = (0..101).map(|n| json!({"key": n.to_string()})).collect();
    assert_one(&[("/variants", json!(many))], "variants", Code::TooLarge);
    assert_one(&[("/variants", json!([]))], "variants", Code::Missing);
    let flag = json!([{"key": "on", "value": true}]);
    assert_eq!(
        mistakes(&[("/variants", flag), ("/metrics", json!([]))]),
        [],
        "a static flag"
    );
}

#[test]
fn metrics_have_one_goal_and_sound_ratios() {
    assert_one(
        &[("/metrics/0/role", json!("secondary"))],
        "metrics",
        Code::Missing,
    );
    assert_one(
        &[("/metrics/1/role", json!("goal"))],
        "metrics[1].role",
        Code::Conflict,
    );
    assert_one(
        &[("/metrics/0/role", json!("gaol"))],
        "metrics[0].role",
        Code::Invalid,
    );
    assert_one(
        &[("/metrics/1/key", json!("purchase"))],
        "metrics[1].key",
        Code::Duplicate,
    );
    assert_one(
        &[("/metrics/1/cap", json!(-1))],
        "metrics[1].cap",
        Code::Invalid,
    );
    assert_one(
        &[("/metrics/1/cap", json!({ "percentile": 0.995 }))],
        "metrics[1].cap.percentile",
        Code::Invalid,
    );
    assert_one(
        &[("/metrics/0/cap", json!(9))],
        "metrics[0].cap",
        Code::Conflict,
    );
    assert_one(
        &[("/metrics/1/property", json!("a..b"))],
        "metrics[1].property",
        Code::Invalid,
    );
    assert_one(
        &[("/metrics/1/limit", json!(0.1))],
        "metrics[1].limit",
        Code::Conflict,
    );
}

#[test]
fn what_a_guardrail_does_when_it_trips_needs_a_limit() {
    let key = "metrics[1].on_trip";
    assert_one(
        &[("/metrics/1/on_trip", json!("pause"))],
        key,
        Code::Conflict,
    );
    let guardrail = [
        ("/metrics/1/role", json!("guardrail")),
        ("/metrics/1/limit", json!(0.1)),
    ];
    for (given, expected) in [
        ("pause", None),
        ("notify", None),
        ("stop", Some(Code::Invalid)),
    ] {
        let mut changes = guardrail.to_vec();
        changes.push(("/metrics/1/on_trip", json!(given)));
        let expected: Vec<_> = expected
            .map(|code| (key.to_owned(), code))
            .into_iter()
            .collect();
        assert_eq!(mistakes(&changes), expected, "{given}");
    }
}

#[test]
fn ratios_refer_to_other_metrics_with_their_window() {
    let ratio = |numerator: &str, window: &str| {
        let aov = json!({"key": "aov", "kind": "ratio", "numerator": numerator, "denominator": "purchase", "window": window});
        mistakes(&[("/metrics/-", aov)])
    };
    assert_eq!(ratio("revenue", "14d"), []);
    let key = "metrics[2].numerator".to_owned();
    assert_eq!(
        ratio("turnover", "14d"),
        [(key.clone(), Code::UnknownReference)]
    );
    assert_eq!(ratio("aov", "14d"), [(key.clone(), Code::Invalid)]);
    assert_eq!(
        ratio("revenue", "7d"),
        [
            (key, Code::Conflict),
            ("metrics[2].denominator".into(), Code::Conflict)
        ]
    );
}

#[test]
fn policies_take_what_fits_them() {
    let allocation = |value: Value| mistakes(&[("/allocation", value)]);
    let bandit = |key: &str, value: Value| {
        allocation(json!({"policy": "thompson", "metric": "purchase", key: value}))
    };
    assert_eq!(bandit("floor", json!(0.4)), []);
    assert_eq!(
        bandit("floor", json!(0.5)),
        [("allocation.floor".into(), Code::Invalid)]
    );
    assert_eq!(bandit("floor_total", json!(0)), []);
    assert_eq!(
        bandit("floor_total", json!(1.5)),
        [("allocation.floor_total".into(), Code::Invalid)]
    );
    assert_eq!(
        bandit("refresh", json!("soon")),
        [("allocation.refresh".into(), Code::Invalid)]
    );
    assert_eq!(
        bandit("burn_in", json!(1.5)),
        [("allocation.burn_in".into(), Code::WrongType)]
    );
    let both =
        json!({"policy": "thompson", "metric": "purchase", "floor": 0.1, "floor_total": 0.2});
    assert_eq!(
        allocation(both),
        [("allocation.floor".into(), Code::Conflict)]
    );
    assert_eq!(
        allocation(json!({"policy": "thompson"})),
        [("allocation.metric".into(), Code::Missing)]
    );
    let unknown = json!({"policy": "thompson", "metric": "sales"});
    assert_eq!(
        allocation(unknown),
        [("allocation.metric".into(), Code::UnknownReference)]
    );
    assert_eq!(
        allocation(json!({"burn_in": 5})),
        [("allocation.burn_in".into(), Code::Conflict)]
    );
}

#[test]
fn texts_and_dimensions_are_bounded() {
    assert_one(
        &[("/hypothesis", json!("x".repeat(2_001)))],
        "hypothesis",
        Code::TooLarge,
    );
    assert_one(&[("/review", json!("soon"))], "review", Code::Invalid);
    let eleven: Vec<_> = (0..11).map(|n| n.to_string()).collect();
    assert_one(
        &[("/dimensions", json!(eleven))],
        "dimensions",
        Code::TooLarge,
    );
    assert_one(
        &[("/dimensions", json!(["a", "a"]))],
        "dimensions[1]",
        Code::Duplicate,
    );
    assert_one(
        &[("/dimensions", json!(["visitor_type"]))],
        "dimensions[0]",
        Code::Invalid,
    );
    assert_one(
        &[("/dimensions", json!(["a", 1]))],
        "dimensions[1]",
        Code::WrongType,
    );
    assert_one(
        &[("/dimensions", json!([{"key": "a", "value": []}]))],
        "dimensions[0].value",
        Code::UnknownKey,
    );
}

#[test]
fn the_catalog_refuses_overlapping_slots() {
    let in_layer = |key: &str, slot: &str| {
        let head =
            format!("key = \"{key}\"\nstatus = \"running\"\nlayer = {{ key = \"home\", {slot} }}");
        read_one(&SMALL.replacen("key = \"small\"", &head, 1)).unwrap()
    };
    let mut catalog = Catalog::default();
    let spec = in_layer("first", "from = 0.0, to = 0.5");
    let lifecycle = Lifecycle {
        status: Status::Running,
        ..Lifecycle::draft(
            Source::Api,
            Timestamp::parse("2026-11-22T09:00:00Z").unwrap(),
        )
    };
    let experiment = Experiment::compile(spec.clone(), None).unwrap();
    let mut entry = Entry {
        serial: crate::catalog::Serial(0),
        experiment,
        lifecycle,
        epochs: Arc::new(Epochs::default()),
        history: Arc::default(),
    };
    catalog.put(entry.clone());
    assert_eq!(
        catalog.conflicts(&spec),
        [],
        "a new version does not exclude itself"
    );
    assert_eq!(
        catalog.conflicts(&in_layer("second", "from = 0.5, to = 1.0")),
        []
    );
    let overlapping = in_layer("second", "from = 0.4, to = 1.0");
    assert_eq!(catalog.conflicts(&overlapping)[0].code, Code::Conflict);
    entry.lifecycle.status = Status::Concluded;
    catalog.put(entry);
    assert_eq!(catalog.conflicts(&overlapping), []);
}
