//! The event debugger: what became of each of the last events, whichever way they came.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, order_named, row};

/// The events of a query, newest first.
fn events(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/api/v1/events{query}")).expect(200);
    answer["events"].as_array().unwrap().clone()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["fate"]["kind"].as_str());
    kinds.map(Option::unwrap).collect()
}

#[test]
fn every_event_has_its_fate() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let variant = app.assign("anna", "hero")["variant"].clone();
    app.track(&order_named("anna", "e1", "o1", 20.0));
    app.track(&order_named("anna", "e1", "o1", 20.0));
    app.track(&json!({ "event": "Page Viewed", "visitor": "anna", "id": "e2" }));
    let bad = json!({ "event": "Order Completed", "visitor": "anna", "id": "e3", "properties": { "revenue": "much" } });
    app.post("/api/v1/events", &bad)
        .problem(400, "invalid_amount");
    let told = events(&app, "?visitor=anna");
    assert_eq!(
        kinds(&told),
        ["rejected", "profile", "duplicate", "counted"]
    );
    let counted = &told[3];
    assert_eq!(counted["messageId"], "e1");
    assert_eq!(counted["event"], "Order Completed");
    assert_eq!(counted["source"], "native");
    assert_eq!(counted["properties"]["revenue"], 20.0);
    assert!(counted["timestamp"].is_string() && counted["receivedAt"].is_string());
    let metrics = counted["fate"]["metrics"].as_array().unwrap();
    let named: Vec<&Value> = metrics.iter().map(|of| &of["metric"]).collect();
    assert_eq!(named, ["purchase", "revenue", "orders"]);
    assert!(
        metrics
            .iter()
            .all(|of| of["experiment"] == "hero" && of["variant"] == variant)
    );
    let refused = &told[0]["fate"];
    assert_eq!(
        (&refused["code"], &refused["path"]),
        (&json!("invalid_amount"), &json!("properties.revenue"))
    );
    assert_eq!(
        kinds(&events(&app, "?message_id=e1")),
        ["duplicate", "counted"]
    );
    assert_eq!(kinds(&events(&app, "?limit=1")), ["rejected"]);
    assert!(events(&app, "?visitor=nobody").is_empty());
    for bad in ["?limit=0", "?limit=1001", "?limit=x", "?colour=red"] {
        app.get(&format!("/api/v1/events{bad}"))
            .problem(400, "invalid_query");
    }
}

#[test]
fn all_ways_in_are_told_apart() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let variant = app.assign("7", "hero")["variant"].clone();
    let viewed = json!({ "event": "Experiment Viewed", "userId": 7, "messageId": "m1",
        "properties": { "experiment_id": "hero", "variation_id": "elsewhere" } });
    app.post("/v1/track", &viewed).expect(200);
    app.post(
        "/v1/batch",
        &json!({ "batch": [{ "type": "track", "anonymousId": "7", "messageId": "m2" }] }),
    )
    .expect(200);
    app.post(
        "/ofrep/v1/evaluate/flags/hero",
        &json!({ "context": { "targetingKey": "7" } }),
    )
    .expect(200);
    app.import(&[row(json!({ "event": "Visit", "visitor": "7", "id": "i1", "timestamp": "2025-12-01T00:00:00Z" }))]);
    let told = events(&app, "?visitor=7");
    let sources: Vec<&Value> = told.iter().map(|event| &event["source"]).collect();
    assert_eq!(sources, ["import", "ofrep", "segment", "segment"]);
    assert_eq!(
        kinds(&told),
        ["profile", "exposure", "rejected", "exposure"]
    );
    let exposure = |at: usize| told[at]["fate"]["exposure"].clone();
    assert_eq!(
        exposure(1),
        json!({ "experiment": "hero", "variant": variant, "assigned": variant, "matches": true })
    );
    assert_eq!(
        exposure(3),
        json!({ "experiment": "hero", "variant": null, "assigned": variant, "matches": false })
    );
}

#[test]
fn events_are_told_as_they_were_sent() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let send = |path: &str, call: Value| app.post(path, &call).expect(200);
    send(
        "/v1/page",
        json!({ "anonymousId": "a1", "messageId": "p1", "context": { "traits": { "plan": "free" } } }),
    );
    let login = json!({ "type": "identify", "userId": 7, "anonymousId": "a1", "traits": { "plan": "pro" } });
    let order = json!({ "type": "track", "event": "Order Completed", "userId": 7, "anonymousId": "a1",
        "messageId": "o1", "properties": { "revenue": 5 } });
    let viewed = json!({ "type": "track", "event": "Experiment Viewed", "userId": "7", "messageId": "x1",
        "properties": { "experiment_id": "hero", "variation_id": "control" } });
    let wrong = json!({ "type": "screen", "userId": "7", "anonymousId": "a1", "timestamp": "noon", "traits": { "a": 1 } });
    let batch = [login.clone(), order, viewed, wrong];
    send("/v1/batch", json!({ "batch": batch }));
    send("/v1/alias", json!({ "previousId": "a2", "userId": "7" }));
    send(
        "/v1/identify",
        json!({ "userId": "7", "traits": { "plan": "gold" } }),
    );
    send("/v1/batch", json!({ "batch": [login] }));
    app.post("/api/v1/visitors/a3/alias", &json!({ "to": "7" }))
        .expect(200);
    app.track(&json!({ "event": "x", "visitor": "7", "id": "n1" }));
    let told: Vec<Value> = events(&app, "").iter().map(in_short).collect();
    let expected = [
        json!(["track", "7", null, null, null, "profile"]),
        json!(["alias", "7", "7", "a3", null, "joined"]),
        json!(["identify", "7", "7", "a1", "pro", "stored"]),
        json!(["identify", "7", "7", "a1", "pro", "duplicate"]),
        json!(["identify", "7", "7", null, "gold", "stored"]),
        json!(["alias", "7", "7", null, null, "joined"]),
        json!(["exposure", "7", "7", null, null, "exposure"]),
        json!(["order", "7", "7", "a1", null, "profile"]),
        json!(["identify", "7", "7", "a1", "pro", "stored"]),
        json!(["identify", "7", "7", "a1", "pro", "joined"]),
        json!(["screen", "7", "7", "a1", null, "rejected"]),
        json!(["page", "a1", null, "a1", "free", "stored"]),
        json!(["page", "a1", null, "a1", "free", "profile"]),
    ];
    assert_eq!(told, expected);
}

/// What the debugger shows of one event, without its times and contents.
fn in_short(of: &Value) -> Value {
    let fields = ["type", "visitor", "userId", "anonymousId", "traits"];
    let [kind, visitor, user, anonymous, traits] = fields.map(|field| &of[field]);
    json!([
        kind,
        visitor,
        user,
        anonymous,
        traits["plan"],
        of["fate"]["kind"]
    ])
}

#[test]
fn orders_are_taken_back_by_cancellation_and_refund() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    let ordered = |id: &str, amount: &str, value: f64| {
        json!({ "type": "track", "event": "Order Completed", "userId": "anna", "messageId": id,
            "properties": { "order_id": id, amount: value } })
    };
    let back = |event: &str, order: &str, total: Option<f64>| {
        let mut properties = json!({ "order_id": order });
        if let Some(total) = total {
            properties["total"] = json!(total);
        }
        json!({ "type": "track", "event": event, "userId": "anna", "properties": properties })
    };
    let send = |items: &[Value]| {
        let answer = app.post("/v1/batch", &json!({ "batch": items }));
        assert_eq!(answer.expect(200)["success"], true);
    };
    // Revenue, else value, else total.
    send(&[
        ordered("o1", "revenue", 10.0),
        ordered("o2", "value", 20.0),
        ordered("o3", "total", 40.0),
    ]);
    assert!((app.report("hero").total("revenue") - 70.0).abs() < 1e-9);
    send(&[back("Order Cancelled", "o1", Some(1.0))]);
    assert!((app.report("hero").total("revenue") - 60.0).abs() < 1e-9);
    send(&[back("Order Refunded", "o2", None)]);
    assert!((app.report("hero").total("revenue") - 40.0).abs() < 1e-9);
    send(&[back("Order Refunded", "o3", Some(15.0))]);
    assert!((app.report("hero").total("revenue") - 25.0).abs() < 1e-9);
    assert!((app.report("hero").total("orders") - 1.0).abs() < 1e-9);
    let told = events(&app, "?visitor=anna&limit=3");
    let effects = told
        .iter()
        .map(|event| &event["fate"]["metrics"][0]["effect"]);
    assert!(
        effects.clone().all(|effect| effect == "takes_back"),
        "{told:?}"
    );
    // An amount that is none must not read as the whole order.
    let bad = json!({ "event": "Order Refunded", "visitor": "anna", "properties": { "order_id": "o3", "total": "all" } });
    app.post("/api/v1/events", &bad)
        .problem(400, "invalid_amount");
    assert!((app.report("hero").total("revenue") - 25.0).abs() < 1e-9);
}
