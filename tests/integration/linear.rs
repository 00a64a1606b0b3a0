//! Linear bandits through the server: features that decide which variant is best.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, with};

const DEVICES: [&str; 3] = ["mobile", "desktop", "fridge"];

fn definition(key: &str) -> Value {
    let dimensions = json!(["language", { "key": "device", "values": ["mobile", "desktop"] }]);
    let definition = with(fixed(key), "dimensions", dimensions);
    with(
        definition,
        "allocation",
        json!({
            "policy": "linear", "metric": "purchase", "floor_total": 0.1, "burn_in": 100,
            "features": [{ "attribute": "visits", "min": 0, "max": 10 }, { "dimension": "device" }],
        }),
    )
}

fn attributes(visitor: usize) -> Value {
    json!({ "visits": visitor / 3 % 11, "device": DEVICES[visitor % 3], "language": "de" })
}

/// How many visitors with a variant per one who buys: `treatment` is for those who come often, least of all on mobiles.
fn every(visitor: usize, variant: &str) -> usize {
    let often = visitor / 3 % 11 > 5;
    match (often == (variant == "treatment"), visitor.is_multiple_of(3)) {
        (true, false) => 4,
        (true, true) => 6,
        (false, _) => 20,
    }
}

/// Assigns visitors and lets every n-th of a kind buy, 33 kinds being in turn; answers by visitor.
fn play(app: &TestApp, visitors: std::ops::Range<usize>) -> Vec<Value> {
    let mut answers = Vec::new();
    for chunk in visitors.collect::<Vec<_>>().chunks(1_000) {
        let request = |visitor: &usize| json!({ "visitor": format!("v{visitor}"), "experiments": ["hero"], "attributes": attributes(*visitor) });
        let requests: Vec<Value> = chunk.iter().map(request).collect();
        let batch = json!({ "requests": requests });
        let body = app.post("/api/v1/assignments/batch", &batch).expect(200);
        let mut orders = Vec::new();
        for (visitor, answer) in chunk.iter().zip(body["results"].as_array().unwrap()) {
            let answer = answer["assignments"][0].clone();
            let variant = answer["variant"].as_str().unwrap().to_owned();
            if (visitor / 33).is_multiple_of(every(*visitor, &variant)) {
                orders.push(json!({
                    "event": "Order Completed", "visitor": format!("v{visitor}"), "id": format!("o{visitor}"),
                    "properties": { "revenue": 20, "order_id": format!("n{visitor}") },
                }));
            }
            answers.push(answer);
        }
        app.track(&json!(orders));
    }
    answers
}

fn started() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    play(&app, 0..3_000);
    app.tell("hero", "reallocate", &json!({}));
    app
}

fn allocation(app: &TestApp) -> Value {
    app.get("/api/v1/experiments/hero/allocation").expect(200)
}

#[test]
fn what_was_learned_is_told() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let first = play(&app, 0..3_000);
    assert!(first.iter().all(|answer| answer["propensity"] == 0.5));
    app.tell("hero", "reallocate", &json!({}));

    let moved = allocation(&app);
    let receipt = moved["receipt"].as_str().unwrap();
    assert!(
        receipt.contains("visits=10: treatment best with"),
        "{receipt}"
    );
    assert!(receipt.contains("visits=0: control best with"), "{receipt}");
    let slope = |variant: &str| {
        let of = &moved["coefficients"][variant]["visits"];
        assert!(of["sd"].as_f64().unwrap() > 0.0, "{moved}");
        of["mean"].as_f64().unwrap()
    };
    assert!(
        slope("treatment") > 0.05 && slope("control") < -0.05,
        "{moved}"
    );
    let names: Vec<&String> = moved["coefficients"]["control"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        names,
        ["device=desktop", "device=mobile", "intercept", "visits"]
    );
}

#[test]
fn who_comes_often_gets_the_variant_for_it_with_the_propensity_of_the_features() {
    let app = started();
    let answers = play(&app, 3_000..6_000);
    let of = |often: bool| {
        let own = (3_000..)
            .zip(&answers)
            .filter(|(at, _)| (at / 3 % 11 > 7) == often && (at / 3 % 11 < 3) != often);
        let own: Vec<&Value> = own.map(|(_, answer)| answer).collect();
        let treated = own.iter().filter(|answer| answer["variant"] == "treatment");
        treated.count() as f64 / own.len() as f64
    };
    assert!(
        of(true) > 0.85 && of(false) < 0.15,
        "{} {}",
        of(true),
        of(false)
    );
    // The same features have the same propensities; both variants' sum to one.
    let mut known: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (visitor, answer) in (3_000..).zip(&answers) {
        let propensity = answer["propensity"].as_f64().unwrap();
        assert!((0.05..=0.95).contains(&propensity), "{answer}");
        let treated = if answer["variant"] == "treatment" {
            propensity
        } else {
            1.0 - propensity
        };
        let before = known
            .entry((visitor / 3 % 11, visitor % 3))
            .or_insert(treated);
        assert!((*before - treated).abs() < 1e-9, "{answer}");
    }
    assert_eq!(known.len(), 33);
}

#[test]
fn a_visitor_keeps_variant_and_propensity_whatever_the_attributes_say_later() {
    let mut app = started();
    let ask = |app: &TestApp, visits: Value| {
        app.assign_with(
            "late",
            "hero",
            &json!({ "visits": visits, "device": "mobile" }),
        )
    };
    let first = ask(&app, json!(10));
    let propensity = first["propensity"].as_f64().unwrap();
    assert_ne!(first["propensity"], 0.5);
    for _ in 0..2 {
        let again = ask(&app, json!(0));
        assert_eq!(again["reason"], "sticky");
        assert_eq!(
            (&again["variant"], &again["propensity"]),
            (&first["variant"], &json!(propensity))
        );
        app.stop();
        app.restart();
    }
    // Without attributes everybody is in the middle.
    let unknown = app.assign_with("else", "hero", &json!({}));
    let path = "/api/v1/experiments/hero/explain?visitor=else2&visits=many";
    let explained = app.get(path).expect(200);
    let steps = explained["steps"].as_array().unwrap();
    let last = steps.last().unwrap()["detail"].as_str().unwrap();
    assert!(
        last.contains("visits 0.000, device=mobile 0.000, device=desktop 0.000"),
        "{explained}"
    );
    let (one, other) = (
        unknown["propensity"].as_f64().unwrap(),
        explained["propensity"].as_f64().unwrap(),
    );
    let is_same = unknown["variant"] == explained["variant"];
    assert!((one - if is_same { other } else { 1.0 - other }).abs() < 1e-9);
}

#[test]
fn the_report_weighs_visitors_by_what_each_was_drawn_with() {
    let app = started();
    play(&app, 3_000..9_000);
    let report = app.report("hero").0;
    assert_eq!(report["health"]["srm"]["verdict"], "ok", "{report}");
    assert!(
        report["health"]["srm"]["chi2"].as_f64().unwrap() < 10.0,
        "{report}"
    );
    let metrics = report["metrics"].as_array().unwrap();
    let of = |key: &str| metrics.iter().find(|metric| metric["key"] == key).unwrap();
    for metric in ["purchase", "revenue", "orders"] {
        assert_eq!(
            of(metric)["comparisons"][0]["method"],
            "weighted",
            "{report}"
        );
    }
    // Of all visitors, 5 of 11 come often. Plain means are about 0.2 for both, since most got what suits them.
    let good = (2.0 / 4.0 + 1.0 / 6.0) / 3.0;
    let truth = |often: f64| often * good + (1.0 - often) * 0.05;
    for (row, often) in of("purchase")["variants"]
        .as_array()
        .unwrap()
        .iter()
        .zip([6.0 / 11.0, 5.0 / 11.0])
    {
        let figure = |key: &str| row[key].as_f64().unwrap();
        let (error, allowed) = (figure("mean") - truth(often), 3.0 * figure("std_error"));
        assert!(error.abs() < allowed && allowed < 0.03, "{row} {error}");
    }
    assert!(
        of("purchase")["comparisons"][0]["relative"]["low"].is_number(),
        "{report}"
    );
    for row in report["variants"].as_array().unwrap() {
        let (share, expected) = (
            row["share"].as_f64().unwrap(),
            row["expected_share"].as_f64().unwrap(),
        );
        assert!((share - expected).abs() < 0.02, "{row}");
    }
}

#[test]
fn joined_visitors_count_with_what_the_first_was_drawn_with() {
    let app = started();
    let first = play(&app, 3_000..4_000);
    let of_first = app.report("hero");
    app.advance_clock("2026-01-01T01:00:00Z");
    play(&app, 4_000..5_000);
    let alias =
        |i| json!({ "type": "alias", "visitor": format!("v{}", i + 1_000), "to": format!("v{i}") });
    let aliases: Vec<Value> = (3_000..4_000).map(alias).collect();
    assert_eq!(app.import(&aliases)["accepted"], 1_000);
    let report = app.report("hero");
    assert_eq!(report.total_visitors(), 4_000);
    for variant in ["control", "treatment"] {
        assert_eq!(report.visitors(variant), of_first.visitors(variant));
    }
    assert_eq!(report.0["health"]["srm"], of_first.0["health"]["srm"]);
    assert!(report.0["health"]["crossovers"].as_u64().unwrap() > 100);
    let wire =
        json!({ "visitor": "v4000", "experiments": ["hero"], "attributes": attributes(4_000) });
    let again = app.assignments(&wire).remove(0);
    assert_eq!(
        (&again["variant"], &again["propensity"]),
        (&first[0]["variant"], &first[0]["propensity"])
    );
}

#[test]
fn refunds_take_back_what_was_learned() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    play(&app, 0..3_000);
    let dry = "/api/v1/experiments/hero/reallocate?dry_run=true";
    let before = app.post(dry, &json!({})).expect(200);
    let buyer =
        json!({ "visitor": "back", "experiments": ["hero"], "attributes": { "visits": 9 } });
    app.post("/api/v1/assignments", &buyer).expect(200);
    let without = app.post(dry, &json!({})).expect(200)["opens"]["coefficients"].clone();
    assert_ne!(
        before["opens"]["coefficients"], without,
        "one more visitor is known"
    );
    let event = |name: &str, id: &str| json!({ "event": name, "visitor": "back", "id": id, "properties": { "revenue": 9, "order_id": "b" } });
    app.track(&json!([event("Order Completed", "1")]));
    let with = app.post(dry, &json!({})).expect(200)["opens"]["coefficients"].clone();
    assert_ne!(with, without);
    app.track(&json!([{ "event": "Order Refunded", "visitor": "back", "id": "2", "properties": { "order_id": "b" } }]));
    let refunded = app.post(dry, &json!({})).expect(200);
    assert_eq!(refunded["opens"]["coefficients"], without);
    assert!(
        refunded["moved"].as_f64().unwrap() > 0.3,
        "the average hardly moves: {refunded}"
    );
}

#[test]
fn earlier_coefficients_come_back_and_hold() {
    let mut app = started();
    let moved = allocation(&app);
    app.tell("hero", "revert", &json!({ "epoch": 1 }));
    assert_eq!(allocation(&app)["coefficients"], json!({}));
    app.tell("hero", "revert", &json!({ "epoch": 2 }));
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    app.stop();
    app.restart();
    play(&app, 3_000..5_000);
    app.advance_clock("2026-01-03T00:00:00Z");
    assert_eq!(allocation(&app)["coefficients"], moved["coefficients"]);
    let mut other = definition("hero");
    other["allocation"]["features"] = json!([{ "dimension": "device" }]);
    app.put_experiment(&other);
    let refused = app.post("/api/v1/experiments/hero/revert", &json!({ "epoch": 2 }));
    let problem = refused.problem(409, "irreversible");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("other features"),
        "{problem}"
    );
    // What was seen with other features says nothing of these.
    app.tell("hero", "reallocate", &json!({}));
    let receipt = allocation(&app)["receipt"].as_str().unwrap().to_owned();
    assert!(receipt.contains("starting weights hold"), "{receipt}");
}

#[test]
fn another_policy_can_not_be_judged_by_sums() {
    let app = started();
    play(&app, 3_000..5_000);
    let path = "/api/v1/experiments/hero/evaluate";
    let judged = app
        .post(path, &json!({ "policy": { "treatment": 1 } }))
        .expect(200);
    assert_eq!(judged["left_out"], 2_000, "{judged}");
    let notes = judged["notes"].to_string();
    assert!(notes.contains("features"), "{notes}");
}

#[test]
fn features_that_are_none_are_refused_with_their_place() {
    let app = TestApp::start();
    let mut definition = definition("hero");
    definition["allocation"]["features"] =
        json!([{ "dimension": "language" }, { "attribute": "visits", "min": 5, "max": 5 }]);
    let refused = app.put("/api/v1/experiments/hero", &definition);
    let body = refused.problem(422, "invalid_definition");
    let errors = body["errors"].as_array().unwrap();
    let paths: Vec<&str> = errors
        .iter()
        .map(|error| error["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "allocation.features[0].dimension",
            "allocation.features[1].max"
        ],
        "{body}"
    );
}
