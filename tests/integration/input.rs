//! Bad input: every mistake gets an answer with a stable code and the place of the mistake, and costs nobody else
//! anything.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::{fixed, near, order, with};

const EVENTS: &str = "/api/v1/events";
const ASSIGNMENTS: &str = "/api/v1/assignments";

/// A server with an assigned visitor, to see that good events still count.
pub(crate) fn ready() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app
}

/// A good event still counts.
#[track_caller]
fn still_counts(app: &TestApp) {
    let before = app.report("hero").total("revenue");
    let id = format!("still {before}");
    let event = order("anna", &id, "2026-01-01T00:00:00Z", 1.0);
    assert_eq!(app.track(&event)["accepted"], 1);
    assert!(near(app.report("hero").total("revenue"), before + 1.0));
}

fn event_with(key: &str, value: Value) -> Value {
    let good = order("anna", "x", "2026-01-01T00:00:00Z", 1.0);
    with(good, key, value)
}

/// Asserts the code and the path of a problem with one place.
#[track_caller]
fn refused(answer: Answer, code: &str, path: &str) {
    let body = answer.problem(400, code);
    assert_eq!(body["errors"][0]["path"], path, "{body}");
    assert!(!body["errors"][0]["detail"].as_str().unwrap().is_empty());
}

#[test]
fn single_events_are_refused_with_code_and_path() {
    let app = ready();
    for (key, value, code) in [
        ("visitor", json!(""), "invalid_body"),
        ("visitor", json!("x".repeat(257)), "invalid_body"),
        ("visitor", json!(7), "invalid_body"),
        ("id", json!(""), "invalid_body"),
        ("id", json!("x".repeat(257)), "invalid_body"),
        ("event", json!(null), "invalid_body"),
        ("colour", json!("red"), "invalid_body"),
        (
            "timestamp",
            json!("1900-01-01T00:00:00Z"),
            "timestamp_out_of_range",
        ),
        (
            "timestamp",
            json!("2200-01-01T00:00:00Z"),
            "timestamp_out_of_range",
        ),
        (
            "timestamp",
            json!(-2_208_988_800_000_i64),
            "timestamp_out_of_range",
        ),
        (
            "timestamp",
            json!(7_258_118_400_000_i64),
            "timestamp_out_of_range",
        ),
        (
            "timestamp",
            json!("2026-01-02T00:00:00.001Z"),
            "timestamp_out_of_range",
        ),
        ("timestamp", json!("yesterday"), "invalid_field"),
        ("timestamp", json!(1.5), "invalid_field"),
        ("timestamp", json!({}), "invalid_field"),
        ("properties", json!([1]), "invalid_field"),
        ("properties", json!("revenue"), "invalid_field"),
    ] {
        let event = event_with(key, value);
        refused(app.post(EVENTS, &event), code, key);
    }
    still_counts(&app);
}

#[test]
fn amounts_that_are_no_numbers_are_refused() {
    let app = ready();
    for amount in [
        "\"12,50\"",
        "\"NaN\"",
        "1e400",
        "1e10",
        "\"inf\"",
        "\"\"",
        "true",
        "{}",
        "[1]",
    ] {
        let event = event_with("properties", json!({ "revenue": "?" }));
        let text = event.to_string().replace("\"?\"", amount);
        let answer = app.post_bytes(EVENTS, &[], text.as_bytes());
        let code = if amount == "1e400" {
            "invalid_field"
        } else {
            "invalid_amount"
        };
        refused(answer, code, "properties.revenue");
    }
    still_counts(&app);
}

#[test]
fn limits_are_inclusive_and_clocks_may_be_a_little_fast() {
    let app = ready();
    let longest = order("anna", &"x".repeat(256), "2026-01-01T00:00:00Z", 1.0);
    assert_eq!(app.track(&longest)["accepted"], 1);
    let future = order("anna", "soon", "2026-01-01T23:59:59Z", 1.0);
    assert_eq!(app.track(&future)["accepted"], 1, "slightly ahead is now");
    assert_eq!(
        app.track(&event_with("properties", json!(null)))["accepted"],
        1
    );
}

#[test]
fn bodies_that_are_no_json_are_refused() {
    let app = ready();
    for path in [EVENTS, ASSIGNMENTS, "/api/v1/assignments/batch"] {
        for bytes in [
            &b"{\"visitor\":\"\xff\xfe\"}"[..],
            b"",
            b"null",
            b"3",
            b"{",
            b"{\"visitor\":NaN}",
            b"{\"visitor\":\"a\"} {}",
        ] {
            app.post_bytes(path, &[], bytes)
                .problem(400, "invalid_body");
        }
    }
    let lone = br#"{"visitor":"anna","attributes":{"a":"\ud800"}}"#;
    app.post_bytes(ASSIGNMENTS, &[], lone)
        .problem(400, "invalid_body");
    let members = br#"["anna",null,{},null,null,null,{}]"#;
    app.post_bytes(ASSIGNMENTS, &[], members)
        .problem(400, "invalid_body");
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!("{{\"visitor\":\"anna\",\"attributes\":{{\"a\":{nested}}}}}");
    app.post_bytes(ASSIGNMENTS, &[], deep.as_bytes())
        .problem(400, "invalid_body");
    let one_bad_item = app.post_bytes(EVENTS, &[], nested.as_bytes()).expect(400);
    assert_eq!(one_bad_item["rejected"][0]["index"], 0);
    still_counts(&app);
}

#[test]
fn properties_too_deep_to_be_read_are_refused() {
    let app = ready();
    for (depth, event) in [100, 128, 1_000, 50_000]
        .into_iter()
        .flat_map(|depth| ["Order Completed", "Page"].map(|event| (depth, event)))
    {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = format!(
            "{{\"visitor\":\"anna\",\"event\":\"{event}\",\"id\":\"d{depth}{event}\",\"properties\":{{\"revenue\":1,\"a\":{nested}}}}}"
        );
        let answer = app.post_bytes(EVENTS, &[], text.as_bytes());
        if depth == 100 {
            answer.expect(202);
            continue;
        }
        let path = answer.problem(400, "invalid_field")["errors"][0]["path"].clone();
        assert!(path.as_str().unwrap().starts_with("properties.a"));
    }
    still_counts(&app);
}

#[test]
fn bodies_have_a_limit() {
    let app = ready();
    let huge = vec![b' '; 10 << 20];
    for path in [
        EVENTS,
        ASSIGNMENTS,
        "/api/v1/assignments/batch",
        "/api/v1/experiments/hero/conclude",
    ] {
        app.post_bytes(path, &[], &huge)
            .problem(413, "body_too_large");
    }
    let large = vec![b' '; (512 << 10) + 1];
    app.post_bytes(EVENTS, &[], &large)
        .problem(413, "body_too_large");
    let definition = app.try_send("PUT", "/api/v1/experiments/hero", &[], Some(&huge));
    definition.unwrap().problem(413, "body_too_large");
    let many = vec![order("anna", "1", "2026-01-01T00:00:00Z", 1.0); 1_001];
    for body in [json!(many), json!({ "events": many })] {
        app.post(EVENTS, &body).problem(413, "batch_too_large");
    }
    still_counts(&app);
    assert_eq!(
        app.track(&json!(vec![many[0].clone(); 1_000]))["duplicates"],
        999
    );
}

#[test]
fn assignment_requests_are_refused_with_code_and_path() {
    let app = ready();
    let too_many: serde_json::Map<String, Value> =
        (0..65).map(|i| (format!("a{i}"), json!(1))).collect();
    for (key, value, path) in [
        ("visitor", json!(""), "visitor"),
        ("visitor", json!("x".repeat(257)), "visitor"),
        ("session", json!(""), "session"),
        ("attributes", json!([]), "attributes"),
        ("attributes", json!(too_many), "attributes"),
        ("experiments", json!("hero"), "experiments"),
        ("experiments", json!([1]), "experiments[0]"),
        ("force", json!({ "hero": 1 }), "force.hero"),
        ("colour", json!("red"), "colour"),
    ] {
        let request = with(json!({ "visitor": "anna" }), key, value);
        refused(app.post(ASSIGNMENTS, &request), "invalid_body", path);
    }
    assert_eq!(app.report("hero").total_visitors(), 1);
    still_counts(&app);
}

#[test]
fn routes_and_methods_that_do_not_exist_are_problems_too() {
    let app = ready();
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v1/assignment",
        "/api/v1/experiments/hero/colour",
        "/api/v1/events/1",
    ] {
        app.get(path).problem(404, "not_found");
    }
    for (method, path) in [
        ("GET", ASSIGNMENTS),
        ("DELETE", EVENTS),
        ("GET", "/api/v1/import"),
        ("DELETE", "/api/v1/experiments"),
        ("PATCH", "/api/v1/experiments/hero"),
        ("GET", "/api/v1/experiments/hero/start"),
        ("POST", "/metrics"),
    ] {
        let body = (method != "GET" && method != "DELETE").then_some(&b"{}"[..]);
        let answer = app.try_send(method, path, &[], body).unwrap();
        answer.problem(405, "method_not_allowed");
    }
    for path in ["nobody", "NO", "x%ff", "%22"] {
        let answer = app.get(&format!("/api/v1/experiments/{path}"));
        assert!(
            [400, 404].contains(&answer.status),
            "{path}: {}",
            answer.text
        );
        let code = answer.body["code"].as_str().unwrap().to_owned();
        answer.problem(404, &code);
    }
    app.get("/api/v1/experiments/hero/report?dimension=nothing")
        .problem(400, "invalid_query");
    app.get("/api/v1/experiments/hero/report?dimension=visitor_type,nothing")
        .problem(400, "invalid_query");
    app.get("/api/v1/experiments/hero/report?days=many")
        .problem(400, "invalid_query");
    app.get("/api/v1/experiments/hero/report?format=xml")
        .problem(400, "invalid_query");
    app.get("/api/v1/experiments/hero/report?colour=red")
        .problem(400, "invalid_query");
    app.get("/api/v1/experiments/hero/epochs?from=first")
        .problem(400, "invalid_query");
    still_counts(&app);
}

#[test]
fn one_bad_event_of_a_batch_spoils_nothing() {
    let app = ready();
    let good = |id: &str| order("anna", id, "2026-01-01T00:00:00Z", 2.0);
    let batch = json!([
        good("1"),
        event_with("visitor", json!("")),
        good("2"),
        event_with("properties", json!({ "revenue": "12,50" })),
        7,
        good("1")
    ]);
    for body in [batch.clone(), json!({ "events": batch })] {
        let counts = app.track(&body);
        assert_eq!(
            counts["accepted"].as_u64().unwrap() + counts["duplicates"].as_u64().unwrap(),
            3
        );
        let rejected: Vec<(&Value, &Value, &Value)> = counts["rejected"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (&r["index"], &r["code"], &r["path"]))
            .collect();
        let expected = [
            (&json!(1), &json!("invalid_body"), &json!("visitor")),
            (
                &json!(3),
                &json!("invalid_amount"),
                &json!("properties.revenue"),
            ),
            (&json!(4), &json!("invalid_body"), &json!("")),
        ];
        assert_eq!(rejected, expected);
    }
    assert!(near(app.report("hero").total("revenue"), 4.0));
    let all_bad = app.post(EVENTS, &json!([7, {}])).expect(400);
    assert_eq!(
        (&all_bad["accepted"], &all_bad["duplicates"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(all_bad["rejected"].as_array().unwrap().len(), 2);
    assert_eq!(app.track(&json!([]))["accepted"], 0);
    let sent = json!({ "events": [good("3")], "sent_at": "noon" });
    refused(app.post(EVENTS, &sent), "invalid_field", "sent_at");
    still_counts(&app);
}
