//! Policies and their settings: what is there, what comes later, what contradicts itself.

use serde_json::json;

use super::rules::{assert_one, changed, mistakes};
use crate::catalog::experiment::Model;
use crate::catalog::mistake::Code;
use crate::catalog::read_json;

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
fn a_bandit_compares_within_epochs_if_told_so() {
    let model = |allocation: serde_json::Value| {
        let spec = read_json(&changed(&[("/allocation", allocation)])).unwrap();
        spec.allocation.model
    };
    let thompson = json!({"policy": "thompson", "metric": "purchase"});
    assert_eq!(model(thompson), Some(Model::Pooled));
    let cohort = json!({"policy": "thompson", "metric": "purchase", "model": "cohort"});
    assert_eq!(model(cohort), Some(Model::Cohort));
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
fn policies_and_models_that_come_later_are_refused() {
    let later = Code::NotSupportedYet;
    for policy in ["epsilon-greedy", "contextual"] {
        assert_one(
            &[(
                "/allocation",
                json!({"policy": policy, "metric": "revenue"}),
            )],
            "allocation.policy",
            later,
        );
    }
    assert_one(
        &[("/allocation", json!({"model": "drift"}))],
        "allocation.model",
        later,
    );
    let revenue = json!({"policy": "thompson", "metric": "revenue"});
    assert_one(&[("/allocation", revenue)], "allocation.metric", later);
    let purchase = json!({"policy": "thompson", "metric": "purchase"});
    let decrease = [
        ("/allocation", purchase),
        ("/metrics/0/direction", json!("decrease")),
    ];
    assert_one(&decrease, "allocation.metric", later);
    let read = read_json(&changed(&[("/prior", json!(7))])).unwrap_err();
    assert_eq!(
        read[0].to_string(),
        "prior: `prior` is not supported yet; remove it"
    );
}
