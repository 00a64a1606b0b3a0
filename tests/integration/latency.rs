//! How soon a conversion is in the report, and an epoch after its `refresh`: printed, not judged.
//!
//! `cargo test --test integration latency -- --ignored --nocapture`

use std::time::Duration;

use serde_json::json;
use upswing::telemetry::Stopwatch;
use upswing::time::Timestamp;

use crate::harness::{START, Settings, TestApp};
use crate::model::{fixed, order, thompson};
use crate::policies::play;

/// Conversions whose way into the report is measured.
const CONVERSIONS: u32 = 500;
/// Bandits whose second epochs are measured.
const BANDITS: usize = 20;
/// Their `refresh`, in milliseconds: when the first is due, the visitors of all have come.
const REFRESH: i64 = 40_000;

#[test]
#[ignore = "it prints figures"]
fn a_conversion_is_on_its_way_to_the_report_for() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    let mut taken: Vec<Duration> = Vec::new();
    for orders in 1..=CONVERSIONS {
        let started = Stopwatch::start();
        app.track(&order("anna", &orders.to_string(), START, 1.0));
        while app.report("hero").total("orders") < f64::from(orders) - 0.5 {}
        taken.push(started.elapsed());
    }
    taken.sort_unstable();
    say("conversion to report, asked for and read", &taken);
}

#[test]
#[ignore = "it prints figures"]
fn an_epoch_is_late_by() {
    let settings = Settings {
        system_clock: true,
        ..Settings::default()
    };
    let app = TestApp::with(settings, &[]);
    let begun = (0..BANDITS).map(|bandit| {
        let key = format!("bandit-{bandit}");
        let mut definition = thompson(&key);
        definition["allocation"]["refresh"] = json!(format!("{}s", REFRESH / 1_000));
        app.put_experiment(&definition);
        play(&app, &key, 0..400, &[("control", 20), ("treatment", 4)]);
        // Each begins at its own moment between two ticks.
        std::thread::sleep(Duration::from_millis(37));
        key
    });
    let keys: Vec<String> = begun.collect();
    let mut late: Vec<Duration> = keys.iter().map(|key| lateness(&app, key)).collect();
    late.sort_unstable();
    say("epoch later than refresh", &late);
}

/// By how much the second epoch was later than `refresh` after the first.
fn lateness(app: &TestApp, bandit: &str) -> Duration {
    loop {
        let path = format!("/api/v1/experiments/{bandit}/epochs");
        let told = app.get(&path).expect(200);
        let opened: Vec<i64> = told["epochs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|epoch| millis(epoch["opened_at"].as_str().unwrap()))
            .collect();
        if let [first, second, ..] = opened[..] {
            return Duration::from_millis((second - first - REFRESH).unsigned_abs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn millis(time: &str) -> i64 {
    Timestamp::parse(time).unwrap().millis()
}

fn say(what: &str, sorted: &[Duration]) {
    let at = |share: usize| sorted[(sorted.len() * share / 100).min(sorted.len() - 1)];
    #[expect(clippy::print_stderr, reason = "figures for people")]
    {
        eprintln!(
            "{what}: median {:?}, p99 {:?} of {}",
            at(50),
            at(99),
            sorted.len()
        );
    }
}
