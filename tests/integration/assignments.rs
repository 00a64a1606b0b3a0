//! Assignments: every reason of the pipeline, and the promise that a visitor keeps the variant.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, with};

const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

/// Asserts reason and variant, and that the answer lies outside the epochs.
#[track_caller]
fn outside(answer: &Value, reason: &str, variant: &str) {
    assert_eq!(
        (answer["reason"].as_str(), answer["variant"].as_str()),
        (Some(reason), Some(variant))
    );
    assert!(
        answer["epoch"].is_null() && answer["propensity"].is_null(),
        "{answer}"
    );
    assert_eq!(
        (&answer["holdout"], &answer["sticky"]),
        (&json!(false), &json!(false))
    );
}

#[test]
fn a_split_answers_with_everything_and_sticks() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let new = app.assign("anna", "hero");
    assert_eq!(
        (&new["reason"], &new["epoch"], &new["sticky"]),
        (&json!("split"), &json!(1), &json!(false))
    );
    assert!((new["propensity"].as_f64().unwrap() - 0.5).abs() < 1e-9);
    assert!(new["payload"]["headline"].is_string());
    assert!(new.get("value").is_none());
    let again = app.assign("anna", "hero");
    assert_eq!(
        (&again["variant"], &again["reason"], &again["sticky"]),
        (&new["variant"], &json!("sticky"), &json!(true))
    );
    assert_eq!(
        (&again["epoch"], &again["propensity"]),
        (&new["epoch"], &new["propensity"])
    );
    assert_eq!(app.report("hero").total_visitors(), 1);
}

#[test]
fn unknown_drafts_and_schedules() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("draft"), "status", json!("draft")));
    app.put_experiment(&with(
        fixed("later"),
        "starts",
        json!("2026-01-02T00:00:00Z"),
    ));
    app.put_experiment(&with(fixed("over"), "ends", json!("2026-01-02T00:00:00Z")));
    let unknown = app.assign("anna", "nobody");
    assert_eq!(
        (&unknown["reason"], &unknown["variant"]),
        (&json!("not_found"), &Value::Null)
    );
    outside(&app.assign("anna", "draft"), "inactive", "control");
    outside(&app.assign("anna", "later"), "inactive", "control");
    assert_eq!(app.assign("anna", "over")["reason"], "split");
    app.advance_clock("2026-01-02T00:00:00Z");
    assert_eq!(app.assign("anna", "later")["reason"], "split");
    outside(&app.assign("bert", "over"), "inactive", "control");
    let all = app.assignments(&json!({ "visitor": "carl" }));
    let keys: Vec<&str> = all
        .iter()
        .map(|a| a["experiment"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["later", "over"], "drafts are not listed");
}

#[test]
fn forced_variants_and_bots_leave_no_trace() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let forced =
        json!({ "visitor": "qa", "experiments": ["hero"], "force": { "hero": "treatment" } });
    outside(&app.assignments(&forced)[0], "forced", "treatment");
    let nonsense =
        json!({ "visitor": "x", "experiments": ["hero"], "force": { "hero": "nobody" } });
    assert_eq!(app.assignments(&nonsense)[0]["reason"], "split");

    outside(
        &app.assign_with("bot", "hero", &json!({ "user_agent": GOOGLEBOT })),
        "bot",
        "control",
    );
    let body = json!({ "visitor": "bot", "experiments": ["hero"] }).to_string();
    let crawled = app.post_bytes(
        "/api/v1/assignments",
        &[("user-agent", GOOGLEBOT)],
        body.as_bytes(),
    );
    outside(&crawled.expect(200)["assignments"][0], "bot", "control");
    // A front end's own word about its visitor wins over the header of the SDK that carries it.
    let person = app.assign_with(
        "person",
        "hero",
        &json!({ "user_agent": "Mozilla/5.0 Chrome/142.0" }),
    );
    assert_eq!(person["reason"], "split");
    assert_eq!(app.report("hero").total_visitors(), 2);
    assert!(app.metric("upswing_decisions_total{source=\"native\",reason=\"bot\"}") >= 2.0);
}

#[test]
fn sessions_are_units_of_their_own() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("hero"), "sticky", json!("session")));
    outside(&app.assign("anna", "hero"), "no_session", "control");
    let ask = |session: usize| {
        let request =
            json!({ "visitor": "anna", "session": format!("s{session}"), "experiments": ["hero"] });
        app.assignments(&request).remove(0)
    };
    let first: Vec<Value> = (0..60).map(ask).collect();
    let variants: BTreeSet<&str> = first
        .iter()
        .map(|a| a["variant"].as_str().unwrap())
        .collect();
    assert_eq!(variants.len(), 2, "sessions of one visitor are drawn apart");
    for (session, before) in first.iter().enumerate() {
        let again = ask(session);
        assert_eq!(
            (&again["variant"], &again["reason"]),
            (&before["variant"], &json!("sticky"))
        );
    }
    assert_eq!(app.report("hero").total_visitors(), 60);
}

#[test]
fn the_global_holdout_is_kept_from_everything() {
    let app = TestApp::with_args(&["--global-holdout", "0.2"]);
    app.put_experiment(&fixed("one"));
    app.put_experiment(&fixed("two"));
    let held = |key: &str| -> Vec<usize> {
        let answers = app.assign_many(key, 0..1_000);
        let held = (0..1_000).filter(|i| answers[*i]["reason"] == "global_holdout");
        held.inspect(|i| outside(&answers[*i], "global_holdout", "control"))
            .collect()
    };
    let one = held("one");
    assert!((140..260).contains(&one.len()), "{}", one.len());
    assert_eq!(one, held("two"), "the same visitors everywhere");
    assert_eq!(app.report("one").total_visitors(), 1_000 - one.len() as u64);
}

#[test]
fn two_experiments_of_a_layer_never_share_a_visitor() {
    let app = TestApp::start();
    app.put_experiment(&with(
        fixed("one"),
        "layer",
        json!({ "key": "page", "from": 0.0, "to": 0.4 }),
    ));
    app.put_experiment(&with(
        fixed("two"),
        "layer",
        json!({ "key": "page", "from": 0.4, "to": 1.0 }),
    ));
    let (one, two) = (
        app.assign_many("one", 0..2_000),
        app.assign_many("two", 0..2_000),
    );
    let mut counts = [0, 0];
    for (a, b) in one.iter().zip(&two) {
        let (a_in, b_in) = (a["reason"] == "split", b["reason"] == "split");
        assert!(a_in != b_in, "exactly one: the slots cover the layer");
        outside(if a_in { b } else { a }, "layer", "control");
        counts[usize::from(b_in)] += 1;
    }
    assert!((720..880).contains(&counts[0]), "{counts:?}");
    let overlapping = with(
        fixed("three"),
        "layer",
        json!({ "key": "page", "from": 0.3, "to": 0.5 }),
    );
    let refused = app
        .put("/api/v1/experiments/three", &overlapping)
        .problem(422, "invalid_definition");
    assert_eq!(refused["errors"].as_array().unwrap().len(), 2, "{refused}");
}

#[test]
fn an_audience_that_can_not_be_evaluated_is_counted() {
    let app = TestApp::start();
    let audience = json!("visitor.country == \"DE\" && visitor.visits >= 2");
    app.put_experiment(&with(fixed("hero"), "audience", audience));
    let fits = json!({ "country": "DE", "visits": 2 });
    assert_eq!(app.assign_with("anna", "hero", &fits)["reason"], "split");
    outside(
        &app.assign_with("bert", "hero", &json!({ "country": "FR", "visits": 9 })),
        "audience",
        "control",
    );
    let series = "upswing_audience_undecided_total";
    assert!(app.metric(series).abs() < 0.5);
    outside(&app.assign("carl", "hero"), "audience", "control");
    outside(
        &app.assign_with("dora", "hero", &json!({ "country": "DE", "visits": "two" })),
        "audience",
        "control",
    );
    assert!((app.metric(series) - 2.0).abs() < 0.5);
    let kept = app.assign("anna", "hero");
    assert_eq!(kept["reason"], "sticky", "whoever is in stays in");
    let explained = app
        .get("/api/v1/experiments/hero/explain?visitor=bert&country=DE&visits=3")
        .expect(200);
    assert_eq!(explained["reason"], "split");
}

#[test]
fn a_ramp_takes_its_share_and_widens_without_losing_anybody() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("ramp"), "traffic", json!(0.2)));
    let ramp = app.assign_many("ramp", 0..2_000);
    let (inside, out): (Vec<&Value>, Vec<&Value>) =
        ramp.iter().partition(|a| a["reason"] == "split");
    assert!((320..480).contains(&inside.len()), "{}", inside.len());
    for answer in out {
        outside(answer, "traffic", "control");
    }
    app.put_experiment(&with(fixed("ramp"), "traffic", json!(0.6)));
    let wider = app.assign_many("ramp", 0..2_000);
    for (before, after) in ramp
        .iter()
        .zip(&wider)
        .filter(|(before, _)| before["reason"] == "split")
    {
        assert_eq!(
            (&after["variant"], &after["reason"]),
            (&before["variant"], &json!("sticky"))
        );
    }
}

#[test]
fn a_holdout_keeps_its_share_on_control() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("held"), "holdout", json!(0.1)));
    let held = app.assign_many("held", 0..2_000);
    let (kept, drawn): (Vec<&Value>, Vec<&Value>) =
        held.iter().partition(|a| a["reason"] == "holdout");
    assert!((140..260).contains(&kept.len()), "{}", kept.len());
    for answer in kept {
        assert_eq!(
            (&answer["variant"], &answer["holdout"]),
            (&json!("control"), &json!(true))
        );
        assert!(
            (answer["propensity"].as_f64().unwrap() - 0.55).abs() < 1e-6,
            "h + (1 − h)·e"
        );
    }
    assert!(
        drawn
            .iter()
            .all(|answer| answer["reason"] == "split" && answer["holdout"] == false)
    );
    let report = app.report("held");
    let rows = [
        report.traffic("control", true),
        report.traffic("control", false),
        report.traffic("treatment", false),
    ];
    assert_eq!(
        rows.iter()
            .map(|row| row["visitors"].as_u64().unwrap())
            .sum::<u64>(),
        2_000
    );
}

#[test]
fn an_explanation_tells_every_step_and_records_nothing() {
    let app = TestApp::start();
    app.put_experiment(&with(
        with(fixed("hero"), "traffic", json!(0.9)),
        "holdout",
        json!(0.01),
    ));
    for i in 0..20 {
        let explained = app
            .get(&format!("/api/v1/experiments/hero/explain?visitor=v{i}"))
            .expect(200);
        assert_eq!(app.report("hero").total_visitors(), 0);
        let rules: Vec<&str> = explained["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["rule"].as_str().unwrap())
            .collect();
        assert!(
            rules.starts_with(&[
                "forced",
                "inactive",
                "bot",
                "no_consent",
                "no_session",
                "global_holdout",
                "traffic"
            ]),
            "{rules:?}"
        );
    }
    let told: Vec<Value> = (0..20)
        .map(|i| {
            app.get(&format!("/api/v1/experiments/hero/explain?visitor=v{i}"))
                .expect(200)
        })
        .collect();
    for (told, given) in told.iter().zip(app.assign_many("hero", 0..20)) {
        assert_eq!(
            (&told["variant"], &told["reason"]),
            (&given["variant"], &given["reason"])
        );
    }
    app.get("/api/v1/experiments/hero/explain")
        .problem(400, "invalid_query");
}
