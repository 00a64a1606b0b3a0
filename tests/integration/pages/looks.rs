//! Links to a variant: whoever has one sees it, and nobody is counted.

use serde_json::{Value, json};

use super::session::{admin, signed_in};
use super::{definition, get};
use crate::client::Answer;
use crate::harness::TestApp;

const WEEK_LATER: &str = "2026-01-08T00:00:00.000Z";

/// The tokens of an experiment's page, by variant in order.
fn tokens(app: &TestApp, path: &str, cookie: Option<&str>) -> Vec<String> {
    let page = get(app, path, cookie).text;
    let links = page.split("href=\"/demo/shop?upswing_qa=").skip(1);
    let tokens: Vec<String> = links
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    for token in &tokens {
        assert!(page.contains("<code class=\"token\" tabindex=\"0\" aria-label=\"For "));
        assert!(page.contains(&format!(">?upswing_qa={token}</code>")));
    }
    tokens
}

fn post(app: &TestApp, path: &str, key: Option<&str>, body: &Value) -> Answer {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<(&str, &str)> = bearer
        .iter()
        .map(|value| ("authorization", value.as_str()))
        .collect();
    let body = body.to_string();
    app.try_send("POST", path, &headers, Some(body.as_bytes()))
        .unwrap()
}

fn native(app: &TestApp, key: Option<&str>, token: &str) -> Answer {
    let body = json!({ "visitor": "qa", "qa": token });
    post(app, "/api/v1/assignments", key, &body)
}

fn flag(app: &TestApp, key: Option<&str>, token: &Value) -> Value {
    let body = json!({ "context": { "targetingKey": "qa", "upswing_qa": token } });
    post(app, "/ofrep/v1/evaluate/flags/hero", key, &body).expect(200)
}

fn start(app: &TestApp) {
    for key in ["hero", "other"] {
        app.put_experiment(&definition(key));
        app.tell(key, "start", &json!({}));
    }
}

/// A public key for the shop.
fn public(app: &TestApp, admin: &str) -> String {
    let body = json!({ "name": "web", "scopes": ["assign"] });
    let made = post(app, "/api/v1/keys", Some(admin), &body).expect(201);
    made["secret"].as_str().unwrap().to_owned()
}

fn report(app: &TestApp, key: &str, admin: &str) -> Value {
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/api/v1/experiments/{key}/report");
    let answer = app.try_send("GET", &path, &headers, None).unwrap();
    answer.expect(200)
}

#[test]
fn a_link_forces_its_variant_on_every_face_and_counts_nothing() {
    let app = TestApp::start();
    start(&app);
    let admin = admin(&app);
    let (_, writer) = signed_in(&app, &admin, &["write"]);
    let (_, reader) = signed_in(&app, &admin, &["read"]);
    let web = public(&app, &admin);
    assert!(tokens(&app, "/experiments/hero", Some(&reader)).is_empty());
    let tokens = tokens(&app, "/experiments/hero", Some(&writer));
    assert_eq!(tokens.len(), 2);
    for (token, variant) in tokens.iter().zip(["a", "b"]) {
        let body = json!({ "visitor": "qa", "qa": token, "experiments": ["hero"] });
        let answer = post(&app, "/api/v1/assignments", Some(&web), &body).expect(200);
        let hero = &answer["assignments"][0];
        assert_eq!(
            (&hero["variant"], &hero["reason"]),
            (&json!(variant), &json!("forced"))
        );
        assert!(hero["epoch"].is_null() && hero["propensity"].is_null());
        let both = json!({ "requests": [body, { "visitor": "qa", "qa": "x" }] });
        let path = "/api/v1/assignments/batch";
        let batch = post(&app, path, Some(&web), &both).expect(200);
        assert_eq!(batch["results"][0]["assignments"][0]["reason"], "forced");
        assert_eq!(batch["results"][1]["error"]["code"], "unknown_link");
        let single = flag(&app, Some(&web), &json!(token));
        assert_eq!(
            (&single["variant"], &single["reason"]),
            (&json!(variant), &json!("STATIC"))
        );
        let context = json!({ "context": { "targetingKey": "qa", "upswing_qa": token } });
        let bulk = post(&app, "/ofrep/v1/evaluate/flags", Some(&web), &context).expect(200);
        assert_eq!(bulk["flags"][0], single);
        assert_eq!(
            (&bulk["flags"][1]["key"], &bulk["flags"][1]["reason"]),
            (&json!("other"), &json!("SPLIT"))
        );
    }
    assert_eq!(report(&app, "hero", &admin)["visitors"], 0);
    let other = report(&app, "other", &admin);
    assert_eq!(other["visitors"], 1, "the bulk evaluation drew it");
}

#[test]
fn a_link_ends_with_its_week_and_with_its_key() {
    let app = TestApp::start();
    start(&app);
    let open = tokens(&app, "/experiments/hero", None);
    native(&app, None, &open[0]).expect(200);
    let admin = admin(&app);
    // What was made without a key is worth nothing once there is one.
    native(&app, Some(&admin), &open[0]).problem(404, "unknown_link");
    let (secret, writer) = signed_in(&app, &admin, &["write"]);
    let first = tokens(&app, "/experiments/hero", Some(&writer));
    let headers = [("authorization", format!("Bearer {admin}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let now = json!({ "now": WEEK_LATER }).to_string();
    app.try_send("PUT", "/api/v1/clock", &headers, Some(now.as_bytes()))
        .unwrap()
        .expect(200);
    native(&app, Some(&admin), &first[0]).problem(410, "link_expired");
    assert_eq!(
        flag(&app, Some(&admin), &json!(first[0]))["reason"],
        "SPLIT"
    );
    let page = app
        .try_send("GET", "/experiments/hero", &[("x-api-key", &secret)], None)
        .unwrap();
    let rest = page.text.split("upswing_qa=").nth(1).unwrap();
    let second = rest.split('"').next().unwrap();
    native(&app, Some(&admin), second).expect(200);
    let id = &secret[3..19];
    app.try_send("DELETE", &format!("/api/v1/keys/{id}"), &headers, None)
        .unwrap()
        .expect(200);
    native(&app, Some(&admin), second).problem(404, "unknown_link");
    assert_eq!(flag(&app, Some(&admin), &json!(second))["reason"], "SPLIT");
}

#[test]
fn hostile_tokens_are_told_apart_from_good_ones() {
    let app = TestApp::start();
    start(&app);
    let tokens = tokens(&app, "/experiments/hero", None);
    let good = &tokens[1];
    let forged = format!("{}{}", &tokens[0][..48], &good[48..]);
    let long = "f".repeat(100_000);
    let texts = [
        "",
        "x",
        "é",
        "' OR 1=1",
        &good[1..],
        &good.to_uppercase(),
        &forged,
        &long,
    ];
    for token in texts {
        native(&app, None, token).problem(404, "unknown_link");
        assert_eq!(
            flag(&app, None, &json!(token))["reason"],
            "SPLIT",
            "{token}"
        );
    }
    for token in [json!(7), json!([good]), json!({ "a": good }), json!(true)] {
        let body = json!({ "visitor": "qa", "qa": token });
        post(&app, "/api/v1/assignments", None, &body).problem(400, "invalid_body");
        assert_eq!(flag(&app, None, &token)["reason"], "SPLIT");
    }
    assert_eq!(flag(&app, None, &Value::Null)["reason"], "SPLIT");
    // A crowded context keeps its attributes: the token is none.
    let mut context: serde_json::Map<String, Value> =
        (0..64).map(|n| (format!("a{n}"), json!(n))).collect();
    context.insert("targetingKey".into(), json!("qa"));
    context.insert("upswing_qa".into(), json!(good));
    let crowded = post(
        &app,
        "/ofrep/v1/evaluate/flags/hero",
        None,
        &json!({ "context": context }),
    )
    .expect(200);
    assert_eq!(
        (&crowded["variant"], &crowded["reason"]),
        (&json!("b"), &json!("STATIC"))
    );
}

#[test]
fn a_draft_is_looked_at_before_it_starts_and_an_archived_one_no_more() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let tokens = tokens(&app, "/experiments/hero", None);
    let answer = native(&app, None, &tokens[1]).expect(200);
    assert_eq!(answer["assignments"][0]["variant"], "b");
    let nothing = app.assignments(&json!({ "visitor": "anna" }));
    assert!(nothing.is_empty(), "others do not hear of a draft");
    app.try_send("DELETE", "/api/v1/experiments/hero", &[], None)
        .unwrap()
        .expect(200);
    native(&app, None, &tokens[1]).problem(404, "unknown_link");
    assert!(
        !get(&app, "/experiments/hero", None)
            .text
            .contains("upswing_qa")
    );
}
