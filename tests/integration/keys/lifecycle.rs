//! How keys are made, rotated and kept, and that nobody serves the world without them.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::json;

use super::{SHOP, admin, key, made, revoke, send};
use crate::harness::{Settings, TestApp, upswing};

#[test]
fn the_last_key_that_manages_keys_stays() {
    let app = TestApp::start();
    let wanted = json!({ "name": "web", "scopes": ["assign", "events"] });
    send(&app, "POST", "/api/v1/keys", None, Some(&wanted)).problem(409, "admin_key_required");
    let (first, secret) = made(&app, None, &json!({ "name": "root", "scopes": ["admin"] }));
    let revoke = |id: &str, by: &str| {
        send(
            &app,
            "DELETE",
            &format!("/api/v1/keys/{id}"),
            Some(by),
            None,
        )
    };
    revoke(&first, &secret).problem(409, "admin_key_required");
    // Rotation: another one first, then the old one goes. No restart.
    let (_, fresh) = made(
        &app,
        Some(&secret),
        &json!({ "name": "root 2", "scopes": ["admin"] }),
    );
    revoke(&first, &fresh).expect(200);
    revoke(&first, &fresh).expect(200);
    send(&app, "GET", "/api/v1/keys", Some(&secret), None).problem(401, "unauthorized");
    revoke("0123456789abcdef", &fresh).problem(404, "unknown_key");
    revoke("x", &fresh).problem(404, "unknown_key");
    for (wrong, code) in [
        (json!({ "name": "x", "scopes": [] }), "invalid_body"),
        (json!({ "name": "x", "scopes": ["root"] }), "invalid_body"),
        (json!({ "name": "", "scopes": ["read"] }), "invalid_body"),
        (
            json!({ "name": "x", "scopes": ["read"], "rate": 0 }),
            "invalid_body",
        ),
        (
            json!({ "name": "x", "scopes": ["read"], "origins": ["*"] }),
            "invalid_body",
        ),
        (
            json!({ "name": "x", "scopes": ["read"], "secret": "mine" }),
            "invalid_body",
        ),
    ] {
        send(&app, "POST", "/api/v1/keys", Some(&fresh), Some(&wrong)).problem(400, code);
    }
}

#[test]
fn keys_survive_a_kill() {
    let mut app = TestApp::start();
    let admin = admin(&app);
    let (id, gone) = made(
        &app,
        Some(&admin),
        &json!({ "name": "a", "scopes": ["read"] }),
    );
    let kept = key(&app, &admin, &["read"]);
    revoke(&app, &admin, &id);
    let before = send(&app, "GET", "/api/v1/keys", Some(&admin), None).expect(200);
    app.kill9();
    app.restart();
    let path = "/api/v1/experiments";
    send(&app, "GET", path, Some(&kept), None).expect(200);
    send(&app, "GET", path, Some(&gone), None).problem(401, "unauthorized");
    app.get(path).problem(401, "unauthorized");
    assert_eq!(
        send(&app, "GET", "/api/v1/keys", Some(&admin), None).expect(200),
        before
    );
}

fn keys(args: &[&str]) -> Output {
    let mut command = upswing(&["keys"]);
    command.args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_command_line_asks_the_server_or_opens_the_store() {
    let mut app = TestApp::with(Settings::default(), &[]);
    let url = app.url.clone();
    let made = said(&keys(&[
        "new", "--scope", "admin", "--name", "root", "--server", &url,
    ]));
    let admin = made.lines().nth(1).unwrap().to_owned();
    let with = ["--server", &url, "--api-key", &admin];
    let web = [
        "new",
        "--scope",
        "assign",
        "--scope",
        "events",
        "--origin",
        SHOP,
        "--rate",
        "100",
        "--name",
        "web",
        "--no-exposure",
    ];
    let made = said(&keys(&[&web[..], &with].concat()));
    assert!(
        made.contains("  web  assign,events  for https://shop.example  100/s  no exposure  made "),
        "{made}"
    );
    let id = made.split(' ').next().unwrap().to_owned();
    assert_eq!(
        said(&keys(&[&["list"][..], &with].concat()))
            .lines()
            .count(),
        2
    );
    let refused = keys(&["list", "--server", &url]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("unauthorized"),
        "{refused:?}"
    );
    assert!(said(&keys(&[&["revoke", &id][..], &with].concat())).contains("revoked"));
    // The same store, once no server holds it.
    let data = app.data();
    let data = data.to_str().unwrap();
    assert!(app.stop().success());
    assert_eq!(said(&keys(&["list", "--data", data])).lines().count(), 2);
    let made = said(&keys(&["new", "--scope", "read", "--data", data]));
    let reader = made.lines().nth(1).unwrap().to_owned();
    app.restart();
    send(&app, "GET", "/api/v1/experiments", Some(&reader), None).expect(200);
}

#[test]
fn commands_that_mean_nothing_are_refused() {
    for (args, status) in [
        (&["new"][..], 2),
        (&["new", "--scope", "root"], 2),
        (&["new", "--scope", "read", "--origin", "*"], 2),
        (&["new", "--scope", "read", "--rate", "0"], 2),
        (&["revoke", "x"], 2),
        (&["list", "--data", "/nonexistent/upswing"], 1),
    ] {
        assert_eq!(
            keys(&[args, &["--server", "http://127.0.0.1:1"]].concat())
                .status
                .code(),
            Some(status),
            "{args:?}"
        );
    }
}

/// Starts a server that must come to listen, and ends it.
fn listens(command: &RefCell<Command>) {
    let mut child = command.borrow_mut().spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("listening on http://0.0.0.0:"), "{line}");
}

#[test]
fn nobody_listens_beyond_the_machine_without_keys() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    std::fs::create_dir(directory.path().join("experiments")).unwrap();
    let serve = |more: &[&str]| {
        let mut command = upswing(&["serve", "--data", data]);
        command.current_dir(directory.path()).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        RefCell::new(command)
    };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = serve(&["--listen", address]);
        let refused = refused.borrow_mut().output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            told.contains("API keys") && told.contains("--insecure"),
            "{told}"
        );
    }
    // Neither who says so is refused, nor who has a key.
    listens(&serve(&["--listen", "0.0.0.0:0", "--insecure"]));
    said(&keys(&["new", "--scope", "read", "--data", data]));
    listens(&serve(&["--listen", "0.0.0.0:0"]));
}
