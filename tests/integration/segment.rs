//! The Segment tracking API: shapes, clocks, repetition, mistakes.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::fixed;

/// A server with an experiment and three visitors in it.
fn shop() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    for visitor in ["anna", "bert", "7"] {
        app.assign(visitor, "hero");
    }
    app
}

fn bought(user: &Value, id: &str, revenue: f64) -> Value {
    json!({
        "type": "track", "event": "Order Completed", "userId": user, "messageId": id,
        "properties": { "order_id": id, "revenue": revenue },
    })
}

fn batch(app: &TestApp, items: &[Value]) -> Answer {
    app.post(
        "/v1/batch",
        &json!({ "batch": items, "context": { "library": {} } }),
    )
}

#[track_caller]
fn success(answer: Answer) {
    assert_eq!(answer.expect(200), json!({ "success": true }));
}

fn revenue(app: &TestApp) -> f64 {
    app.report("hero").total("revenue")
}

#[test]
fn calls_count_once_by_their_message_id() {
    let app = shop();
    let anna = bought(&json!("anna"), "m1", 10.0);
    success(app.post("/v1/track", &anna));
    success(app.post("/v1/t", &anna));
    let bert = json!({
        "type": "track", "event": "Order Completed", "userId": null, "anonymousId": "bert",
        "messageId": "m2", "properties": { "order_id": "m2", "revenue": 20 },
    });
    success(batch(&app, &[anna, bert, bought(&json!(7), "m3", 30.0)]));
    assert!((revenue(&app) - 60.0).abs() < 1e-9);
    // The order is taken back by its number alone.
    let refund =
        json!({ "event": "Order Refunded", "userId": "anna", "properties": { "order_id": "m1" } });
    success(app.post("/v1/track", &refund));
    assert!((revenue(&app) - 50.0).abs() < 1e-9);
}

#[test]
fn content_types_mean_nothing_and_gzip_is_unpacked() {
    let app = shop();
    let body = json!({ "batch": [bought(&json!("anna"), "m1", 10.0)] }).to_string();
    let beacon = [("content-type", "text/plain")];
    success(app.post_bytes("/v1/b", &beacon, body.as_bytes()));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(body.replace("m1", "m2").as_bytes())
        .unwrap();
    let packed = encoder.finish().unwrap();
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-encoding", "gzip"),
    ];
    success(app.post_bytes("/v1/batch", &form, &packed));
    assert!((revenue(&app) - 20.0).abs() < 1e-9);
    let cut = app.post_bytes("/v1/batch", &form, &packed[..20]);
    cut.problem(400, "invalid_encoding");
    // A megabyte of nothing packs into a kilobyte.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = app.post_bytes("/v1/batch", &form, &bomb.finish().unwrap());
    bomb.problem(413, "body_too_large");
}

#[test]
fn a_clock_that_is_wrong_is_corrected() {
    let app = shop();
    app.advance_clock("2026-01-01T12:00:00Z");
    app.assign("carl", "hero");
    app.advance_clock("2026-01-01T12:30:00Z");
    // The phone is two hours behind. What happened before the assignment is history.
    let mut item = bought(&json!("carl"), "m1", 10.0);
    item["originalTimestamp"] = json!("2026-01-01T10:20:00.000Z");
    success(app.post("/v1/track", &item));
    assert!(revenue(&app).abs() < 1e-9);
    // Now it says when it sent this, by the same clock, for this item or the whole batch.
    item["messageId"] = json!("m2");
    item["properties"]["order_id"] = json!("m2");
    item["sentAt"] = json!("2026-01-01T10:30:00.000Z");
    success(app.post("/v1/track", &item));
    assert!((revenue(&app) - 10.0).abs() < 1e-9);
    let sent_at = item.as_object_mut().unwrap().remove("sentAt");
    item["messageId"] = json!("m3");
    item["properties"]["order_id"] = json!("m3");
    success(app.post("/v1/batch", &json!({ "batch": [item], "sentAt": sent_at })));
    assert!((revenue(&app) - 20.0).abs() < 1e-9);
}

#[test]
fn bad_calls_lose_nothing_else() {
    let app = shop();
    let bad = [
        json!({ "type": "track", "event": "Order Completed" }),
        json!({ "type": "track", "userId": "anna" }),
        json!({ "type": "swim", "userId": "anna" }),
        json!({ "type": "track", "event": "x", "userId": "a".repeat(257) }),
        json!({ "type": "track", "event": "x", "userId": "a", "properties": [1] }),
        json!({ "type": "track", "event": "x", "userId": "a", "timestamp": "1999-01-01T00:00:00Z" }),
        json!({ "type": "track", "event": "Order Completed", "userId": "a", "properties": { "revenue": "much" } }),
        json!({ "type": "track", "event": "x", "userId": "a", "properties": { "long": "x".repeat(40_000) } }),
        json!("track"),
    ];
    let mut items = bad.to_vec();
    items.push(bought(&json!("anna"), "good", 10.0));
    success(batch(&app, &items));
    assert!((revenue(&app) - 10.0).abs() < 1e-9);
    let body = json!({ "batch": items }).to_string();
    let strict = app.post_bytes("/v1/batch", &[("x-strict-mode", "1")], body.as_bytes());
    let told = strict.expect(400);
    assert_eq!(
        (&told["success"], &told["duplicates"]),
        (&json!(false), &json!(1))
    );
    let reasons = told["rejected"].as_array().unwrap();
    let paths: Vec<&str> = reasons
        .iter()
        .map(|of| of["path"].as_str().unwrap())
        .collect();
    let expected = [
        "userId",
        "event",
        "type",
        "userId",
        "properties",
        "timestamp",
        "properties.revenue",
        "",
        "",
    ];
    assert_eq!(paths, expected, "{told:#}");
    for (path, body) in [("/v1/batch", "{"), ("/v1/batch", "{}"), ("/v1/batch", "[]")] {
        app.post_bytes(path, &[], body.as_bytes())
            .problem(400, "invalid_body");
    }
    app.post("/v1/swim", &json!({})).problem(404, "not_found");
}

#[test]
fn pages_count_and_other_calls_are_acknowledged() {
    let app = TestApp::start();
    let mut pages = fixed("hero");
    pages["metrics"] = json!([
        { "key": "pages", "event": "Page Viewed", "kind": "count", "role": "goal" },
    ]);
    app.put_experiment(&pages);
    app.assign("anna", "hero");
    for (call, more) in [
        (
            "page",
            json!({ "name": "Home", "properties": { "path": "/" } }),
        ),
        ("p", json!({})),
        ("identify", json!({ "traits": { "plan": "pro" } })),
        ("group", json!({ "groupId": "g" })),
        ("alias", json!({ "previousId": "x" })),
        ("screen", json!({})),
    ] {
        let mut body = more;
        body["anonymousId"] = json!("anna");
        success(app.post(&format!("/v1/{call}"), &body));
    }
    assert!((app.report("hero").total("pages") - 2.0).abs() < 1e-9);
    let settings = app.get("/v1/projects/some-key/settings").expect(200);
    let own = &settings["integrations"]["Segment.io"];
    assert_eq!(
        (&own["apiKey"], &own["protocol"]),
        (&json!("some-key"), &json!("http"))
    );
    assert!(
        app.url.ends_with(
            own["apiHost"]
                .as_str()
                .unwrap()
                .strip_suffix("/v1")
                .unwrap()
        )
    );
}
