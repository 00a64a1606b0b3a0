//! The loop as a shop lives it: define, assign, reward, reallocate, report, decide.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Settings, TestApp};
use crate::model::{fixed, thompson, with};

/// Assigns visitors and lets `rates` of them buy, by variant: every n-th visitor of a variant buys.
fn play(app: &TestApp, experiment: &str, visitors: std::ops::Range<usize>, every: [usize; 2]) {
    let mut seen = [0, 0];
    let mut orders = Vec::new();
    let first = visitors.start;
    for (i, answer) in app
        .assign_many(experiment, visitors)
        .into_iter()
        .enumerate()
    {
        let arm = usize::from(answer["variant"] == "treatment");
        seen[arm] += 1;
        if seen[arm] % every[arm] == 0 {
            let visitor = format!("v{}", first + i);
            orders.push(json!({
                "event": "Order Completed", "visitor": visitor, "id": format!("o{visitor}"),
                "properties": { "revenue": 20 },
            }));
        }
    }
    for chunk in orders.chunks(1_000) {
        app.track(&json!(chunk));
    }
}

fn weight(app: &TestApp, variant: &str) -> f64 {
    let allocation = app.get("/api/v1/experiments/hero/allocation").expect(200);
    allocation["weights"][variant].as_f64().unwrap()
}

fn epochs(app: &TestApp) -> Vec<Value> {
    let body = app.get("/api/v1/experiments/hero/epochs").expect(200);
    body["epochs"].as_array().unwrap().clone()
}

#[test]
fn a_bandit_moves_traffic_to_the_better_variant() {
    let app = TestApp::start();
    app.put_experiment(&thompson("hero"));
    assert_eq!(epochs(&app).len(), 1, "the start opens an epoch");
    play(&app, "hero", 0..150, [20, 5]);
    let kept = app.tell("hero", "reallocate", &json!({}));
    assert!(kept["note"].as_str().unwrap().contains("Burn-in"), "{kept}");
    assert!((weight(&app, "treatment") - 0.5).abs() < 1e-12);

    play(&app, "hero", 150..600, [20, 5]);
    app.advance_clock("2026-01-01T00:00:59Z");
    assert_eq!(epochs(&app).len(), 1, "refresh has not passed");
    app.advance_clock("2026-01-01T00:01:00Z");
    let listed = epochs(&app);
    assert_eq!(listed.len(), 2, "the moved clock asks the policy");
    assert!(weight(&app, "treatment") > 0.9);
    assert!(weight(&app, "control") >= 0.05 - 1e-9, "the floor holds");
    let receipt = listed[1]["receipt"].as_str().unwrap();
    assert!(receipt.contains("treatment") && receipt.contains('%'));
    assert_eq!(listed[1]["opened_at"], "2026-01-01T00:01:00.000Z");
    let from = app
        .get("/api/v1/experiments/hero/epochs?from=2")
        .expect(200);
    assert_eq!(from["epochs"].as_array().unwrap().len(), 1);

    let later = app.assign_many("hero", 600..1_600);
    let to_treatment = later.iter().filter(|a| a["variant"] == "treatment").count();
    assert!(to_treatment > 850, "{to_treatment} of 1,000");
    let new = later.iter().find(|a| a["variant"] == "control").unwrap();
    assert_eq!(
        (&new["reason"], &new["epoch"]),
        (&json!("bandit"), &json!(2))
    );
    assert!((new["propensity"].as_f64().unwrap() - weight(&app, "control")).abs() < 1e-9);

    let report = app.report("hero");
    assert_eq!(
        (report.total_visitors(), &report.0["epochs"]),
        (1_600, &json!(2))
    );
    assert_eq!(report.0["adaptive"], true);
    let comparison = report.comparison("purchase", "treatment");
    assert!(comparison["relative"]["estimate"].as_f64().unwrap() > 0.5);
    assert_eq!(comparison["method"], "aipw");
    let watched = &comparison["always_valid"]["relative"];
    assert!(watched["low"].as_f64().unwrap() > 0.0, "{comparison}");
    assert!(
        comparison["bayes"]["prob_better"].as_f64().unwrap() > 0.95,
        "{comparison}"
    );
}

#[test]
fn the_server_asks_the_policy_by_itself() {
    let settings = Settings {
        system_clock: true,
        ..Settings::default()
    };
    let app = TestApp::with(settings, &[]);
    let mut definition = thompson("hero");
    definition["allocation"]["refresh"] = json!("1s");
    app.put_experiment(&definition);
    play(&app, "hero", 0..400, [20, 4]);
    wait_until(|| epochs(&app).len() >= 2);
    assert!(weight(&app, "treatment") > 0.8);
}

#[test]
fn a_small_move_of_the_weights_is_not_worth_an_epoch() {
    let app = TestApp::start();
    app.put_experiment(&thompson("hero"));
    play(&app, "hero", 0..2_000, [20, 4]);
    app.advance_clock("2026-01-01T01:00:00Z");
    assert_eq!(epochs(&app).len(), 2);
    // More of the same: the winner is certain already, the weights stand at their bounds.
    play(&app, "hero", 2_000..3_000, [20, 4]);
    app.advance_clock("2026-01-01T02:00:00Z");
    app.advance_clock("2026-01-01T03:00:00Z");
    assert_eq!(epochs(&app).len(), 2);
    // Without anything learned nothing opens either, and the policy says why when asked.
    let told = app.tell("hero", "reallocate", &json!({}));
    assert!(told["note"].is_string() || epochs(&app).len() == 3);
}

#[test]
fn a_fixed_split_never_reallocates() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    play(&app, "hero", 0..1_000, [15, 2]);
    app.advance_clock("2026-01-02T00:00:00Z");
    let told = app.tell("hero", "reallocate", &json!({}));
    assert!(told["note"].as_str().unwrap().contains("fixed"));
    assert_eq!(epochs(&app).len(), 1);
    let report = app.report("hero");
    assert_eq!(report.0["adaptive"], false);
    let comparison = report.comparison("purchase", "treatment");
    assert!(comparison["p_value"].as_f64().unwrap() < 1e-6);
    assert!(comparison["relative"]["low"].is_number());
    let p_value = report.0["health"]["srm"]["p_value"].as_f64().unwrap();
    assert!(p_value > 0.001, "{p_value}");
}

#[test]
fn a_pause_keeps_who_is_in_and_takes_nobody_new() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let before = app.assign("anna", "hero");
    assert_eq!(app.tell("hero", "pause", &json!({}))["status"], "paused");
    let kept = app.assign("anna", "hero");
    assert_eq!(
        (&kept["variant"], &kept["reason"]),
        (&before["variant"], &json!("sticky"))
    );
    let new = app.assign("bert", "hero");
    assert_eq!(
        (&new["variant"], &new["reason"]),
        (&json!("control"), &json!("inactive"))
    );
    app.post("/api/v1/experiments/hero/pause", &json!({}))
        .problem(409, "illegal_transition");
    app.tell("hero", "start", &json!({}));
    assert_eq!(app.assign("bert", "hero")["reason"], "split");
    let causes: Vec<Value> = epochs(&app).iter().map(|e| e["cause"].clone()).collect();
    assert_eq!(causes, [json!("started"), json!("resumed")]);
    app.post("/api/v1/experiments/hero/start", &json!({}))
        .problem(409, "illegal_transition");
    assert_eq!(app.report("hero").total_visitors(), 2);
}

#[test]
fn an_archived_experiment_is_unknown_and_keeps_its_report() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    let path = "/api/v1/experiments/hero";
    app.try_send("DELETE", path, &[], None).unwrap().expect(200);
    assert_eq!(app.assign("anna", "hero")["reason"], "not_found");
    let listed = app.get("/api/v1/experiments").expect(200);
    assert_eq!(listed["experiments"], json!([]));
    assert_eq!(app.report("hero").total_visitors(), 1);
    for verb in ["start", "pause", "conclude", "reallocate"] {
        app.post(&format!("{path}/{verb}"), &json!({}))
            .problem(404, "unknown_experiment");
    }
    app.get("/api/v1/experiments/nobody")
        .problem(404, "unknown_experiment");
}

#[test]
fn writers_of_the_api_do_not_overwrite_each_other() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let path = "/api/v1/experiments/hero";
    let seen = app.get(path);
    let tag = seen.header("etag").unwrap().to_owned();
    let put = |name: &str, tag: &str| {
        let body = with(fixed("hero"), "name", json!(name)).to_string();
        let headers = [("if-match", tag)];
        app.try_send("PUT", path, &headers, Some(body.as_bytes()))
            .unwrap()
    };
    let second = put("mine", &tag);
    assert_ne!(second.header("etag"), Some(tag.as_str()));
    assert_eq!(second.expect(200)["version"], 2);
    put("too late", &tag).problem(412, "version_conflict");
    put("unreadable", "latest").problem(400, "invalid_field");
    assert_eq!(put("whatever", "*").expect(200)["name"], "whatever");
    // Once there are visitors, a metric can not change under them.
    app.assign("anna", "hero");
    let mut other = fixed("hero");
    other["metrics"][1]["cap"] = json!(5);
    app.put(path, &other).problem(409, "metrics_with_data");
}

#[test]
fn an_edited_payload_is_a_new_variant_and_a_cosmetic_edit_is_not() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let before = app.assign_many("hero", 0..100);
    let treated = before.iter().position(|a| a["variant"] == "treatment");
    let visitor = format!("v{}", treated.unwrap());
    let mut edited = fixed("hero");
    edited["variants"][1]["payload"] = json!({ "headline": "Still thinking about it??" });
    let path = "/api/v1/experiments/hero?cosmetic=true";
    app.put(path, &edited).expect(200);
    let kept = app.assign(&visitor, "hero");
    assert_eq!(
        (&kept["reason"], &kept["payload"]),
        (&json!("sticky"), &edited["variants"][1]["payload"])
    );

    edited["variants"][1]["payload"] = json!({ "headline": "Something else" });
    app.put_experiment(&edited);
    let again = app.assign(&visitor, "hero");
    assert_eq!(again["reason"], "reassigned");
    assert!(again["epoch"].is_null());
    assert_eq!(
        app.report("hero").total_visitors(),
        100,
        "counted nowhere new"
    );
    assert_eq!(epochs(&app).len(), 2);
    let new = app.assign_many("hero", 100..200);
    let payload = &new.iter().find(|a| a["variant"] == "treatment").unwrap()["payload"];
    assert_eq!(payload["headline"], "Something else");
    let rows = app.report("hero").0["variants"].as_array().unwrap().len();
    assert_eq!(rows, 3, "control and two revisions");
}

const FILE: &str = r#"
key = "filed"
status = "running"
[[variants]]
key = "control"
[[variants]]
key = "treatment"
[[metrics]]
key = "purchase"
event = "Order Completed"
kind = "conversion"
role = "goal"
"#;

#[test]
fn files_are_read_again_and_mistakes_keep_the_old_version() {
    let app = TestApp::with(Settings::default(), &[("filed.toml", FILE)]);
    let path = "/api/v1/experiments/filed";
    assert_eq!(app.get(path).expect(200)["version"], 1);
    let shown = app.put(path, &fixed("filed")).problem(409, "owned_by_file");
    assert!(shown["detail"].as_str().unwrap().contains("filed.toml"));

    app.write_file("filed.toml", &FILE.replace("running", "rnning"));
    app.write_file("new.toml", &FILE.replace("filed", "new"));
    let appeared = || app.get("/api/v1/experiments/new").status == 200;
    wait_until(appeared);
    assert_eq!(
        app.get(path).expect(200)["version"],
        1,
        "a mistake keeps what was"
    );
    assert_eq!(app.assign("anna", "filed")["reason"], "split");

    app.tell("filed", "pause", &json!({}));
    app.write_file(
        "filed.toml",
        &FILE.replace("[[variants]]", "[[variants]]\nweight = 1"),
    );
    std::fs::remove_file(app.experiments().join("new.toml")).unwrap();
    wait_until(|| app.get(path).expect(200)["version"] == 2);
    assert_eq!(
        app.get(path).expect(200)["status"],
        "running",
        "a changed file wins"
    );
    wait_until(|| app.get("/api/v1/experiments/new").expect(200)["status"] == "paused");
}

/// Files are read every five seconds.
fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..150 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not within 15 seconds");
}
