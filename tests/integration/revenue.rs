//! Bandits on revenue, on what is to decrease, and on what variants cost, through the server.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::thompson;
use crate::policies::weight;

/// What a variant's visitors do: every n-th sends the event, for this revenue.
type Habit = (&'static str, u64, f64);

/// Assigns visitors who then do what their variant makes them do, and lets the bandit learn of it.
fn play(app: &TestApp, definition: &Value, event: &str, habits: &[Habit]) {
    app.put_experiment(definition);
    let key = definition["key"].as_str().unwrap();
    let answers = app.assign_many(key, 0..3_000);
    let mut seen = vec![0; habits.len()];
    let mut events = Vec::new();
    for (visitor, answer) in answers.iter().enumerate() {
        let is_own = |(variant, ..): &Habit| answer["variant"] == *variant;
        let arm = habits.iter().position(is_own).unwrap();
        let (_, every, revenue) = habits[arm];
        seen[arm] += 1;
        if u64::is_multiple_of(seen[arm], every) {
            events.push(json!({
                "event": event, "visitor": format!("v{visitor}"), "id": format!("o{visitor}"),
                "properties": { "revenue": revenue },
            }));
        }
    }
    for chunk in events.chunks(1_000) {
        app.track(&json!(chunk));
    }
    app.advance_clock("2026-01-01T00:01:00Z");
}

fn receipt(app: &TestApp) -> String {
    let epochs = app.get("/api/v1/experiments/hero/epochs").expect(200);
    epochs["epochs"][1]["receipt"].as_str().unwrap().to_owned()
}

fn bandit(metric: &str) -> Value {
    let mut definition = thompson("hero");
    definition["allocation"]["metric"] = json!(metric);
    let allocation = definition["allocation"].as_object_mut().unwrap();
    allocation.remove("model");
    definition
}

#[test]
fn a_bandit_on_revenue_prefers_fewer_and_larger_orders() {
    let app = TestApp::start();
    let habits = [("control", 5, 20.0), ("treatment", 7, 60.0)];
    play(&app, &bandit("revenue"), "Order Completed", &habits);
    assert!(weight(&app, "hero", "treatment") > 0.9);
    let said = receipt(&app);
    assert!(said.contains("compared within epochs"), "{said}");
    let stored = app.get("/api/v1/experiments/hero").expect(200).to_string();
    assert!(stored.contains("\"model\":\"hurdle\""), "{stored}");
}

#[test]
fn a_cost_makes_the_cheaper_variant_win() {
    let app = TestApp::start();
    let mut definition = bandit("revenue");
    definition["variants"][1]["cost"] = json!(5.0);
    let habits = [("control", 5, 20.0), ("treatment", 5, 21.0)];
    play(&app, &definition, "Order Completed", &habits);
    assert!(weight(&app, "hero", "control") > 0.9);
    let said = receipt(&app);
    assert!(said.contains("subtracted: 0.00, 5.00"), "{said}");
}

#[test]
fn a_report_of_revenue_is_net_of_costs() {
    let app = TestApp::start();
    let mut definition = bandit("revenue");
    definition["variants"][1]["cost"] = json!(5.0);
    let habits = [("control", 5, 20.0), ("treatment", 5, 21.0)];
    play(&app, &definition, "Order Completed", &habits);
    let report = app.get("/api/v1/experiments/hero/report").expect(200);
    let metrics = report["metrics"].as_array().unwrap();
    let metric = |key: &str| metrics.iter().find(|of| of["key"] == key).unwrap();
    let (revenue, purchase) = (metric("revenue"), metric("purchase"));
    let of = |variant: usize, name: &str| revenue["variants"][variant][name].as_f64().unwrap();
    let gross = |variant| of(variant, "sum") / of(variant, "visitors");
    assert_eq!(of(1, "cost").to_string(), "5");
    assert!((of(1, "mean") - (gross(1) - 5.0)).abs() < 1e-9);
    assert!((of(0, "mean") - gross(0)).abs() < 1e-9);
    let with = &revenue["comparisons"][0];
    let difference = with["absolute"]["estimate"].as_f64().unwrap();
    assert!((difference - (gross(1) - 5.0 - gross(0))).abs() < 1e-9);
    assert_eq!(with["adjustments"], json!(["cost"]));
    assert!(purchase["comparisons"][0].get("adjustments").is_none());
    assert!(purchase["variants"][1].get("cost").is_none());
}

#[test]
fn a_bandit_keeps_bounces_low() {
    let app = TestApp::start();
    let mut definition = bandit("bounce");
    definition["allocation"]["delay"] = json!("ignore");
    let metrics = definition["metrics"].as_array_mut().unwrap();
    metrics.push(json!({
        "key": "bounce", "event": "Bounced", "kind": "conversion", "direction": "decrease",
    }));
    let habits = [("control", 6, 0.0), ("treatment", 3, 0.0)];
    play(&app, &definition, "Bounced", &habits);
    let said = receipt(&app);
    assert!(weight(&app, "hero", "control") > 0.9, "{said}");
    assert!(said.contains("Less is better"), "{said}");
}
