//! What operators and edges rely on: health, metrics, caching headers, and the clock of tests.

use serde_json::json;

use crate::harness::{START, Settings, TestApp};
use crate::model::{fixed, order, thompson};

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
    for (series, expected) in [
        ("upswing_decisions_total{reason=\"split\"}", 1.0),
        ("upswing_decisions_total{reason=\"sticky\"}", 1.0),
        ("upswing_decisions_total{reason=\"bot\"}", 0.0),
        ("upswing_events_total{fate=\"accepted\"}", 2.0),
        ("upswing_events_total{fate=\"duplicate\"}", 1.0),
        ("upswing_events_total{fate=\"rejected\"}", 1.0),
        ("upswing_epochs{experiment=\"hero\"}", 1.0),
    ] {
        assert!(
            (app.metric(series) - expected).abs() < 0.5,
            "{series}: {}",
            app.get("/metrics").text
        );
    }
    assert!(app.metric("upswing_store_bytes") > 0.0);
    assert!(
        app.get("/metrics")
            .text
            .contains("# HELP upswing_decisions_total")
    );
    assert_eq!(app.get("/").expect(200)["name"], "upswing");
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
