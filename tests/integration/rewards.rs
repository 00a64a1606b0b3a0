//! Rewards: what counts for whom, whatever the order, number and lateness of its arrival.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, history, near, order, order_named, row, with};

/// A server with one visitor, `anna`, assigned at noon of 2026-01-01 to a two-day experiment; it is 2026-01-10.
fn with_anna() -> (TestApp, String) {
    let app = TestApp::start();
    let mut definition = fixed("hero");
    for metric in 0..3 {
        definition["metrics"][metric]["window"] = json!("2d");
    }
    app.put_experiment(&definition);
    app.advance_clock("2026-01-01T12:00:00Z");
    let variant = app.assign("anna", "hero")["variant"]
        .as_str()
        .unwrap()
        .to_owned();
    app.advance_clock("2026-01-10T00:00:00Z");
    (app, variant)
}

/// Conversions, revenue and orders of the whole experiment.
#[track_caller]
fn totals(app: &TestApp, expected: (f64, f64, f64)) {
    let report = app.report("hero");
    let found = (
        report.total("purchase"),
        report.total("revenue"),
        report.total("orders"),
    );
    let equal = near(found.0, expected.0) && near(found.1, expected.1) && near(found.2, expected.2);
    assert!(equal, "{found:?}, not {expected:?}");
}

#[test]
fn a_window_begins_with_the_assignment_and_ends_before_its_last_instant() {
    let (app, _) = with_anna();
    for (id, at, expected) in [
        ("before", "2026-01-01T11:59:59.999Z", (0.0, 0.0, 0.0)),
        ("after", "2026-01-03T12:00:00.000Z", (0.0, 0.0, 0.0)),
        ("last", "2026-01-03T11:59:59.999Z", (1.0, 10.0, 1.0)),
        ("first", "2026-01-01T12:00:00.000Z", (1.0, 20.0, 2.0)),
        ("inside", "2026-01-02T00:00:00+05:00", (1.0, 30.0, 3.0)),
        ("long after", "2026-01-09T00:00:00Z", (1.0, 30.0, 3.0)),
    ] {
        assert_eq!(app.track(&order("anna", id, at, 10.0))["accepted"], 1);
        totals(&app, expected);
    }
    app.track(&order("nobody", "x", "2026-01-02T00:00:00Z", 10.0));
    totals(&app, (1.0, 30.0, 3.0));
}

#[test]
fn times_are_corrected_by_the_clock_of_the_sender() {
    let (app, _) = with_anna();
    // The sender's clock is four hours fast: the order was placed at 10:00 on the second day.
    let event = order("anna", "1", "2026-01-02T14:00:00Z", 10.0);
    app.track(&json!({ "events": [event], "sent_at": "2026-01-10T04:00:00Z" }));
    // By its own word this one lies at the edge; corrected it lies inside.
    let event = order("anna", "2", "2026-01-03T13:00:00Z", 10.0);
    app.track(&json!({ "events": [event], "sent_at": "2026-01-10T04:00:00Z" }));
    totals(&app, (1.0, 20.0, 2.0));
    let epoch_ms = json!({ "event": "Order Completed", "visitor": "anna", "id": "3", "timestamp": 1_767_312_000_000_i64, "properties": { "revenue": "5.50" } });
    app.track(&epoch_ms);
    totals(&app, (1.0, 25.5, 3.0));
}

#[test]
fn an_event_waits_for_an_assignment_that_comes_later_with_an_earlier_time() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.advance_clock("2026-01-10T00:00:00Z");
    app.track(&order("bert", "1", "2026-01-05T00:00:00Z", 30.0));
    assert_eq!(app.report("hero").total_visitors(), 0);
    app.import(&[history("bert", "hero", "treatment", "2026-01-04T00:00:00Z")]);
    assert!(near(app.report("hero").sum("revenue", "treatment"), 30.0));
    // An even earlier assignment of the same visitor wins, in whatever order they come.
    app.import(&[history("bert", "hero", "control", "2026-01-03T00:00:00Z")]);
    let report = app.report("hero");
    assert_eq!(
        (report.visitors("control"), report.visitors("treatment")),
        (1, 0)
    );
    assert!(near(report.sum("revenue", "control"), 30.0));
    app.import(&[history("bert", "hero", "treatment", "2026-01-06T00:00:00Z")]);
    assert_eq!(app.report("hero").facts(), report.facts());
}

#[test]
fn repeat_purchases_sum_up_to_the_cap_and_convert_once() {
    let app = TestApp::start();
    let mut definition = fixed("hero");
    definition["metrics"][1]["cap"] = json!(100);
    app.put_experiment(&definition);
    app.assign("anna", "hero");
    app.assign("bert", "hero");
    for (i, expected) in [40.0, 80.0, 100.0, 100.0].into_iter().enumerate() {
        app.track(&order_named(
            "anna",
            &format!("a{i}"),
            &format!("o{i}"),
            40.0,
        ));
        totals(&app, (1.0, expected, (i + 1) as f64));
    }
    app.track(&order_named("bert", "b", "o0", 7.5));
    totals(&app, (2.0, 107.5, 5.0));
    // The cap is on the total: a refund of what lay above it changes nothing.
    app.track(&json!({ "event": "Order Completed", "visitor": "anna", "id": "back", "properties": { "revenue": -60 } }));
    totals(&app, (2.0, 107.5, 6.0));
    app.track(&json!({ "event": "Order Completed", "visitor": "anna", "id": "more", "properties": { "revenue": -60 } }));
    totals(&app, (2.0, 47.5, 7.0));
}

#[test]
fn the_same_event_or_order_counts_once_across_restarts() {
    let mut app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.assign("bert", "hero");
    let first = order_named("anna", "id-1", "order-1", 10.0);
    let counts = app.track(&json!([first, first]));
    assert_eq!(
        (&counts["accepted"], &counts["duplicates"]),
        (&json!(1), &json!(1))
    );
    for _ in 0..2 {
        for again in [
            first.clone(),
            order_named("anna", "id-2", "order-1", 10.0),
            order_named("anna", "id-1", "order-2", 99.0),
        ] {
            assert_eq!(app.track(&again)["duplicates"], 1, "{again}");
        }
        totals(&app, (1.0, 10.0, 1.0));
        app.kill9();
        app.restart();
    }
    assert_eq!(
        app.track(&order_named("bert", "id-1", "order-1", 10.0))["accepted"],
        1,
        "ids are per visitor"
    );
    let other = json!({ "event": "Order Shipped", "visitor": "anna", "id": "id-3", "properties": { "order_id": "order-1" } });
    assert_eq!(
        app.track(&other)["accepted"],
        1,
        "orders are unique per event name"
    );
    assert_eq!(
        app.track(&other)["duplicates"],
        1,
        "also for events that no metric reads"
    );
    totals(&app, (2.0, 20.0, 2.0));
}

fn refund(id: &str, order: &str, amount: Option<f64>) -> Value {
    let mut properties = json!({ "order_id": order });
    if let Some(amount) = amount {
        properties["total"] = json!(amount);
    }
    json!({ "event": "Order Refunded", "visitor": "anna", "id": id, "properties": properties })
}

#[test]
fn refunds_take_orders_back_before_and_after_they_come() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.track(&order_named("anna", "1", "o1", 50.0));
    app.track(&order_named("anna", "2", "o2", 30.0));
    totals(&app, (1.0, 80.0, 2.0));
    app.track(&refund("r1", "o1", None));
    totals(&app, (1.0, 30.0, 1.0));
    assert_eq!(app.track(&refund("r1 again", "o1", None))["duplicates"], 1);
    app.track(&refund("r2", "o2", Some(10.0)));
    totals(&app, (1.0, 20.0, 1.0));
    app.track(&refund("r3", "o2", Some(5.0)));
    totals(&app, (1.0, 15.0, 1.0));
    app.track(&refund("r4", "o2", Some(15.0)));
    totals(&app, (0.0, 0.0, 0.0));
    app.track(&order_named("anna", "2b", "o2b", 30.0));
    app.track(&refund("r2b", "o2b", Some(10.0)));
    assert_eq!(app.track(&refund("r3b", "o2b", None))["accepted"], 1);
    totals(&app, (0.0, 0.0, 0.0));
    app.track(&refund("r5", "o3", None));
    totals(&app, (0.0, 0.0, 0.0));
    app.track(&order_named("anna", "3", "o3", 70.0));
    totals(&app, (0.0, 0.0, 0.0));
    app.track(&refund("r6", "o4", Some(20.0)));
    app.track(&order_named("anna", "4", "o4", 70.0));
    totals(&app, (1.0, 50.0, 1.0));
}

#[test]
fn totals_may_go_below_zero() {
    let (app, variant) = with_anna();
    app.track(&order("anna", "1", "2026-01-02T00:00:00Z", -12.34));
    totals(&app, (1.0, -12.34, 1.0));
    assert!(near(app.report("hero").mean("revenue", &variant), -12.34));
}

#[test]
fn a_report_as_of_a_day_is_what_was_true_then() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let mut then = Vec::new();
    for day in 0..5_usize {
        app.advance_clock(&format!("2026-01-{:02}T08:00:00Z", day + 1));
        app.assign_many("hero", day * 40..day * 40 + 40);
        let buyers = (0..day * 40 + 40).filter(|i| (i + day) % 7 == 0);
        let orders: Vec<Value> = buyers
            .map(|i| {
                let revenue = 10.0 + i as f64 / 8.0;
                json!({ "event": "Order Completed", "visitor": format!("v{i}"), "id": format!("{day}-{i}"), "properties": { "revenue": revenue } })
            })
            .collect();
        app.track(&json!(orders));
        then.push(app.report("hero"));
    }
    for (day, then) in then.iter().enumerate() {
        let query = format!("?as_of=2026-01-{:02}T23:59:59Z", day + 1);
        let now = app.report_with("hero", &query);
        assert_eq!(now.0["variants"], then.0["variants"], "day {day}");
        for metric in ["purchase", "revenue", "orders"] {
            for variant in ["control", "treatment"] {
                let (now, then) = (now.figures(metric, variant), then.figures(metric, variant));
                for figure in ["sum", "mean", "std_error"] {
                    assert!(
                        near(
                            now[figure].as_f64().unwrap(),
                            then[figure].as_f64().unwrap()
                        ),
                        "{now} {then}"
                    );
                }
            }
        }
    }
    app.get("/api/v1/experiments/hero/report?as_of=yesterday")
        .problem(400, "invalid_query");
}

#[test]
fn hundreds_of_events_of_one_visitor_stay_exact_and_deduped() {
    let mut app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app.advance_clock("2026-01-05T00:00:00Z");
    let orders: Vec<Value> = (0..300)
        .map(|i| {
            order(
                "anna",
                &format!("e{i}"),
                &format!("2026-01-{:02}T{:02}:00:00Z", 1 + i % 4, i % 24),
                1.25,
            )
        })
        .collect();
    for chunk in orders.chunks(70) {
        assert_eq!(app.track(&json!(chunk))["accepted"], chunk.len());
    }
    totals(&app, (1.0, 375.0, 300.0));
    for _ in 0..2 {
        assert_eq!(app.track(&json!(orders))["duplicates"], 300);
        totals(&app, (1.0, 375.0, 300.0));
        app.kill9();
        app.restart();
    }
    app.track(&order("anna", "one more", "2026-01-01T00:00:00Z", 0.25));
    totals(&app, (1.0, 375.25, 301.0));
}

#[test]
fn orders_stay_unique_when_their_events_have_left_the_list() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    let orders = |prefix: &str| -> Vec<Value> {
        (0..300)
            .map(|i| order_named("anna", &format!("{prefix}{i}"), &format!("o{i}"), 2.0))
            .collect()
    };
    assert_eq!(app.track(&json!(orders("first")))["accepted"], 300);
    assert_eq!(app.track(&json!(orders("second")))["duplicates"], 300);
    totals(&app, (1.0, 600.0, 300.0));
}

#[test]
fn a_reward_goes_to_the_sessions_last_decision_before_it() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("hero"), "sticky", json!("session")));
    let mut variants = Vec::new();
    for hour in 0..8 {
        app.advance_clock(&format!("2026-01-01T{hour:02}:00:00Z"));
        let request =
            json!({ "visitor": "anna", "session": format!("s{hour}"), "experiments": ["hero"] });
        variants.push(
            app.assignments(&request)[0]["variant"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    app.advance_clock("2026-01-01T09:00:00Z");
    let mut expected = [0.0, 0.0];
    for hour in (0..8).rev() {
        let revenue = f64::from(1 << hour);
        let variant = &variants[usize::try_from(hour).unwrap()];
        app.track(&order(
            "anna",
            &format!("e{hour}"),
            &format!("2026-01-01T{hour:02}:59:59Z"),
            revenue,
        ));
        expected[usize::from(variant == "treatment")] += revenue;
        let report = app.report("hero");
        for (variant, expected) in ["control", "treatment"].into_iter().zip(expected) {
            assert!(
                near(report.sum("revenue", variant), expected),
                "{hour} {variant}"
            );
        }
    }
    assert_eq!(app.report("hero").total_visitors(), 8);
}

#[test]
fn history_and_live_traffic_give_the_same_report() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.advance_clock("2026-01-10T00:00:00Z");
    app.import(&[history("anna", "hero", "treatment", "2026-01-02T00:00:00Z")]);
    let bought = order("anna", "1", "2026-01-03T00:00:00Z", 10.0);
    app.import(&[row(bought.clone())]);
    assert_eq!(app.track(&bought)["duplicates"], 1);
    totals(&app, (1.0, 10.0, 1.0));
    assert_eq!(app.assign("anna", "hero")["variant"], "treatment");
}
