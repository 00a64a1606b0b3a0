//! History: rows in any order, any number of times, plain or compressed, give one and the same report.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::{Report, fixed, history, near, order, row, shuffled, with};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lines(rows: &[Value]) -> String {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    lines.join("\n") + "\n"
}

fn send_gzip(app: &TestApp, bytes: &[u8]) -> Answer {
    let headers = [("content-encoding", "gzip")];
    app.post_bytes("/api/v1/import", &headers, bytes)
}

/// A month of a finished test: 600 visitors, some of them seen twice, and their orders and refunds.
fn month() -> Vec<Value> {
    let mut rows = Vec::new();
    for i in 0..600_usize {
        let (visitor, day) = (format!("v{i}"), 1 + i % 28);
        let variant = ["control", "treatment"][i % 2];
        rows.push(history(
            &visitor,
            "hero",
            variant,
            &format!("2025-11-{day:02}T10:00:00Z"),
        ));
        for n in 0..i % 4 {
            let at = format!("2025-{:02}-{day:02}T1{n}:30:00Z", 11 + n % 2);
            rows.push(row(order(
                &visitor,
                &format!("{i}-{n}"),
                &at,
                5.0 + (i + n) as f64 / 16.0,
            )));
        }
        if i % 50 == 0 {
            rows.push(history(
                &visitor,
                "hero",
                ["treatment", "control"][i / 50 % 2],
                &format!("2025-11-{day:02}T11:00:00Z"),
            ));
        }
    }
    rows
}

fn imported(send: impl FnOnce(&TestApp)) -> Report {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    send(&app);
    app.report("hero")
}

#[test]
fn the_order_and_number_of_rows_do_not_matter() {
    let rows = month();
    let sorted = imported(|app| {
        let counts = app.import(&rows);
        let accepted = counts["accepted"].as_u64().unwrap();
        assert_eq!(
            (accepted + 6, &counts["rejected"]),
            (rows.len() as u64, &json!([])),
            "six rows repeat what is known"
        );
    });
    assert_eq!(
        (sorted.visitors("control"), sorted.visitors("treatment")),
        (300, 300)
    );
    assert!(sorted.total("purchase") > 400.0);
    for seed in 1..=2 {
        let twice = shuffled([rows.clone(), rows.clone()].concat(), seed);
        let other = imported(|app| {
            app.import(&twice);
        });
        assert_eq!(other.facts(), sorted.facts());
    }
    let compressed = imported(|app| {
        send_gzip(app, &gzip(lines(&shuffled(rows.clone(), 3)).as_bytes())).expect(202);
    });
    assert_eq!(compressed.facts(), sorted.facts());
    let live = imported(|app| {
        let (events, assignments): (Vec<Value>, Vec<Value>) = shuffled(rows.clone(), 4)
            .into_iter()
            .partition(|row| row["type"] == "event");
        for half in assignments.chunks(300) {
            app.import(half);
        }
        let events: Vec<Value> = shuffled([events.clone(), events].concat(), 5)
            .into_iter()
            .map(|mut event| {
                event.as_object_mut().unwrap().remove("type");
                event
            })
            .collect();
        for chunk in events.chunks(1_000) {
            app.track(&json!(chunk));
        }
    });
    assert_eq!(live.facts(), sorted.facts());
}

#[test]
fn rows_without_an_allocation_come_with_a_caveat() {
    let rows = month();
    let report = imported(|app| drop(app.import(&rows)));
    let caveats = report.comparison("purchase", "treatment")["caveats"].clone();
    assert!(
        caveats
            .as_array()
            .unwrap()
            .contains(&json!("propensity_unknown")),
        "{caveats}"
    );
    let noted = report.0["notes"]
        .as_array()
        .unwrap()
        .iter()
        .any(|note| note["code"] == "propensity_unknown");
    assert!(noted, "{}", report.0["notes"]);

    let known: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let is_assignment = row["type"] == "assignment";
            if is_assignment {
                with(
                    row,
                    "allocation",
                    json!({ "control": 0.5, "treatment": 0.5 }),
                )
            } else {
                row
            }
        })
        .collect();
    let report = imported(|app| drop(app.import(&known)));
    let caveats = report.comparison("purchase", "treatment")["caveats"].clone();
    assert!(
        !caveats
            .as_array()
            .unwrap()
            .contains(&json!("propensity_unknown")),
        "{caveats}"
    );
}

#[test]
fn the_other_systems_allocations_become_epochs() {
    let rows: Vec<Value> = (0..400)
        .map(|i| {
            let variant = if i % 4 == 0 { "control" } else { "treatment" };
            let weights = if i < 200 {
                json!({ "control": 0.25, "treatment": 0.75 })
            } else {
                json!({ "control": 0.2, "treatment": 0.8 })
            };
            with(
                history(&format!("v{i}"), "hero", variant, "2025-11-01T00:00:00Z"),
                "allocation",
                weights,
            )
        })
        .collect();
    let report = imported(|app| drop(app.import(&rows)));
    assert_eq!(
        (&report.0["epochs"], &report.0["adaptive"]),
        (&json!(3), &json!(true)),
        "its own and two imported"
    );
    assert_eq!(report.0["health"]["srm"]["verdict"], "ok");
}

/// Index, code and path of the bad rows below.
const REJECTED: [(u64, &str, &str); 10] = [
    (1, "unknown_experiment", "experiment"),
    (2, "unknown_variant", "variant"),
    (3, "timestamp_out_of_range", "timestamp"),
    (4, "timestamp_out_of_range", "timestamp"),
    (5, "invalid_field", "allocation"),
    (6, "invalid_field", "allocation"),
    (7, "invalid_body", "colour"),
    (8, "invalid_amount", "properties.revenue"),
    (9, "invalid_field", "type"),
    (10, "invalid_body", ""),
];

#[test]
fn every_bad_row_is_named_and_the_others_stay() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let good = history("anna", "hero", "control", "2025-11-01T00:00:00Z");
    let event = row(order("anna", "1", "2025-11-02T00:00:00Z", 10.0));
    let text = [
        good.to_string(),
        history("bert", "nobody", "control", "2025-11-01T00:00:00Z").to_string(),
        history("bert", "hero", "blue", "2025-11-01T00:00:00Z").to_string(),
        String::new(),
        history("bert", "hero", "control", "1999-12-31T23:59:59Z").to_string(),
        history("bert", "hero", "control", "2026-01-02T00:00:01Z").to_string(),
        with(good.clone(), "allocation", json!({ "control": 0.5 })).to_string(),
        with(good.clone(), "allocation", json!({ "treatment": 1.0 })).to_string(),
        with(good.clone(), "colour", json!("red")).to_string(),
        with(event.clone(), "properties", json!({ "revenue": "12,50" })).to_string(),
        with(event.clone(), "type", json!("page")).to_string(),
        "{\"type\":\"event\"".to_owned(),
        event.to_string(),
    ]
    .join("\n");
    let counts = app
        .post_bytes("/api/v1/import", &[], text.as_bytes())
        .expect(202);
    assert_eq!(
        (&counts["accepted"], &counts["rejected_count"]),
        (&json!(2), &json!(10)),
        "{counts}"
    );
    let rejected: Vec<(u64, &str, &str)> = counts["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["index"].as_u64().unwrap(),
                row["code"].as_str().unwrap(),
                row["path"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(rejected, REJECTED, "blank lines are no rows");
    assert!(near(app.report("hero").sum("revenue", "control"), 10.0));
}

#[test]
fn a_truncated_stream_is_refused_and_keeps_what_came_before() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let rows = month();
    let whole = gzip(lines(&rows).as_bytes());
    let said = send_gzip(&app, &whole[..whole.len() / 2]).problem(400, "invalid_encoding");
    assert!(said["detail"].as_str().unwrap().contains("kept"), "{said}");
    let kept = app.report("hero").total_visitors();
    assert!((100..600).contains(&kept), "{kept}");
    send_gzip(&app, &whole[..whole.len() - 3]).problem(400, "invalid_encoding");
    assert_eq!(
        app.report("hero").total_visitors(),
        600,
        "everything was there but the checksum"
    );
    send_gzip(&app, b"this is no gzip").problem(400, "invalid_encoding");
    let brotli = [("content-encoding", "br")];
    app.post_bytes("/api/v1/import", &brotli, b"")
        .problem(400, "invalid_encoding");
    let counts = send_gzip(&app, &whole).expect(202);
    assert_eq!(
        (&counts["accepted"], &counts["rejected_count"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn a_file_without_ids_may_be_sent_again() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let bought = json!({ "type": "event", "event": "Order Completed", "visitor": "anna", "timestamp": "2025-11-02T00:00:00Z", "properties": { "revenue": 10 } });
    let other = with(bought.clone(), "visitor", json!("bert"));
    let file = [
        history("anna", "hero", "control", "2025-11-01T00:00:00Z"),
        history("bert", "hero", "treatment", "2025-11-01T00:00:00Z"),
        bought.clone(),
        other,
        bought,
    ];
    assert_eq!(
        app.import(&file)["accepted"],
        5,
        "two equal rows of one file are two orders"
    );
    let again = app.import(&file);
    assert_eq!(
        (&again["accepted"], &again["duplicates"]),
        (&json!(0), &json!(5))
    );
    let report = app.report("hero");
    assert!(
        near(report.sum("revenue", "control"), 20.0)
            && near(report.sum("revenue", "treatment"), 10.0)
    );
}

#[test]
fn a_large_import_takes_time_in_proportion_to_its_rows() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    // Equal rows compress a hundredfold: few bytes on the wire are many rows at once.
    let row = format!(
        "{}\n",
        json!({ "type": "page", "visitor": "v", "padding": "x".repeat(900) })
    );
    let bytes = gzip(row.repeat(40_000).as_bytes());
    assert!(bytes.len() < 400_000);
    let counts = send_gzip(&app, &bytes).expect(202);
    assert_eq!(counts["rejected_count"], 40_000);
    assert_eq!(
        counts["rejected"].as_array().unwrap().len(),
        100,
        "not all are listed"
    );
}

#[test]
fn a_row_that_is_too_long_ends_the_import_and_keeps_what_came_before() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    for (visitor, end) in [("anna", "\n"), ("bert", "")] {
        let good = history(visitor, "hero", "control", "2025-11-01T00:00:00Z");
        let long = json!({ "type": "event", "padding": "x".repeat(300_000) });
        let body = format!("{good}\n{long}{end}");
        app.post_bytes("/api/v1/import", &[], body.as_bytes())
            .problem(413, "body_too_large");
        send_gzip(&app, &gzip(body.as_bytes())).problem(413, "body_too_large");
    }
    assert_eq!(app.report("hero").total_visitors(), 2);
}
