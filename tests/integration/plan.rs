//! The planner, before an experiment starts and while it runs, over HTTP and from the command line.

use serde_json::{Value, json};

use crate::harness::{TestApp, upswing};
use crate::model::{fixed, with};

const FILE: &str = r#"
key = "hero"
[[variants]]
key = "old"
[[variants]]
key = "new"
payload = 1
[[metrics]]
key = "purchase"
event = "Order Completed"
kind = "conversion"
role = "goal"
"#;

const FIGURES: [&str; 6] = [
    "--lift",
    "0.1",
    "--visitors-per-day",
    "2000",
    "--baseline",
    "0.05",
];

fn needed(plan: &Value) -> Vec<u64> {
    let variants = plan["variants"].as_array().unwrap();
    variants
        .iter()
        .map(|of| of["needed"].as_u64().unwrap())
        .collect()
}

/// Runs `upswing plan` on a file with this text: exit code, stdout and stderr.
fn run(text: &str, args: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hero.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = upswing(&["plan", file.to_str().unwrap()]);
    let output = command.args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// 5 % to 5.5 % takes 31,231 visitors per variant: the command line and the server say the same.
#[test]
fn a_description_is_planned_alike_by_file_and_over_http() {
    let app = TestApp::start();
    let asked = json!({
        "definition": with(fixed("hero"), "status", json!("draft")),
        "lift": 0.1, "visitors_per_day": 2_000, "baseline": 0.05,
    });
    let planned = app.post("/api/v1/plan", &asked).expect(200);
    assert_eq!(needed(&planned), [31_231, 31_231]);
    assert_eq!(
        (&planned["days"], &planned["outlook"]),
        (&json!(32), &json!("in_time"))
    );
    assert_eq!(planned["baseline_from"], "given");
    let sentence = planned["sentence"].as_str().unwrap();
    assert!(sentence.contains("32 days"), "{sentence}");

    let (code, table, _) = run(FILE, &FIGURES);
    assert_eq!(code, 0);
    assert!(
        table.contains(sentence) && table.contains("31,231"),
        "{table}"
    );
    let (_, json, _) = run(FILE, &[&FIGURES[..], &["--format", "json"]].concat());
    let by_file: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(needed(&by_file), needed(&planned));
    assert_eq!(by_file["horizons"], planned["horizons"]);
}

#[test]
fn too_little_traffic_is_told_so() {
    let figures = [
        "--lift",
        "0.02",
        "--visitors-per-day",
        "4000",
        "--baseline",
        "0.05",
    ];
    let (code, table, _) = run(FILE, &figures);
    assert_eq!(code, 0);
    assert!(
        table.contains("can not decide this: it would take 377 days to see +2 %"),
        "{table}"
    );
    let (_, table, _) = run(FILE, &[&figures[..], &["--days", "10"]].concat());
    assert!(table.contains("in 10 days you can see"), "{table}");
}

#[test]
fn a_running_experiment_brings_its_own_baseline_and_traffic() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let mut orders = Vec::new();
    for (i, answer) in app.assign_many("hero", 0..1_000).iter().enumerate() {
        if i % 10 == 0 {
            let (visitor, id) = (format!("v{i}"), format!("o{i}"));
            orders.push(
                json!({"event": "Order Completed", "visitor": visitor, "id": id,
                "properties": {"revenue": 20}}),
            );
        }
        assert!(answer["variant"].is_string());
    }
    app.track(&json!(orders));
    let asked = json!({"experiment": "hero", "lift": 0.2});
    let early = app
        .post("/api/v1/plan", &asked)
        .problem(422, "plan_incomplete");
    assert_eq!(early["errors"][0]["path"], "visitors_per_day");

    app.advance_clock("2026-01-02T09:00:00Z");
    let planned = app.post("/api/v1/plan", &asked).expect(200);
    assert_eq!(
        (&planned["traffic_from"], &planned["baseline_from"]),
        (&json!("measured"), &json!("measured"))
    );
    assert!((planned["visitors_per_day"].as_f64().unwrap() - 1_000.0).abs() < 1e-9);
    let rate = planned["baseline"].as_f64().unwrap();
    let control = app.report("hero").mean("purchase", "control");
    assert!((rate - control).abs() < 1e-9, "{rate}");
    assert_eq!(planned["now"]["visitors"], 1_000);
    let told = with(asked, "baseline", json!(0.02));
    let harder = app.post("/api/v1/plan", &told).expect(200);
    assert!(harder["visitors"].as_u64() > planned["visitors"].as_u64());
    assert_eq!(harder["traffic_from"], "measured");
}

#[test]
fn mistakes_are_named() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let ask = |body: Value| app.post("/api/v1/plan", &body);
    ask(json!({"lift": 0.1})).problem(400, "invalid_field");
    ask(json!({"experiment": "nobody", "lift": 0.1})).problem(404, "unknown_experiment");
    ask(json!({"experiment": "hero", "lifft": 0.1})).problem(400, "invalid_body");
    let text = ask(json!({"definition": fixed("hero"), "lift": "much"}));
    assert_eq!(
        text.problem(400, "invalid_body")["errors"][0]["path"],
        "lift"
    );
    let zero = ask(json!({"experiment": "hero", "lift": 0, "baseline": 0.1}));
    assert_eq!(
        zero.problem(400, "invalid_field")["errors"][0]["path"],
        "lift"
    );
    let young = ask(json!({"experiment": "hero", "lift": 0.1}));
    assert_eq!(
        young.problem(422, "plan_incomplete")["errors"][0]["path"],
        "baseline"
    );
    let broken = with(fixed("hero"), "metrics", json!([{"key": "x"}]));
    ask(json!({"definition": broken, "lift": 0.1})).problem(422, "invalid_definition");
    let flag = json!({"key": "flag", "variants": [{"key": "on"}]});
    ask(json!({"definition": flag, "lift": 0.1})).problem(422, "nothing_to_plan");

    let (code, _, told) = run("key = 1", &FIGURES);
    assert!(code == 1 && told.contains("hero.toml"), "{told}");
    let (code, _, told) = run(FILE, &[&FIGURES[2..], &["--lift", "0"]].concat());
    assert!(code == 1 && told.contains("lift must be"), "{told}");
    let (code, _, _) = run(FILE, &FIGURES[..2]);
    assert_eq!(code, 2);
}

/// The spread between visitors is the one behind the report's standard error, also for amounts and for ratios.
#[test]
fn means_and_ratios_bring_their_own_spread() {
    let app = TestApp::start();
    let metrics = |goal: &str| {
        let role = |key: &str| if key == goal { "goal" } else { "secondary" };
        json!([
            { "key": "revenue", "event": "Order Completed", "kind": "sum", "property": "revenue", "role": role("revenue") },
            { "key": "orders", "event": "Order Completed", "kind": "count", "role": role("orders") },
            { "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders", "role": role("aov") },
        ])
    };
    let goals = ["revenue", "orders", "aov"];
    for goal in goals {
        app.put_experiment(&with(fixed(goal), "metrics", metrics(goal)));
        app.assign_many(goal, 0..600);
    }
    let order = |i: usize| {
        let revenue = 10.0 + (i % 7) as f64 * 12.5;
        json!({"event": "Order Completed", "visitor": format!("v{}", i % 200), "id": format!("o{i}"),
            "properties": { "revenue": revenue }})
    };
    app.track(&json!((0..300).map(order).collect::<Vec<_>>()));
    app.advance_clock("2026-01-02T09:00:00Z");
    for goal in goals {
        let planned = app.post("/api/v1/plan", &json!({"experiment": goal, "lift": 0.1}));
        let planned = planned.expect(200);
        let report = app.report(goal);
        let control = report.figures(goal, "control");
        let figure = |name: &str| control[name].as_f64().unwrap();
        let sd = figure("std_error") * figure("visitors").sqrt();
        assert!((planned["baseline"].as_f64().unwrap() / figure("mean") - 1.0).abs() < 1e-9);
        assert!(
            (planned["sd"].as_f64().unwrap() / sd - 1.0).abs() < 1e-9,
            "{goal}: {planned}"
        );
    }
}
