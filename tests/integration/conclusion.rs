//! Conclusions: who is served the winner, and that the comparison stays as it was when it was decided.

use serde_json::json;

use crate::harness::TestApp;
use crate::model::{fixed, near, order, with};

#[test]
fn a_conclusion_serves_the_winner_to_whom_it_says() {
    let app = TestApp::start();
    for (key, scope) in [("to-new", "new"), ("to-all", "everyone")] {
        app.put_experiment(&fixed(key));
        let before = app.assign_many(key, 0..200);
        let control = before.iter().position(|a| a["variant"] == "control");
        let visitor = format!("v{}", control.unwrap());
        let shown = app.tell(
            key,
            "conclude",
            &json!({ "winner": "treatment", "scope": scope }),
        );
        assert_eq!(shown["status"], "concluded");
        assert_eq!(shown["conclusion"]["winner"], "treatment");
        let new = app.assign("newcomer", key);
        assert_eq!(
            (&new["variant"], &new["reason"]),
            (&json!("treatment"), &json!("concluded"))
        );
        assert!(new["epoch"].is_null() && new["propensity"].is_null());
        let old = app.assign(&visitor, key);
        let expected = if scope == "new" {
            ("control", "sticky")
        } else {
            ("treatment", "concluded")
        };
        assert_eq!(
            (&old["variant"], &old["reason"]),
            (&json!(expected.0), &json!(expected.1))
        );
        assert_eq!(
            app.report(key).total_visitors(),
            200,
            "newcomers are not counted"
        );
    }
    // The comparison is frozen: what happens afterwards counts nowhere.
    app.advance_clock("2026-01-01T01:00:00Z");
    app.track(&order("v0", "late", "2026-01-01T00:30:00Z", 10.0));
    assert!(app.report("to-all").total("revenue").abs() < 1e-9);
    app.put_experiment(&fixed("without"));
    app.tell("without", "conclude", &json!({}));
    assert_eq!(app.assign("n", "without")["variant"], "control");
    let again = app.post("/api/v1/experiments/without/conclude", &json!({}));
    again.problem(409, "illegal_transition");
    let unknown = json!({ "winner": "nobody" });
    app.put_experiment(&fixed("other"));
    app.post("/api/v1/experiments/other/conclude", &unknown)
        .problem(404, "unknown_variant");
}

/// Conversions and revenue of the whole experiment.
#[track_caller]
fn totals(app: &TestApp, expected: (f64, f64)) {
    let report = app.report("hero");
    let found = (report.total("purchase"), report.total("revenue"));
    assert!(
        near(found.0, expected.0) && near(found.1, expected.1),
        "{found:?}, not {expected:?}"
    );
}

#[test]
fn what_happens_while_concluded_counts_nowhere_even_after_a_restart() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.advance_clock("2026-01-02T00:00:00Z");
    app.tell("hero", "conclude", &json!({ "winner": "treatment" }));
    app.advance_clock("2026-01-03T00:00:00Z");
    app.track(&order("anna", "too late", "2026-01-02T12:00:00Z", 10.0));
    totals(&app, (0.0, 0.0));
    app.track(&order("anna", "in time", "2026-01-01T12:00:00Z", 5.0));
    totals(&app, (1.0, 5.0));
    let concluded = with(fixed("hero"), "status", json!("concluded"));
    let renamed = with(concluded, "name", json!("Hero"));
    let shown = app.put_experiment(&renamed);
    assert_eq!(shown["conclusion"]["winner"], "treatment");
    totals(&app, (1.0, 5.0));
    let shown = app.put_experiment(&with(fixed("hero"), "name", json!("again")));
    assert_eq!(shown["status"], "running");
    assert!(shown.get("conclusion").is_none(), "{shown}");
    app.advance_clock("2026-01-04T00:00:00Z");
    app.track(&order(
        "anna",
        "still too late",
        "2026-01-02T13:00:00Z",
        20.0,
    ));
    totals(&app, (1.0, 5.0));
    app.track(&order("anna", "again", "2026-01-03T12:00:00Z", 7.0));
    totals(&app, (1.0, 12.0));
}

#[test]
fn archiving_a_concluded_experiment_leaves_the_comparison_frozen() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.advance_clock("2026-01-02T00:00:00Z");
    app.tell("hero", "conclude", &json!({}));
    app.advance_clock("2026-01-03T00:00:00Z");
    app.track(&order("anna", "too late", "2026-01-02T12:00:00Z", 10.0));
    let path = "/api/v1/experiments/hero";
    app.try_send("DELETE", path, &[], None).unwrap().expect(200);
    app.track(&order("anna", "in time", "2026-01-01T12:00:00Z", 5.0));
    totals(&app, (1.0, 5.0));
    app.put_experiment(&with(fixed("hero"), "status", json!("concluded")));
    app.track(&order("anna", "in time too", "2026-01-01T13:00:00Z", 2.0));
    totals(&app, (1.0, 7.0));
}
