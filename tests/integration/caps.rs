//! Caps by percentile, over HTTP: the warm-up, the freeze, and what counts before and after it.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, near, order, with};

/// Visitors of the warm-up; all buy, for 1 to 20.
const EARLY: usize = 400;
const SKETCH_ERROR: f64 = 1.0 / 128.0;

fn definition(allocation: Value) -> Value {
    let mut definition = with(fixed("hero"), "allocation", allocation);
    definition["metrics"][1]["cap"] = json!({ "percentile": 95, "ignore_zeros": true });
    let aov =
        json!({ "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders" });
    definition["metrics"].as_array_mut().unwrap().push(aov);
    definition
}

fn buy(
    app: &TestApp,
    visitors: impl IntoIterator<Item = usize>,
    at: &str,
    revenue: impl Fn(usize) -> f64,
) {
    let orders = visitors
        .into_iter()
        .map(|i| order(&format!("v{i}"), &format!("o{i}"), at, revenue(i)));
    for events in orders.collect::<Vec<_>>().chunks(500) {
        assert_eq!(app.track(&json!(events))["accepted"], events.len());
    }
}

fn epochs(app: &TestApp) -> Vec<Value> {
    let answer = app.get("/api/v1/experiments/hero/epochs").expect(200);
    answer["epochs"].as_array().unwrap().clone()
}

/// A server on which the warm-up is over but for the time, at 18:00 of the first day.
fn warmed_up(allocation: Value) -> TestApp {
    let app = TestApp::start();
    app.advance_clock("2026-01-01T12:00:00Z");
    app.put_experiment(&definition(allocation));
    app.assign_many("hero", 0..EARLY);
    app.advance_clock("2026-01-01T18:00:00Z");
    #[expect(clippy::cast_precision_loss, reason = "at most 20")]
    buy(&app, 0..EARLY, "2026-01-01T13:00:00Z", |i| {
        (1 + i % 20) as f64
    });
    app
}

fn caveats(comparison: &Value) -> Vec<&str> {
    let caveats = comparison["caveats"].as_array().unwrap();
    caveats.iter().map(|code| code.as_str().unwrap()).collect()
}

#[test]
fn a_cap_is_frozen_after_the_warm_up_and_holds_for_those_who_come_later() {
    let mut app = warmed_up(json!({ "policy": "fixed" }));
    let report = app.report("hero");
    for metric in ["revenue", "aov"] {
        let comparison = report.comparison(metric, "treatment");
        assert!(caveats(comparison).contains(&"cap_pending"), "{comparison}");
        assert_eq!(comparison["adjustments"], Value::Null);
    }
    assert_eq!(report.metric("revenue")["cap"], Value::Null);
    assert_eq!(epochs(&app).len(), 1, "a day is not over yet");

    app.advance_clock("2026-01-02T12:00:00Z");
    let all = epochs(&app);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1]["cause"], "capped");
    assert_eq!(all[1]["weights"], all[0]["weights"]);
    assert_eq!(all[0]["caps"], json!({}));
    let cap = all[1]["caps"]["revenue"].as_f64().unwrap();
    assert!((19.0..=19.0 * (1.0 + SKETCH_ERROR)).contains(&cap), "{cap}");
    assert_eq!(
        all[1]["receipt"],
        format!(
            "A visitor's revenue above {cap:.2} counts as {cap:.2} from here on: percentile 95 of {EARLY} visitors with any."
        )
    );

    let before = app.report("hero").total("revenue");
    let late = EARLY..EARLY + 100;
    app.assign_many("hero", late.clone());
    buy(&app, late, "2026-01-02T12:00:00Z", |_| 1_000.0);
    app.track(&order("v0", "more", "2026-01-02T12:00:00Z", 1_000.0));
    let report = app.report("hero");
    let added = report.total("revenue") - before;
    assert!(
        near(added, 100.0 * cap + 1_000.0),
        "{added}: only v0 counts in full"
    );
    assert!(near(report.metric("revenue")["cap"].as_f64().unwrap(), cap));
    for metric in ["revenue", "aov"] {
        let comparison = report.comparison(metric, "treatment");
        assert_eq!(comparison["adjustments"], json!(["winsorised"]), "{metric}");
        assert!(!caveats(comparison).contains(&"cap_pending"));
    }
    let purchase = report.comparison("purchase", "treatment");
    assert_eq!(purchase["adjustments"], Value::Null);
    assert!(!report.0["adaptive"].as_bool().unwrap(), "no share moved");

    app.stop();
    app.restart();
    assert_eq!(app.report("hero").facts(), report.facts());
    app.advance_clock("2026-01-05T12:00:00Z");
    assert_eq!(epochs(&app).len(), 2, "frozen once");
}

#[test]
fn later_epochs_keep_the_cap_and_definitions_may_not_change_it() {
    let app = warmed_up(json!({ "policy": "fixed" }));
    app.advance_clock("2026-01-02T12:00:00Z");
    let cap = epochs(&app)[1]["caps"].clone();
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    let mut moved = definition(json!({ "policy": "fixed" }));
    moved["variants"][0]["weight"] = json!(0.8);
    moved["variants"][1]["weight"] = json!(0.2);
    app.put_experiment(&moved);
    let all = epochs(&app);
    assert_eq!(all.len(), 4);
    assert!(all[1..].iter().all(|epoch| epoch["caps"] == cap), "{all:?}");
    moved["metrics"][1]["cap"]["percentile"] = json!(99);
    app.put("/api/v1/experiments/hero", &moved)
        .problem(409, "metrics_with_data");
}

#[test]
fn a_bandit_freezes_its_caps_too() {
    let allocation = json!({ "policy": "thompson", "metric": "purchase", "burn_in": 100 });
    let app = warmed_up(allocation);
    app.advance_clock("2026-01-02T12:00:00Z");
    let assigned = app.assign_many("hero", EARLY..EARLY + 200);
    let treated = (EARLY..)
        .zip(&assigned)
        .filter(|(_, of)| of["variant"] == "treatment");
    buy(
        &app,
        treated.map(|(i, _)| i),
        "2026-01-02T12:00:00Z",
        |_| 5.0,
    );
    app.advance_clock("2026-01-02T14:00:00Z");
    let all = epochs(&app);
    let causes: Vec<&str> = all
        .iter()
        .map(|epoch| epoch["cause"].as_str().unwrap())
        .collect();
    let capped = causes.iter().position(|cause| *cause == "capped").unwrap();
    assert!(
        all[capped..]
            .iter()
            .all(|epoch| epoch["caps"] == all[capped]["caps"])
    );
    assert!(causes[capped..].contains(&"reallocated"), "{causes:?}");
}
