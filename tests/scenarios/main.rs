//! Scenarios over HTTP: a live server with a manual clock is sent the visitors of `upswing simulate` by its public API,
//! and must do to the bit what the functions do in process: the same epochs with the same weights, and the same regret.
//!
//! `cargo test --release --test scenarios -- --ignored --nocapture` runs the scenarios at their full size a hundred times
//! and prints their regret; without `--ignored` short ones run once.

#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap is a failing test; helpers outside #[test] need it too"
)]

#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/client.rs"]
mod client;
#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/harness.rs"]
mod harness;
#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/model.rs"]
mod model;

mod remote;

use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use upswing::simulation::{Run, Scenario, play, read, summary};

/// Runs of a scenario at its full size.
const RUNS: u64 = 100;

/// A shipped scenario with one of its policies, whose visitors come in batches. `refresh` keeps the policy still when the
/// clock moves: it is asked once the conversions until then are told.
fn scenario(file: &str, policy: &str) -> Scenario {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/scenarios");
    let text = std::fs::read_to_string(shipped.join(file)).unwrap();
    let table = "[experiment.allocation]\n";
    let mut scenario = read(&text.replace(table, &format!("{table}refresh = \"365d\"\n"))).unwrap();
    assert!(scenario.keep(policy), "{policy}");
    scenario.traffic.together = true;
    scenario
}

/// Plays a run in process and over HTTP, which must be equal.
fn twice(scenario: &Scenario, seed: u64) -> Run {
    let run = play(scenario, seed);
    let there = remote::course(scenario, seed);
    let here = remote::Course {
        regret: run.policies[0].course.regret,
        epochs: run.policies[0].epochs.clone(),
    };
    assert!(here.epochs.len() > 5, "the policy moves: {:?}", here.epochs);
    assert_eq!(there, here, "{}, run {seed}", scenario.name);
    run
}

/// The start of a scenario, with its promotion if there is one.
fn short(file: &str, policy: &str) -> Scenario {
    let mut scenario = scenario(file, policy);
    scenario.traffic.visitors = 8_000;
    for promotion in &mut scenario.truth.promotions {
        (promotion.from, promotion.until) = (3_000, 5_000);
    }
    scenario
}

#[test]
fn a_shop_is_the_same_over_http() {
    twice(&short("b-e-commerce.toml", "pooled"), 1);
}

#[test]
fn a_promotion_is_the_same_over_http() {
    twice(&short("d2-promotion.toml", "cohort"), 2);
}

#[test]
fn delayed_conversions_are_the_same_over_http() {
    twice(&short("b-delay.toml", "cohort"), 3);
}

#[test]
fn segments_are_the_same_over_http() {
    twice(&short("e1-opposite-winners.toml", "pooled"), 4);
}

#[test]
#[ignore = "takes minutes: run it with --release"]
fn every_scenario_is_the_same_over_http() {
    for (file, policy) in [
        ("b-e-commerce.toml", "pooled"),
        ("b-e-commerce.toml", "cohort"),
        ("d2-promotion.toml", "cohort"),
        ("b-delay.toml", "cohort"),
    ] {
        let scenario = scenario(file, policy);
        let summary = summary(&scenario, &all(&scenario));
        let policy = summary.policies.last().unwrap();
        let to = policy.to_thompson.unwrap();
        #[expect(clippy::print_stdout, reason = "the table is what the test is for")]
        {
            println!(
                "{:<28} {:<10} {} runs  regret {:.1}  × exact TS {:.3} ± {:.3}  right {:.1} %",
                summary.scenario,
                policy.policy,
                summary.runs,
                policy.regret.value,
                to.value,
                to.std_error.unwrap_or(f64::NAN),
                100.0 * policy.right.value
            );
        }
    }
}

/// All runs of a scenario, on all cores.
fn all(scenario: &Scenario) -> Vec<Run> {
    let seeds = Mutex::new(1..=RUNS);
    let work = || {
        let next = || seeds.lock().unwrap().next();
        let runs = std::iter::from_fn(|| next().map(|seed| twice(scenario, seed)));
        runs.collect::<Vec<Run>>()
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let runs = workers.into_iter().flat_map(|of| of.join().unwrap());
        runs.collect()
    })
}
