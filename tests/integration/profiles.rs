//! Profiles: traits from Segment's calls, joined with the visitors, in one answer with all that is held about a person.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, order_named, shuffled};

fn shop() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app
}

fn held(app: &TestApp, visitor: &str) -> Value {
    app.get(&format!("/api/v1/visitors/{visitor}")).expect(200)
}

/// The traits that are held, without their times.
fn traits(of: &Value) -> Value {
    let traits = of["traits"].as_object().unwrap().iter();
    let values = traits.map(|(name, told)| (name.clone(), told["value"].clone()));
    Value::Object(values.collect())
}

fn batch(app: &TestApp, items: &[Value]) -> Value {
    let body = json!({ "batch": items }).to_string();
    let strict = [("x-strict-mode", "1")];
    let answer = app.post_bytes("/v1/batch", &strict, body.as_bytes());
    assert!(answer.status < 500, "{}", answer.text);
    answer.body
}

fn identify(user: &str, id: &str, at: &str, traits: &Value) -> Value {
    json!({ "type": "identify", "userId": user, "messageId": id, "timestamp": at, "traits": traits })
}

#[test]
fn one_answer_has_everything_held_about_a_visitor() {
    let mut app = shop();
    let variant = app.assign("phone", "hero")["variant"].clone();
    app.advance_clock("2026-01-01T01:00:00Z");
    app.track(&order_named("phone", "m1", "o1", 20.5));
    let items = [
        json!({ "type": "identify", "userId": "anna", "anonymousId": "phone", "messageId": "i1",
            "traits": { "plan": "pro", "address": { "city": "Graz" } },
            "context": { "traits": { "plan": "free", "age": 41 } } }),
        json!({ "type": "group", "userId": "anna", "groupId": 7, "messageId": "g1", "traits": { "seats": 5 } }),
        json!({ "type": "page", "anonymousId": "phone", "messageId": "p1", "context": { "traits": { "lang": "de" } } }),
        json!({ "type": "track", "event": "Experiment Viewed", "userId": "anna", "messageId": "x1",
            "properties": { "experiment_id": "hero", "variation_id": variant } }),
    ];
    assert_eq!(batch(&app, &items), json!({ "success": true }));
    for _ in 0..2 {
        let told = held(&app, "phone");
        assert_eq!(told["ids"], json!(["anna", "phone"]));
        assert_eq!(told["drawn_as"], "anna");
        assert_eq!(
            traits(&told),
            json!({ "address": { "city": "Graz" }, "age": 41, "lang": "de", "plan": "pro" })
        );
        assert_eq!(told["traits"]["plan"]["at"], "2026-01-01T01:00:00.000Z");
        let group = &told["groups"][0];
        assert_eq!(
            (&group["id"], &group["traits"]["seats"]["value"]),
            (&json!("7"), &json!(5))
        );
        let assignment = &told["assignments"][0];
        assert_eq!(
            (&assignment["experiment"], &assignment["variant"]),
            (&json!("hero"), &variant)
        );
        assert_eq!(assignment["at"], "2026-01-01T00:00:00.000Z");
        assert_eq!(assignment["exposed"], "2026-01-01T01:00:00.000Z");
        assert_eq!(assignment["propensity"], 0.5);
        let event = &told["events"][0];
        assert_eq!(event["event"], "Order Completed");
        assert_eq!(event["amounts"], json!({ "revenue": 20.5 }));
        assert_eq!(event["metrics"][0]["experiment"], "hero");
        let mut other = held(&app, "anna");
        other["visitor"] = json!("phone");
        assert_eq!(other, told, "asked by another id");
        app.kill9();
        app.restart();
    }
}

#[test]
fn of_nobody_nothing_is_held() {
    let app = TestApp::start();
    app.get("/api/v1/visitors/nobody")
        .problem(404, "unknown_visitor");
    let long = "a".repeat(257);
    app.get(&format!("/api/v1/visitors/{long}"))
        .problem(400, "invalid_field");
}

#[test]
fn the_latest_value_stands_in_whatever_order_calls_arrive() {
    let day = |day: usize| format!("2025-12-{day:02}T00:00:00Z");
    let calls = vec![
        identify(
            "anna",
            "1",
            &day(1),
            &json!({ "plan": "free", "city": "Graz" }),
        ),
        identify(
            "anna",
            "2",
            &day(5),
            &json!({ "plan": "pro", "city": null }),
        ),
        identify(
            "anna",
            "3",
            &day(3),
            &json!({ "plan": "gold", "city": "Linz" }),
        ),
        identify(
            "phone",
            "4",
            &day(4),
            &json!({ "plan": "none", "lang": "de" }),
        ),
        json!({ "type": "alias", "previousId": "phone", "userId": "anna" }),
        json!({ "type": "group", "userId": "anna", "groupId": "g", "timestamp": day(2), "messageId": "5",
            "traits": { "seats": 1 } }),
        json!({ "type": "group", "userId": "phone", "groupId": "g", "timestamp": day(1), "messageId": "6",
            "traits": { "seats": 2 } }),
    ];
    let facts = |seed: u64| {
        let app = shop();
        let turned = shuffled(calls.clone(), seed);
        batch(&app, &turned);
        let once = held(&app, "anna");
        batch(&app, &turned);
        assert_eq!(held(&app, "anna"), once, "retries have no effect");
        json!([once["traits"], once["groups"], once["ids"]])
    };
    let first = facts(0);
    assert_eq!(first[0]["plan"]["value"], "pro");
    assert_eq!(first[0]["city"], Value::Null);
    assert_eq!(first[0]["lang"]["value"], "de");
    assert_eq!(first[1][0]["traits"]["seats"]["value"], 1);
    for seed in 1..5 {
        assert_eq!(facts(seed), first, "{seed}");
    }
}

#[test]
fn a_batchs_context_and_clock_hold_for_its_calls() {
    let app = shop();
    let body = json!({
        "sentAt": "2026-01-01T10:00:00Z",
        "context": { "traits": { "lang": "de" } },
        "batch": [
            { "type": "identify", "userId": "a", "messageId": "1", "timestamp": "2026-01-01T09:00:00Z", "traits": { "n": 1 } },
            { "type": "identify", "userId": "b", "messageId": "2", "context": { "traits": { "lang": "fr" } } },
        ],
    });
    app.post("/v1/batch", &body).expect(200);
    let one = held(&app, "a");
    assert_eq!(traits(&one), json!({ "lang": "de", "n": 1 }));
    assert_eq!(one["traits"]["n"]["at"], "2025-12-31T23:00:00.000Z");
    assert_eq!(traits(&held(&app, "b")), json!({ "lang": "fr" }));
}

#[test]
fn what_is_too_much_or_no_trait_is_told_apart_and_loses_nothing() {
    let app = shop();
    let many = |range: std::ops::Range<usize>| -> Value {
        Value::Object(range.map(|i| (format!("t{i}"), json!(i))).collect())
    };
    let at = "2025-12-01T00:00:00Z";
    let told = batch(
        &app,
        &[
            identify("anna", "1", at, &many(0..100)),
            identify("anna", "2", at, &many(90..140)),
            identify("anna", "3", at, &json!([1])),
            identify("anna", "4", at, &many(0..200)),
            identify("anna", "5", at, &json!({ "long": "x".repeat(17_000) })),
            json!({ "type": "group", "userId": "anna", "traits": { "seats": 1 } }),
            json!({ "type": "page", "userId": "anna", "messageId": "6", "context": { "traits": many(100..150) } }),
            json!({ "type": "track", "event": "x", "userId": "anna", "messageId": "7", "context": { "traits": 7 } }),
            identify("anna", "8", at, &many(100..128)),
        ],
    );
    let refused = told["rejected"].as_array().unwrap().iter();
    let mut refused: Vec<Value> = refused
        .map(|of| json!([of["index"], of["code"], of["path"]]))
        .collect();
    refused.sort_by_key(|of| of[0].as_u64());
    let expected = [
        json!([1, "too_many_traits", "traits"]),
        json!([2, "invalid_field", "traits"]),
        json!([3, "too_many_traits", "traits"]),
        json!([4, "too_many_traits", "traits"]),
        json!([5, "invalid_field", "groupId"]),
        json!([6, "too_many_traits", "traits"]),
        json!([7, "invalid_field", "context.traits"]),
    ];
    assert_eq!(refused, expected);
    assert_eq!(told["accepted"], 3, "the page is kept without its traits");
    let told = held(&app, "anna");
    assert_eq!(traits(&told).as_object().unwrap().len(), 128);
    assert_eq!(told["traits"]["t99"]["value"], 99);
}

#[test]
fn public_keys_may_tell_and_not_ask() {
    let app = TestApp::start();
    let key = |app: &TestApp, scopes: &Value, by: &[(&str, &str)]| {
        let body = json!({ "name": "k", "scopes": scopes }).to_string();
        let made = app
            .post_bytes("/api/v1/keys", by, body.as_bytes())
            .expect(201);
        made["secret"].as_str().unwrap().to_owned()
    };
    let admin = key(&app, &json!(["admin"]), &[]);
    let by = [("x-api-key", admin.as_str())];
    let public = key(&app, &json!(["assign", "events"]), &by);
    let reader = key(&app, &json!(["read"]), &by);
    let call = identify(
        "anna",
        "1",
        "2025-12-01T00:00:00Z",
        &json!({ "plan": "pro" }),
    );
    let own = [("x-api-key", public.as_str())];
    app.post_bytes("/v1/identify", &own, call.to_string().as_bytes())
        .expect(200);
    let get = |key: &str| {
        let headers = [("x-api-key", key)];
        app.try_send("GET", "/api/v1/visitors/anna", &headers, None)
            .unwrap()
    };
    get(&public).problem(403, "forbidden");
    assert_eq!(traits(&get(&reader).expect(200)), json!({ "plan": "pro" }));
}
