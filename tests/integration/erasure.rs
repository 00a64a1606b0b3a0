//! Erasure: a person is forgotten under all ids, with or without what was added to experiments.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::{fixed, order_named};

fn erase(app: &TestApp, visitor: &str, query: &str) -> Answer {
    let path = format!("/api/v1/visitors/{visitor}{query}");
    app.try_send("DELETE", &path, &[], None).unwrap()
}

fn is_unknown(app: &TestApp, visitor: &str) {
    app.get(&format!("/api/v1/visitors/{visitor}"))
        .problem(404, "unknown_visitor");
}

/// A shop with one visitor, and another who logs in on two devices, tells who it is, looks around, sees and buys.
fn lived() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("other", "hero");
    app.track(&order_named("other", "m1", "o1", 3.0));
    app.assign("phone", "hero");
    app.advance_clock("2026-01-01T01:00:00Z");
    app.assign("laptop", "hero");
    let traits: serde_json::Map<String, Value> = (0..100)
        .map(|i| (format!("t{i}"), json!("x".repeat(100))))
        .collect();
    let calls = json!({ "batch": [
        { "type": "identify", "userId": "anna", "anonymousId": "phone", "messageId": "i1", "traits": traits },
        { "type": "page", "anonymousId": "laptop", "messageId": "p1" },
        { "type": "alias", "previousId": "laptop", "userId": "anna" },
        { "type": "track", "event": "Experiment Viewed", "userId": "anna", "messageId": "x1",
            "properties": { "experiment_id": "hero", "variation_id": "control" } },
    ] });
    app.post("/v1/batch", &calls).expect(200);
    app.track(&json!([
        order_named("phone", "m1", "o1", 20.0),
        order_named("anna", "m2", "o2", 5.0),
    ]));
    app
}

#[test]
fn who_is_forgotten_stays_forgotten_and_counts_on() {
    let mut app = lived();
    let before = app.report("hero").facts();
    assert_eq!(
        erase(&app, "phone", "").expect(200),
        json!({ "visitor": "phone", "erased": true })
    );
    for _ in 0..2 {
        for id in ["anna", "phone", "laptop"] {
            is_unknown(&app, id);
            assert_eq!(
                erase(&app, id, "?retract=true").expect(200)["erased"],
                false
            );
            let told = app.get(&format!("/api/v1/events?visitor={id}")).expect(200);
            assert_eq!(told["events"], json!([]));
        }
        app.get("/api/v1/visitors/other").expect(200);
        assert_eq!(app.report("hero").facts(), before);
        app.kill9();
        app.restart();
    }
}

#[test]
fn who_comes_back_is_somebody_new() {
    let app = lived();
    let visitors = app.report("hero").total_visitors();
    let revenue = app.report("hero").total("revenue");
    erase(&app, "anna", "").expect(200);
    for id in ["phone", "anna"] {
        assert_eq!(app.assign(id, "hero")["reason"], "split", "{id}");
    }
    assert_eq!(app.report("hero").total_visitors(), visitors + 2);
    let told = app.track(&order_named("phone", "m1", "o1", 20.0));
    assert_eq!(told["accepted"], 1, "its id was forgotten, too");
    assert!((app.report("hero").total("revenue") - revenue - 20.0).abs() < 1e-9);
    let held = app.get("/api/v1/visitors/phone").expect(200);
    assert_eq!(
        (&held["ids"], &held["traits"]),
        (&json!(["phone"]), &json!({}))
    );
}

#[test]
fn what_is_taken_out_was_never_there() {
    let app = lived();
    erase(&app, "laptop", "?retract=true").expect(200);
    let report = app.report("hero");
    assert_eq!(report.total_visitors(), 1);
    assert!((report.total("revenue") - 3.0).abs() < 1e-9);
    assert_eq!(report.0["health"]["crossovers"], 0);
    is_unknown(&app, "anna");
}

#[test]
fn a_denial_outlives_what_is_erased() {
    let app = lived();
    app.put(
        "/api/v1/visitors/anna/consent",
        &json!({ "state": "denied" }),
    )
    .expect(200);
    assert_eq!(erase(&app, "anna", "").expect(200)["erased"], true);
    for id in ["anna", "phone", "laptop"] {
        assert_eq!(app.assign(id, "hero")["reason"], "no_consent", "{id}");
        let held = app.get(&format!("/api/v1/visitors/{id}")).expect(200);
        assert_eq!(
            (&held["ids"], &held["assignments"]),
            (&json!([id]), &json!([]))
        );
        assert_eq!(held["traits"], json!({}));
        assert_eq!(erase(&app, id, "").expect(200)["erased"], false);
    }
}

#[test]
fn only_who_may_write_may_erase() {
    let app = TestApp::start();
    let key = |scopes: &Value, by: &[(&str, &str)]| {
        let body = json!({ "name": "k", "scopes": scopes }).to_string();
        let made = app
            .post_bytes("/api/v1/keys", by, body.as_bytes())
            .expect(201);
        made["secret"].as_str().unwrap().to_owned()
    };
    let admin = key(&json!(["admin"]), &[]);
    let by = [("x-api-key", admin.as_str())];
    for scopes in [json!(["assign", "events"]), json!(["read"])] {
        let own = key(&scopes, &by);
        let headers = [("x-api-key", own.as_str())];
        app.try_send("DELETE", "/api/v1/visitors/anna", &headers, None)
            .unwrap()
            .problem(403, "forbidden");
    }
    for query in ["?retract=maybe", "?colour=red"] {
        let path = format!("/api/v1/visitors/anna{query}");
        app.try_send("DELETE", &path, &by, None)
            .unwrap()
            .problem(400, "invalid_query");
    }
}
