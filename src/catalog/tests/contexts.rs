//! Rules of a contextual policy.

use serde_json::{Value, json};

use super::rules::{assert_one, changed, mistakes};
use crate::catalog::mistake::Code;
use crate::catalog::read_json;

fn dimensions() -> Value {
    let many: Vec<String> = (0..15).map(|value| format!("v{value}")).collect();
    json!([
        {"key": "device", "values": ["mobile", "desktop"]}, {"key": "city", "values": many},
        {"key": "shade", "values": ["red", "other"]}, "language", {"key": "day", "values": ["sat"]},
    ])
}

#[test]
fn a_context_is_made_of_declared_values_and_not_too_many() {
    let with = |policy: &str, context: Value| {
        let allocation = json!({"policy": policy, "metric": "purchase", "context": context});
        mistakes(&[("/allocation", allocation), ("/dimensions", dimensions())])
    };
    let one = |at: &str, code| vec![(format!("allocation.context{at}"), code)];
    assert_eq!(with("contextual", json!(["device", "city"])), []);
    for (context, at, code) in [
        (json!([]), "", Code::Missing),
        (json!(["device", "city", "day"]), "", Code::TooLarge),
        (json!(["weather"]), "[0]", Code::UnknownReference),
        (json!(["day", "language"]), "[1]", Code::Conflict),
        (json!(["day", "day"]), "[1]", Code::Duplicate),
        (json!(["shade"]), "[0]", Code::Conflict),
    ] {
        assert_eq!(
            with("contextual", context.clone()),
            one(at, code),
            "{context}"
        );
    }
    for policy in ["thompson", "epsilon-greedy", "fixed"] {
        let found = with(policy, json!(["device"]));
        assert!(
            found.contains(&one("", Code::Conflict)[0]),
            "{policy} {found:?}"
        );
    }
}

#[test]
fn a_contextual_policy_refuses_what_it_can_not_do() {
    let with = |key: &str, value: Value| {
        let mut allocation =
            json!({"policy": "contextual", "metric": "purchase", "context": ["day"]});
        allocation[key] = value;
        [("/allocation", allocation), ("/dimensions", dimensions())]
    };
    for (key, value) in [
        ("model", json!("cohort")),
        ("metric", json!("revenue")),
        ("stop", json!(true)),
        ("on_drift", json!("forget")),
    ] {
        let place = format!("allocation.{key}");
        assert_one(&with(key, value), &place, Code::Conflict);
    }
    for (key, value) in [
        ("max_share", json!(0.9)),
        ("max_step", json!(0.2)),
        ("half_life", json!("30d")),
        ("on_drift", json!("notify")),
        ("delay", json!("ignore")),
    ] {
        assert_eq!(mistakes(&with(key, value)), [], "{key}");
    }
    let spec = read_json(&changed(&with("floor_total", json!(0.1)))).unwrap();
    assert_eq!(spec.allocation.model, None);
}
