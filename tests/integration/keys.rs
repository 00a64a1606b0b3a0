//! API keys over HTTP: who may do what, how keys come and go, and what strangers are told.

mod faces;
mod history;
mod hostile;
mod lifecycle;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::fixed;

const SHOP: &str = "https://shop.example";

/// Makes a key with another one, or the first without; returns id and secret.
fn made(app: &TestApp, by: Option<&str>, wanted: &Value) -> (String, String) {
    let answer = send(app, "POST", "/api/v1/keys", by, Some(wanted));
    let body = answer.expect(201);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// The first key.
fn admin(app: &TestApp) -> String {
    made(app, None, &json!({ "name": "root", "scopes": ["admin"] })).1
}

/// A key with scopes alone.
fn key(app: &TestApp, admin: &str, scopes: &[&str]) -> String {
    made(app, Some(admin), &json!({ "name": "k", "scopes": scopes })).1
}

/// Revokes a key.
fn revoke(app: &TestApp, admin: &str, id: &str) {
    let path = format!("/api/v1/keys/{id}");
    send(app, "DELETE", &path, Some(admin), None).expect(200);
}

fn send(
    app: &TestApp,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> Answer {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<(&str, &str)> = bearer
        .iter()
        .map(|value| ("authorization", value.as_str()))
        .collect();
    let body = body.map(ToString::to_string);
    let body = body.as_ref().map(String::as_bytes);
    app.try_send(method, path, &headers, body).unwrap()
}

/// Every route, what it needs, and a body if it takes one.
const ROUTES: &[(&str, &str, &str, Option<&str>)] = &[
    (
        "POST",
        "/api/v1/assignments",
        "assign",
        Some(r#"{"visitor":"anna"}"#),
    ),
    (
        "POST",
        "/api/v1/assignments/batch",
        "assign",
        Some(r#"{"requests":[]}"#),
    ),
    (
        "POST",
        "/ofrep/v1/evaluate/flags",
        "assign",
        Some(r#"{"context":{}}"#),
    ),
    (
        "POST",
        "/ofrep/v1/evaluate/flags/hero",
        "assign",
        Some(r#"{"context":{"targetingKey":"anna"}}"#),
    ),
    (
        "POST",
        "/api/v1/events",
        "events",
        Some(r#"{"event":"x","visitor":"anna"}"#),
    ),
    (
        "POST",
        "/v1/track",
        "events",
        Some(r#"{"event":"x","userId":"anna"}"#),
    ),
    (
        "POST",
        "/api/v1/visitors/anna/alias",
        "events",
        Some(r#"{"to":"bea"}"#),
    ),
    ("POST", "/v1/batch", "events", Some(r#"{"batch":[]}"#)),
    ("GET", "/api/v1/experiments", "read", None),
    ("GET", "/api/v1/experiments/hero", "read", None),
    ("PUT", "/api/v1/experiments/hero", "write", Some("{}")),
    ("DELETE", "/api/v1/experiments/hero", "write", None),
    (
        "POST",
        "/api/v1/experiments/hero/start",
        "write",
        Some("{}"),
    ),
    (
        "POST",
        "/api/v1/experiments/hero/pause",
        "write",
        Some("{}"),
    ),
    (
        "POST",
        "/api/v1/experiments/hero/conclude",
        "write",
        Some("{}"),
    ),
    (
        "POST",
        "/api/v1/experiments/hero/reallocate",
        "write",
        Some("{}"),
    ),
    (
        "POST",
        "/api/v1/experiments/hero/revert",
        "write",
        Some("{}"),
    ),
    (
        "PUT",
        "/api/v1/experiments/hero/takeaway",
        "write",
        Some("{}"),
    ),
    ("GET", "/api/v1/experiments/hero/allocation", "read", None),
    ("GET", "/api/v1/experiments/hero/epochs", "read", None),
    ("GET", "/api/v1/experiments/hero/history", "read", None),
    (
        "GET",
        "/api/v1/experiments/hero/explain?visitor=anna",
        "read",
        None,
    ),
    (
        "POST",
        "/api/v1/experiments/hero/evaluate",
        "read",
        Some("{}"),
    ),
    ("GET", "/api/v1/experiments/hero/report", "read", None),
    ("GET", "/api/v1/holdout/report", "read", None),
    ("GET", "/api/v1/playbook", "read", None),
    ("GET", "/api/v1/events", "read", None),
    ("POST", "/api/v1/plan", "read", Some("{}")),
    ("POST", "/api/v1/import", "write", Some("{}")),
    ("GET", "/metrics", "read", None),
    ("GET", "/api/v1/clock", "read", None),
    (
        "PUT",
        "/api/v1/clock",
        "admin",
        Some(r#"{"now":"2026-01-01T00:00:00Z"}"#),
    ),
    ("GET", "/api/v1/keys", "admin", None),
    ("POST", "/api/v1/keys", "admin", Some("{}")),
    ("DELETE", "/api/v1/keys/0000000000000000", "admin", None),
];

#[test]
fn each_route_lets_in_who_has_its_scope_and_nobody_else() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let scopes = ["assign", "events", "force", "read", "write"];
    let keys: Vec<String> = scopes
        .iter()
        .map(|scope| key(&app, &admin, &[scope]))
        .collect();
    for (method, path, needed, body) in ROUTES {
        let body: Option<Value> = body.map(|body| serde_json::from_str(body).unwrap());
        let told = |key: Option<&str>| send(&app, method, path, key, body.as_ref()).status;
        assert_eq!(told(None), 401, "{method} {path} without a key");
        for (scope, key) in scopes.iter().zip(&keys) {
            let status = told(Some(key));
            let may = scope == needed || (*scope == "write" && *needed == "read");
            assert_eq!(status != 403, may, "{method} {path} with {scope}: {status}");
            assert_ne!(status, 401, "{method} {path} with {scope}");
        }
        let status = told(Some(&admin));
        assert!(
            status != 401 && status != 403,
            "{method} {path} with admin: {status}"
        );
    }
    let open = [
        "/health/live",
        "/health/ready",
        "/api/openapi.json",
        "/api/docs/",
    ];
    for path in open {
        app.get(path).expect(200);
    }
    app.get("/nowhere").problem(404, "not_found");
}

#[test]
fn a_key_comes_as_clients_send_it() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let key = key(&app, &admin, &["assign"]);
    let post = |path: &str, headers: &[(&str, &str)], body: &Value| {
        app.post_bytes(path, headers, body.to_string().as_bytes())
            .status
    };
    let visitor = json!({ "visitor": "anna" });
    let bearer = format!("bearer  {key}");
    let path = "/api/v1/assignments";
    assert_eq!(post(path, &[("authorization", &bearer)], &visitor), 200);
    assert_eq!(post(path, &[("x-api-key", &key)], &visitor), 200);
    // A gateway may have its own use for the other header.
    assert_eq!(
        post(
            path,
            &[("x-api-key", &key), ("authorization", "Bearer gateway")],
            &visitor
        ),
        200
    );
}

#[test]
fn a_write_key_comes_as_segments_clients_send_it() {
    let app = TestApp::start();
    let admin = admin(&app);
    let key = key(&app, &admin, &["events"]);
    let post = |path: &str, headers: &[(&str, &str)], body: &Value| {
        app.post_bytes(path, headers, body.to_string().as_bytes())
            .status
    };
    let basic = |user: &str| format!("Basic {}", BASE64_STANDARD.encode(user));
    let call = json!({ "userId": "anna", "event": "x" });
    let keyed = json!({ "userId": "anna", "event": "x", "writeKey": key });
    assert_eq!(
        post(
            "/v1/track",
            &[("authorization", &basic(&format!("{key}:")))],
            &call
        ),
        200
    );
    assert_eq!(
        post("/v1/t", &[("content-type", "text/plain")], &keyed),
        200
    );
    let batch =
        json!({ "batch": [{ "type": "track", "userId": "anna", "event": "x" }], "writeKey": key });
    assert_eq!(post("/v1/batch", &[], &batch), 200);
    app.get(&format!("/v1/projects/{key}/settings")).expect(200);
    app.get("/v1/projects/shop/settings")
        .problem(401, "unauthorized");
    for wrong in [
        json!({ "userId": "anna", "event": "x" }),
        json!({ "userId": "anna", "event": "x", "writeKey": "shop" }),
    ] {
        let answer = app.post("/v1/track", &wrong);
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
        answer.problem(401, "unauthorized");
    }
    assert_eq!(
        post("/v1/track", &[("authorization", &basic("shop:"))], &keyed),
        401
    );
}

#[test]
fn what_opens_nothing_is_refused() {
    let app = TestApp::start();
    let admin = admin(&app);
    let (id, revoked) = made(
        &app,
        Some(&admin),
        &json!({ "name": "old", "scopes": ["read"] }),
    );
    revoke(&app, &admin, &id);
    let mut near = admin.clone();
    near.pop();
    let wrong = format!("{near}{}", if admin.ends_with('0') { '1' } else { '0' });
    let huge = "x".repeat(20_000);
    let path = "/api/v1/experiments";
    for key in [
        revoked.as_str(),
        &near,
        &wrong,
        "",
        "up_",
        "up_0_0",
        "shop",
        &huge[..4_000],
    ] {
        let answer = send(&app, "GET", path, Some(key), None);
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"upswing\"")
        );
        answer.problem(401, "unauthorized");
        app.try_send("GET", path, &[("x-api-key", key)], None)
            .unwrap()
            .problem(401, "unauthorized");
    }
    for value in ["Basic", "Basic ====", "Basic eA==", "Digest x=1", "Bearer"] {
        app.try_send("GET", path, &[("authorization", value)], None)
            .unwrap()
            .problem(401, "unauthorized");
    }
}

#[test]
fn a_list_has_no_secrets() {
    let app = TestApp::start();
    let admin = admin(&app);
    let (id, revoked) = made(
        &app,
        Some(&admin),
        &json!({ "name": "old", "scopes": ["read"] }),
    );
    let path = format!("/api/v1/keys/{id}");
    send(&app, "DELETE", &path, Some(&admin), None).expect(200);
    let listed = send(&app, "GET", "/api/v1/keys", Some(&admin), None).expect(200);
    let old = listed["keys"].as_array().unwrap().iter();
    let old = old.clone().find(|key| key["id"] == id.as_str());
    assert!(old.unwrap()["revoked_at"].is_string(), "{listed}");
    for secret in [&revoked, &admin] {
        assert!(
            !listed.to_string().contains(&secret[20..]),
            "secrets are never shown again"
        );
    }
    assert!(!listed.to_string().contains("hash"));
}
