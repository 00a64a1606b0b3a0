//! People over the bandit: what it would do, every number of what it did, and back again.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, thompson};
use crate::policies::{play, weight};

fn epochs(app: &TestApp) -> Vec<Value> {
    let body = app.get("/api/v1/experiments/hero/epochs").expect(200);
    body["epochs"].as_array().unwrap().clone()
}

const BETTER: [(&str, u64); 2] = [("control", 20), ("treatment", 5)];
const WORSE: [(&str, u64); 2] = [("control", 2), ("treatment", 20)];

#[test]
fn a_dry_run_shows_what_a_reallocation_then_does() {
    let app = TestApp::start();
    let mut definition = thompson("hero");
    definition["allocation"]["model"] = json!("pooled");
    definition["allocation"]["delay"] = json!("ignore");
    app.put_experiment(&definition);
    let dry = "/api/v1/experiments/hero/reallocate?dry_run=true";
    let kept = app.post(dry, &json!({})).expect(200);
    assert!(kept["opens"].is_null(), "{kept}");
    assert!(kept["note"].as_str().unwrap().contains("Burn-in"), "{kept}");
    let seen = play(&app, "hero", 0..600, &BETTER);
    let shown = app.post(dry, &json!({})).expect(200);
    assert_eq!(epochs(&app).len(), 1, "nothing was opened");
    assert_eq!(shown["weights"]["treatment"], 0.5);
    let moved = shown["moved"].as_f64().unwrap();

    app.tell("hero", "reallocate", &json!({}));
    let opened = &epochs(&app)[1];
    assert_eq!(&shown["opens"], opened);
    let after = weight(&app, "hero", "treatment");
    assert!((after - 0.5 - moved).abs() < 1e-9);
    let belief = &opened["beliefs"]["treatment"];
    let (visitors, bought) = seen["treatment"];
    assert_eq!(belief["visitors"], visitors);
    assert_eq!(belief["total"].as_f64(), Some(bought as f64));
    assert_eq!(belief["before"], 0.5);
    assert_eq!(belief["after"].as_f64(), Some(after));
    let mean = (1.0 + bought as f64) / (2.0 + visitors as f64);
    assert!((belief["mean"].as_f64().unwrap() - mean).abs() < 0.05 * mean);
    assert!(belief["prob_best"].as_f64().unwrap() > 0.9, "{belief}");
    app.post("/api/v1/experiments/hero/reallocate?dry=true", &Value::Null)
        .problem(400, "invalid_query");
}

#[test]
fn earlier_weights_come_back_and_hold_until_somebody_reallocates() {
    let mut app = TestApp::start();
    app.put_experiment(&thompson("hero"));
    play(&app, "hero", 0..600, &BETTER);
    app.tell("hero", "reallocate", &json!({}));
    assert!(weight(&app, "hero", "treatment") > 0.9);

    app.tell("hero", "revert", &json!({ "epoch": 1 }));
    let listed = epochs(&app);
    assert_eq!(listed[2]["cause"], "reverted");
    assert!(listed[2]["receipt"].as_str().unwrap().contains("epoch 1"));
    assert_eq!(listed[2]["weights"], listed[0]["weights"]);
    play(&app, "hero", 600..1_800, &WORSE);
    app.advance_clock("2026-01-02T00:00:00Z");
    assert_eq!(epochs(&app).len(), 3, "a tick moves nothing");
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    assert!((weight(&app, "hero", "treatment") - 0.5).abs() < 1e-12);
    app.stop();
    app.restart();
    app.advance_clock("2026-01-03T00:00:00Z");
    assert!((weight(&app, "hero", "treatment") - 0.5).abs() < 1e-12);

    app.tell("hero", "reallocate", &json!({}));
    assert!(weight(&app, "hero", "control") > 0.9);
    play(&app, "hero", 2_000..6_000, &BETTER);
    app.advance_clock("2026-01-04T00:00:00Z");
    assert!(epochs(&app).len() > 5, "the bandit goes on");
}

#[test]
fn weights_that_can_not_come_back_are_refused() {
    let app = TestApp::start();
    app.put_experiment(&thompson("hero"));
    app.put_experiment(&fixed("split"));
    let revert = |key: &str, body: Value| {
        let path = format!("/api/v1/experiments/{key}/revert");
        app.post(&path, &body)
    };
    revert("none", json!({ "epoch": 1 })).problem(404, "unknown_experiment");
    revert("hero", json!({ "epoch": 7 })).problem(404, "unknown_epoch");
    revert("hero", json!({ "epoch": 0 })).problem(404, "unknown_epoch");
    revert("hero", json!({})).problem(400, "invalid_body");
    revert("split", json!({ "epoch": 1 })).problem(409, "irreversible");
    let mut grown = thompson("hero");
    let variants = grown["variants"].as_array_mut().unwrap();
    variants.push(json!({ "key": "third" }));
    app.put_experiment(&grown);
    revert("hero", json!({ "epoch": 1 })).problem(409, "irreversible");
    app.tell("hero", "pause", &json!({}));
    revert("hero", json!({ "epoch": 2 })).problem(409, "irreversible");
    assert_eq!(epochs(&app).len(), 2);
}
