//! The README's commands do what it says.

use std::process::Command;

use crate::harness::{Settings, TestApp, upswing};

const README: &str = include_str!("../../README.md");

/// The commands of the README's shell blocks that begin with a word.
fn commands(first: &str) -> Vec<String> {
    let blocks = README.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    let commands = lines.map(|line| line.split("   #").next().unwrap_or_default().trim());
    commands
        .filter(|line| line.starts_with(first))
        .map(str::to_owned)
        .collect()
}

/// A server with the repository's own experiments.
fn shop() -> TestApp {
    let app = TestApp::with(
        Settings {
            system_clock: true,
            ..Settings::default()
        },
        &[],
    );
    let examples = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/experiments")).unwrap();
    let files = examples.flatten().filter(|item| item.path().is_file());
    for example in files {
        let text = std::fs::read_to_string(example.path()).unwrap();
        app.write_file(&example.file_name().into_string().unwrap(), &text);
    }
    let mut app = app;
    app.stop();
    app.restart();
    app
}

fn run(shell: &str) -> String {
    let output = Command::new("bash").args(["-c", shell]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{shell}\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn the_first_sixty_seconds_work_as_written() {
    let app = shop();
    let address = app.url.trim_start_matches("http://").to_owned();
    let curls = commands("curl");
    assert_eq!(curls.len(), 3, "{curls:?}");
    let answers: Vec<String> = curls
        .iter()
        .map(|curl| {
            run(&curl
                .replace("curl ", "curl --fail-with-body ")
                .replace("localhost:8080", &address))
        })
        .collect();
    assert!(
        answers[0].contains("\"experiment\":\"cart-nudge\""),
        "{}",
        answers[0]
    );
    assert!(answers[1].contains("\"accepted\":1"), "{}", answers[1]);
    assert!(answers[2].contains("\"visitors\":1"), "{}", answers[2]);
}

#[test]
fn the_demo_and_the_reports_work_as_written() {
    let app = shop();
    let binary = upswing(&[]).get_program().to_string_lossy().into_owned();
    let root = env!("CARGO_MANIFEST_DIR");
    let mut verbs = Vec::new();
    for cargo in commands("cargo run --release -- ") {
        let command = cargo.replace("cargo run --release --", &binary);
        let server = if command.contains("analyze") {
            String::new()
        } else {
            format!(" --server {}", app.url)
        };
        let small = if command.contains("demo") {
            " --visitors 400"
        } else {
            ""
        };
        verbs.push((
            cargo,
            run(&format!("cd '{root}' && {command}{server}{small}")),
        ));
    }
    assert_eq!(verbs.len(), 3, "{verbs:?}");
    assert!(
        verbs[0].1.contains("an even split of the same visitors"),
        "{}",
        verbs[0].1
    );
    assert!(
        verbs[1].1.contains("Nudge in the cart (cart-nudge)"),
        "{}",
        verbs[1].1
    );
    assert!(verbs[2].1.contains("64,000 visitors"), "{}", verbs[2].1);
}

#[test]
fn every_route_of_the_endpoint_table_exists_and_every_example_is_valid() {
    let app = shop();
    for path in [
        "/api/v1/experiments",
        "/api/v1/experiments/cart-nudge",
        "/health/live",
        "/health/ready",
        "/metrics",
    ] {
        assert_eq!(app.get(path).status, 200, "{path}");
    }
    for tail in [
        "allocation",
        "epochs?from=1",
        "report?format=csv",
        "report?dimension=device,visitor_type&days=60",
        "report?dimension=all",
        "explain?visitor=anna",
    ] {
        let path = format!("/api/v1/experiments/homepage-hero/{tail}");
        assert_eq!(app.get(&path).status, 200, "{path}");
    }
    let checked = run(&format!(
        "'{}' check '{}/experiments'",
        upswing(&[]).get_program().to_string_lossy(),
        env!("CARGO_MANIFEST_DIR")
    ));
    assert_eq!(checked.lines().count(), 8, "{checked}");
}
