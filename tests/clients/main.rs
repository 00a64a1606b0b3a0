//! Stock clients, unmodified, against a live server: each block of the README's "Stock clients" is run as it stands there,
//! but for the address. So is a client that is made from the API's description. `tests/clients/install` puts them into `target/clients`.

#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap is a failing test; helpers outside #[test] need it too"
)]

#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/client.rs"]
mod client;
mod dashboard;
#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/harness.rs"]
mod harness;
#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/model.rs"]
mod model;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::{Settings, TestApp};
use model::{fixed, thompson};
use serde_json::{Value, json};

const README: &str = include_str!("../../README.md");

/// The block that begins with this comment.
fn block(comment: &str) -> (&'static str, String) {
    let section = README.split("## Stock clients").nth(1).unwrap();
    let mut blocks = section.split("```").skip(1).step_by(2);
    let block = blocks.find(|block| block.contains(comment));
    let (language, code) = block.unwrap().split_once('\n').unwrap();
    assert!(code.lines().count() <= 10, "{code}");
    (language, code.to_owned())
}

fn clients() -> PathBuf {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients");
    assert!(clients.is_dir(), "run tests/clients/install first");
    clients
}

/// Runs a block against a server; what it printed. `end` is run last, to let the process end.
fn run(app: &TestApp, package: &str, end: &str) -> String {
    let (language, code) = block(&format!(" install {package}"));
    let code = code.replace("http://localhost:8080", &app.url) + end;
    let name = package.replace(['@', '/', ' '], "-");
    let (program, file) = match language {
        "js" => (PathBuf::from("node"), format!("{name}.mjs")),
        "python" => (clients().join("python/bin/python"), format!("{name}.py")),
        other => panic!("{other}?"),
    };
    let file = clients().join(file);
    std::fs::write(&file, code).unwrap();
    said(Command::new(program).arg(file))
}

/// What a program printed.
fn said(program: &mut Command) -> String {
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}

fn server(args: &[&str]) -> TestApp {
    let settings = Settings {
        system_clock: true,
        args: args.iter().map(ToString::to_string).collect(),
        ..Settings::default()
    };
    TestApp::with(settings, &[])
}

fn shop(args: &[&str]) -> TestApp {
    let app = server(args);
    app.put_experiment(&fixed("homepage-hero"));
    app
}

/// The client shows the visitor the variant that the server then knows of.
#[track_caller]
fn decides(package: &str, end: &str) {
    let app = shop(&[]);
    let said = run(&app, package, end);
    assert_eq!(app.report("homepage-hero").total_visitors(), 1, "{said}");
    let native = app.assign("anna", "homepage-hero");
    assert_eq!(native["reason"], "sticky");
    let headline = native["payload"]["headline"].as_str().unwrap();
    assert_eq!(said.trim(), headline);
}

/// The client's event is a reward of the visitor's variant.
#[track_caller]
fn rewards(package: &str) {
    let app = shop(&[]);
    let variant = app.assign("anna", "homepage-hero");
    let said = run(&app, package, "");
    let report = app.report("homepage-hero");
    let earned = report.sum("revenue", variant["variant"].as_str().unwrap());
    assert!((earned - 59.9).abs() < 1e-9, "{earned}: {said}");
}

#[test]
fn openfeature_on_a_node_server() {
    decides("@openfeature/server-sdk", "");
}

#[test]
fn openfeature_for_the_web() {
    decides("@openfeature/web-sdk", "\nawait OpenFeature.close();");
}

#[test]
fn openfeature_in_python() {
    decides("openfeature-provider-ofrep", "");
}

/// Flags and rewards of one visitor, from a page of another origin.
#[test]
fn both_in_a_browser() {
    let app = shop(&["--origins", "*"]);
    let (_, page) = block("install @segment/analytics-next");
    let page = page.replace("http://localhost:8080", &app.url);
    let end =
        "document.title = OpenFeature.getClient().getObjectValue(\"homepage-hero\", {}).headline;";
    let file = clients().join("page.js");
    std::fs::write(&file, page + end).unwrap();
    std::fs::write(clients().join("tracker.js"), block("// tracker.js").1).unwrap();
    let browser = clients().join("browser.mjs");
    let title = said(Command::new("node").args([&browser, &file]).arg("/v1/t"));
    let report = app.report("homepage-hero");
    assert_eq!(report.total_visitors(), 1);
    let seen = if title.trim() == "New season" {
        "control"
    } else {
        "treatment"
    };
    assert!((report.sum("revenue", seen) - 59.9).abs() < 1e-9, "{title}");
    assert!((report.total("revenue") - 59.9).abs() < 1e-9);
}

#[test]
fn segment_on_a_node_server() {
    rewards("@segment/analytics-node");
}

#[test]
fn segment_in_python() {
    rewards("segment-analytics-python");
}

/// Sends what the API's description allows, and what it does not, to every operation, and holds the answers to it.
#[track_caller]
fn schemathesis(examples: &str) {
    let app = TestApp::start();
    app.put_experiment(&fixed("cart-nudge"));
    app.assign("anna", "cart-nudge");
    let secret = key(&app, None, &json!({ "name": "root", "scopes": ["admin"] }));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let mut run = Command::new(clients().join("python/bin/schemathesis"));
    run.current_dir(clients())
        .env("SCHEMATHESIS_HOOKS", tests.join("ndjson.py"))
        .arg("--config-file")
        .arg(tests.join("schemathesis.toml"))
        .args(["run", &format!("{}/api/openapi.json", app.url)])
        .args(["--header", &format!("Authorization: Bearer {secret}")])
        .args([
            "--max-examples",
            examples,
            "--seed",
            "1",
            "--warnings",
            "off",
        ])
        .args(["--generation-database", "none", "--no-color"]);
    said(&mut run);
}

#[test]
fn examples_of_the_description_are_right() {
    let app = TestApp::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/examples.py");
    let mut check = Command::new(clients().join("python/bin/python"));
    let checked = said(
        check
            .arg(script)
            .arg(format!("{}/api/openapi.json", app.url)),
    );
    assert!(checked.ends_with("examples are right\n"), "{checked}");
}

#[test]
fn the_api_is_as_it_is_described() {
    schemathesis("5");
}

#[test]
#[ignore = "a long run"]
fn the_api_is_as_it_is_described_whatever_is_sent() {
    schemathesis("1000");
}

#[test]
fn rudderstack_on_a_node_server() {
    rewards("@rudderstack/rudder-sdk-node");
}

/// Webhooks are rightly signed in the eyes of a stock library, by each of two secrets.
#[test]
fn standard_webhooks_in_python() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/webhooks.py");
    let secrets = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD2h4vTrPLYlE=",
    ];
    let mut targets = secrets.map(|secret| {
        let mut target = Command::new(clients().join("python/bin/python"));
        target.arg(&script).arg(secret).stdout(Stdio::piped());
        target.spawn().unwrap()
    });
    let mut told = targets
        .each_mut()
        .map(|target| BufReader::new(target.stdout.take().unwrap()).lines());
    let urls = told.each_mut().map(|told| {
        let port = told.next().unwrap().unwrap();
        format!("http://127.0.0.1:{port}/hook")
    });
    let mut args = vec![
        "--webhook-secret",
        secrets[0],
        "--webhook-secret",
        secrets[1],
    ];
    args.extend(urls.iter().flat_map(|url| ["--webhook", url]));
    let app = server(&args);
    app.put_experiment(&thompson("hero"));
    for mut told in told {
        let told: Vec<String> = told.by_ref().take(2).map(Result::unwrap).collect();
        let expected = [
            "experiment.changed hero refused",
            "epoch.opened hero refused",
        ];
        assert_eq!(told, expected);
    }
    for target in &mut targets {
        target.kill().unwrap();
        target.wait().unwrap();
    }
}

/// A key of a server.
fn key(app: &TestApp, by: Option<&str>, wanted: &Value) -> String {
    let bearer = by.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> = bearer
        .iter()
        .map(|of| ("authorization", of.as_str()))
        .collect();
    let made = app.post_bytes("/api/v1/keys", &headers, wanted.to_string().as_bytes());
    made.expect(201)["secret"].as_str().unwrap().to_owned()
}

/// The same with a key that is for other pages: the server's own may use it.
#[test]
fn the_shop_shows_its_own_report_to_whoever_has_a_key() {
    let app = server(&[]);
    let admin = key(&app, None, &json!({ "name": "root", "scopes": ["admin"] }));
    let scopes = ["assign", "events", "read"];
    let web = json!({ "name": "web", "scopes": scopes, "origins": ["https://shop.example"] });
    let web = key(&app, Some(&admin), &web);
    let mut visit = Command::new("node");
    visit.arg(clients().join("shop.mjs"));
    let definition = fixed("homepage-hero").to_string();
    let said = said(visit.args([&app.url, "homepage-hero", &definition, &admin, &web]));
    let seen: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(seen["errors"], json!([]));
    assert_eq!(seen["bought"]["conversions"], 1);
    assert_eq!(seen["visitors"], 102);
}

/// A person buys in the shop of `/demo/shop` and sends a crowd; the page shows what the report says.
#[test]
fn the_shop_shows_its_own_report() {
    let app = server(&[]);
    let key = "homepage-hero";
    let mut visit = Command::new("node");
    visit.arg(clients().join("shop.mjs"));
    let said = said(visit.args([&app.url, key, &fixed(key).to_string()]));
    let seen: Value = serde_json::from_str(&said).unwrap();
    let report = app.report(key);
    // The first visitor, another one, and the crowd.
    assert_eq!(report.total_visitors(), 102, "{said}");
    assert_eq!(seen["before"]["visitors"], 1);
    assert_eq!(seen["before"]["conversions"], 0);
    assert_eq!(seen["bought"]["conversions"], 1);
    assert_eq!(seen["visitors"], 102);
    assert_eq!(seen["conversions"].as_f64(), Some(report.total("purchase")));
    for arm in ["control", "treatment"] {
        let row = &seen["variants"][arm];
        assert_eq!(row["visitors"], report.visitors(arm), "{said}");
        assert_eq!(
            row["conversions"].as_f64(),
            Some(report.sum("purchase", arm))
        );
        // Everybody has told what was shown.
        let told = &report.traffic(arm, false)["exposed"];
        assert_eq!(told, &row["visitors"], "{said}");
    }
    assert_eq!(seen["verdict"], report.0["verdict"]["headline"]);
    assert_eq!(seen["bars"], 1);
    let visitor = app.assign(seen["visitor"].as_str().unwrap(), key);
    assert_eq!(visitor["reason"], "sticky");
    assert_eq!(seen["headline"], visitor["payload"]["headline"]);
    assert_eq!(seen["errors"], json!([]));
}
