//! Contextual bandits through the server: segments with opposite winners.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, with};

/// `control` is better for new visitors, `treatment` for known ones.
const EVERY: [(&str, &str, u64); 4] = [
    ("new", "control", 5),
    ("new", "treatment", 20),
    ("known", "control", 20),
    ("known", "treatment", 5),
];

fn definition(key: &str) -> Value {
    let dimensions = json!(["language", { "key": "segment", "values": ["new", "known"] }]);
    let definition = with(fixed(key), "dimensions", dimensions);
    with(
        definition,
        "allocation",
        json!({
            "policy": "contextual", "context": ["segment"], "metric": "purchase",
            "floor_total": 0.1, "burn_in": 100,
        }),
    )
}

fn segment(visitor: usize) -> &'static str {
    if visitor.is_multiple_of(2) {
        "new"
    } else {
        "known"
    }
}

/// Assigns visitors of both segments in turn and lets every n-th buy; answers by visitor.
fn play(app: &TestApp, visitors: std::ops::Range<usize>) -> Vec<Value> {
    let mut answers = Vec::new();
    for chunk in visitors.collect::<Vec<_>>().chunks(1_000) {
        let requests: Vec<Value> = chunk
            .iter()
            .map(|visitor| {
                let attributes = json!({ "segment": segment(*visitor), "language": "de" });
                json!({ "visitor": format!("v{visitor}"), "experiments": ["hero"], "attributes": attributes })
            })
            .collect();
        let batch = json!({ "requests": requests });
        let body = app.post("/api/v1/assignments/batch", &batch).expect(200);
        let mut seen: BTreeMap<(&str, String), u64> = BTreeMap::new();
        let mut orders = Vec::new();
        for (visitor, answer) in chunk.iter().zip(body["results"].as_array().unwrap()) {
            let answer = answer["assignments"][0].clone();
            let variant = answer["variant"].as_str().unwrap().to_owned();
            let every = EVERY
                .iter()
                .find(|(of, key, _)| (*of, *key) == (segment(*visitor), variant.as_str()));
            let assigned = seen
                .entry((segment(*visitor), variant.clone()))
                .or_default();
            *assigned += 1;
            if assigned.is_multiple_of(every.unwrap().2) {
                orders.push(json!({
                    "event": "Order Completed", "visitor": format!("v{visitor}"), "id": format!("o{visitor}"),
                    "properties": { "revenue": 20 },
                }));
            }
            answers.push(answer);
        }
        app.track(&json!(orders));
    }
    answers
}

fn allocation(app: &TestApp) -> Value {
    app.get("/api/v1/experiments/hero/allocation").expect(200)
}

fn share(allocation: &Value, segment: &str, variant: &str) -> f64 {
    let context = &allocation["contexts"][format!("segment={segment}")];
    context["weights"][variant].as_f64().unwrap()
}

#[test]
fn segments_with_opposite_winners_get_opposite_traffic() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let start = allocation(&app);
    assert_eq!(start["contexts"].as_object().unwrap().len(), 3);
    assert!((share(&start, "other", "control") - 0.5).abs() < 1e-12);
    play(&app, 0..2_000);
    app.tell("hero", "reallocate", &json!({}));

    let moved = allocation(&app);
    assert!(share(&moved, "new", "control") > 0.9, "{moved}");
    assert!(share(&moved, "known", "treatment") > 0.9, "{moved}");
    let average = moved["weights"]["control"].as_f64().unwrap();
    assert!((average - 0.5).abs() < 0.05, "{moved}");
    let receipt = moved["receipt"].as_str().unwrap();
    assert!(receipt.contains("segment=new: control best"), "{receipt}");
    let epochs = app.get("/api/v1/experiments/hero/epochs").expect(200);
    let believed = &epochs["epochs"][1]["contexts"]["segment=known"]["beliefs"]["treatment"];
    assert!(believed["prob_best"].as_f64().unwrap() > 0.9, "{epochs}");
    assert!((believed["before"].as_f64().unwrap() - 0.5).abs() < 1e-12);

    let answers = play(&app, 2_000..6_000);
    for (visitor, answer) in (2_000..).zip(&answers) {
        let variant = answer["variant"].as_str().unwrap();
        let expected = share(&moved, segment(visitor), variant);
        let got = answer["propensity"].as_f64().unwrap();
        assert!((got - expected).abs() < 1e-12, "{answer}: {expected}");
    }
    let of = |of: &str, variant: &str| {
        let own = (2_000..).zip(&answers).filter(|(at, _)| segment(*at) == of);
        let (all, same): (Vec<_>, Vec<_>) = (
            own.clone().collect(),
            own.filter(|(_, answer)| answer["variant"] == variant)
                .collect(),
        );
        same.len() as f64 / all.len() as f64
    };
    assert!(of("new", "control") > 0.85 && of("known", "treatment") > 0.85);
}

#[test]
fn a_visitor_keeps_variant_and_propensity_whatever_the_segment_says_later() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    play(&app, 0..2_000);
    app.tell("hero", "reallocate", &json!({}));
    let moved = allocation(&app);
    let attributes = |segment: &str| json!({ "segment": segment });
    let first = app.assign_with("late", "hero", &attributes("known"));
    let again = app.assign_with("late", "hero", &attributes("new"));
    assert_eq!(again["reason"], "sticky");
    assert_eq!(first["variant"], again["variant"]);
    assert_eq!(first["propensity"], again["propensity"]);
    let variant = first["variant"].as_str().unwrap();
    let expected = share(&moved, "known", variant);
    assert!((first["propensity"].as_f64().unwrap() - expected).abs() < 1e-12);
    // Nobody's segment: the allocation of all others.
    let unknown = app.assign_with("else", "hero", &json!({ "segment": "gone" }));
    let expected = share(&moved, "other", unknown["variant"].as_str().unwrap());
    assert!((unknown["propensity"].as_f64().unwrap() - expected).abs() < 1e-12);
    let path = "/api/v1/experiments/hero/explain?visitor=fresh&segment=new";
    let explained = app.get(path).expect(200);
    let steps = explained["steps"].as_array().unwrap();
    let last = steps.last().unwrap()["detail"].as_str().unwrap();
    assert!(last.ends_with("segment=new"), "{explained}");
}

#[test]
fn the_report_weighs_visitors_by_what_their_context_was_drawn_with() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    play(&app, 0..2_000);
    app.tell("hero", "reallocate", &json!({}));
    play(&app, 2_000..10_000);
    let report = app.report("hero").0;
    // Held against the average weights, so many more buyers of the right variants would be a mismatch.
    assert_eq!(report["health"]["srm"]["verdict"], "ok", "{report}");
    let of = |key: &str| {
        let metrics = report["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["key"] == key).unwrap()
    };
    for metric in ["purchase", "revenue", "orders"] {
        assert_eq!(
            of(metric)["comparisons"][0]["method"],
            "weighted",
            "{report}"
        );
    }
    // Over all visitors both convert 1 in 8; plain sums say 1 in 5 to 6, since most got what suits them.
    let purchase = of("purchase");
    for row in purchase["variants"].as_array().unwrap() {
        let mean = row["mean"].as_f64().unwrap();
        assert!((mean - 0.125).abs() < 0.012, "{purchase}");
    }
    let effect = &purchase["comparisons"][0]["absolute"];
    assert!(effect["low"].as_f64().unwrap() < 0.0 && effect["high"].as_f64().unwrap() > 0.0);
    assert!(purchase["comparisons"][0]["always_valid"]["absolute"].is_object());
    app.advance_clock("2026-01-02T12:00:00Z");
    let past = app.report_with("hero", "?as_of=2026-01-01T20:00:00Z").0;
    assert_eq!(
        past["health"]["srm"]["verdict"], "too_few",
        "not kept by context"
    );
}

#[test]
fn earlier_contexts_come_back_and_hold() {
    let mut app = TestApp::start();
    let mut by_segment = definition("hero");
    by_segment["dimensions"][0] = json!({ "key": "language", "values": ["de"] });
    app.put_experiment(&by_segment);
    play(&app, 0..2_000);
    let dry = "/api/v1/experiments/hero/reallocate?dry_run=true";
    let shown = app.post(dry, &json!({})).expect(200);
    app.tell("hero", "reallocate", &json!({}));
    let moved = allocation(&app);
    assert_eq!(shown["opens"]["contexts"], {
        let epochs = app.get("/api/v1/experiments/hero/epochs").expect(200);
        epochs["epochs"][1]["contexts"].clone()
    });
    assert!(
        shown["moved"].as_f64().unwrap() > 0.4,
        "the average hardly moves: {shown}"
    );
    app.tell("hero", "revert", &json!({ "epoch": 1 }));
    assert!((share(&allocation(&app), "new", "control") - 0.5).abs() < 1e-12);
    app.tell("hero", "revert", &json!({ "epoch": 2 }));
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    app.stop();
    app.restart();
    play(&app, 2_000..4_000);
    app.advance_clock("2026-01-03T00:00:00Z");
    for segment in ["new", "known", "other"] {
        let (now, then) = (
            share(&allocation(&app), segment, "control"),
            share(&moved, segment, "control"),
        );
        assert!((now - then).abs() < 1e-12, "{segment}");
    }
    let mut other = by_segment;
    other["allocation"]["context"] = json!(["language"]);
    app.put_experiment(&other);
    let refused = app.post("/api/v1/experiments/hero/revert", &json!({ "epoch": 2 }));
    let problem = refused.problem(409, "irreversible");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("other contexts"),
        "{problem}"
    );
}

#[test]
fn another_policy_is_judged_by_the_propensities_of_contexts() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let mut answers = play(&app, 0..2_000);
    app.tell("hero", "reallocate", &json!({}));
    answers.extend(play(&app, 2_000..6_000));
    let path = "/api/v1/experiments/hero/evaluate";
    let asked = json!({ "policy": { "treatment": 1 } });
    let judged = app.post(path, &asked).expect(200);
    let inverse = |answer: &Value| 1.0 / answer["propensity"].as_f64().unwrap();
    let treated = answers
        .iter()
        .filter(|answer| answer["variant"] == "treatment");
    let weight = treated.map(inverse).sum::<f64>() / 6_000.0;
    let got = judged["overlap"]["mean_weight"].as_f64().unwrap();
    assert!((got / weight - 1.0).abs() < 1e-9, "{got} {weight}");
    let estimate = judged["snips"]["estimate"].as_f64().unwrap();
    assert!(
        (estimate - 0.125).abs() < 0.02,
        "1 in 20 and 1 in 5: {judged}"
    );
    let share =
        |arm: &str, segment: &str| json!({ "arm": arm, "probability": 1, "context": segment });
    let best = json!({ "policy": [share("control", "new"), share("treatment", "known")], "context": "segment" });
    let judged = app.post(path, &best).expect(200);
    let estimate = judged["snips"]["estimate"].as_f64().unwrap();
    assert!((estimate - 0.2).abs() < 0.02, "{judged}");
    // Revenue is not kept by context.
    let asked = json!({ "policy": { "treatment": 1 }, "metric": "revenue" });
    app.post(path, &asked).problem(422, "unknown_propensity");
}

#[test]
fn who_had_a_retired_variant_is_served_by_the_first_weights_of_the_context() {
    let app = TestApp::start();
    let mut more = definition("hero");
    let third = json!({ "key": "third", "payload": { "headline": "Welcome back" } });
    more["variants"].as_array_mut().unwrap().push(third.clone());
    app.put_experiment(&more);
    let at = |answers: &[Value]| answers.iter().position(|a| a["variant"] == "third");
    let request = |visitor: usize| {
        let visitor = format!("w{visitor}");
        app.assign_with(&visitor, "hero", &json!({ "segment": "known" }))
    };
    let answers: Vec<Value> = (0..40).map(request).collect();
    assert!(at(&answers).is_some());
    app.put_experiment(&definition("hero"));
    let ask = |segment: &str| {
        let own = (0..40).filter(|visitor| answers[*visitor]["variant"] == "third");
        let answer = |visitor| {
            let attributes = json!({ "segment": segment });
            app.assign_with(&format!("w{visitor}"), "hero", &attributes)
        };
        own.map(answer).collect::<Vec<Value>>()
    };
    let first = ask("known");
    assert!(first.iter().all(|answer| answer["reason"] == "reassigned"));
    play(&app, 0..2_000);
    app.tell("hero", "reallocate", &json!({}));
    let variants = |of: &[Value]| of.iter().map(|a| a["variant"].clone()).collect::<Vec<_>>();
    assert_eq!(variants(&ask("known")), variants(&first), "as weights move");
    assert_eq!(
        variants(&ask("new")),
        variants(&first),
        "whatever the segment says"
    );
}

#[test]
fn a_context_that_is_none_is_refused_with_its_place() {
    let app = TestApp::start();
    let mut definition = definition("hero");
    definition["allocation"]["context"] = json!(["language"]);
    let refused = app.put("/api/v1/experiments/hero", &definition);
    let body = refused.problem(422, "invalid_definition");
    let mistake = &body["errors"][0];
    assert_eq!(mistake["path"], "allocation.context[0]", "{body}");
}
