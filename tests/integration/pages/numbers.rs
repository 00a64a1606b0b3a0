//! Every number of a page is the report's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{definition, get};
use crate::harness::TestApp;

/// The numbers of a JSON value.
pub(super) fn numbers(value: &Value, into: &mut BTreeSet<u64>) {
    match value {
        Value::Number(number) => drop(into.insert(number.as_f64().unwrap().to_bits())),
        Value::Array(items) => items.iter().for_each(|item| numbers(item, into)),
        Value::Object(members) => members.values().for_each(|member| numbers(member, into)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The exact values of a page's numbers, with what people read.
pub(super) fn shown(page: &str) -> Vec<(f64, String)> {
    let parts = page.split("<data value=\"").skip(1);
    let number = |part: &str| {
        let (value, rest) = part.split_once("\">").unwrap();
        let text = rest.split_once("</data>").unwrap().0;
        (value.parse().unwrap(), text.to_owned())
    };
    parts.map(number).collect()
}

pub(super) fn traffic(app: &TestApp) {
    for visitor in 0..600 {
        let visitor = format!("v{visitor}");
        let device = if visitor.ends_with(['1', '3', '5']) {
            "phone"
        } else {
            "desk"
        };
        let answer = app.assign_with(&visitor, "hero", &json!({ "device": device }));
        let every = if answer["variant"] == "a" { 5 } else { 3 };
        if visitor.bytes().map(u32::from).sum::<u32>() % every == 0 {
            let order = json!({ "visitor": visitor, "id": "o", "event": "Order Completed",
                "properties": { "revenue": 30.5 } });
            app.track(&json!({ "events": [order] }));
        }
    }
}

#[test]
fn numbers_are_those_of_the_report() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    app.tell("hero", "start", &json!({}));
    traffic(&app);
    app.advance_clock("2026-01-03T00:00:00.000Z");
    let report = app
        .get("/api/v1/experiments/hero/report?dimension=device&days=366")
        .expect(200);
    let mut known = BTreeSet::new();
    numbers(&report, &mut known);
    // The days it has run are the list's own.
    known.insert(2.0_f64.to_bits());
    let views = ["", "?show=absolute", "?show=scaled", "?by=device"];
    let pages = views.map(|view| format!("/experiments/hero{view}"));
    for path in pages.iter().map(String::as_str).chain(["/"]) {
        let page = get(&app, path, None);
        let shown = shown(&page.text);
        assert!(shown.len() > 1, "{path}");
        for (value, text) in shown {
            assert!(
                known.contains(&value.to_bits()),
                "{path}: {text} ({value}) is not in the report"
            );
        }
    }
    let lift = &report["metrics"][0]["comparisons"][0]["headline"]["relative"]["estimate"];
    let page = get(&app, "/experiments/hero", None).text;
    assert!(
        page.contains(&format!("<data value=\"{lift}\">+")),
        "{lift}"
    );
    assert!(page.contains(report["verdict"]["headline"].as_str().unwrap()));
}

#[test]
fn whatever_people_write_stays_text() {
    let app = TestApp::start();
    let mut definition = definition("hero");
    let hostile = "<script>alert(1)</script> تجربة 🛒 \"' &amp; =1+1";
    for field in ["name", "hypothesis", "owner", "touchpoint"] {
        definition[field] = json!(hostile);
    }
    definition["variants"][1]["key"] = json!("<b onload=x>");
    definition["metrics"][0]["key"] = json!("<i>\"'");
    app.put_experiment(&definition);
    app.tell("hero", "start", &json!({}));
    traffic(&app);
    for path in [
        "/",
        "/experiments/hero",
        "/experiments/hero?by=%3Cscript%3E&show=%22&done=%3Cp%3E",
        "/?q=%3Cscript%3E",
    ] {
        let page = get(&app, path, None);
        assert_eq!(page.status, 200);
        for tag in ["<script>alert", "<b onload", "<i>"] {
            assert!(!page.text.contains(tag), "{path}: {tag}");
        }
    }
    let empty = get(&app, "/?q=%D8%AA%D8%AC+nothing", None);
    assert!(empty.text.contains("No experiment fits."));
    let missing = get(&app, "/experiments/none", None);
    assert!(missing.status == 404 && missing.text.contains("unknown_experiment"));
}
