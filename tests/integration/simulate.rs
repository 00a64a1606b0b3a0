//! `upswing simulate`: the shipped scenarios through the real binary.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn simulate(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_upswing");
    let mut command = Command::new(binary);
    command.arg("simulate").args(arguments).output().unwrap()
}

fn shipped(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("experiments/scenarios")
        .join(name)
        .display()
        .to_string()
}

fn json(arguments: &[&str]) -> Value {
    let output = simulate(arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn figures_depend_on_the_seed_and_not_on_threads() {
    let file = shipped("a1-ten-variants.toml");
    let of = |threads: &str, seed: &str| {
        json(&[
            &file,
            "--runs",
            "2",
            "--seed",
            seed,
            "--threads",
            threads,
            "--policy",
            "pooled",
            "--format",
            "json",
        ])
    };
    let single = of("1", "1");
    assert_eq!(single, of("2", "1"));
    assert_ne!(single, of("2", "2"));
    let policies = single[0]["policies"].as_array().unwrap();
    let names: Vec<&Value> = policies.iter().map(|of| &of["policy"]).collect();
    assert_eq!(names, ["uniform", "exact TS", "pooled"]);
    // Two runs of 20,000 visitors: an even split loses 0.066 conversions per visitor, a bandit a tenth of that.
    let regret = |at: usize| policies[at]["regret"]["value"].as_f64().unwrap();
    assert!((regret(0) - 1320.0).abs() < 30.0, "{}", regret(0));
    assert!(
        regret(1) < 200.0 && regret(2) < 250.0,
        "{} {}",
        regret(1),
        regret(2)
    );
}

#[test]
fn every_shipped_scenario_is_valid_and_drawn() {
    let output = simulate(&[&shipped(""), "--runs", "0", "--format", "svg"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let drawn = String::from_utf8(output.stdout).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"));
    assert!(drawn.contains("b: e-commerce, 4 variants"));
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
}

#[test]
fn mistakes_are_listed_with_file_line_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wrong.toml");
    std::fs::write(&path, "[traffic]\nvisitors = 10\nperday = 3\n[truth]\n").unwrap();
    let output = simulate(&[path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    for part in [
        "wrong.toml:3: traffic.perday",
        "traffic.batch",
        "truth.variants",
        "experiment",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let unknown = simulate(&[&shipped("b-e-commerce.toml"), "--policy", "luck"]);
    assert_eq!(unknown.status.code(), Some(1));
}
