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
            "policy": "top-two", "model": "pooled", "metric": "purchase",
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
