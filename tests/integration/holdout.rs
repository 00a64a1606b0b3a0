//! The global holdout: who is in and out, what all personalization together earns, and what becomes of it when the
//! settings change.

use std::ops::Range;

use serde_json::{Value, json};

use crate::harness::{TestApp, upswing};
use crate::model::{fixed, order, thompson, with};

const EURO: &str = "[holdout]\ncurrency = \"EUR\"\n";

/// A server whose `upswing.toml` holds this share out.
fn held_out(share: f64) -> TestApp {
    let mut app = TestApp::start();
    configure(&mut app, &format!("global_holdout = {share}\n{EURO}"));
    app
}

fn configure(app: &mut TestApp, settings: &str) {
    app.stop();
    app.write_settings(settings);
    app.restart();
}

fn report(app: &TestApp) -> Value {
    app.get("/api/v1/holdout/report").expect(200)
}

/// Which of these visitors are held out.
fn held(app: &TestApp, experiment: &str, visitors: Range<usize>) -> Vec<bool> {
    let answers = app.assign_many(experiment, visitors);
    let reasons = answers.iter().map(|answer| &answer["reason"]);
    reasons.map(|reason| reason == "global_holdout").collect()
}

/// Every twentieth of the held-out visitors buys, and every tenth of the others, who spend more.
fn buy(app: &TestApp, held: &[bool]) {
    let at = app.get("/api/v1/clock").expect(200)["now"].clone();
    let orders = held.iter().enumerate().filter_map(|(i, held)| {
        let (every, amount) = if *held { (20, 50.0) } else { (10, 60.0) };
        let id = format!("o{i}");
        (i % every == 0).then(|| order(&format!("v{i}"), &id, at.as_str().unwrap(), amount))
    });
    for orders in orders.collect::<Vec<_>>().chunks(500) {
        app.track(&json!(orders));
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn close(got: &Value, expected: f64) {
    let got = number(got);
    assert!(
        (got - expected).abs() < 1e-6 * expected.abs(),
        "{got} is not {expected}"
    );
}

/// Three days of a thousand visitors each through two experiments; which of them are held out.
fn three_days(app: &TestApp) -> Vec<bool> {
    app.put_experiment(&fixed("one"));
    app.put_experiment(&thompson("two"));
    let mut places = Vec::new();
    for (day, experiment) in ["one", "two", "one"].iter().enumerate() {
        places.extend(held(app, experiment, day * 1_000..(day + 1) * 1_000));
        app.advance_clock(&format!("2026-01-0{}T00:00:00Z", day + 2));
    }
    // A visitor of several experiments counts once, and bots never.
    assert_eq!(held(app, "two", 0..500), places[..500]);
    app.assign_with("bot", "one", &json!({ "user_agent": "Googlebot/2.1" }));
    buy(app, &places);
    places
}

#[test]
fn everything_together_is_measured_against_the_holdout() {
    let app = held_out(0.2);
    let places = three_days(&app);
    let count = |held: bool| places.iter().filter(|place| **place == held).count();
    let report = report(&app);
    assert_eq!(report["experiment"]["key"], "global-holdout");
    assert_eq!(report["visitors"], 3_000);
    assert_eq!(report["health"]["srm"]["verdict"], "ok");
    let rows = report["variants"].as_array().unwrap();
    for (row, (variant, held)) in rows
        .iter()
        .zip([("holdout", true), ("personalized", false)])
    {
        assert_eq!(row["variant"], variant);
        assert_eq!(row["visitors"], count(held));
    }
    let verdict = &crate::holdout::report(&app)["verdict"];
    let headline = verdict["headline"].as_str().unwrap();
    assert!(headline.starts_with("Personalized sells "), "{headline}");
    assert!(
        !headline.contains("Ship") && !headline.contains("Roll"),
        "{headline}"
    );
    let csv = app.get("/api/v1/holdout/report?format=csv");
    assert!(csv.text.contains("global-holdout"), "{}", csv.text);
    let earlier = app.get("/api/v1/holdout/report?as_of=2026-01-01T12:00:00Z");
    assert_eq!(earlier.expect(200)["visitors"], 1_000);
}

#[test]
fn what_it_earns_is_told_in_lift_and_money_per_day() {
    let app = held_out(0.2);
    let places = three_days(&app);
    let of = |held: bool| (0..).zip(&places).filter(move |(_, place)| **place == held);
    let mean = |held, every, amount: f64| {
        let buyers = of(held).filter(|(i, _)| i % every == 0).count();
        buyers as f64 * amount / of(held).count() as f64
    };
    let report = report(&app);
    let holdout = &report["holdout"];
    assert_eq!(holdout["held_out"], of(true).count());
    assert_eq!(holdout["personalized"], of(false).count());
    let is_second = |i: i32| (1_000..2_000).contains(&i);
    let second = of(false).filter(|(i, _)| is_second(*i)).count() as f64;
    close(&holdout["personalized_per_day"], second);
    let [revenue, purchase] = holdout["metrics"].as_array().unwrap().as_slice() else {
        panic!("revenue and purchases by default")
    };
    let difference = mean(false, 10, 60.0) - mean(true, 20, 50.0);
    close(&revenue["absolute"]["estimate"], difference);
    close(
        &revenue["relative"]["estimate"],
        difference / mean(true, 20, 50.0),
    );
    assert!(number(&revenue["absolute"]["low"]) < difference);
    assert_eq!(revenue["per_day"]["currency"], "EUR");
    let amount = &revenue["per_day"]["amount"];
    close(&amount["estimate"], difference * second);
    assert!(number(&amount["high"]) > difference * second);
    close(&purchase["policy"]["mean"], mean(false, 10, 1.0));
    assert!(number(&purchase["p_value"]) < 0.05);
    assert!(purchase["always_valid"]["relative"]["low"].is_number());
    let printed = upswing(&["report", "global-holdout", "--server", &app.url]).output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    assert!(printed.contains("What personalization earns:") && printed.contains("EUR"));
    let compared = &report["metrics"][0]["comparisons"][0];
    assert_eq!(compared["absolute"], revenue["absolute"]);
}

#[test]
fn a_place_is_kept_for_ever_and_another_share_starts_anew() {
    let mut app = held_out(0.3);
    app.put_experiment(&fixed("one"));
    let before = held(&app, "one", 0..500);
    app.advance_clock("2026-01-05T00:00:00Z");
    app.assign("late", "one");
    let first = report(&app);

    app.stop();
    app.restart();
    assert_eq!(
        report(&app)["holdout"],
        first["holdout"],
        "the same settings go on"
    );

    configure(&mut app, &format!("global_holdout = 0.6\n{EURO}"));
    assert_eq!(report(&app)["visitors"], 0);
    assert_eq!(held(&app, "one", 0..500), before);
    assert_eq!(report(&app)["visitors"], 0, "they were seen before");
    let after = held(&app, "one", 500..1_000);
    let share = after.iter().filter(|held| **held).count();
    assert!((240..360).contains(&share), "{share}");
    buy(&app, &before);
    let second = report(&app);
    assert_eq!(
        (&second["visitors"], &second["holdout"]["held_out"]),
        (&json!(500), &json!(share))
    );
    assert_eq!(second["holdout"]["since"], "2026-01-05T00:00:00.000Z");
    assert_eq!(second["variants"][0]["expected_share"], 0.6);
    assert_eq!(
        second["metrics"][0]["variants"][0]["sum"], 0.0,
        "orders of those before"
    );

    // Other metrics are measured anew, too; without a share nobody is held out.
    let metrics = "[[holdout.metrics]]\nkey = \"orders\"\nkind = \"count\"\nevent = \"Order Completed\"\nrole = \"goal\"\n";
    configure(&mut app, &format!("global_holdout = 0.6\n{metrics}"));
    let third = report(&app);
    assert_eq!(
        (&third["visitors"], &third["metrics"][0]["key"]),
        (&json!(0), &json!("orders"))
    );
    configure(&mut app, "");
    app.get("/api/v1/holdout/report").problem(404, "no_holdout");
    assert!(held(&app, "one", 0..1_000).iter().all(|held| !held));
    configure(&mut app, &format!("global_holdout = 0.6\n{metrics}"));
    assert_eq!(report(&app)["visitors"], 0, "the holdout was interrupted");
    assert_eq!(held(&app, "one", 0..500), before);
}

#[test]
fn the_holdout_is_no_experiment() {
    let app = held_out(0.5);
    app.put_experiment(&fixed("one"));
    let list = app.get("/api/v1/experiments").expect(200);
    assert_eq!(list["experiments"].as_array().unwrap().len(), 1);
    let all = app.assignments(&json!({ "visitor": "anna" }));
    assert_eq!(all.len(), 1);
    let named = app.assign("anna", "global-holdout");
    assert_eq!(named["reason"], "not_found");
    for path in ["", "/report", "/allocation", "/epochs"] {
        app.get(&format!("/api/v1/experiments/global-holdout{path}"))
            .problem(404, "unknown_experiment");
    }
    for verb in ["start", "pause", "conclude", "reallocate"] {
        app.post(
            &format!("/api/v1/experiments/global-holdout/{verb}"),
            &json!({}),
        )
        .problem(404, "unknown_experiment");
    }
    let refused = app.put(
        "/api/v1/experiments/global-holdout",
        &fixed("global-holdout"),
    );
    let problem = refused.problem(422, "invalid_definition");
    assert_eq!(problem["errors"][0]["path"], "key");
    let row = crate::model::history("ben", "global-holdout", "holdout", "2026-01-01T00:00:00Z");
    let answer = app.post_bytes("/api/v1/import", &[], row.to_string().as_bytes());
    assert_eq!(
        answer.body["rejected"][0]["code"], "unknown_experiment",
        "{}",
        answer.text
    );
    assert_eq!(report(&app)["visitors"], 1);
    app.get("/api/v1/holdout/report?dimension=device")
        .problem(400, "invalid_query");
}

/// Ten days of two experiments whose treatment costs a gift of 0.25, one of them in dollars; what the gifts cost in euros.
fn gifts(app: &mut TestApp) -> f64 {
    let settings = format!("global_holdout = 0.2\nmonthly_cost = 3043.75\n{EURO}");
    configure(app, &settings);
    let mut gift = fixed("gift");
    gift["variants"][1]["cost"] = json!(0.25);
    app.put_experiment(&gift);
    let foreign = with(gift, "key", json!("foreign"));
    app.put_experiment(&with(foreign, "currency", json!("USD")));
    let places = held(app, "gift", 0..2_000);
    held(app, "foreign", 0..100);
    buy(app, &places);
    app.advance_clock("2026-01-11T00:00:00Z");
    let given = number(&app.report("gift").traffic("treatment", false)["visitors"]);
    0.25 * given
}

/// What personalization costs and leaves.
fn profit(app: &TestApp, query: &str) -> Value {
    let path = format!("/api/v1/holdout/report{query}");
    app.get(&path).expect(200)["holdout"]["profit"].clone()
}

#[test]
fn costs_are_taken_from_what_it_earned() {
    let mut app = held_out(0.2);
    let gifts = gifts(&mut app);
    let report = app.get("/api/v1/holdout/report?days=60").expect(200);
    let holdout = &report["holdout"];
    let (profit, revenue) = (&holdout["profit"], &holdout["metrics"][0]);
    assert_eq!(profit["metric"], "revenue");
    close(&profit["days"], 10.0);
    close(&profit["fixed_costs"], 1_000.0);
    close(&profit["variant_costs"], gifts);
    assert_eq!(profit["foreign_experiments"], 1);
    let personalized = number(&holdout["personalized"]);
    let gain = number(&revenue["absolute"]["estimate"]) * personalized;
    close(&revenue["so_far"]["amount"]["estimate"], gain);
    close(&profit["gain"]["amount"]["estimate"], gain);
    let net = gain - 1_000.0 - gifts;
    close(&profit["net"]["amount"]["estimate"], net);
    let roi = net / (1_000.0 + gifts);
    close(&profit["returns"]["roi"]["estimate"], roi);
    let is_told = profit["payback"].is_object();
    assert_ne!(is_told, profit["unpaid"].is_string(), "{profit}");
    let sentence = profit["sentence"].as_str().unwrap();
    let start = "In 10 days personalization brought ";
    assert!(sentence.starts_with(start), "{sentence}");
    let last = report["timeline"].as_array().unwrap().last().unwrap();
    close(&last["earned"][0]["so_far"]["amount"]["estimate"], gain);
}

#[test]
fn other_costs_may_be_supposed() {
    let mut app = held_out(0.2);
    let gifts = gifts(&mut app);
    close(&profit(&app, "?monthly_cost=0")["costs"], gifts);
    let double = profit(&app, "?monthly_cost=6087.5");
    close(&double["fixed_costs"], 2_000.0);
    close(&double["monthly_cost"], 6_087.5);
    for wrong in ["-1", "nan", "inf", "much"] {
        let path = format!("/api/v1/holdout/report?monthly_cost={wrong}");
        app.get(&path).problem(400, "invalid_query");
    }
    let path = "/api/v1/experiments/gift/report?monthly_cost=1";
    app.get(path).problem(400, "invalid_query");
    let serve = upswing(&["serve", "--monthly-cost", "nan"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&serve.stderr).into_owned();
    assert!(said.contains("--monthly-cost must be"), "{said}");
}

#[test]
fn without_one_there_is_nothing_to_report() {
    let app = TestApp::start();
    let problem = app.get("/api/v1/holdout/report").problem(404, "no_holdout");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("--global-holdout")
    );
}

#[test]
fn mistakes_of_the_settings_are_told_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |settings: &str, expected: &[&str]| {
        std::fs::write(directory.path().join("upswing.toml"), settings).unwrap();
        let output = upswing(&["serve"])
            .current_dir(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for text in expected {
            assert!(said.contains(text), "{said}");
        }
    };
    refused(
        "global_holdout = 1.0",
        &["--global-holdout must be in [0, 1)"],
    );
    refused("[holdout]\ncurency = \"EUR\"", &["curency"]);
    let metrics = "[[holdout.metrics]]\nkey = \"a\"\nkind = \"som\"\nevent = \"Order\"\n[[holdout.metrics]]\nkind = \"count\"";
    refused(
        metrics,
        &[
            "upswing.toml",
            "holdout.metrics[0].kind",
            "holdout.metrics[1].key",
            "holdout.metrics[1].event",
        ],
    );
}
