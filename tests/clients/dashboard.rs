//! The dashboard in headless Chromium, as `dashboard.mjs` looks at it.

use std::process::Command;

use serde_json::json;

use crate::harness::{TestApp, upswing};
use crate::{clients, key, said, server};

/// Runs a part of the script with a key that may do everything.
fn browse(app: &TestApp, part: &str) -> Command {
    let secret = key(app, None, &json!({ "name": "Ann", "scopes": ["admin"] }));
    let mut browse = Command::new("node");
    browse.arg(clients().join("dashboard.mjs"));
    browse.args([part, &app.url, &secret]);
    browse
}

/// A server on which the gallery was played.
fn gallery(visitors: &str) -> TestApp {
    let app = TestApp::with_args(&["--global-holdout", "0.05"]);
    let mut play = upswing(&["demo", "--gallery", "--visitors", visitors]);
    said(play.args(["--server", &app.url]));
    app
}

#[test]
fn a_marketer_without_scripts_runs_an_experiment_to_its_end() {
    let app = server(&[]);
    assert_eq!(said(&mut browse(&app, "story")).trim(), "[]");
}

#[test]
fn whoever_sees_pages_otherwise_can_use_all_of_them() {
    let app = gallery("2000");
    assert_eq!(said(&mut browse(&app, "pages")).trim(), "[]");
}

/// Prints how fast pages are served and painted, and how large they are. Worth looking at in a release build:
/// `cargo test --release --test clients figures -- --ignored`.
#[test]
#[ignore = "figures to look at"]
fn figures_of_pages() {
    let app = gallery("60000");
    assert!(browse(&app, "figures").status().unwrap().success());
}
