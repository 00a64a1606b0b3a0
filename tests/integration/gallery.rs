//! The gallery: two months with experiments in every state, each of which its report shows.

use std::collections::HashSet;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Settings, TestApp, upswing};

fn play(app: &TestApp) -> Output {
    let mut command = upswing(&["demo", "--gallery", "--visitors", "8000"]);
    command.args(["--server", &app.url]).output().unwrap()
}

fn report(app: &TestApp, experiment: &str) -> Value {
    app.report(experiment).0
}

/// The decision, the variant it is about, and the first reason.
fn decided(report: &Value) -> (&str, &str, &str) {
    let verdict = &report["verdict"];
    (
        verdict["decision"].as_str().unwrap(),
        verdict["variant"].as_str().unwrap_or_default(),
        verdict["reasons"][0]["code"].as_str().unwrap(),
    )
}

fn fixed_splits(app: &TestApp) {
    let winner = report(app, "express-checkout");
    assert_eq!(decided(&winner), ("ship", "express", "better"));
    let loser = report(app, "countdown");
    assert_eq!(decided(&loser), ("roll_back", "countdown", "worse"));
    let reasons = loser["verdict"]["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["code"] == "guardrail"));
    let trips = app.get("/api/v1/experiments/countdown").expect(200);
    assert_eq!(trips["trips"][0]["metric"], "support", "{trips}");
    let same = report(app, "badge-colour");
    let (decision, _, reason) = decided(&same);
    assert_eq!((decision, reason), ("stop_futile", "looks_over"));
    let lost = report(app, "app-reorder");
    assert_eq!(decided(&lost), ("investigate", "", "sample_ratio"));
    assert_eq!(lost["health"]["exposed_srm"]["verdict"], "mismatch");
    assert_eq!(lost["health"]["srm"]["verdict"], "ok");
}

fn bandits(app: &TestApp) {
    let converged = report(app, "cart-incentive");
    assert_eq!(converged["champion"]["variant"], "free-shipping");
    assert!(converged["weights"]["free-shipping"].as_f64().unwrap() > 0.85);
    assert_eq!(converged["metrics"].as_array().unwrap().len(), 5);
    assert_eq!(converged["health"]["drift"], Value::Null);
    let drifting = report(app, "newsletter-offer");
    let since = drifting["health"]["drift"]["since"].as_str().unwrap();
    assert!(("2026-01-24".."2026-02-14").contains(&since), "{since}");
    assert_eq!(drifting["champion"]["variant"], "voucher");
}

fn states(app: &TestApp) {
    for (experiment, status) in [
        ("loyalty-teaser", "draft"),
        ("search-suggestions", "paused"),
        ("trust-seals", "concluded"),
        ("express-checkout", "running"),
    ] {
        let shown = report(app, experiment);
        assert_eq!(shown["experiment"]["status"], status, "{experiment}");
    }
    let concluded = app.get("/api/v1/experiments/trust-seals").expect(200);
    let conclusion = json!({ "winner": "seals", "scope": "everyone" });
    assert_eq!(concluded["conclusion"], conclusion);
    let holdout = app.get("/api/v1/holdout/report").expect(200);
    assert!(
        holdout["variants"][0]["visitors"].as_u64().unwrap() > 200,
        "{holdout}"
    );
}

/// All numbers of a value, as bits.
fn numbers(value: &Value) -> HashSet<u64> {
    match value {
        Value::Number(number) => HashSet::from([number.as_f64().unwrap().to_bits()]),
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Object(fields) => fields.values().flat_map(numbers).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => HashSet::new(),
    }
}

fn tables_have_every_figure(app: &TestApp) {
    for experiment in ["express-checkout", "cart-incentive", "trust-seals"] {
        let asked = "report?days=60&dimension=all&format";
        let path = |format: &str| format!("/api/v1/experiments/{experiment}/{asked}={format}");
        let report = app.get(&path("json")).expect(200);
        let csv = app.get(&path("csv")).text;
        let cells = csv.split([',', '\n']).filter_map(|cell| cell.parse().ok());
        let told: HashSet<u64> = cells.map(f64::to_bits).collect();
        for part in [
            "metrics",
            "variants",
            "weights",
            "timeline",
            "breakdowns",
            "holdout",
        ] {
            let figures = match part {
                "holdout" => numbers(&report[part]["metrics"]),
                _ => numbers(&report[part]),
            };
            let missing = figures.difference(&told).map(|bits| f64::from_bits(*bits));
            let missing: Vec<f64> = missing.collect();
            assert!(missing.is_empty(), "{part} of {experiment}: {missing:?}");
        }
    }
}

#[test]
fn every_experiment_of_the_gallery_shows_its_state() {
    let app = TestApp::with_args(&["--global-holdout", "0.05"]);
    let played = play(&app);
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{played:?}");
    assert!(
        said.contains("Express converts") && said.contains(&app.url),
        "{said}"
    );
    fixed_splits(&app);
    bandits(&app);
    states(&app);
    tables_have_every_figure(&app);
    let again = play(&app);
    assert_eq!(again.status.code(), Some(1));
    let why = String::from_utf8_lossy(&again.stderr);
    assert!(why.contains("is there already"), "{why}");
}

#[test]
fn the_gallery_needs_a_clock_that_can_be_moved() {
    let settings = Settings {
        system_clock: true,
        ..Settings::default()
    };
    let app = TestApp::with(settings, &[]);
    let refused = play(&app);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(why.contains("upswing serve --clock manual"), "{why}");
}
