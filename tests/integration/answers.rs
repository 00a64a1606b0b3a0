//! Answers to many visitors: batches, stickiness, concurrent requests, typed values.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::TestApp;
use crate::model::{fixed, with};

#[test]
fn variants_stick_across_restarts_and_changed_weights() {
    let mut app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let before = app.assign_many("hero", 0..500);
    let mut moved = fixed("hero");
    moved["variants"][0]["weight"] = json!(0.95);
    moved["variants"][1]["weight"] = json!(0.05);
    app.put_experiment(&moved);
    for _ in 0..2 {
        let after = app.assign_many("hero", 0..500);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(
                (&after["variant"], &after["reason"]),
                (&before["variant"], &json!("sticky"))
            );
            assert_eq!(
                (&after["epoch"], &after["propensity"]),
                (&before["epoch"], &before["propensity"])
            );
        }
        assert!(app.stop().success());
        app.restart();
    }
    let new = app.assign_many("hero", 500..1_500);
    let treated = new
        .iter()
        .filter(|answer| answer["variant"] == "treatment")
        .count();
    assert!((20..90).contains(&treated), "{treated}");
    assert_eq!(app.report("hero").total_visitors(), 1_500);
}

#[test]
fn one_bad_request_of_a_batch_spoils_nothing() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let requests = json!({ "requests": [{ "visitor": "anna" }, { "visitor": "" }, { "visitor": "bert", "colour": 1 }, { "visitor": "anna" }] });
    let body = app.post("/api/v1/assignments/batch", &requests).expect(200);
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(results[0]["assignments"][0]["reason"], "split");
    for (result, path) in [(&results[1], "visitor"), (&results[2], "colour")] {
        assert_eq!(
            (&result["error"]["code"], &result["error"]["status"]),
            (&json!("invalid_body"), &json!(400))
        );
        assert_eq!(result["error"]["errors"][0]["path"], path, "{result}");
    }
    assert_eq!(
        results[0]["assignments"][0]["variant"],
        results[3]["assignments"][0]["variant"]
    );
    assert_eq!(app.report("hero").total_visitors(), 1);
    let many = vec![json!({ "visitor": "v" }); 1_001];
    app.post("/api/v1/assignments/batch", &json!({ "requests": many }))
        .problem(413, "batch_too_large");
}

#[test]
fn many_threads_that_ask_at_once_get_one_variant() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    for round in 0..5 {
        let visitor = format!("new-{round}");
        let variants: BTreeSet<String> = std::thread::scope(|scope| {
            let ask = || {
                let client = app.client();
                let visitor = visitor.clone();
                scope.spawn(move || {
                    client.assign(&visitor, "hero")["variant"]
                        .as_str()
                        .unwrap()
                        .to_owned()
                })
            };
            let threads: Vec<_> = (0..32).map(|_| ask()).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(variants.len(), 1);
        assert_eq!(app.report("hero").total_visitors(), round + 1);
    }
}

#[test]
fn values_are_typed_and_touchpoints_filter() {
    let app = TestApp::start();
    let mut flag = with(fixed("flag"), "touchpoint", json!("web/search"));
    flag["variants"] = json!([{ "key": "off", "value": false }, { "key": "on", "value": true }]);
    app.put_experiment(&flag);
    app.put_experiment(&with(fixed("hero"), "touchpoint", json!("web/home")));
    let answer = app.assign("anna", "flag");
    assert_eq!(answer["value"], json!(answer["variant"] == "on"));
    assert!(answer["payload"].is_null());
    let at =
        |touchpoint: &str| app.assignments(&json!({ "visitor": "anna", "touchpoint": touchpoint }));
    assert_eq!(at("web/home").len(), 1);
    assert_eq!(at("web/home")[0]["experiment"], "hero");
    assert_eq!(at("web/search")[0]["experiment"], "flag");
    assert_eq!(at("app/cart").len(), 0);
    flag["variants"][1]["value"] = json!("yes");
    app.put("/api/v1/experiments/flag", &flag)
        .problem(422, "invalid_definition");
}
