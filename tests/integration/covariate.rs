//! Covariates: what visitors did before their assignment makes intervals narrower and moves nothing else.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{Report, fixed, near, order, shuffled};

const VISITORS: usize = 300;

/// The metrics of a shop, and its revenue once more beside the visitors' own past.
fn definition() -> Value {
    let mut definition = fixed("hero");
    let known = json!({
        "key": "known", "event": "Order Completed", "kind": "sum", "property": "revenue",
        "covariate": { "window": "28d" },
    });
    definition["metrics"].as_array_mut().unwrap().push(known);
    definition
}

/// What a visitor is used to spend.
fn habit(visitor: usize) -> f64 {
    20.0 + (visitor * 37 % 101) as f64
}

fn name(visitor: usize) -> String {
    format!("v{visitor}")
}

fn old_orders(visitors: impl Iterator<Item = usize>) -> Vec<Value> {
    visitors
        .map(|visitor| {
            order(
                &name(visitor),
                "old",
                "2026-01-05T00:00:00Z",
                habit(visitor),
            )
        })
        .collect()
}

fn new_orders() -> Vec<Value> {
    (0..VISITORS)
        .map(|visitor| {
            let amount = habit(visitor) + (visitor * 53 % 17) as f64;
            order(&name(visitor), "new", "2026-01-21T00:00:00Z", amount)
        })
        .collect()
}

fn send(app: &TestApp, events: &[Value]) {
    assert_eq!(
        app.track(&json!({ "events": events }))["accepted"],
        events.len()
    );
}

/// A shop whose visitors have a past, half of which arrives before their assignment and half after it.
fn shop(early: usize) -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&definition());
    app.advance_clock("2026-01-10T00:00:00Z");
    send(&app, &old_orders(0..early));
    app.advance_clock("2026-01-20T00:00:00Z");
    for visitor in 0..VISITORS {
        app.assign(&name(visitor), "hero");
    }
    app.advance_clock("2026-01-22T00:00:00Z");
    let late = old_orders(early..VISITORS);
    send(&app, &shuffled([late, new_orders()].concat(), 3));
    app
}

fn width(effect: &Value) -> f64 {
    effect["high"].as_f64().unwrap() - effect["low"].as_f64().unwrap()
}

#[test]
fn history_narrows_the_interval_whenever_it_arrives() {
    let app = shop(VISITORS / 2);
    let report: Report = app.report("hero");
    let plain = report.comparison("revenue", "treatment");
    let known = report.comparison("known", "treatment");
    assert_eq!(known["adjustments"], json!(["cuped"]));
    assert_eq!(plain.get("adjustments"), None);
    assert!(known["variance_reduction"].as_f64().unwrap() > 0.8);
    for (scope, figure) in [
        ("", "absolute"),
        ("", "relative"),
        ("/always_valid", "absolute"),
        ("/always_valid", "relative"),
    ] {
        let figure = format!("{scope}/{figure}");
        let of = |comparison: &Value| width(comparison.pointer(&figure).unwrap());
        assert!(of(known) < 0.5 * of(plain), "{figure}: {known} {plain}");
    }
    for variant in ["control", "treatment"] {
        assert!(near(
            report.mean("known", variant),
            report.mean("revenue", variant)
        ));
        assert_eq!(
            report.figures("known", variant)["sum"],
            report.figures("revenue", variant)["sum"]
        );
    }
    assert_eq!(report.facts(), shop(VISITORS).report("hero").facts());
}

#[test]
fn orders_after_the_assignment_are_no_history() {
    let app = shop(VISITORS);
    let before = app.report("hero");
    let again: Vec<Value> = (0..VISITORS)
        .map(|visitor| order(&name(visitor), "third", "2026-01-21T12:00:00Z", 10.0))
        .collect();
    send(&app, &again);
    let after = app.report("hero");
    let reduction =
        |report: &Report| report.comparison("known", "treatment")["variance_reduction"].clone();
    let (before, after) = (reduction(&before), reduction(&after));
    assert!((before.as_f64().unwrap() - after.as_f64().unwrap()).abs() < 1e-9);
}

#[test]
fn a_ratio_takes_no_covariate() {
    let app = TestApp::start();
    let mut definition = fixed("hero");
    let ratio = json!({
        "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders",
        "covariate": { "event": "Order Completed" },
    });
    definition["metrics"].as_array_mut().unwrap().push(ratio);
    let problem = app
        .put("/api/v1/experiments/hero", &definition)
        .problem(422, "invalid_definition");
    assert_eq!(problem["errors"][0]["path"], "metrics[3].covariate");
}
