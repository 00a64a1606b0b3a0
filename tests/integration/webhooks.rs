//! Webhooks: signed, told at least once, and a target that does not answer holds up nobody.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use upswing::telemetry::Stopwatch;

use crate::guardrails::{complain, guarded};
use crate::harness::{Settings, TestApp};
use crate::model::{fixed, thompson};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A status that is none: the target takes the request and never answers.
const HANG: u16 = 0;
/// Longer than the wait after a first failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a target was told.
struct Told {
    headers: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        &found.unwrap().1
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// As any library of Standard Webhooks does it.
    fn is_signed(&self) -> bool {
        let key = BASE64_STANDARD
            .decode(SECRET.trim_start_matches("whsec_"))
            .unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{at}.{}", self.body).as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        self.header("webhook-signature") == format!("v1,{signature}")
    }
}

/// A target.
struct Target {
    url: String,
    status: Arc<AtomicU16>,
    told: mpsc::Receiver<Told>,
}

impl Target {
    fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let (tell, told) = mpsc::channel();
        let answer = Arc::clone(&status);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (tell, answer) = (tell.clone(), Arc::clone(&answer));
                std::thread::spawn(move || serve(socket, &tell, &answer));
            }
        });
        Self { url, status, told }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    /// The next message of a type.
    fn next_of(&self, kind: &str) -> Value {
        loop {
            let told = self.next().json();
            if told["type"] == kind {
                return told;
            }
        }
    }
}

/// Takes requests of one connection.
fn serve(socket: TcpStream, tell: &mpsc::Sender<Told>, answer: &AtomicU16) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut socket = socket;
    while let Some(told) = read(&mut reader) {
        let status = answer.load(Ordering::SeqCst);
        if status == HANG {
            // Told once it is there; the connection stays open.
            drop(tell.send(told));
            std::thread::sleep(Duration::from_mins(2));
            return;
        }
        let head = format!("HTTP/1.1 {status} Any\r\ncontent-length: 0\r\n\r\n");
        if socket.write_all(head.as_bytes()).is_err() || tell.send(told).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Told> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?;
    let mut body = vec![0; length.1.parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Told { headers, body })
}

fn app(targets: &[&Target]) -> TestApp {
    let mut args = vec!["--webhook-secret", SECRET];
    for target in targets {
        args.extend(["--webhook", &target.url]);
    }
    TestApp::with_args(&args)
}

/// How it stands with the only target.
fn standing(app: &TestApp) -> Value {
    let all = app.get("/api/v1/webhooks").expect(200);
    all["webhooks"][0].clone()
}

/// Waits until the only target stands so.
fn wait_until(app: &TestApp, is_so: impl Fn(&Value) -> bool) -> Value {
    let started = Stopwatch::start();
    loop {
        let standing = standing(app);
        if is_so(&standing) {
            return standing;
        }
        assert!(started.elapsed() < PATIENCE, "{standing}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_drained(standing: &Value) -> bool {
    standing["pending"] == json!([]) && standing["position"] == standing["end"]
}

#[test]
fn what_happens_is_told_and_signed() {
    let target = Target::answering(204);
    let app = app(&[&target]);
    app.put_experiment(&thompson("hero"));
    let told = target.next();
    assert!(told.is_signed(), "{}", told.body);
    assert_eq!(told.header("content-type"), "application/json");
    let body = told.json();
    assert_eq!(body["id"], told.header("webhook-id"));
    assert_eq!(body["type"], "experiment.changed");
    assert_eq!(body["created_at"], crate::harness::START);
    assert_eq!(body["data"]["experiment"], "hero");
    assert_eq!(body["data"]["change"], "defined");
    let epoch = target.next_of("epoch.opened");
    assert_eq!(epoch["data"]["epoch"], 1);
    assert_eq!(
        epoch["data"]["weights"],
        json!({ "control": 0.5, "treatment": 0.5 })
    );
    app.tell("hero", "pause", &json!({}));
    assert_eq!(
        target.next_of("experiment.changed")["data"]["change"],
        "paused"
    );
    wait_until(&app, is_drained);
    assert!(app.metric("upswing_webhook_deliveries_total{result=\"delivered\"}") >= 3.0);
}

#[test]
fn a_guardrail_that_trips_is_told() {
    let target = Target::answering(200);
    let app = app(&[&target]);
    app.put_experiment(&guarded("pause"));
    let assigned = app.assign_many("hero", 0..1_600);
    let variants = assigned.iter().map(|of| of["variant"].as_str().unwrap());
    let variants: Vec<String> = variants.map(str::to_owned).collect();
    let share = |variant: &str| if variant == "control" { 10 } else { 25 };
    complain(&app, &variants, "first", share);
    app.advance_clock("2026-01-01T00:01:00Z");
    let told = target.next_of("guardrail.tripped");
    assert_eq!(told["created_at"], "2026-01-01T00:01:00.000Z");
    let trips = &app.get("/api/v1/experiments/hero").expect(200)["trips"];
    for field in [
        "metric", "variant", "harm", "low", "action", "receipt", "at",
    ] {
        assert_eq!(told["data"][field], trips[0][field], "{field}");
    }
}

#[test]
fn what_fails_is_told_again_with_the_same_id() {
    let target = Target::answering(500);
    let app = app(&[&target]);
    app.put_experiment(&fixed("hero"));
    let first = target.next();
    target.answer(200);
    let again = loop {
        let told = target.next();
        if told.header("webhook-id") == first.header("webhook-id") {
            break told;
        }
    };
    assert!(again.is_signed());
    assert_eq!(again.body, first.body);
    let standing = wait_until(&app, is_drained);
    assert_eq!(
        (&standing["failures"], &standing["last_error"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn what_was_not_told_is_told_after_a_crash() {
    let target = Target::answering(500);
    let mut app = app(&[&target]);
    app.put_experiment(&fixed("hero"));
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    // Killed with or without having tried: nothing is forgotten.
    app.kill9();
    let before: BTreeSet<String> = target.told.try_iter().map(|told| told.body).collect();
    target.answer(200);
    app.restart();
    let mut changes = Vec::new();
    while changes.len() < 3 {
        let told = target.next();
        let body = told.json();
        if body["type"] == "experiment.changed" {
            changes.push(body["data"]["change"].as_str().unwrap().to_owned());
        }
        let retold = before
            .iter()
            .find(|old| old.contains(told.header("webhook-id")));
        assert!(
            retold.is_none_or(|old| *old == told.body),
            "one id, one body"
        );
    }
    assert_eq!(changes, ["defined", "paused", "started"]);
    wait_until(&app, is_drained);
    // Once delivered, it is not told again.
    app.stop();
    app.restart();
    wait_until(&app, is_drained);
    let again = target
        .told
        .try_iter()
        .filter(|told| told.body.contains("defined"));
    assert_eq!(again.count(), 0);
}

#[test]
fn a_target_that_hangs_holds_nobody_up() {
    let (hanging, healthy) = (Target::answering(HANG), Target::answering(200));
    let mut app = app(&[&hanging, &healthy]);
    app.put_experiment(&fixed("hero"));
    hanging.next();
    let started = Stopwatch::start();
    app.tell("hero", "pause", &json!({}));
    healthy.next_of("experiment.changed");
    assert_eq!(
        healthy.next_of("experiment.changed")["data"]["change"],
        "paused"
    );
    app.get("/api/v1/webhooks").expect(200);
    assert!(app.stop().success());
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn the_dead_are_kept_and_may_be_sent_again() {
    let target = Target::answering(410);
    let mut app = app(&[&target]);
    app.put_experiment(&fixed("hero"));
    let first = target.next();
    let standing = wait_until(&app, |of| of["dead"].as_array().unwrap().len() == 2);
    let dead = &standing["dead"][0];
    assert_eq!(dead["message"], first.json());
    assert_eq!(dead["error"], "it answered 410 Gone");
    app.stop();
    app.restart();
    target.answer(200);
    let id = wait_until(&app, is_drained)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/webhooks/{id}/redeliver");
    let answer = app.post(&path, &json!({})).expect(200);
    assert_eq!(answer, json!({ "redelivered": 2 }));
    let again = std::iter::repeat_with(|| target.next()).find(|told| told.body == first.body);
    assert!(again.unwrap().is_signed());
    assert_eq!(wait_until(&app, is_drained)["dead"], json!([]));
    app.post("/api/v1/webhooks/none/redeliver", &json!({}))
        .problem(404, "not_found");
}

#[test]
fn a_verdict_that_changes_is_told_once() {
    let target = Target::answering(200);
    let app = app(&[&target]);
    app.put_experiment(&thompson("hero"));
    target.next_of("epoch.opened");
    app.assign_many("hero", 0..40);
    // Asked for when something happens.
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    let verdict = target.next_of("verdict.changed");
    let data = &verdict["data"];
    assert_eq!(data["experiment"], "hero");
    assert_eq!(
        data["before"],
        json!({ "decision": "not_started", "variant": null })
    );
    assert_eq!(data["after"]["decision"], "keep_running");
    let report = app.report("hero");
    assert_eq!(data["headline"], report.0["verdict"]["headline"]);
    app.tell("hero", "pause", &json!({}));
    app.tell("hero", "start", &json!({}));
    wait_until(&app, is_drained);
    let more = target
        .told
        .try_iter()
        .filter(|told| told.body.contains("verdict.changed"));
    assert_eq!(more.count(), 0);
}

#[test]
fn targets_are_named_rightly_or_not_at_all() {
    let refused = |args: &[&str], said: &str| {
        let output = crate::harness::upswing(&["serve"])
            .args(args)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(said), "{complaint}");
    };
    refused(&["--webhook", "http://a.example"], "needs --webhook-secret");
    let url = ["--webhook-secret", SECRET, "--webhook"];
    refused(&[&url[..], &["a.example"]].concat(), "is not a URL");
    refused(&["--webhook-secret", "whsec_AAAA"], "24 to 64 bytes");
    let none = TestApp::with(Settings::default(), &[]);
    assert_eq!(
        none.get("/api/v1/webhooks").expect(200),
        json!({ "webhooks": [] })
    );
}
