//! Exposures by every way in, and what the report makes of them.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, thompson, with};

fn exposed(key: &str) -> Value {
    with(fixed(key), "exposure", json!("exposed"))
}

/// Assigns visitors `v0`, `v1`, … and answers who got which variant.
fn assign(app: &TestApp, experiment: &str, visitors: usize) -> Vec<(String, String)> {
    let visitors = (0..visitors).map(|i| format!("v{i}"));
    let assigned = visitors.map(|visitor| {
        let answer = app.assign(&visitor, experiment);
        (visitor, answer["variant"].as_str().unwrap().to_owned())
    });
    assigned.collect()
}

fn viewed(visitor: &str, variant: &str) -> Value {
    json!({
        "event": "Experiment Viewed", "visitor": visitor, "id": format!("seen-{visitor}"),
        "properties": { "experiment_id": "hero", "variation_id": variant },
    })
}

fn called(visitor: &str, variant: &str) -> Value {
    json!({
        "event": "$feature_flag_called", "userId": visitor, "messageId": format!("seen-{visitor}"),
        "properties": { "$feature_flag": "hero", "$feature_flag_response": variant },
    })
}

fn bought(visitor: &str) -> Value {
    json!({
        "event": "Order Completed", "visitor": visitor, "id": format!("order-{visitor}"),
        "properties": { "revenue": 10 },
    })
}

#[test]
fn only_the_exposed_are_analysed_whoever_tells() {
    let app = TestApp::start();
    app.put_experiment(&exposed("hero"));
    let all = assign(&app, "hero", 60);
    app.advance_clock("2026-01-02T10:00:00Z");
    for (i, (visitor, variant)) in all.iter().enumerate() {
        match i % 3 {
            0 => drop(app.track(&viewed(visitor, variant))),
            1 => drop(app.post("/v1/track", &called(visitor, variant)).expect(200)),
            _ => {}
        }
    }
    let orders: Vec<Value> = all.iter().map(|(visitor, _)| bought(visitor)).collect();
    app.track(&json!(orders));
    let report = app.report("hero");
    assert_eq!(report.total_visitors(), 60);
    let sum = |of: &str| -> u64 {
        let rows = report.0["variants"].as_array().unwrap();
        rows.iter().map(|row| row[of].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("visitors"), sum("exposed")), (60, 40));
    assert!((report.total("revenue") - 400.0).abs() < 1e-9);
    let health = &report.0["health"];
    assert_eq!(health["lost_exposures"]["visitors"], 20);
    assert_eq!(health["lost_exposures"]["unlike"], 0);
    assert_eq!(health["exposed_srm"]["verdict"], "ok");
    let sources = health["srm_by_source"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = sources
        .iter()
        .map(|of| (&of["source"], &of["visitors"]))
        .collect();
    let (native, segment) = (json!("native"), json!("segment"));
    let counts = [json!(60), json!(20), json!(20)];
    assert_eq!(
        told,
        [
            (&Value::Null, &counts[0]),
            (&native, &counts[1]),
            (&segment, &counts[2])
        ]
    );
}

#[test]
fn another_variant_is_flagged_and_repetition_is_not() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    assert!(
        app.report("hero").0["health"]
            .get("lost_exposures")
            .is_none()
    );
    let all = assign(&app, "hero", 2);
    let (visitor, variant) = &all[0];
    let other = if variant == "control" {
        "treatment"
    } else {
        "control"
    };
    app.track(&viewed(visitor, other));
    let again = with(viewed(visitor, variant), "id", json!("again"));
    app.track(&json!([
        again,
        with(again.clone(), "id", json!("once more"))
    ]));
    let report = app.report("hero");
    let lost = &report.0["health"]["lost_exposures"];
    assert_eq!((&lost["visitors"], &lost["unlike"]), (&json!(1), &json!(1)));
    assert_eq!(report.traffic(variant, false)["exposed"], 1);
    // Everybody who was assigned is analysed all the same.
    assert_eq!(
        report.0["metrics"][0]["variants"][0]["visitors"]
            .as_u64()
            .unwrap()
            + report.0["metrics"][0]["variants"][1]["visitors"]
                .as_u64()
                .unwrap(),
        2
    );
}

#[test]
fn a_single_evaluation_is_an_exposure_and_a_bulk_one_is_not() {
    let app = TestApp::start();
    app.put_experiment(&exposed("hero"));
    let context = |visitor: &str| json!({ "context": { "targetingKey": visitor } });
    app.post("/ofrep/v1/evaluate/flags", &context("bulk"))
        .expect(200);
    let exposed = |app: &TestApp| {
        let report = app.report("hero");
        (
            report.total_visitors(),
            report.0["health"]["lost_exposures"]["visitors"].clone(),
        )
    };
    assert_eq!(exposed(&app), (1, json!(1)));
    app.post("/ofrep/v1/evaluate/flags/hero", &context("single"))
        .expect(200);
    assert_eq!(exposed(&app), (2, json!(1)));
    let accepted = |app: &TestApp| app.metric("upswing_commit_events_sum");
    app.post("/ofrep/v1/evaluate/flags/hero", &context("bulk"))
        .expect(200);
    assert_eq!(exposed(&app), (2, json!(0)));
    let before = accepted(&app);
    app.post("/ofrep/v1/evaluate/flags/hero", &context("bulk"))
        .expect(200);
    app.post("/ofrep/v1/evaluate/flags/hero", &context("single"))
        .expect(200);
    assert!(
        (accepted(&app) - before).abs() < 0.5,
        "only the first evaluation writes"
    );
    let source = &app.report("hero").0["health"]["srm_by_source"][1];
    assert_eq!(
        (&source["source"], &source["visitors"]),
        (&json!("ofrep"), &json!(2))
    );
}

#[test]
fn lost_exposures_are_told_and_stop_the_verdict() {
    let app = TestApp::start();
    app.put_experiment(&exposed("hero"));
    let all = assign(&app, "hero", 400);
    // The treatment's page breaks for most of its visitors.
    let seen = all
        .iter()
        .enumerate()
        .filter(|(i, (_, variant))| variant == "control" || i % 5 == 0);
    let events: Vec<Value> = seen
        .map(|(_, (visitor, variant))| viewed(visitor, variant))
        .collect();
    app.track(&json!(events));
    let report = app.report("hero");
    assert_eq!(report.0["health"]["srm"]["verdict"], "ok");
    assert_eq!(report.0["health"]["exposed_srm"]["verdict"], "mismatch");
    assert_eq!(report.0["verdict"]["decision"], "investigate");
    let native = &report.0["health"]["srm_by_source"][1];
    assert_eq!(
        (&native["srm"]["verdict"], &native["hours"][0]["hour"]),
        (&json!("mismatch"), &json!(0))
    );
    let csv = app.get("/api/v1/experiments/hero/report?format=csv").text;
    assert!(
        csv.lines().next().unwrap().ends_with(",assigned,exposed"),
        "{csv}"
    );
}

#[test]
fn who_is_analysed_does_not_change_once_there_are_visitors() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    assign(&app, "hero", 1);
    let put = app.put("/api/v1/experiments/hero", &exposed("hero"));
    put.problem(409, "metrics_with_data");
}

#[test]
fn a_bandit_learns_from_the_exposed_alone() {
    let app = TestApp::start();
    app.put_experiment(&with(thompson("hero"), "exposure", json!("exposed")));
    let all = assign(&app, "hero", 600);
    let buyers = all.iter().filter(|(_, variant)| variant == "treatment");
    let seen: Vec<Value> = all
        .iter()
        .map(|(visitor, variant)| viewed(visitor, variant))
        .collect();
    let weight = |app: &TestApp| {
        app.advance_clock("2026-01-03T00:00:00Z");
        app.tell("hero", "reallocate", &json!({}));
        let allocation = app.get("/api/v1/experiments/hero/allocation").expect(200);
        allocation["weights"]["treatment"].as_f64().unwrap()
    };
    let orders: Vec<Value> = buyers.map(|(visitor, _)| bought(visitor)).collect();
    app.track(&json!(seen));
    app.track(&json!(orders));
    assert!(weight(&app) > 0.9, "the treatment sells");

    // The same without a single exposure: nobody has passed the burn-in.
    let app = TestApp::start();
    app.put_experiment(&with(thompson("hero"), "exposure", json!("exposed")));
    assign(&app, "hero", 600);
    app.track(&json!(orders));
    assert!(
        (weight(&app) - 0.5).abs() < 1e-9,
        "nobody has seen anything"
    );
}
