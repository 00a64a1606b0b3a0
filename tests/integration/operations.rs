//! What operators and edges rely on: health, metrics, caching headers, and the clock of tests.

use serde_json::json;

use crate::harness::{START, Settings, TestApp};
use crate::model::{fixed, order, thompson};

fn assert_counted(app: &TestApp, expected: &[(&str, f64)]) {
    for (series, expected) in expected {
        let counted = app.metric(&format!("upswing_{series}"));
        assert!((counted - expected).abs() < 0.5, "{series}: {counted}");
    }
}

#[test]
fn health_and_metrics_tell_what_happens() {
    let app = TestApp::start();
    app.get("/health/live").expect(200);
    app.get("/health/ready").expect(200);
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.assign("anna", "hero");
    app.track(&json!([
        order("anna", "1", START, 5.0),
        order("anna", "1", START, 5.0)
    ]));
    app.track(&json!([order("anna", "2", START, 5.0), { "event": "x" }]));
    let counted = [
        ("decisions_total{source=\"native\",reason=\"split\"}", 1.0),
        ("decisions_total{source=\"native\",reason=\"sticky\"}", 1.0),
        ("decisions_total{source=\"ofrep\",reason=\"bot\"}", 0.0),
        ("events_total{source=\"native\",fate=\"accepted\"}", 2.0),
        ("events_total{source=\"native\",fate=\"duplicate\"}", 1.0),
        ("events_total{source=\"native\",fate=\"rejected\"}", 1.0),
        ("epochs{experiment=\"hero\"}", 1.0),
    ];
    assert_counted(&app, &counted);
    assert!(app.metric("upswing_store_bytes") > 0.0);
    assert!(
        app.get("/metrics")
            .text
            .contains("# HELP upswing_decisions_total")
    );
}

#[test]
fn answers_say_how_long_they_may_be_kept() {
    let app = TestApp::start();
    app.put_experiment(&thompson("hero"));
    let answer = app.post("/api/v1/assignments", &json!({ "visitor": "anna" }));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let batch = app.post("/api/v1/assignments/batch", &json!({ "requests": [] }));
    assert_eq!(batch.header("cache-control"), Some("no-store"));

    let path = "/api/v1/experiments/hero/allocation";
    let first = app.get(path);
    let tag = first.header("etag").unwrap().to_owned();
    let known = |tag: &str| {
        app.try_send("GET", path, &[("if-none-match", tag)], None)
            .unwrap()
    };
    let unchanged = known(&tag);
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    assert_eq!(known("\"another\"").status, 200);
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    let after = known(&tag);
    assert_eq!(after.status, 200, "a new epoch has a new tag");
    assert_ne!(after.header("etag"), Some(tag.as_str()));
}

#[test]
fn a_manual_clock_moves_forward_only_and_never_before_the_log() {
    let mut app = TestApp::start();
    assert_eq!(app.get("/api/v1/clock").expect(200)["now"], START);
    app.advance_clock("2026-03-01T12:00:00Z");
    app.put(
        "/api/v1/clock",
        &json!({ "now": "2026-03-01T11:59:59.999Z" }),
    )
    .problem(409, "clock_moves_forward");
    app.advance_clock("2026-03-01T12:00:00Z");
    app.put("/api/v1/clock", &json!({ "now": "noon" }))
        .problem(400, "invalid_body");
    app.put_experiment(&fixed("hero"));
    assert_eq!(
        app.get("/api/v1/experiments/hero").expect(200)["since"],
        "2026-03-01T12:00:00.000Z"
    );
    app.advance_clock("2026-06-01T00:00:00Z");
    assert!(app.stop().success());
    app.restart();
    assert_eq!(
        app.get("/api/v1/clock").expect(200)["now"],
        "2026-03-01T12:00:00.000Z",
        "nothing was written at the later time"
    );
}

#[test]
fn the_system_clock_can_not_be_moved() {
    let app = TestApp::with(
        Settings {
            system_clock: true,
            ..Settings::default()
        },
        &[],
    );
    app.get("/api/v1/clock").problem(404, "not_found");
    app.put("/api/v1/clock", &json!({ "now": START }))
        .problem(404, "not_found");
    app.put_experiment(&fixed("hero"));
    let since = app.get("/api/v1/experiments/hero").expect(200)["since"].clone();
    assert!(since.as_str().unwrap() > "2026-01-01T00:00:00.000Z");
}

/// What `/metrics` says of each metric: its name, its type, and what it is.
fn exposed(text: &str) -> Vec<(String, String, String)> {
    let said = |kind: &str, name: &str| {
        let start = format!("# {kind} {name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_default().to_owned()
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split(['{', ' ']).next().filter(|of| !of.is_empty()));
    let family = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let stem = parts.iter().find_map(|part| name.strip_suffix(part));
        let stem = stem.filter(|stem| said("TYPE", stem) == "histogram");
        stem.unwrap_or(name).to_owned()
    };
    let mut names: Vec<String> = names.map(family).collect();
    names.sort_unstable();
    names.dedup();
    let row = |name: String| (said("TYPE", &name), said("HELP", &name), name);
    let rows = names.into_iter().map(row);
    rows.map(|(kind, says, name)| (name, kind, says)).collect()
}

/// The rows of the README's table of metrics.
fn documented() -> Vec<(String, String, String)> {
    let lines = include_str!("../../README.md").lines();
    let rows = lines.filter_map(|line| line.strip_prefix("| `upswing_"));
    let mut rows: Vec<(String, String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let name = cells[0].split('`').next().unwrap();
            (
                format!("upswing_{name}"),
                cells[1].to_owned(),
                cells[2].to_owned(),
            )
        })
        .collect();
    rows.sort_unstable();
    rows
}

#[test]
fn the_documentation_lists_the_metrics_that_a_server_shows_and_no_others() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.track(&order("anna", "1", START, 5.0));
    assert_eq!(exposed(&app.get("/metrics").text), documented());
}

#[test]
fn every_way_in_is_counted_by_what_became_of_it() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let context = json!({ "context": { "targetingKey": "anna" } });
    for _ in 0..2 {
        app.post("/ofrep/v1/evaluate/flags/hero", &context)
            .expect(200);
    }
    let track = json!({ "userId": "anna", "event": "Order Completed", "messageId": "m1" });
    let batch = json!({ "batch": [track, track, { "type": "track", "event": "x" }] });
    let mut batch = batch;
    for item in batch["batch"].as_array_mut().unwrap() {
        item["type"] = json!("track");
    }
    app.post("/v1/batch", &batch).expect(200);
    app.import(&[
        json!({ "type": "event", "visitor": "bert", "id": "1", "event": "Order Completed", "timestamp": START }),
        json!({ "type": "event", "visitor": "bert" }),
        json!({ "type": "alias", "visitor": "bert", "to": "anna" }),
    ]);
    app.track(&json!({ "events": [order("anna", "n1", START, 1.0)] }));
    let counted = [
        ("decisions_total{source=\"ofrep\",reason=\"split\"}", 1.0),
        ("decisions_total{source=\"ofrep\",reason=\"sticky\"}", 1.0),
        ("decisions_total{source=\"native\",reason=\"split\"}", 0.0),
        ("events_total{source=\"ofrep\",fate=\"accepted\"}", 1.0),
        ("events_total{source=\"segment\",fate=\"accepted\"}", 1.0),
        ("events_total{source=\"segment\",fate=\"duplicate\"}", 1.0),
        ("events_total{source=\"segment\",fate=\"rejected\"}", 1.0),
        ("events_total{source=\"import\",fate=\"accepted\"}", 1.0),
        ("events_total{source=\"import\",fate=\"rejected\"}", 1.0),
        ("events_total{source=\"native\",fate=\"accepted\"}", 1.0),
        ("aliases_total{fate=\"accepted\"}", 1.0),
        ("experiments{status=\"running\"}", 1.0),
        ("queue_messages", 0.0),
    ];
    assert_counted(&app, &counted);
}

#[test]
fn a_conversion_is_in_the_very_next_report() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    for orders in 1..=50_u32 {
        app.track(&order("anna", &orders.to_string(), START, 1.0));
        let shown = app.report("hero").total("orders");
        assert!(
            (shown - f64::from(orders)).abs() < 0.5,
            "{shown} of {orders}"
        );
    }
}
