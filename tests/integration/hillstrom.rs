//! A real finished test (tests/data/README.md), through every door: the report is the same.

use std::io::Read;
use std::path::PathBuf;
use std::process::Output;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::{TestApp, upswing};
use crate::model::{Report, history, near, row, shuffled, with};

const ASSIGNED: &str = "2025-11-01T00:00:00Z";
const ACTED: &str = "2025-11-02T00:00:00Z";

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/hillstrom.csv.gz")
}

struct Customer {
    id: String,
    variant: String,
    visit: bool,
    conversion: bool,
    spend: f64,
}

fn customers() -> Vec<Customer> {
    let mut text = String::new();
    let packed = std::fs::File::open(file()).unwrap();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let customer = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Customer {
            id: fields[0].to_owned(),
            variant: fields[3].to_owned(),
            visit: fields[4] == "1",
            conversion: fields[5] == "1",
            spend: fields[6].parse().unwrap(),
        }
    };
    text.lines().skip(1).map(customer).collect()
}

fn assignments() -> Vec<Value> {
    let third = 1.0 / 3.0;
    let allocation = json!({ "No E-Mail": third, "Womens E-Mail": third, "Mens E-Mail": third });
    let row = |customer: &Customer| {
        let row = history(&customer.id, "hillstrom", &customer.variant, ASSIGNED);
        with(row, "allocation", allocation.clone())
    };
    customers().iter().map(row).collect()
}

fn events() -> Vec<Value> {
    let of = |customer: &Customer| {
        let happened = [
            ("visit", customer.visit),
            ("conversion", customer.conversion),
            ("spend", customer.spend > 0.0),
        ];
        let event = |name: &str| {
            json!({
                "event": name, "visitor": customer.id, "id": format!("{name}-{}", customer.id), "timestamp": ACTED,
                "properties": { "revenue": customer.spend },
            })
        };
        happened
            .into_iter()
            .filter(|(_, happened)| *happened)
            .map(|(name, _)| event(name))
            .collect::<Vec<Value>>()
    };
    customers().iter().flat_map(of).collect()
}

fn server() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&json!({
        "key": "hillstrom",
        "status": "running",
        "variants": [{ "key": "No E-Mail" }, { "key": "Womens E-Mail" }, { "key": "Mens E-Mail" }],
        "metrics": [
            { "key": "visit", "event": "visit", "kind": "conversion", "role": "goal" },
            { "key": "conversion", "event": "conversion", "kind": "conversion" },
            { "key": "spend", "event": "spend", "kind": "sum", "property": "revenue" },
        ],
    }));
    app
}

fn json_of(output: &Output) -> Report {
    assert!(output.status.success(), "{output:?}");
    Report(serde_json::from_slice(&output.stdout).unwrap())
}

/// What `upswing analyze` says, which needs no server.
static ANALYZED: LazyLock<Report> = LazyLock::new(|| {
    let file = file();
    let arguments = [
        "analyze",
        file.to_str().unwrap(),
        "--variant",
        "segment",
        "--control",
        "No E-Mail",
        "--conversion",
        "visit",
        "--conversion",
        "conversion",
        "--sum",
        "spend",
        "--format",
        "json",
    ];
    json_of(&upswing(&arguments).output().unwrap())
});

/// Asserts the published figures, and that everything equals what `analyze` says.
#[track_caller]
fn holds(report: &Report) {
    for (variant, visitors, conversions, spend) in [
        ("No E-Mail", 21_306, 122.0, 13_908.33),
        ("Mens E-Mail", 21_307, 267.0, 30_311.69),
        ("Womens E-Mail", 21_387, 189.0, 23_038.11),
    ] {
        assert_eq!(report.visitors(variant), visitors);
        assert!(near(report.sum("conversion", variant), conversions));
        assert!(near(report.sum("spend", variant), spend));
    }
    // Whether a finished test still takes visitors is not a finding.
    let findings = |report: &Report| {
        let mut facts = report.facts();
        for row in facts[1].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("live");
        }
        // A file without times says nothing about a day's traffic.
        for metric in facts[3].as_array_mut().unwrap() {
            for with in metric["comparisons"].as_array_mut().unwrap() {
                with["scaled"].as_object_mut().unwrap().remove("per_day");
            }
        }
        facts
    };
    let (found, expected) = (findings(report), findings(&ANALYZED));
    for (found, expected) in found
        .as_array()
        .unwrap()
        .iter()
        .zip(expected.as_array().unwrap())
    {
        assert_eq!(found, expected);
    }
}

#[test]
fn analyze_prints_the_published_figures() {
    holds(&ANALYZED);
    assert_eq!(ANALYZED.0["health"]["srm"]["verdict"], "ok");
}

#[test]
fn rows_of_history_shuffled_and_repeated_give_the_report() {
    let app = server();
    let events = events().into_iter().map(row);
    let mut rows: Vec<Value> = assignments().into_iter().chain(events).collect();
    let again: Vec<Value> = rows.iter().step_by(3).cloned().collect();
    rows.extend(again);
    let counts = app.import(&shuffled(rows, 11));
    assert_eq!(counts["rejected_count"], 0);
    holds(&app.report("hillstrom"));
}

#[test]
fn assignments_and_live_events_shuffled_and_repeated_give_the_report() {
    let app = server();
    app.import(&shuffled(assignments(), 12));
    let events = events();
    let twice = shuffled([events.clone(), events].concat(), 13);
    for chunk in twice.chunks(1_000) {
        app.track(&json!(chunk));
    }
    holds(&app.report("hillstrom"));
}

#[test]
fn the_file_itself_imported_by_the_command_gives_the_report() {
    let app = server();
    let file = file();
    let import = || {
        upswing(&[
            "import",
            file.to_str().unwrap(),
            "--server",
            &app.url,
            "--experiment",
            "hillstrom",
            "--visitor",
            "customer",
            "--variant",
            "segment",
            "--weights",
            "No E-Mail=1,Womens E-Mail=1,Mens E-Mail=1",
            "--event",
            "visit=visit",
            "--event",
            "conversion=conversion",
            "--event",
            "spend=conversion:spend",
        ])
        .output()
        .unwrap()
    };
    let first = import();
    assert!(first.status.success(), "{first:?}");
    holds(&app.report("hillstrom"));
    let again = import();
    assert!(again.status.success(), "{again:?}");
    holds(&app.report("hillstrom"));
    let report = ["report", "hillstrom", "--server", &app.url, "--format"];
    let printed = upswing(&[&report[..], &["json"]].concat())
        .output()
        .unwrap();
    assert_eq!(json_of(&printed).facts(), app.report("hillstrom").facts());
    for format in ["csv", "table"] {
        let printed = upswing(&[&report[..], &[format]].concat())
            .output()
            .unwrap();
        let text = String::from_utf8(printed.stdout).unwrap();
        assert!(
            text.contains("Womens E-Mail") && text.contains("spend"),
            "{text}"
        );
    }
    let csv = app.get("/api/v1/experiments/hillstrom/report?format=csv");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text.lines().count(), 1 + 9, "{}", csv.text);
}
