//! Consent: who denies is served control and leaves nothing behind but that.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::{fixed, order_named, row};

const GPC: [(&str, &str); 1] = [("sec-gpc", "1")];

fn consent(app: &TestApp, visitor: &str, state: &str) -> Value {
    let path = format!("/api/v1/visitors/{visitor}/consent");
    app.put(&path, &json!({ "state": state })).expect(200)
}

fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    app.post_bytes(path, headers, body.to_string().as_bytes())
}

/// Reason and variant of an answer.
fn short(of: &Value) -> (&str, &str) {
    (
        of["reason"].as_str().unwrap(),
        of["variant"].as_str().unwrap(),
    )
}

fn kinds(app: &TestApp, visitor: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?visitor={visitor}");
    let told = app.get(&path).expect(200);
    let events = told["events"].as_array().unwrap().iter();
    events.map(|of| of["fate"]["kind"].clone()).collect()
}

#[test]
fn who_denies_gets_control_and_leaves_nothing_behind() {
    let mut app = TestApp::with_args(&["--global-holdout", "0.01"]);
    app.put_experiment(&fixed("hero"));
    assert_eq!(consent(&app, "anna", "denied")["changed"], true);
    assert_eq!(consent(&app, "anna", "denied")["changed"], false);
    for _ in 0..2 {
        assert_eq!(
            short(&app.assign("anna", "hero")),
            ("no_consent", "control")
        );
        let told = app.track(&json!([order_named("anna", "m1", "o1", 9.0), { "event": "x", "visitor": "bert", "id": "x1" }]));
        assert_eq!(told["no_consent"], 1, "{told}");
        let calls = json!({ "batch": [
            { "type": "identify", "userId": "anna", "messageId": "i1", "traits": { "plan": "pro" } },
            { "type": "alias", "previousId": "phone", "userId": "anna" },
            { "type": "page", "userId": "anna", "messageId": "p1" },
        ] });
        app.post("/v1/batch", &calls).expect(200);
        let flag = json!({ "context": { "targetingKey": "anna" } });
        let flag = app.post("/ofrep/v1/evaluate/flags/hero", &flag).expect(200);
        assert_eq!(
            (&flag["reason"], &flag["variant"]),
            (&json!("UNKNOWN"), &json!("control"))
        );
        let rows = [
            row(
                json!({ "visitor": "anna", "event": "y", "id": "y1", "timestamp": "2025-12-01T00:00:00Z" }),
            ),
            json!({ "type": "assignment", "visitor": "anna", "experiment": "hero", "variant": "treatment",
                "timestamp": "2025-12-01T00:00:00Z" }),
        ];
        assert_eq!(app.import(&rows)["no_consent"], 2);
        let held = app.get("/api/v1/visitors/anna").expect(200);
        assert_eq!(held["consent"]["state"], "denied");
        for part in ["assignments", "events", "exposures", "groups"] {
            assert_eq!(held[part], json!([]), "{part}");
        }
        assert_eq!(
            (&held["traits"], &held["remembered"]),
            (&json!({}), &json!(0))
        );
        app.get("/api/v1/visitors/phone")
            .problem(404, "unknown_visitor");
        assert_eq!(app.report("hero").total_visitors(), 0);
        assert!(kinds(&app, "anna").iter().all(|kind| kind == "no_consent"));
        app.kill9();
        app.restart();
    }
}

#[test]
fn a_yes_counts_from_then_on_and_a_no_keeps_what_was_stored() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    consent(&app, "anna", "denied");
    app.assign("anna", "hero");
    assert_eq!(consent(&app, "anna", "granted")["changed"], true);
    assert_eq!(app.assign("anna", "hero")["reason"], "split");
    assert_eq!(
        app.track(&order_named("anna", "m1", "o1", 9.0))["accepted"],
        1
    );
    let kept = app.assign("anna", "hero")["variant"].clone();
    consent(&app, "anna", "denied");
    assert_eq!(
        short(&app.assign("anna", "hero")),
        ("no_consent", "control")
    );
    consent(&app, "anna", "granted");
    let again = app.assign("anna", "hero");
    assert_eq!(
        (&again["variant"], &again["reason"]),
        (&kept, &json!("sticky"))
    );
}

#[test]
fn a_browser_that_opts_out_is_not_kept_in_mind() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let ask = json!({ "visitor": "anna", "experiments": ["hero"] });
    let answer = post(&app, "/api/v1/assignments", &GPC, &ask).expect(200);
    assert_eq!(short(&answer["assignments"][0]), ("no_consent", "control"));
    let batch = json!({ "requests": [ask] });
    let answer = post(&app, "/api/v1/assignments/batch", &GPC, &batch).expect(200);
    let first = &answer["results"][0]["assignments"][0];
    assert_eq!(short(first), ("no_consent", "control"));
    let context = json!({ "context": { "targetingKey": "anna" } });
    for path in ["/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/hero"] {
        post(&app, path, &GPC, &context).expect(200);
    }
    let order = order_named("anna", "m1", "o1", 9.0);
    let told = post(&app, "/api/v1/events", &GPC, &order).expect(202);
    assert_eq!(
        told,
        json!({ "accepted": 0, "duplicates": 0, "no_consent": 1, "rejected": [] })
    );
    let call = json!({ "userId": "anna", "messageId": "i1", "traits": { "plan": "pro" } });
    post(&app, "/v1/identify", &GPC, &call).expect(200);
    let to = json!({ "to": "bert" });
    let joined = post(&app, "/api/v1/visitors/anna/alias", &GPC, &to).expect(200);
    assert_eq!(joined["joined"], false);
    app.get("/api/v1/visitors/anna")
        .problem(404, "unknown_visitor");
    assert_eq!(kinds(&app, "anna"), ["no_consent", "no_consent"]);
    // The header is that of a request: another one counts.
    assert_eq!(app.assign("anna", "hero")["reason"], "split");
    assert_eq!(app.track(&order)["accepted"], 1);
}

#[test]
fn where_nobody_is_kept_in_mind_unasked_a_yes_counts_for_the_person() {
    let app = TestApp::with_args(&["--consent", "denied"]);
    app.put_experiment(&fixed("hero"));
    let login = json!({ "userId": "anna", "anonymousId": "phone", "messageId": "i1", "traits": { "plan": "pro" } });
    assert_eq!(app.assign("phone", "hero")["reason"], "no_consent");
    app.post("/v1/identify", &login).expect(200);
    for id in ["phone", "anna"] {
        app.get(&format!("/api/v1/visitors/{id}"))
            .problem(404, "unknown_visitor");
    }
    consent(&app, "phone", "granted");
    assert_eq!(app.assign("phone", "hero")["reason"], "split");
    app.post("/v1/identify", &login).expect(200);
    let held = app.get("/api/v1/visitors/anna").expect(200);
    assert_eq!(held["consent"]["state"], "granted");
    assert_eq!(held["traits"]["plan"]["value"], "pro");
    // Who says no is not joined, whatever the other said.
    consent(&app, "tablet", "denied");
    let joined = app.post("/api/v1/visitors/tablet/alias", &json!({ "to": "anna" }));
    assert_eq!(joined.expect(200)["joined"], false);
    assert_eq!(app.assign("tablet", "hero")["reason"], "no_consent");
    assert_eq!(app.assign("anna", "hero")["reason"], "sticky");
}

#[test]
fn a_consent_that_is_none_is_refused() {
    let app = TestApp::start();
    for bad in [
        json!({}),
        json!({ "state": "maybe" }),
        json!({ "state": "denied", "by": "me" }),
        json!(7),
    ] {
        app.put("/api/v1/visitors/anna/consent", &bad)
            .problem(400, "invalid_body");
    }
    app.get("/api/v1/visitors/anna")
        .problem(404, "unknown_visitor");
    app.get("/api/v1/visitors/anna/consent")
        .problem(405, "method_not_allowed");
}
