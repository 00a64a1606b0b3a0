//! What another policy would have earned from a running experiment, over HTTP and by `upswing evaluate --experiment`:
//! against the propensities of the answers, visitor by visitor.

use serde_json::{Value, json};

use crate::harness::{TestApp, upswing};
use crate::model::{fixed, history, thompson, with};

const PATH: &str = "/api/v1/experiments/hero/evaluate";

/// What a visitor got, with which propensity, on which device, and what was paid.
struct Served {
    treatment: bool,
    propensity: f64,
    device: &'static str,
    paid: f64,
}

/// Sends visitors, of whom some buy: of the treatment's every 5th, of the control's every 10th.
fn play(app: &TestApp, visitors: std::ops::Range<usize>) -> Vec<Served> {
    let device = |visitor: usize| ["phone", "desktop"][usize::from(visitor.is_multiple_of(3))];
    let request = |visitor: usize| {
        json!({
            "visitor": format!("v{visitor}"), "experiments": ["hero"],
            "attributes": { "device": device(visitor) },
        })
    };
    let requests: Vec<Value> = visitors.clone().map(request).collect();
    let batch = json!({ "requests": requests });
    let answers = app.post("/api/v1/assignments/batch", &batch).expect(200);
    let (mut served, mut orders) = (Vec::new(), Vec::new());
    for (visitor, answer) in visitors.zip(answers["results"].as_array().unwrap()) {
        let answer = &answer["assignments"][0];
        let treatment = answer["variant"] == "treatment";
        let buys = visitor % if treatment { 5 } else { 10 } == 0;
        let paid = if buys {
            20.0 + (visitor % 7) as f64
        } else {
            0.0
        };
        if buys {
            let (name, id) = (format!("v{visitor}"), format!("o{visitor}"));
            orders.push(json!({
            "event": "Order Completed", "visitor": name, "id": id,
            "properties": { "revenue": paid },
            }));
        }
        served.push(Served {
            treatment,
            propensity: answer["propensity"].as_f64().unwrap(),
            device: device(visitor),
            paid,
        });
    }
    app.track(&json!(orders));
    served
}

/// A bandit that moved traffic to the treatment, and everybody it served.
fn moved() -> (TestApp, Vec<Served>) {
    let app = TestApp::start();
    let definition = with(thompson("hero"), "dimensions", json!(["device"]));
    app.put_experiment(&definition);
    let mut served = play(&app, 0..900);
    app.advance_clock("2026-01-01T01:00:00Z");
    served.extend(play(&app, 900..1_800));
    app.advance_clock("2026-01-01T02:00:00Z");
    served.extend(play(&app, 1_800..2_500));
    let epochs = app.get("/api/v1/experiments/hero/epochs").expect(200);
    assert!(epochs["epochs"].as_array().unwrap().len() >= 2, "{epochs}");
    let propensities = served.iter().map(|one| one.propensity);
    assert!(propensities.fold(1.0, f64::min) < 0.2, "traffic moved");
    (app, served)
}

/// Inverse propensity scores: the mean of w·y, and the mean weight.
fn scores(served: &[Served], treatment: impl Fn(&Served) -> f64) -> (f64, f64) {
    let weight = |one: &Served| {
        let share = treatment(one);
        (if one.treatment { share } else { 1.0 - share }) / one.propensity
    };
    let n = served.len() as f64;
    let score: f64 = served.iter().map(|one| weight(one) * one.paid).sum();
    let weights: f64 = served.iter().map(weight).sum();
    (score / n, weights / n)
}

#[track_caller]
fn near(figure: &Value, expected: f64, tolerance: f64) {
    let got = figure.as_f64().unwrap();
    assert!((got / expected - 1.0).abs() < tolerance, "{got} {expected}");
}

#[test]
fn a_policy_is_judged_by_the_visitors_of_a_bandit_that_moved() {
    let (app, served) = moved();
    let policy = json!({ "policy": { "control": 0.4, "treatment": 0.6 }, "metric": "revenue" });
    let judged = app.post(PATH, &policy).expect(200);
    let (score, weight) = scores(&served, |_| 0.6);
    near(&judged["ips"]["estimate"], score, 1e-9);
    near(&judged["snips"]["estimate"], score / weight, 1e-9);
    near(&judged["overlap"]["mean_weight"], weight, 1e-9);
    assert_eq!(judged["overlap"]["visitors"], 2_500);
    let logged: f64 = served.iter().map(|one| one.paid).sum::<f64>() / 2_500.0;
    near(&judged["logged"], logged, 1e-9);
    let lift = judged["snips"]["lift"].as_f64().unwrap();
    near(&json!(1.0 + lift), score / weight / logged, 1e-9);
    assert!(lift < 0.0, "less of what sells: {judged}");
    let robust = &judged["doubly_robust"];
    let (low, high) = (&robust["interval"]["low"], &robust["interval"]["high"]);
    let truth = 0.6 * 23.0 / 5.0 + 0.4 * 23.0 / 10.0;
    assert!(
        low.as_f64() < Some(truth) && high.as_f64() > Some(truth),
        "{judged}"
    );
    assert_eq!(
        (&judged["metric"], &judged["left_out"]),
        (&json!("revenue"), &json!(0))
    );
    // The goal, unless another metric is named.
    let goal = app
        .post(PATH, &json!({ "policy": { "treatment": 1 } }))
        .expect(200);
    assert_eq!(goal["metric"], "purchase");
    near(&goal["snips"]["estimate"], 0.2, 0.1);
}

#[test]
fn a_policy_by_dimension_is_judged_by_weighted_sums() {
    let (app, served) = moved();
    let share = |arm: &str, device: &str, probability: f64| json!({ "arm": arm, "probability": probability, "context": device });
    let policy = json!([
        share("control", "phone", 0.75),
        share("treatment", "phone", 0.25),
        share("control", "desktop", 0.2),
        share("treatment", "desktop", 0.8),
    ]);
    let asked = json!({ "policy": policy, "context": "device", "metric": "revenue" });
    let judged = app.post(PATH, &asked).expect(200);
    let (score, weight) = scores(
        &served,
        |one| if one.device == "phone" { 0.25 } else { 0.8 },
    );
    near(&judged["ips"]["estimate"], score, 1e-4);
    near(&judged["snips"]["estimate"], score / weight, 1e-4);
    assert_eq!(judged["context"], "device");
    let notes = judged["notes"].to_string();
    assert!(notes.contains("upper bound"), "{notes}");
    // Half of the contexts are missing, and one of two dimensions is unknown.
    let half = json!({ "policy": [policy[0], policy[1]], "context": "device" });
    let problem = app.post(PATH, &half).problem(422, "invalid_policy");
    assert!(
        problem["detail"].as_str().unwrap().contains("\"desktop\""),
        "{problem}"
    );
    let unknown = with(asked, "context", json!("weather"));
    let problem = app.post(PATH, &unknown).problem(422, "unknown_dimension");
    assert_eq!(problem["errors"][0]["path"], "context");
}

#[test]
fn what_can_not_be_judged_is_refused_with_a_code() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let even = json!({ "control": 0.5, "treatment": 0.5 });
    let ask = |body: &Value| app.post(PATH, body);
    ask(&json!({ "policy": even })).problem(422, "no_data");
    let rows: Vec<Value> = (0..300)
        .map(|i| {
            let variant = ["control", "treatment"][i % 2];
            history(&format!("old{i}"), "hero", variant, "2025-06-01T10:00:00Z")
        })
        .collect();
    app.import(&rows);
    ask(&json!({ "policy": even })).problem(422, "unknown_propensity");
    app.assign_many("hero", 0..90);
    let few = ask(&json!({ "policy": even })).problem(422, "too_little_overlap");
    assert!(
        few["detail"].as_str().unwrap().contains("90 visitors"),
        "{few}"
    );
    app.assign_many("hero", 90..400);
    let judged = ask(&json!({ "policy": even })).expect(200);
    assert_eq!(
        (&judged["left_out"], &judged["overlap"]["visitors"]),
        (&json!(300), &json!(400))
    );
    let nobody = "/api/v1/experiments/nobody/evaluate";
    app.post(nobody, &json!({ "policy": even }))
        .problem(404, "unknown_experiment");
    app.get(PATH).problem(405, "method_not_allowed");
}

#[test]
fn mistakes_of_the_question_have_a_code() {
    let app = TestApp::start();
    let ratio =
        json!({ "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders" });
    let mut definition = fixed("hero");
    definition["metrics"].as_array_mut().unwrap().push(ratio);
    app.put_experiment(&definition);
    app.assign_many("hero", 0..200);
    let even = json!({ "control": 0.5, "treatment": 0.5 });
    for (body, status, code) in [
        (
            json!({ "policy": { "control": 0.5 } }),
            422,
            "invalid_policy",
        ),
        (
            json!({ "policy": { "control": 2, "treatment": -1 } }),
            422,
            "invalid_policy",
        ),
        (json!({ "policy": { "nobody": 1 } }), 404, "unknown_variant"),
        (
            json!({ "policy": even, "metric": "profit" }),
            422,
            "unknown_metric",
        ),
        (
            json!({ "policy": even, "metric": "aov" }),
            422,
            "ratio_metric",
        ),
        (json!({ "policy": 1 }), 400, "invalid_body"),
        (
            json!({ "policy": { "control": "half" } }),
            400,
            "invalid_body",
        ),
        (
            json!({ "policy": [{ "arm": "control" }] }),
            400,
            "invalid_body",
        ),
        (
            json!({ "policy": even, "metrics": "purchase" }),
            400,
            "invalid_body",
        ),
    ] {
        app.post(PATH, &body).problem(status, code);
    }
}

/// Runs the command on a policy file: exit code, stdout and stderr.
fn run(app: &TestApp, policy: &str, more: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.csv");
    std::fs::write(&file, policy).unwrap();
    let mut command = upswing(&["evaluate", "--server", &app.url, "--policy"]);
    let output = command.arg(&file).args(more).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_command_says_what_the_server_says() {
    let (app, _) = moved();
    let hero = ["--experiment", "hero", "--metric", "revenue"];
    let policy = "arm,probability\ncontrol,0.4\ntreatment,0.6\n";
    let json = [&hero[..], &["--format", "json"]].concat();
    let (code, out, err) = run(&app, policy, &json);
    assert_eq!((code, err.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&out).unwrap();
    let asked = json!({ "policy": { "control": 0.4, "treatment": 0.6 }, "metric": "revenue" });
    assert_eq!(told, app.post(PATH, &asked).expect(200));
    let (code, out, _) = run(&app, policy, &hero);
    assert_eq!(code, 0);
    for said in ["doubly robust", "as it was", "2,500 visitors, worth"] {
        assert!(out.contains(said), "{said}: {out}");
    }
    let by_device =
        "arm,probability,context\ncontrol,1,phone\ncontrol,0.3,desktop\ntreatment,0.7,desktop\n";
    let device = [&hero[..], &["--context", "device"]].concat();
    let (code, out, _) = run(&app, by_device, &device);
    assert_eq!(code, 0);
    assert!(out.contains("upper bound"), "{out}");

    let (code, _, err) = run(&app, by_device, &hero);
    assert_eq!(code, 2);
    assert!(err.contains("--context"), "{err}");
    let (code, out, err) = run(&app, "arm,probability\ncontrol,0.4\n", &hero);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.starts_with("invalid_policy: policy has probabilities"),
        "{err}"
    );
    let (code, _, err) = run(&app, "arm,probability\ncontrol,much\n", &hero);
    assert_eq!(code, 1);
    assert!(err.contains("line 2, column \"probability\""), "{err}");
    for usage in [
        &["--metric", "revenue"][..],
        &["log.csv", "--experiment", "hero"],
    ] {
        assert_eq!(run(&app, policy, usage).0, 2, "{usage:?}");
    }
}
