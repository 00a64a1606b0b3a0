//! Signing in, and what a session's cookie opens.

use serde_json::json;

use super::{definition, get, post, post_from};
use crate::harness::TestApp;

/// Makes a key and signs in with it; the secret and the cookie.
pub(super) fn signed_in(app: &TestApp, admin: &str, scopes: &[&str]) -> (String, String) {
    let body = json!({ "name": scopes.join("-"), "scopes": scopes }).to_string();
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str())];
    let made = app
        .try_send("POST", "/api/v1/keys", &headers, Some(body.as_bytes()))
        .unwrap();
    let secret = made.expect(201)["secret"].as_str().unwrap().to_owned();
    let answer = post(
        app,
        "/login",
        None,
        &[("key", &secret), ("next", "/experiments/hero")],
    );
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/experiments/hero"))
    );
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/")
    );
    (secret, cookie.split(';').next().unwrap().to_owned())
}

pub(super) fn admin(app: &TestApp) -> String {
    let made = app.post(
        "/api/v1/keys",
        &json!({ "name": "root", "scopes": ["admin"] }),
    );
    made.expect(201)["secret"].as_str().unwrap().to_owned()
}

#[test]
fn pages_are_for_who_signed_in() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    assert_eq!(get(&app, "/experiments/hero", None).status, 200);
    let admin = admin(&app);
    let away = get(&app, "/experiments/hero?show=absolute", None);
    let login = "/login?next=%2Fexperiments%2Fhero%3Fshow%3Dabsolute";
    assert_eq!((away.status, away.header("location")), (303, Some(login)));
    let wrong = post(&app, "/login", None, &[("key", "up_0_0"), ("next", "/")]);
    assert!(wrong.status == 401 && wrong.text.contains("no API key in force"));
    let (secret, reader) = signed_in(&app, &admin, &["read"]);
    let page = get(&app, "/experiments/hero", Some(&reader));
    assert!(page.status == 200 && !page.text.contains(&secret));
    // A reader sees no form, and may post none.
    assert!(!page.text.contains("/experiments/hero/start"));
    let refused = post(
        &app,
        "/experiments/hero/start",
        Some(&reader),
        &[("version", "1")],
    );
    assert!(refused.status == 403 && refused.text.contains("<!DOCTYPE html>"));
    // The cookie opens pages and nothing else.
    let headers = [("cookie", reader.as_str())];
    let api = app
        .try_send("GET", "/api/v1/experiments", &headers, None)
        .unwrap();
    api.problem(401, "unauthorized");
    let later = json!({ "now": "2026-01-01T12:00:00Z" }).to_string();
    let headers = [("authorization", format!("Bearer {admin}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    app.try_send("PUT", "/api/v1/clock", &headers, Some(later.as_bytes()))
        .unwrap()
        .expect(200);
    assert_eq!(get(&app, "/", Some(&reader)).status, 303);
}

#[test]
fn a_form_counts_from_an_own_page_with_a_session_for_the_present_version() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let admin = admin(&app);
    let (_, writer) = signed_in(&app, &admin, &["write"]);
    let path = "/experiments/hero/start";
    for origin in [None, Some("https://evil.example")] {
        let refused = post_from(&app, path, (Some(&writer), origin), &[("version", "1")]);
        assert!(refused.status == 403 && refused.text.contains("origin_forbidden"));
    }
    assert_eq!(post(&app, path, None, &[("version", "1")]).status, 303);
    let stale = post(&app, path, Some(&writer), &[("version", "7")]);
    assert!(stale.status == 412 && stale.text.contains("Somebody changed the experiment"));
    let done = post(&app, path, Some(&writer), &[("version", "1")]);
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/experiments/hero?done=started"))
    );
    let page = get(&app, "/experiments/hero?done=started", Some(&writer));
    assert!(page.text.contains("The experiment runs.") && page.text.contains("Running"));
    let out = post(&app, "/logout", Some(&writer), &[]);
    assert!(
        out.header("set-cookie")
            .unwrap()
            .starts_with("upswing_session=;")
    );
}

#[test]
fn figures_can_be_taken_along_with_a_session() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let open = app.get("/api/v1/experiments/hero/report?dimension=all&days=366&format=csv");
    let admin = admin(&app);
    let (_, reader) = signed_in(&app, &admin, &["read"]);
    let csv = get(&app, "/experiments/hero/report.csv", Some(&reader));
    assert_eq!((csv.status, &csv.text), (200, &open.text));
    let json = get(&app, "/experiments/hero/report.json", Some(&reader)).expect(200);
    assert_eq!(json["experiment"]["key"], "hero");
    let away = get(&app, "/experiments/hero/report.xlsx", None);
    assert_eq!(away.status, 303);
    let none = get(&app, "/experiments/hero/report.pdf", Some(&reader));
    assert!(none.status == 404 && none.text.contains("not_found"));
}

#[test]
fn a_form_says_all_that_is_wrong_and_defines_nothing_until_it_is_right() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let wrong = [("key", "hero"), ("holdout", "2"), ("act", "save")];
    let page = post(&app, "/new", None, &wrong);
    assert_eq!(page.status, 422);
    assert!(page.text.contains("is taken by another experiment"));
    assert!(page.text.contains("must be at least 0 and below 1"));
    assert!(page.text.contains("value=\"2\""), "what was typed stays");
    let mut right = vec![
        ("key", "shoes"),
        ("variants[0].key", "plain"),
        ("variants[2].key", "bold"),
        ("allocation.policy", "thompson"),
        ("metrics[0].key", "buy"),
        ("metrics[0].kind", "conversion"),
        ("metrics[0].event", "Order Completed"),
        ("metrics[1].direction", "decrease"),
    ];
    let checked = [&right[..], &[("act", "check")]].concat();
    let page = post(&app, "/new", None, &checked);
    assert!(page.status == 200 && page.text.contains("The definition is valid."));
    app.get("/api/v1/experiments/shoes")
        .problem(404, "unknown_experiment");
    right.push(("act", "save"));
    let done = post(&app, "/new", None, &right);
    assert_eq!(
        done.header("location"),
        Some("/experiments/shoes?done=created")
    );
    let shoes = app.get("/api/v1/experiments/shoes").expect(200);
    assert_eq!(
        (&shoes["variants"][1]["key"], &shoes["status"]),
        (&json!("bold"), &json!("draft"))
    );
}
