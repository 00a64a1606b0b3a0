//! The playbook: what was tried, what came of it, and what was learned.

use serde_json::{Value, json};

use crate::harness::{Settings, TestApp};
use crate::model::{fixed, order, with};

fn plays(app: &TestApp, query: &str) -> Vec<Value> {
    let body = app.get(&format!("/api/v1/playbook{query}")).expect(200);
    body["plays"].as_array().unwrap().clone()
}

fn keys(app: &TestApp, query: &str) -> Vec<String> {
    let keys = plays(app, query);
    let keys = keys.iter().map(|play| play["key"].as_str().unwrap());
    keys.map(str::to_owned).collect()
}

fn archive(app: &TestApp, key: &str) {
    let path = format!("/api/v1/experiments/{key}");
    let answer = app.try_send("DELETE", &path, &[], None).unwrap();
    answer.expect(200);
}

/// An experiment with words for every field of a tactic.
fn nudge() -> Value {
    let mut nudge = fixed("nudge");
    for (field, text) in [
        ("name", "Nudge in the cart"),
        (
            "hypothesis",
            "A reason to finish now gets more carts to checkout",
        ),
        ("owner", "Größe & Söhne"),
        ("touchpoint", "web/cart"),
        ("content", "A line under the total"),
        ("review", "2026-03-01"),
        ("audience", "visitor.cart_value >= 0.0"),
    ] {
        nudge[field] = json!(text);
    }
    nudge
}

/// Every twentieth of the control's visitors buys, and every fifth of the others.
fn sell(app: &TestApp) {
    let visitor =
        |i: usize| json!({ "visitor": format!("v{i}"), "attributes": { "cart_value": 1.0 } });
    let requests: Vec<Value> = (0..1_000).map(visitor).collect();
    let batch = app.post(
        "/api/v1/assignments/batch",
        &json!({ "requests": requests }),
    );
    let batch = batch.expect(200);
    let answers = batch["results"].as_array().unwrap().iter();
    let orders = answers.enumerate().filter_map(|(i, answer)| {
        let is_control = answer["assignments"][0]["variant"] == "control";
        let every = if is_control { 20 } else { 5 };
        let id = format!("o{i}");
        (i % every == 0).then(|| order(&format!("v{i}"), &id, "2026-01-01T00:00:00Z", 50.0))
    });
    for orders in orders.collect::<Vec<_>>().chunks(100) {
        app.track(&json!(orders));
    }
}

#[test]
fn a_play_has_its_tactic_and_the_results_of_its_report() {
    let app = TestApp::start();
    app.put_experiment(&nudge());
    sell(&app);
    app.advance_clock("2026-01-20T00:00:00Z");
    app.tell("nudge", "conclude", &json!({ "winner": "treatment" }));
    let play = plays(&app, "").remove(0);
    for (field, text) in nudge().as_object().unwrap() {
        let is_of_tactic = [
            "hypothesis",
            "owner",
            "touchpoint",
            "content",
            "review",
            "audience",
        ];
        if is_of_tactic.contains(&field.as_str()) {
            assert_eq!(play["tactic"][field], *text, "{field}");
        }
    }
    assert_eq!(play["name"], "Nudge in the cart");
    assert_eq!(play["tactic"]["metric"], "purchase");
    assert_eq!(play["tactic"]["variants"], json!(["control", "treatment"]));
    assert_eq!(
        (&play["status"], &play["winner"]),
        (&json!("concluded"), &json!("treatment"))
    );
    assert_eq!(play["concluded_at"], "2026-01-20T00:00:00.000Z");
    let report = app.report("nudge");
    assert_eq!(play["result"]["headline"], report.0["verdict"]["headline"]);
    assert_eq!(play["result"]["decision"], report.0["verdict"]["decision"]);
    assert_eq!(play["result"]["visitors"], 1_000);
    let headline = &report.comparison("purchase", "treatment")["headline"];
    let lift = &play["result"]["lift"];
    assert_eq!(
        (&lift["metric"], &lift["variant"]),
        (&json!("purchase"), &json!("treatment"))
    );
    assert_eq!(lift["relative"], headline["relative"]);
    assert!(lift["relative"]["low"].as_f64().unwrap() > 0.0, "{lift}");
    assert_eq!(lift["conclusive"], true);
    assert_eq!(
        (&play["needs_takeaway"], &play["takeaway"]),
        (&json!(true), &Value::Null)
    );
}

/// What was learned, whether that is missing, and which variant was chosen.
fn learned(app: &TestApp, key: &str) -> (Value, Value, Value) {
    let all = plays(app, "");
    let play = all.iter().find(|play| play["key"] == key).unwrap();
    let field = |name: &str| play[name].clone();
    (field("takeaway"), field("needs_takeaway"), field("winner"))
}

#[test]
fn a_concluded_experiment_asks_for_a_takeaway() {
    let app = TestApp::start();
    app.put_experiment(&fixed("one"));
    app.put_experiment(&fixed("two"));
    assert_eq!(learned(&app, "two").1, false);
    let end = json!({ "winner": "treatment", "takeaway": "  Shorter is better.  " });
    let shown = app.tell("one", "conclude", &end);
    assert_eq!(shown["takeaway"], "Shorter is better.");
    app.tell("two", "conclude", &json!({}));
    let of = |key: &str| learned(&app, key);
    let told = (
        json!("Shorter is better."),
        json!(false),
        json!("treatment"),
    );
    assert_eq!(of("one"), told);
    assert_eq!(of("two"), (Value::Null, json!(true), json!("control")));
    let history = app.get("/api/v1/experiments/one/history").expect(200);
    let changes = &history["changes"];
    let concluded = json!({ "change": "learned", "takeaway": "Shorter is better." });
    assert_eq!(changes[0]["what"], concluded);
    assert_eq!(changes[1]["what"]["change"], "concluded");
}

#[test]
fn a_takeaway_may_be_put_otherwise_at_any_time() {
    let mut app = TestApp::start();
    app.put_experiment(&fixed("two"));
    let path = "/api/v1/experiments/two/takeaway";
    let long = "x".repeat(2_001);
    for wrong in [json!({}), json!({ "text": " \n" }), json!({ "text": long })] {
        app.put(path, &wrong).problem(400, "invalid_body");
    }
    let end = json!({ "takeaway": long });
    let ended = app.post("/api/v1/experiments/two/conclude", &end);
    ended.problem(400, "invalid_body");
    assert_eq!(
        app.get("/api/v1/experiments/two").expect(200)["status"],
        "running"
    );
    let first = json!({ "text": "Nobody reads it." });
    let shown = app.put(path, &first).expect(200);
    assert_eq!(shown["takeaway"], "Nobody reads it.");
    let again = app.put(path, &first).expect(200);
    assert_eq!(again["note"], "Nothing changed.");
    let elsewhere = "/api/v1/experiments/three/takeaway";
    app.put(elsewhere, &first)
        .problem(404, "unknown_experiment");
    archive(&app, "two");
    // Long enough to span chunks of the store.
    let better = "é".repeat(2_000);
    app.put(path, &json!({ "text": better })).expect(200);
    app.kill9();
    app.restart();
    assert_eq!(learned(&app, "two").0, better.as_str());
    let history = app.get("/api/v1/experiments/two/history").expect(200);
    let changes = history["changes"].as_array().unwrap().iter();
    let texts = changes.filter_map(|of| of["what"]["takeaway"].as_str());
    let texts: Vec<&str> = texts.collect();
    assert_eq!(texts, [better.as_str(), "Nobody reads it."]);
}

#[test]
fn a_file_keeps_its_experiment_and_anybody_may_say_what_was_learned() {
    let toml = r#"
key = "filed"
status = "running"
content = "A badge"
variants = [{ key = "a" }, { key = "b" }]
metrics = [{ key = "buys", event = "Order Completed", kind = "conversion", role = "goal" }]
"#;
    let app = TestApp::with(Settings::default(), &[("filed.toml", toml)]);
    let learned = json!({ "text": "Badges work." });
    let path = "/api/v1/experiments/filed/takeaway";
    assert_eq!(
        app.put(path, &learned).expect(200)["takeaway"],
        "Badges work."
    );
    assert_eq!(keys(&app, "?q=badges+badge"), ["filed"]);
}

#[test]
fn all_words_must_occur_in_any_case_and_place() {
    let app = TestApp::start();
    app.put_experiment(&nudge());
    app.put_experiment(&with(fixed("hero"), "name", json!("The first picture")));
    app.tell(
        "hero",
        "conclude",
        &json!({ "takeaway": "Faces beat landscapes" }),
    );
    app.put_experiment(&fixed("gone"));
    archive(&app, "gone");
    assert_eq!(keys(&app, "").len(), 3);
    let cases: [(&str, &[&str]); 9] = [
        ("NUDGE", &["nudge"]),
        ("checkout+line+gr%C3%B6%C3%9Fe", &["nudge"]),
        ("checkout+picture", &[]),
        ("LANDSCAPES+faces", &["hero"]),
        ("cart_value", &["nudge"]),
        ("still+thinking", &["gone", "hero", "nudge"]),
        ("no+visitor+has+been+assigned+hero", &["hero"]),
        ("treatment+2026-03-01", &["nudge"]),
        ("++", &["gone", "hero", "nudge"]),
    ];
    for (query, expected) in cases {
        let mut found = keys(&app, &format!("?q={query}"));
        found.sort();
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(keys(&app, "?status=concluded"), ["hero"]);
    assert_eq!(keys(&app, "?status=running&q=cart"), ["nudge"]);
    app.get("/api/v1/playbook?status=lost")
        .problem(400, "invalid_query");
    app.get("/api/v1/playbook?words=x")
        .problem(400, "invalid_query");
}
