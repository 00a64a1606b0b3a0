//! Definitions: all mistakes at once, and dimensions that stay bounded.

use serde_json::{Value, json};

use crate::harness::{TestApp, upswing};
use crate::model::{fixed, with};

#[test]
fn dimensions_keep_fifty_values_and_the_rest_as_other() {
    let app = TestApp::start();
    app.put_experiment(&with(fixed("hero"), "dimensions", json!(["campaign"])));
    for batch in 0..3 {
        let requests: Vec<Value> = (0..1_000)
            .map(|i| json!({ "visitor": format!("v{batch}-{i}"), "attributes": { "campaign": format!("c{}", batch * 1_000 + i) } }))
            .collect();
        app.post(
            "/api/v1/assignments/batch",
            &json!({ "requests": requests }),
        )
        .expect(200);
    }
    let report = app.report_with("hero", "?dimension=campaign");
    let values = report.0["breakdowns"][0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 51);
    let of = |value: &Value| -> u64 {
        let variants = value["metrics"][0]["variants"].as_array().unwrap();
        variants
            .iter()
            .map(|row| row["visitors"].as_u64().unwrap())
            .sum()
    };
    let other = values
        .iter()
        .find(|value| value["value"] == "other")
        .unwrap();
    assert_eq!(
        (of(other), values.iter().map(of).sum::<u64>()),
        (2_950, 3_000)
    );
}

/// A definition with twelve mistakes, each on a line of its own.
const TWELVE: &str = r#"key = "Hero!"
name = 7
status = "rnning"
starts = "soon"
ends = 2026-13-01
holdout = 1.5
traffic = 0
colour = "red"
audience = "visitor.country = 1"
sticky = "device"
exposure = "seen"
[[variants]]
key = "control"
[[variants]]
key = "control"
[[metrics]]
key = "purchase"
kind = "conversation"
role = "goal"
"#;

#[test]
fn twelve_mistakes_are_told_at_once_and_nothing_is_served() {
    let text = TWELVE.replace("ends = 2026-13-01\n", "ends = \"2026-13-01\"\n");
    let app = TestApp::with_args(&[]);
    app.write_file("hero.toml", &text);
    let directory = app.experiments();
    let checked = upswing(&["check", directory.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8(checked.stderr).unwrap();
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("hero.toml:"))
        .collect();
    assert!(lines.len() >= 12, "{said}");
    for line in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 18] {
        let place = format!("hero.toml:{line}: ");
        assert!(
            lines.iter().any(|told| told.contains(&place)),
            "line {line}: {said}"
        );
    }
    let data = app.data().with_file_name("other");
    let served = upswing(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
        "--experiments",
        directory.to_str().unwrap(),
    ])
    .output()
    .unwrap();
    assert_eq!(served.status.code(), Some(1));
    assert_eq!(String::from_utf8(served.stderr).unwrap(), said);
    assert!(served.stdout.is_empty() && !data.exists());
    let missing = upswing(&["check", "/does/not/exist"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    let usage = upswing(&["serve", "--colour"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_definition_of_the_api_is_refused_with_all_its_mistakes() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let mut wrong = with(fixed("hero"), "holdout", json!(2));
    wrong["metrics"][0]["kind"] = json!("conversation");
    wrong["allocation"] = json!({ "policy": "softmax" });
    let body = app
        .put("/api/v1/experiments/hero", &wrong)
        .problem(422, "invalid_definition");
    let paths: Vec<&str> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|at| at["path"].as_str().unwrap())
        .collect();
    for path in ["holdout", "metrics[0].kind", "allocation.policy"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    app.put("/api/v1/experiments/other", &fixed("hero"))
        .problem(422, "invalid_definition");
    assert_eq!(
        app.get("/api/v1/experiments/hero").expect(200)["version"],
        1
    );
}
