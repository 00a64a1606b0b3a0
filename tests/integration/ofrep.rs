//! OpenFeature's remote evaluation protocol, as its clients read it: types, reasons, errors, tags.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::{fixed, with};

const FLAGS: &str = "/ofrep/v1/evaluate/flags";

/// An even split of two values.
fn flag(key: &str, values: [Value; 2]) -> Value {
    let [control, treatment] = values;
    let variants = json!([
        { "key": "control", "value": control },
        { "key": "treatment", "value": treatment },
    ]);
    with(fixed(key), "variants", variants)
}

fn evaluate(app: &TestApp, key: &str, context: &Value) -> Answer {
    app.post(&format!("{FLAGS}/{key}"), &json!({ "context": context }))
}

/// The answer's error, which always has a code and details.
#[track_caller]
fn failure(answer: Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.expect(status);
    assert_eq!(body["errorCode"], code, "{body}");
    assert!(!body["errorDetails"].as_str().unwrap().is_empty());
    body
}

#[test]
fn a_flag_has_the_value_of_the_visitors_variant() {
    let app = TestApp::start();
    app.put_experiment(&flag("checkout", [json!(false), json!(true)]));
    let anna = json!({ "targetingKey": "anna", "country": "DE" });
    let body = evaluate(&app, "checkout", &anna).expect(200);
    let native = app.assign("anna", "checkout");
    assert_eq!(native["reason"], "sticky", "one assignment for both faces");
    let variant = native["variant"].as_str().unwrap();
    let expected = json!({
        "key": "checkout", "reason": "SPLIT", "variant": variant, "value": variant == "treatment",
        "metadata": {
            "experimentId": "checkout", "variantId": variant, "version": 1,
            "propensity": 0.5, "decisionId": "checkout/1/anna",
        },
    });
    assert_eq!(body, expected);
    assert_eq!(evaluate(&app, "checkout", &anna).expect(200), expected);
    assert_eq!(app.report("checkout").total_visitors(), 1);
}

#[test]
fn values_keep_their_type() {
    let app = TestApp::start();
    let cases = [
        ("text", json!("a"), json!("b")),
        ("whole", json!(3), json!(4)),
        ("fraction", json!(1.0), json!(1.5)),
        ("mixed", json!(0.5), json!(2.0)),
        ("object", json!({ "a": 1 }), json!({ "a": [2] })),
    ];
    for (key, control, treatment) in cases {
        let written = if key == "mixed" {
            json!(2)
        } else {
            treatment.clone()
        };
        app.put_experiment(&flag(key, [control.clone(), written]));
        let mut seen = Vec::new();
        for visitor in 0..20 {
            let context = json!({ "targetingKey": format!("v{visitor}") });
            seen.push(evaluate(&app, key, &context).expect(200)["value"].clone());
        }
        assert!(
            seen.contains(&control) && seen.contains(&treatment),
            "{seen:?}"
        );
        assert!(
            seen.iter()
                .all(|value| *value == control || *value == treatment)
        );
    }
    // Without values the payload is the value, and without payloads the variant's key.
    app.put_experiment(&fixed("payload"));
    let body = evaluate(&app, "payload", &json!({ "targetingKey": "anna" })).expect(200);
    assert!(body["value"]["headline"].is_string(), "{body}");
    let bare = json!([{ "key": "control" }, { "key": "treatment" }]);
    app.put_experiment(&with(fixed("bare"), "variants", bare));
    let body = evaluate(&app, "bare", &json!({ "targetingKey": "anna" })).expect(200);
    assert_eq!(body["value"], body["variant"]);
}

#[test]
fn reasons_are_words_that_every_client_knows() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("draft"), "status", json!("draft")));
    app.put_experiment(&with(
        fixed("german"),
        "audience",
        json!("visitor.country == 'DE'"),
    ));
    app.put_experiment(&fixed("done"));
    app.tell("done", "conclude", &json!({ "winner": "treatment" }));
    app.put_experiment(&with(fixed("ramp"), "traffic", json!(1e-9)));
    let context = json!({ "targetingKey": "anna", "country": "AT" });
    for (key, reason, variant) in [
        ("draft", "DISABLED", "control"),
        ("german", "TARGETING_MATCH", "control"),
        ("done", "STATIC", "treatment"),
        ("ramp", "UNKNOWN", "control"),
    ] {
        let body = evaluate(&app, key, &context).expect(200);
        assert_eq!(
            (&body["reason"], &body["variant"]),
            (&json!(reason), &json!(variant))
        );
        assert!(body["metadata"].get("propensity").is_none(), "{body}");
    }
}

#[test]
fn mistakes_have_a_code_and_details() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let path = format!("{FLAGS}/hero");
    let raw = |body: &str| app.post_bytes(&path, &[], body.as_bytes());
    for broken in ["", "{", "[]", "\"x\"", "{\"context\": {\"a\":}}"] {
        assert_eq!(failure(raw(broken), 400, "PARSE_ERROR")["key"], "hero");
    }
    for nobody in [
        "{}",
        "{\"context\":null}",
        "{\"context\":{\"targetingKey\":\"\"}}",
    ] {
        failure(raw(nobody), 400, "TARGETING_KEY_MISSING");
    }
    let long = "x".repeat(257);
    for context in [
        json!("anna"),
        json!({ "targetingKey": 7 }),
        json!({ "targetingKey": long }),
    ] {
        failure(evaluate(&app, "hero", &context), 400, "INVALID_CONTEXT");
    }
    let crowd: serde_json::Map<String, Value> =
        (0..65).map(|n| (format!("a{n}"), json!(n))).collect();
    failure(
        evaluate(&app, "hero", &json!(crowd)),
        400,
        "INVALID_CONTEXT",
    );
    let anna = json!({ "targetingKey": "anna" });
    let unknown = failure(evaluate(&app, "nothing", &anna), 404, "FLAG_NOT_FOUND");
    assert_eq!(unknown["key"], "nothing");
    assert_eq!(app.report("hero").total_visitors(), 0);
}

#[test]
fn all_flags_come_at_once_and_only_when_something_changed() {
    let app = TestApp::start();
    app.put_experiment(&flag("a", [json!("x"), json!("y")]));
    app.put_experiment(&fixed("b"));
    app.put_experiment(&with(fixed("draft"), "status", json!("draft")));
    let ask = |country: &str, headers: &[(&str, &str)]| {
        let context = json!({ "targetingKey": "anna", "country": country });
        let body = json!({ "context": context }).to_string();
        app.post_bytes(FLAGS, headers, body.as_bytes())
    };
    let first = ask("DE", &[]);
    let tag = first.header("etag").unwrap().to_owned();
    let flags = first.expect(200)["flags"].as_array().unwrap().clone();
    let keys: Vec<&str> = flags
        .iter()
        .map(|flag| flag["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["a", "b"]);
    assert!(
        flags
            .iter()
            .all(|flag| flag["metadata"].get("propensity").is_none())
    );
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let again = ask("DE", &[("if-none-match", &known)]);
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert_eq!(again.header("etag"), Some(tag.as_str()));
    }
    // Another attribute that changes nothing evaluates to the same.
    assert_eq!(ask("AT", &[("if-none-match", &tag)]).status, 304);
    let everyone = json!({ "winner": "treatment", "scope": "everyone" });
    app.tell("a", "conclude", &everyone);
    let changed = ask("DE", &[("if-none-match", &tag)]);
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[test]
fn flags_that_need_a_visitor_say_so_one_by_one() {
    let app = TestApp::start();
    app.put_experiment(&fixed("drawn"));
    app.put_experiment(&fixed("over"));
    app.tell("over", "conclude", &json!({ "winner": "treatment" }));
    let body = app.post(FLAGS, &json!({ "context": {} })).expect(200);
    let flags = body["flags"].as_array().unwrap();
    assert_eq!(flags[0]["key"], "drawn");
    assert_eq!(flags[0]["errorCode"], "TARGETING_KEY_MISSING");
    assert_eq!(
        (&flags[1]["variant"], &flags[1]["reason"]),
        (&json!("treatment"), &json!("STATIC"))
    );
}
