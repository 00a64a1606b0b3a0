//! The verdict a marketer reads, from the first visitor to the decision, and the other views of the evidence.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, with};

/// A shop in euros that looks at revenue beside purchases.
fn shop(key: &str) -> Value {
    let definition = with(fixed(key), "currency", json!("EUR"));
    let metrics = json!([
        { "key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal" },
        { "key": "revenue", "event": "Order Completed", "kind": "sum" },
    ]);
    with(definition, "metrics", metrics)
}

/// The visitors of a day, of whom so many of a hundred buy for 50 euros under the control and the treatment.
fn day(app: &TestApp, day: usize, shares: [usize; 2]) {
    app.advance_clock(&format!("2026-01-{day:02}T12:00:00Z"));
    let first = day * 1_000;
    let assigned = app.assign_many("hero", first..first + 600);
    let mut orders = Vec::new();
    for (i, of) in (first..).zip(&assigned) {
        let [control, treatment] = shares;
        let share = if of["variant"] == "control" {
            control
        } else {
            treatment
        };
        if i % 100 < share {
            orders.push(json!({
                "event": "Order Completed", "visitor": format!("v{i}"), "id": format!("o{i}"),
                "properties": { "order_id": format!("o{i}"), "revenue": 50.0 },
            }));
        }
    }
    app.track(&json!(orders));
}

fn verdict(app: &TestApp) -> Value {
    app.report("hero").0["verdict"].clone()
}

#[test]
fn a_verdict_waits_a_week_and_then_says_what_to_do() {
    let app = TestApp::start();
    app.put_experiment(&shop("hero"));
    assert_eq!(verdict(&app)["decision"], "not_started");
    day(&app, 2, [10, 20]);
    let early = verdict(&app);
    assert_eq!(early["decision"], "keep_running");
    assert_eq!(early["reasons"][0]["code"], "min_days");
    for of in 3..=9 {
        day(&app, of, [10, 20]);
    }
    let decided = verdict(&app);
    assert_eq!(decided["decision"], "ship", "{decided}");
    assert_eq!(decided["variant"], "treatment");
    let headline = decided["headline"].as_str().unwrap();
    assert!(headline.starts_with("Treatment converts "), "{headline}");
    assert!(
        headline.contains(" % more visitors than control (between +"),
        "{headline}"
    );
    assert!(headline.ends_with("Ship it."), "{headline}");
    let money = decided["reasons"].as_array().unwrap().last().unwrap();
    assert_eq!(money["code"], "money");
    assert!(
        money["text"].as_str().unwrap().contains(" EUR (between +"),
        "{money}"
    );
    // Silence is not mistaken for visitors who stopped buying.
    app.advance_clock("2026-01-20T12:00:00Z");
    let silent = app.report("hero").0;
    assert_eq!(silent["verdict"]["decision"], "investigate");
    assert_eq!(silent["health"]["freshness"]["verdict"], "no_visitors");
    assert_eq!(silent["health"]["freshness"]["days_without_visitors"], 10);
}

#[test]
fn the_evidence_is_shown_in_the_view_that_is_asked_for() {
    let app = TestApp::start();
    app.put_experiment(&shop("hero"));
    day(&app, 2, [10, 14]);
    for (view, evidence) in [
        ("always-valid", "conversion_odds"),
        ("one-look", "test"),
        ("msprt", "msprt"),
        ("bayes", "posterior"),
    ] {
        let report = app.report_with("hero", &format!("?method={view}")).0;
        assert_eq!(report["shown"]["view"], view);
        let headline = &report["metrics"][0]["comparisons"][0]["headline"];
        assert_eq!(headline["evidence"], evidence, "{headline}");
    }
    let usual = app.report("hero").0;
    assert_eq!(usual["shown"]["view"], "always-valid");
    for (view, because) in [("guess", "none of"), ("planned-looks", "plans no looks")] {
        let path = format!("/api/v1/experiments/hero/report?method={view}");
        let problem = app.get(&path).problem(400, "invalid_query");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(because), "{problem}");
    }
}

#[test]
fn planned_looks_are_part_of_the_definition_and_decide_on_their_days() {
    let app = TestApp::start();
    let looks = json!({ "days": [2, 4], "spending": "pocock" });
    let planned = with(with(shop("hero"), "looks", looks), "min_days", json!(1));
    app.put_experiment(&planned);
    day(&app, 2, [10, 30]);
    let before = app.report("hero").0;
    assert_eq!(before["shown"]["view"], "planned-looks");
    assert_eq!(before["looks"]["next_in_days"], 2);
    day(&app, 3, [10, 30]);
    day(&app, 4, [10, 30]);
    let after = app.report("hero").0;
    assert_eq!(after["looks"]["taken"], 1);
    let headline = &after["metrics"][0]["comparisons"][0]["headline"];
    assert_eq!(
        (&headline["evidence"], &headline["conclusive"]),
        (&json!("group_sequential"), &json!(true))
    );
    assert_eq!(after["verdict"]["decision"], "ship");
    // Looks that were planned are not moved once there is something to see.
    let moved = with(planned, "looks", json!({ "days": [2, 9] }));
    app.put("/api/v1/experiments/hero", &moved)
        .problem(409, "metrics_with_data");
}
