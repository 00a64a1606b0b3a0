//! Plans of hand-made experiments.

mod running;

use serde_json::{Value, json};

use super::*;
use crate::catalog;

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

fn experiment(changes: &Value) -> Experiment {
    let mut definition = json!({
        "key": "hero", "status": "running",
        "variants": [{"key": "a", "payload": 1}, {"key": "b", "payload": 2}],
        "metrics": [{"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"}],
    });
    let into = definition.as_object_mut().unwrap();
    into.extend(changes.as_object().unwrap().clone());
    let spec = catalog::read_json(&definition.to_string()).unwrap();
    Experiment::compile(spec, None).unwrap()
}

const ASK: Ask = Ask {
    lift: Some(0.1),
    visitors_per_day: Some(2_000.0),
    baseline: Some(0.05),
    sd: None,
    days: None,
};

fn fresh(changes: &Value, ask: Ask) -> Result<Plan, PlanError> {
    let planned = plan(&Question {
        experiment: &experiment(changes),
        own: None,
        now: now(),
        ask,
    });
    if let Ok(plan) = &planned {
        let json = serde_json::to_value(plan).unwrap();
        assert_eq!(&serde_json::from_value::<Plan>(json).unwrap(), plan);
        let text = table::render(plan);
        assert!(
            text.lines().all(|line| line.chars().count() <= 110),
            "{text}"
        );
    }
    planned
}

fn field(planned: Result<Plan, PlanError>) -> &'static str {
    match planned.unwrap_err() {
        PlanError::Invalid { field, .. } | PlanError::Missing { field, .. } => field,
        PlanError::Nothing(_) => "nothing",
    }
}

/// 5 % to 5.5 % takes 31,231 visitors per variant (statistics §13).
#[test]
fn an_even_split_needs_the_published_size() {
    let plan = fresh(&json!({}), ASK).unwrap();
    assert!(
        plan.variants.iter().all(|of| of.needed == 31_231),
        "{plan:?}"
    );
    assert_eq!((plan.visitors, plan.days), (62_462, Some(32)));
    assert_eq!(plan.days_when_watched, Some(75));
    assert_eq!(plan.outlook, Outlook::InTime);
    let days: Vec<u32> = plan.horizons.iter().map(|of| of.days).collect();
    assert_eq!(days, [14, 28, 56]);
    let seen: Vec<f64> = plan
        .horizons
        .iter()
        .filter_map(|of| of.detectable)
        .collect();
    assert!(seen.is_sorted_by(|a, b| a > b) && seen[2] < 0.1 && seen[1] > 0.1);
    assert!(plan.horizons[2].power > 0.8 && plan.horizons[1].power < 0.8);
    assert_eq!((plan.now.visitors, plan.now.detectable), (0, None));
    insta::assert_snapshot!(table::render(&plan));
}

#[test]
fn too_little_traffic_is_told_so() {
    let slow = Ask {
        lift: Some(0.02),
        visitors_per_day: Some(4_000.0),
        ..ASK
    };
    let plan = fresh(&json!({}), slow).unwrap();
    assert_eq!(plan.outlook, Outlook::TooSlow);
    insta::assert_snapshot!(plan.sentence);
    let never = Ask {
        lift: Some(-0.01),
        visitors_per_day: Some(10.0),
        days: Some(3),
        ..ASK
    };
    let plan = fresh(&json!({}), never).unwrap();
    assert_eq!(plan.days, None);
    insta::assert_snapshot!(plan.sentence);
    assert_eq!(plan.deadline.unwrap().days, 3);
}

/// The slowest comparison decides, each at a third of 5 %; half of the audience enters, and the control has the holdout.
#[test]
fn several_variants_share_the_error_and_the_traffic() {
    let variants = json!([
        {"key": "a", "payload": 1, "weight": 0.25}, {"key": "b", "payload": 2, "weight": 0.25},
        {"key": "c", "payload": 3, "weight": 0.4}, {"key": "d", "payload": 4, "weight": 0.1},
    ]);
    let changes = json!({"variants": variants, "traffic": 0.5, "holdout": 0.2, "control": "b"});
    let plan = fresh(&changes, ASK).unwrap();
    let shares: Vec<(&str, f64)> = plan
        .variants
        .iter()
        .map(|of| (of.variant.as_str(), (of.share * 100.0).round()))
        .collect();
    assert_eq!(shares, [("b", 40.0), ("a", 20.0), ("c", 32.0), ("d", 8.0)]);
    assert!((plan.alpha - 0.05 / 3.0).abs() < 1e-12 && plan.visitors_per_day < 1_001.0);
    let promise = Promise {
        alpha: plan.alpha,
        power: 0.8,
    };
    let slowest = crate::stats::power::visitors(Baseline::Proportion(0.05), 0.1, promise, 0.2);
    assert_eq!(plan.variants[0].needed, whole(slowest.unwrap()));
    assert!(plan.notes.iter().any(|note| note.contains("3 variants")));
}

#[test]
fn the_definition_s_goal_and_end_are_taken() {
    let changes = json!({
        "goal": {"metric": "purchase", "lift": 0.2, "by": "2026-04-01T00:00:00Z"},
        "ends": "2026-03-11T13:00:00Z",
    });
    let plan = fresh(&changes, Ask { lift: None, ..ASK }).unwrap();
    assert!((plan.lift - 0.2).abs() < 1e-12);
    assert_eq!(plan.deadline.unwrap().days, 10);
    assert_eq!((plan.days, plan.outlook), (Some(9), Outlook::InTime));
}

#[test]
fn a_mean_needs_its_spread() {
    let sum = json!({"metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]});
    let ask = Ask {
        baseline: Some(25.0),
        ..ASK
    };
    assert_eq!(field(fresh(&sum, ask)), "sd");
    let spread = Ask {
        lift: Some(0.05),
        sd: Some(60.0),
        ..ask
    };
    let plan = fresh(&sum, spread).unwrap();
    assert_eq!((plan.variants[1].needed, plan.sd), (36_168, Some(60.0)));
}

#[test]
fn what_is_impossible_or_missing_is_named() {
    let none = json!({});
    let (lift, many, rate) = (ASK.lift, ASK.visitors_per_day, ASK.baseline);
    for (lift, visitors_per_day, baseline, sd, expected) in [
        (None, many, rate, None, "lift"),
        (Some(0.0), many, rate, None, "lift"),
        (Some(f64::NAN), many, rate, None, "lift"),
        (Some(-1.0), many, rate, None, "lift"),
        (Some(20.0), many, rate, None, "lift"),
        (lift, many, None, None, "baseline"),
        (lift, many, Some(1.0), None, "baseline"),
        (lift, many, rate, Some(1.0), "sd"),
        (lift, None, rate, None, "visitors_per_day"),
        (lift, Some(0.0), rate, None, "visitors_per_day"),
        (lift, Some(f64::INFINITY), rate, None, "visitors_per_day"),
    ] {
        let ask = Ask {
            lift,
            visitors_per_day,
            baseline,
            sd,
            days: None,
        };
        assert_eq!(field(fresh(&none, ask)), expected, "{ask:?}");
    }
    let days = Some(0);
    assert_eq!(field(fresh(&none, Ask { days, ..ASK })), "days");
}

#[test]
fn without_something_to_compare_there_is_no_plan() {
    let count = json!({"metrics": [{"key": "n", "event": "E", "kind": "count", "role": "goal"}]});
    let zero = Ask {
        baseline: Some(0.0),
        sd: Some(1.0),
        ..ASK
    };
    assert_eq!(field(fresh(&count, zero)), "baseline");
    let flag = json!({"variants": [{"key": "a", "payload": 1}]});
    assert_eq!(field(fresh(&flag, ASK)), "nothing");
    let bare = json!({"variants": [{"key": "a", "payload": 1}], "metrics": []});
    assert_eq!(field(fresh(&bare, ASK)), "nothing");
}
