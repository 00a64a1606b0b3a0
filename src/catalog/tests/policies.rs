//! Policies and their settings: what is there, what comes later, what contradicts itself.

use serde_json::json;

use super::rules::{assert_one, changed, mistakes};
use crate::catalog::experiment::Model;
use crate::catalog::mistake::Code;
use crate::catalog::read_json;
use crate::time::Window;

#[test]
fn a_half_life_is_a_bandit_s_and_at_least_a_day() {
    let with = |policy: &str, half_life: &str| {
        let allocation = json!({"policy": policy, "metric": "purchase", "half_life": half_life});
        mistakes(&[("/allocation", allocation)])
    };
    let key = "allocation.half_life".to_owned();
    assert_eq!(with("thompson", "14d"), []);
    assert_eq!(with("thompson", "12h"), [(key.clone(), Code::Invalid)]);
    assert!(with("fixed", "14d").contains(&(key, Code::Conflict)));
}

#[test]
fn a_bandit_compares_within_epochs_unless_told_otherwise() {
    let model = |allocation: serde_json::Value| {
        let spec = read_json(&changed(&[("/allocation", allocation)])).unwrap();
        spec.allocation.model
    };
    let thompson = json!({"policy": "thompson", "metric": "purchase"});
    assert_eq!(model(thompson), Some(Model::Cohort));
    let pooled = json!({"policy": "thompson", "metric": "purchase", "model": "pooled"});
    assert_eq!(model(pooled), Some(Model::Pooled));
    assert_eq!(model(json!({"policy": "fixed"})), None);
    let fixed = json!({"policy": "fixed", "model": "pooled"});
    assert_one(
        &[("/allocation", fixed)],
        "allocation.model",
        Code::Conflict,
    );
}

#[test]
fn top_two_needs_a_third_variant() {
    let allocation = (
        "/allocation",
        json!({"policy": "top-two", "metric": "purchase"}),
    );
    assert_one(
        std::slice::from_ref(&allocation),
        "allocation.policy",
        Code::Conflict,
    );
    let third = ("/variants/-", json!({"key": "third"}));
    assert_eq!(mistakes(&[allocation, third]), []);
}

#[test]
fn epsilon_belongs_to_epsilon_greedy_and_floors_to_the_others() {
    let with = |key: &str, value: f64, policy: &str| {
        let allocation = json!({"policy": policy, "metric": "purchase", key: value});
        mistakes(&[("/allocation", allocation)])
    };
    let found = |key: &str, code| [(format!("allocation.{key}"), code)];
    assert_eq!(with("epsilon", 0.2, "epsilon-greedy"), []);
    for (key, value, policy, code) in [
        ("epsilon", 1.5, "epsilon-greedy", Code::Invalid),
        ("epsilon", -0.1, "epsilon-greedy", Code::Invalid),
        ("epsilon", 0.1, "thompson", Code::Conflict),
        ("floor", 0.01, "epsilon-greedy", Code::Conflict),
        ("floor_total", 0.01, "epsilon-greedy", Code::Conflict),
    ] {
        assert_eq!(with(key, value, policy), found(key, code), "{key} {policy}");
    }
    let allocation = json!({"policy": "epsilon-greedy", "metric": "purchase"});
    let spec = read_json(&changed(&[("/allocation", allocation)])).unwrap();
    assert_eq!(spec.allocation.epsilon, Some(0.1));
    assert_eq!(spec.allocation.floor_total, None);
}

#[test]
fn what_limits_a_bandit_can_be_kept() {
    let with = |policy: &str, key: &str, value: f64| {
        let allocation = json!({"policy": policy, "metric": "purchase", key: value});
        mistakes(&[("/allocation", allocation)])
    };
    for (key, good, bad) in [
        ("max_share", [0.5, 1.0], [0.4, 1.01]),
        ("max_step", [0.01, 1.0], [0.009, 1.1]),
    ] {
        let path = format!("allocation.{key}");
        for value in good {
            assert_eq!(with("thompson", key, value), [], "{key} = {value}");
        }
        for value in bad {
            let found = with("thompson", key, value);
            assert_eq!(found, [(path.clone(), Code::Invalid)], "{key} = {value}");
        }
        assert!(with("fixed", key, 1.0).contains(&(path, Code::Conflict)));
    }
}

#[test]
fn a_thin_floor_is_noted() {
    let notices = |floor: serde_json::Value| {
        let mut allocation = json!({"policy": "thompson", "metric": "purchase"});
        for (key, value) in floor.as_object().unwrap() {
            allocation[key] = value.clone();
        }
        let spec = read_json(&changed(&[("/allocation", allocation)])).unwrap();
        spec.allocation.notices(spec.variants.len())
    };
    for kept in [
        json!({}),
        json!({"floor_total": 0.02}),
        json!({"floor": 0.01}),
    ] {
        assert_eq!(notices(kept), []);
    }
    let thin = notices(json!({"floor_total": 0.01}));
    assert_eq!(thin[0].0, "floor_total");
    assert!(thin[0].1.contains("loses 0.5 % of the traffic"), "{thin:?}");
    assert_eq!(notices(json!({"floor": 0.0}))[0].0, "floor");
    let greedy = json!({"policy": "epsilon-greedy", "epsilon": 0.01});
    assert_eq!(notices(greedy)[0].0, "epsilon");
    let spec = read_json(&changed(&[])).unwrap();
    assert_eq!(spec.allocation.notices(2), [], "a fixed split has no floor");
}

#[test]
fn a_hold_needs_a_guardrail_and_is_a_probability() {
    let with = |hold: f64, metrics: bool| {
        let allocation =
            json!({"policy": "thompson", "metric": "purchase", "guardrail_hold": hold});
        let refunds =
            json!({"key": "refunds", "event": "Refund", "kind": "conversion", "role": "guardrail"});
        let mut changes = vec![("/allocation", allocation)];
        changes.extend(metrics.then_some(("/metrics/-", refunds)));
        mistakes(&changes)
    };
    let key = "allocation.guardrail_hold".to_owned();
    assert_eq!(with(0.9, true), []);
    assert_eq!(with(0.9, false), [(key.clone(), Code::Conflict)]);
    for bad in [0.5, 1.0, 9.0] {
        assert_eq!(with(bad, true), [(key.clone(), Code::Invalid)], "{bad}");
    }
}

#[test]
fn a_stop_is_true_or_a_table_with_defaults() {
    let allocation =
        |stop: serde_json::Value| json!({"policy": "thompson", "metric": "purchase", "stop": stop});
    let read = |stop, min_days: u32| {
        let changes = [
            ("/allocation", allocation(stop)),
            ("/min_days", json!(min_days)),
        ];
        read_json(&changed(&changes)).unwrap().allocation.stop
    };
    let by_default = read(json!(true), 7).unwrap();
    assert_eq!(
        (by_default.min_days, by_default.cap),
        (14, Window::days(90))
    );
    assert!((by_default.value_remaining - 0.01).abs() < 1e-15);
    assert_eq!(read(json!({}), 7), Some(by_default));
    assert_eq!(read(json!({}), 21).unwrap().min_days, 21);
    assert_eq!(read(json!(false), 7), None);
    for (stop, key, code) in [
        (json!("soon"), "", Code::WrongType),
        (
            json!({"value_remaining": 0}),
            ".value_remaining",
            Code::Invalid,
        ),
        (json!({"min_days": 1_001}), ".min_days", Code::Invalid),
        (json!({"min_days": 20, "cap": "19d"}), ".cap", Code::Invalid),
        (json!({"cap": "never"}), ".cap", Code::Invalid),
        (json!({"scope": "some"}), ".scope", Code::Invalid),
        (json!({"days": 3}), ".days", Code::UnknownKey),
    ] {
        let key = format!("allocation.stop{key}");
        assert_one(&[("/allocation", allocation(stop))], &key, code);
    }
    let fixed = json!({"policy": "fixed", "stop": true});
    assert_one(&[("/allocation", fixed)], "allocation.stop", Code::Conflict);
}

#[test]
fn models_that_come_later_are_refused() {
    let later = Code::NotSupportedYet;
    assert_one(
        &[("/allocation", json!({"model": "drift"}))],
        "allocation.model",
        later,
    );
    let read = read_json(&changed(&[("/prior", json!(7))])).unwrap_err();
    assert_eq!(
        read[0].to_string(),
        "prior: `prior` is not supported yet; remove it"
    );
}

#[test]
fn a_model_must_fit_the_kind_of_the_metric() {
    let with = |metric: &str, model: &str| {
        let allocation = json!({"policy": "thompson", "metric": metric, "model": model});
        mistakes(&[("/allocation", allocation)])
    };
    let conflict = [("allocation.model".to_owned(), Code::Conflict)];
    for model in ["hurdle", "gamma", "normal"] {
        assert_eq!(with("purchase", model), conflict, "{model}");
    }
    for model in ["cohort", "pooled", "gamma"] {
        assert_eq!(with("revenue", model), conflict, "{model}");
    }
    assert_eq!(with("revenue", "hurdle"), []);
    assert_eq!(with("revenue", "normal"), []);
    assert_eq!(with("purchase", "cohort"), []);
}

#[test]
fn costs_are_amounts_that_only_a_bandit_on_a_sum_subtracts() {
    let costly = |cost: f64| ("/variants/1/cost", json!(cost));
    let bandit = |metric: &str| {
        (
            "/allocation",
            json!({"policy": "thompson", "metric": metric}),
        )
    };
    let key = "variants[1].cost";
    assert_one(&[costly(-0.1)], key, Code::Invalid);
    assert_one(&[costly(0.2), bandit("purchase")], key, Code::Conflict);
    assert_eq!(mistakes(&[costly(0.2), bandit("revenue")]), []);
    assert_eq!(mistakes(&[costly(0.2)]), []);
}
