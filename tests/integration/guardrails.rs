//! Guardrails: an experiment that does harm pauses by itself, and one that does not runs on.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, near, with};

const VISITORS: usize = 1_600;

/// An even split with a guardrail on complaints.
pub(crate) fn guarded(on_trip: &str) -> Value {
    let mut definition = fixed("hero");
    let guardrail = json!({
        "key": "complaints", "event": "Complaint", "kind": "conversion", "role": "guardrail",
        "direction": "decrease", "limit": 0.1, "on_trip": on_trip,
    });
    definition["metrics"]
        .as_array_mut()
        .unwrap()
        .push(guardrail);
    definition
}

/// A server with visitors of both variants at noon of the first day, of whom so many of a hundred complain.
fn with_complaints(
    on_trip: &str,
    of_control: usize,
    of_treatment: usize,
) -> (TestApp, Vec<String>) {
    let app = TestApp::start();
    app.put_experiment(&guarded(on_trip));
    let assigned = app.assign_many("hero", 0..VISITORS);
    let variants: Vec<String> = assigned
        .iter()
        .map(|of| of["variant"].as_str().unwrap().to_owned())
        .collect();
    let share = |variant: &str| {
        if variant == "control" {
            of_control
        } else {
            of_treatment
        }
    };
    complain(&app, &variants, "first", share);
    (app, variants)
}

/// Complaints of the first so many of every hundred visitors of a variant.
pub(crate) fn complain(
    app: &TestApp,
    variants: &[String],
    id: &str,
    share: impl Fn(&str) -> usize,
) {
    let complaints: Vec<Value> = (0..)
        .zip(variants)
        .filter(|(i, variant)| i % 100 < share(variant))
        .map(|(i, _)| json!({ "event": "Complaint", "visitor": format!("v{i}"), "id": id }))
        .collect();
    for batch in complaints.chunks(1_000) {
        app.track(&json!(batch));
    }
}

fn shown(app: &TestApp) -> Value {
    app.get("/api/v1/experiments/hero").expect(200)
}

fn complaints(app: &TestApp) -> f64 {
    app.report("hero").total("complaints")
}

const TRIPPED: &str = "upswing_guardrail_trips{experiment=\"hero\"}";

/// A visitor of the treatment.
fn treated(variants: &[String]) -> String {
    let first = variants.iter().position(|variant| variant == "treatment");
    format!("v{}", first.unwrap())
}

#[test]
fn a_harmful_experiment_pauses_by_itself_and_takes_the_variant_from_everybody() {
    let (app, variants) = with_complaints("pause", 10, 25);
    assert_eq!(shown(&app)["status"], "running", "nobody has looked yet");
    app.advance_clock("2026-01-01T00:01:00Z");
    let paused = shown(&app);
    assert_eq!(paused["status"], "paused");
    assert_eq!(paused["since"], "2026-01-01T00:01:00.000Z");
    let trip = &paused["trips"][0];
    for (field, expected) in [
        ("metric", "complaints"),
        ("variant", "treatment"),
        ("action", "pause"),
    ] {
        assert_eq!(trip[field], expected);
    }
    assert!(trip["harm"].as_f64().unwrap() > 1.0 && trip["low"].as_f64().unwrap() > 0.1);
    let receipt = paused["pause"]["receipt"].as_str().unwrap();
    assert_eq!(paused["pause"]["cause"], "harm");
    assert_eq!(trip["receipt"], receipt);
    let begin = "Paused: complaints of treatment is ";
    assert!(receipt.starts_with(begin) && receipt.ends_with("the limit is 10.0 %."));
    assert!(near(app.metric(TRIPPED), 1.0));

    let treated = treated(&variants);
    for visitor in [&treated, "new"] {
        let answer = app.assign(visitor, "hero");
        let found = (&answer["variant"], &answer["reason"]);
        assert_eq!(found, (&json!("control"), &json!("inactive")));
        assert_eq!(answer["propensity"], Value::Null);
    }
    let path = format!("/api/v1/experiments/hero/explain?visitor={treated}");
    let why = app.get(&path).expect(200);
    assert_eq!(why["reason"], "inactive");
    assert!(why["steps"].to_string().contains(receipt), "{why}");
}

#[test]
fn what_was_paused_for_harm_stays_as_it_was() {
    let (mut app, variants) = with_complaints("pause", 10, 25);
    app.advance_clock("2026-01-01T00:01:00Z");
    let (paused, before) = (shown(&app), complaints(&app));
    app.advance_clock("2026-01-01T01:00:00Z");
    complain(&app, &variants, "late", |_| 60);
    app.advance_clock("2026-01-01T02:00:00Z");
    assert!(near(complaints(&app), before) && near(app.metric(TRIPPED), 1.0));
    let report = app.report("hero");
    let comparison = report.comparison("complaints", "treatment");
    assert_eq!(comparison["status"], "tripped");
    let caveats = comparison["caveats"].to_string();
    assert!(caveats.contains("window_interrupted"), "{caveats}");
    app.stop();
    app.restart();
    assert_eq!(shown(&app), paused);
    // A new text is no reason to go on.
    let renamed = app.put_experiment(&with(guarded("pause"), "name", json!("Hero")));
    assert_eq!(renamed["status"], "paused");
    assert_eq!(renamed["version"], 2);
}

#[test]
fn starting_it_again_accepts_the_harm_known_and_no_more() {
    let (app, variants) = with_complaints("pause", 10, 25);
    app.advance_clock("2026-01-01T00:01:00Z");
    let started = app.tell("hero", "start", &json!({}));
    assert_eq!(
        (&started["status"], &started["pause"]),
        (&json!("running"), &Value::Null)
    );
    let treated = treated(&variants);
    let answer = app.assign(&treated, "hero");
    assert_eq!(
        (&answer["variant"], &answer["reason"]),
        (&json!("treatment"), &json!("sticky"))
    );
    app.advance_clock("2026-01-01T00:10:00Z");
    app.assign_many("hero", VISITORS..VISITORS + 400);
    app.advance_clock("2026-01-01T00:20:00Z");
    assert_eq!(
        shown(&app)["status"],
        "running",
        "the same evidence does not count twice"
    );
    let worse = |variant: &str| if variant == "control" { 0 } else { 90 };
    complain(&app, &variants, "worse", worse);
    app.advance_clock("2026-01-01T00:30:00Z");
    let paused = shown(&app);
    assert_eq!(
        (&paused["status"], paused["trips"].as_array().unwrap().len()),
        (&json!("paused"), 2)
    );
    assert!(paused["trips"][1]["low"].as_f64() > paused["trips"][0]["harm"].as_f64());
    // By hand it may be paused for good, or concluded.
    let concluded = app.tell("hero", "conclude", &json!({}));
    assert_eq!(
        (&concluded["status"], &concluded["pause"]),
        (&json!("concluded"), &Value::Null)
    );
    let answer = app.assign(&treated, "hero");
    assert_eq!(
        answer["variant"], "treatment",
        "concluded for new visitors only"
    );
}

#[test]
fn a_harmless_experiment_runs_on() {
    let (app, variants) = with_complaints("pause", 15, 15);
    for minute in 1..5 {
        app.advance_clock(&format!("2026-01-01T00:0{minute}:00Z"));
        complain(&app, &variants, &format!("m{minute}"), |_| 15 + minute);
    }
    app.advance_clock("2026-01-01T01:00:00Z");
    let running = shown(&app);
    assert_eq!(
        (&running["status"], &running["trips"], &running["pause"]),
        (&json!("running"), &Value::Null, &Value::Null)
    );
    assert!(near(app.metric(TRIPPED), 0.0));
}

#[test]
fn a_guardrail_that_only_notifies_pauses_nothing() {
    let (app, variants) = with_complaints("notify", 10, 25);
    app.advance_clock("2026-01-01T00:01:00Z");
    app.advance_clock("2026-01-01T00:02:00Z");
    let running = shown(&app);
    assert_eq!(
        (&running["status"], &running["pause"]),
        (&json!("running"), &Value::Null)
    );
    let [trip] = running["trips"].as_array().unwrap().as_slice() else {
        panic!("{running}")
    };
    assert!(trip["receipt"].as_str().unwrap().starts_with("Tripped: "));
    let treated = treated(&variants);
    assert_eq!(app.assign(&treated, "hero")["reason"], "sticky");
    // A pause by hand keeps serving them.
    app.tell("hero", "pause", &json!({}));
    assert_eq!(app.assign(&treated, "hero")["reason"], "sticky");
    assert_eq!(shown(&app)["pause"], Value::Null);
}
