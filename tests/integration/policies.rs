//! Policies beside plain Thompson sampling, through the server.

use std::collections::BTreeMap;

use serde_json::json;
use upswing::posterior::{Posterior, best};

use crate::harness::TestApp;
use crate::model::{fixed, thompson, with};

/// Assigns visitors; every n-th of a variant buys, n by variant. Visitors and buyers by variant.
pub(crate) fn play(
    app: &TestApp,
    experiment: &str,
    visitors: std::ops::Range<usize>,
    every: &[(&str, u64)],
) -> BTreeMap<String, (u64, u64)> {
    let mut seen: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut orders = Vec::new();
    let answers = app.assign_many(experiment, visitors.clone());
    for (visitor, answer) in visitors.zip(answers) {
        let variant = answer["variant"].as_str().unwrap();
        let every = every.iter().find(|(key, _)| *key == variant).unwrap().1;
        let (assigned, bought) = seen.entry(variant.to_owned()).or_default();
        *assigned += 1;
        if *assigned % every == 0 {
            *bought += 1;
            orders.push(json!({
                "event": "Order Completed", "visitor": format!("v{visitor}"), "id": format!("o{visitor}"),
                "properties": { "revenue": 20 },
            }));
        }
    }
    for chunk in orders.chunks(1_000) {
        app.track(&json!(chunk));
    }
    seen
}

pub(crate) fn weight(app: &TestApp, experiment: &str, variant: &str) -> f64 {
    let path = format!("/api/v1/experiments/{experiment}/allocation");
    let allocation = app.get(&path).expect(200);
    allocation["weights"][variant].as_f64().unwrap()
}

#[test]
fn top_two_shares_follow_the_formula() {
    let app = TestApp::start();
    let mut definition = with(
        fixed("hero"),
        "allocation",
        json!({
            "policy": "top-two", "model": "pooled", "delay": "ignore", "metric": "purchase",
            "floor_total": 0.06, "burn_in": 100,
        }),
    );
    let variants = definition["variants"].as_array_mut().unwrap();
    variants.push(json!({ "key": "third" }));
    app.put_experiment(&definition);
    let every = [("control", 12), ("treatment", 7), ("third", 9)];
    let seen = play(&app, "hero", 0..1_200, &every);
    app.tell("hero", "reallocate", &json!({}));

    let arms: Vec<Posterior> = seen
        .values()
        .map(|(assigned, bought)| Posterior::beta(*bought, *assigned))
        .collect();
    let a = best::evaluate(&arms).prob_best;
    for (i, variant) in seen.keys().enumerate() {
        let others = (0..3).filter(|j| *j != i);
        let second: f64 = others.map(|j| a[j] / (1.0 - a[j])).sum();
        let expected = 0.02 + 0.94 * a[i] * (0.5 + 0.5 * second);
        let got = weight(&app, "hero", variant);
        assert!(
            (got - expected).abs() < 3e-6,
            "{variant}: {got}, not {expected}"
        );
    }
    let winner = weight(&app, "hero", "treatment");
    assert!(winner > 0.4 && winner < 0.5, "{winner}");
    let epochs = app.get("/api/v1/experiments/hero/epochs").expect(200);
    let receipt = epochs["epochs"][1]["receipt"].as_str().unwrap();
    assert!(receipt.contains("challengers"), "{receipt}");
}

#[test]
fn a_bandit_that_forgets_follows_a_change_of_taste() {
    let app = TestApp::start();
    app.put_experiment(&thompson("calm"));
    let mut quick = thompson("quick");
    quick["allocation"]["half_life"] = json!("1d");
    app.put_experiment(&quick);
    let better = [("control", 20), ("treatment", 5)];
    play(&app, "calm", 0..600, &better);
    play(&app, "quick", 10_000..10_600, &better);
    app.advance_clock("2026-01-01T00:01:00Z");
    for experiment in ["calm", "quick"] {
        assert!(weight(&app, experiment, "treatment") > 0.9);
    }

    app.advance_clock("2026-01-11T00:00:00Z");
    let forgotten = weight(&app, "quick", "control");
    assert!(forgotten > 0.35 && forgotten < 0.65, "{forgotten}");
    assert!(weight(&app, "calm", "treatment") > 0.9);
    let worse = [("control", 5), ("treatment", 20)];
    play(&app, "calm", 1_000..2_000, &worse);
    play(&app, "quick", 11_000..12_000, &worse);
    app.advance_clock("2026-01-11T00:01:00Z");
    assert!(weight(&app, "quick", "control") > 0.9);
    assert!(weight(&app, "calm", "control") < 0.5);
    let epochs = app.get("/api/v1/experiments/quick/epochs").expect(200);
    let epochs = epochs["epochs"].as_array().unwrap();
    let receipt = epochs[epochs.len() - 1]["receipt"].as_str().unwrap();
    assert!(receipt.contains("counts half after 1d"), "{receipt}");
}

/// Two variants of a shop under a policy; every 20th visitor of control buys, every 8th of the treatment.
fn moved(app: &TestApp, allocation: &serde_json::Value) -> Vec<f64> {
    let mut definition = thompson("hero");
    for (key, value) in allocation.as_object().unwrap() {
        definition["allocation"][key] = value.clone();
    }
    if allocation["policy"] == "epsilon-greedy" {
        let settings = definition["allocation"].as_object_mut().unwrap();
        settings.remove("floor_total");
    }
    app.put_experiment(&definition);
    play(app, "hero", 0..1_200, &[("control", 20), ("treatment", 8)]);
    let mut shares = Vec::new();
    for _ in 0..4 {
        app.tell("hero", "reallocate", &json!({}));
        shares.push(weight(app, "hero", "treatment"));
    }
    shares
}

#[test]
fn epsilon_greedy_gives_all_but_epsilon_to_the_likely_best() {
    let app = TestApp::start();
    let shares = moved(&app, &json!({ "policy": "epsilon-greedy", "epsilon": 0.2 }));
    assert!((shares[0] - 0.9).abs() < 1e-9, "1 − ε + ε/2: {shares:?}");
    let answer = app.assign("somebody new", "hero");
    let expected = if answer["variant"] == "treatment" {
        0.9
    } else {
        0.1
    };
    assert!((answer["propensity"].as_f64().unwrap() - expected).abs() < 1e-9);
    let epochs = app.get("/api/v1/experiments/hero/epochs").expect(200);
    let receipt = epochs["epochs"][1]["receipt"].as_str().unwrap();
    assert!(
        receipt.contains("All but epsilon goes to the likely best."),
        "{receipt}"
    );
    let wrong =
        json!({ "policy": "epsilon-greedy", "metric": "purchase", "epsilon": 2, "floor": 0.01 });
    let refused = app
        .put(
            "/api/v1/experiments/hero",
            &with(thompson("hero"), "allocation", wrong),
        )
        .problem(422, "invalid_definition");
    let paths: Vec<&str> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|at| at["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["allocation.floor", "allocation.epsilon"]);
}

#[test]
fn traffic_moves_no_further_and_no_faster_than_it_may() {
    let app = TestApp::start();
    let shares = moved(&app, &json!({ "max_share": 0.8, "max_step": 0.12 }));
    for (share, expected) in shares.iter().zip([0.62, 0.74, 0.8, 0.8]) {
        assert!((share - expected).abs() < 1e-5, "{shares:?}");
    }
}

#[test]
fn a_variant_that_harms_a_guardrail_is_held_at_the_floor() {
    let app = TestApp::start();
    let mut definition = thompson("hero");
    definition["allocation"]["guardrail_hold"] = json!(0.9);
    let refunds = json!({ "key": "complaints", "event": "Complaint", "kind": "conversion",
        "direction": "decrease", "role": "guardrail" });
    definition["metrics"].as_array_mut().unwrap().push(refunds);
    app.put_experiment(&definition);
    play(&app, "hero", 0..1_200, &[("control", 20), ("treatment", 8)]);
    app.tell("hero", "reallocate", &json!({}));
    assert!(weight(&app, "hero", "treatment") > 0.9);
    let answers = app.assign_many("hero", 0..1_200);
    let treated = answers
        .iter()
        .enumerate()
        .filter(|(_, a)| a["variant"] == "treatment");
    let complaints = treated.step_by(10).map(|(visitor, _)| {
        json!({ "event": "Complaint", "visitor": format!("v{visitor}"), "id": format!("c{visitor}") })
    });
    app.track(&complaints.collect());
    app.tell("hero", "reallocate", &json!({}));
    assert!((weight(&app, "hero", "treatment") - 0.05).abs() < 1e-9);
    let allocation = app.get("/api/v1/experiments/hero/allocation").expect(200);
    let receipt = allocation["receipt"].as_str().unwrap();
    assert!(
        receipt.contains("treatment is held at the floor: it harms complaints with "),
        "{receipt}"
    );
}

#[test]
fn a_newcomer_climbs_a_ramp_and_a_retired_variant_is_replaced_for_its_visitors() {
    let app = TestApp::start();
    app.put_experiment(&thompson("hero"));
    play(&app, "hero", 0..1_200, &[("control", 20), ("treatment", 8)]);
    app.tell("hero", "reallocate", &json!({}));
    let learned = weight(&app, "hero", "treatment");
    let mut more = thompson("hero");
    let third = json!({ "key": "third", "payload": { "headline": "Welcome back" } });
    more["variants"].as_array_mut().unwrap().push(third);
    app.put_experiment(&more);
    assert!((weight(&app, "hero", "third") - 1.0 / 6.0).abs() < 1e-5);
    assert!(
        weight(&app, "hero", "treatment") > 0.8 * learned,
        "what was learned stays"
    );

    // The treatment is retired: its visitors are served anew, the same at every request, and counted nowhere new.
    let visitor = {
        let answers = app.assign_many("hero", 0..100);
        let treated = answers.iter().position(|a| a["variant"] == "treatment");
        format!("v{}", treated.unwrap())
    };
    let counted = app.report("hero").total_visitors();
    more["variants"].as_array_mut().unwrap().remove(1);
    app.put_experiment(&more);
    let served = app.assign(&visitor, "hero");
    assert_eq!(served["reason"], "reassigned");
    play(&app, "hero", 2_000..3_200, &[("control", 20), ("third", 5)]);
    app.tell("hero", "reallocate", &json!({}));
    assert_eq!(app.assign(&visitor, "hero")["variant"], served["variant"]);
    assert_eq!(app.report("hero").total_visitors(), counted + 1_200);
    // What it is served now is retired, too: it moves on.
    let gone = served["variant"].as_str().unwrap();
    let mut last = thompson("hero");
    let fourth = json!({ "key": "fourth", "payload": { "headline": "Hello" } });
    let variants = last["variants"].as_array_mut().unwrap();
    variants[1] = fourth;
    if gone == "control" {
        variants[0]["payload"] = json!({ "headline": "Old season" });
    }
    app.put_experiment(&last);
    let moved_on = app.assign(&visitor, "hero");
    assert_eq!(moved_on["reason"], "reassigned");
    assert_ne!(moved_on["payload"], served["payload"]);
}

#[test]
fn a_bandit_ends_by_itself_and_says_why() {
    let app = TestApp::start();
    let mut definition = thompson("hero");
    definition["allocation"]["stop"] = json!({ "min_days": 3, "scope": "everyone" });
    app.put_experiment(&definition);
    play(&app, "hero", 0..1_200, &[("control", 20), ("treatment", 8)]);
    app.advance_clock("2026-01-02T00:00:00Z");
    let shown = app.get("/api/v1/experiments/hero").expect(200);
    assert_eq!(
        shown["status"], "running",
        "the minimum duration is not over"
    );
    assert_eq!(shown["allocation"]["stop"]["cap"], "90d");
    app.advance_clock("2026-01-04T00:00:00Z");
    play(
        &app,
        "hero",
        2_000..2_200,
        &[("control", 20), ("treatment", 8)],
    );
    app.advance_clock("2026-01-04T00:01:00Z");
    let shown = app.get("/api/v1/experiments/hero").expect(200);
    assert_eq!(shown["status"], "concluded");
    assert_eq!(shown["conclusion"]["winner"], "treatment");
    let reason = shown["conclusion"]["reason"].as_str().unwrap();
    let begins = reason.starts_with("Stopped: treatment is best, or within 1 % of the best, with ");
    assert!(begins && reason.ends_with("after 3 days."), "{reason}");
    let served = app.assign("v0", "hero");
    assert_eq!(
        (&served["variant"], &served["reason"]),
        (&json!("treatment"), &json!("concluded"))
    );
    let reasons = app.report("hero").0["verdict"]["reasons"].to_string();
    assert!(reasons.contains(reason), "{reasons}");
    let wrong = json!({ "policy": "thompson", "metric": "purchase", "stop": { "min_days": 30, "cap": "20d", "value": 1 } });
    let refused = app
        .put(
            "/api/v1/experiments/hero",
            &with(thompson("hero"), "allocation", wrong),
        )
        .problem(422, "invalid_definition");
    assert_eq!(refused["errors"].as_array().unwrap().len(), 2, "{refused}");
}
