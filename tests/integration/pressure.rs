//! Pressure: a full disk and a full queue. The server refuses with a stable code, and keeps what it acknowledged.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Settings, TestApp};
use crate::model::{fixed, near};

fn run(command: &str, args: &[&str]) -> bool {
    let output = Command::new(command).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

/// A file system of its own, unmounted in the end.
struct Mount(tempfile::TempDir);

impl Mount {
    /// `None` where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let path = directory.path().to_str().unwrap();
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", path]).then(|| Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(run(
            "mount",
            &["-o", &options, self.path().to_str().unwrap()]
        ));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &["-l", self.path().to_str().unwrap()]);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "whoever reads the log must know that a test did not run"
)]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// A batch of distinct orders that does not compress.
fn batch(number: usize, size: usize) -> Vec<Value> {
    let event = |i: usize| {
        let id = number * 1_000 + i;
        let scramble = |k: u64| {
            (id as u64 + k)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
        };
        let noise = [1, 2, 3, 4, 5, 6]
            .map(|k| format!("{:016x}", scramble(k).wrapping_mul(k * k + 7)))
            .concat();
        json!({
            "event": "Order Completed", "visitor": format!("v{id}"), "id": format!("e{id}"),
            "properties": { "revenue": 1, "noise": noise },
        })
    };
    (0..size).map(event).collect()
}

#[test]
fn a_full_disk_stops_the_server_and_loses_nothing() {
    let Some(mount) = Mount::new("24m") else {
        skipped("a file system can not be mounted here");
        return;
    };
    let data = mount.path().join("data");
    let settings = Settings {
        data: Some(data),
        ..Settings::default()
    };
    let mut app = TestApp::with(settings, &[]);
    app.put_experiment(&fixed("hero"));
    let mut acknowledged = Vec::new();
    let mut refusals = Vec::new();
    for number in 0..1_000 {
        let events = batch(number, 200);
        let body = json!(events).to_string();
        match app.try_send("POST", "/api/v1/events", &[], Some(body.as_bytes())) {
            Ok(answer) if answer.status == 202 => acknowledged.extend(events),
            Ok(answer) => {
                assert_eq!(answer.header("retry-after"), Some("1"));
                refusals.push(answer.problem(503, "unavailable"));
                break;
            }
            Err(_) => break,
        }
    }
    assert!(acknowledged.len() > 1_000, "{}", acknowledged.len());
    assert!(acknowledged.len() < 150_000, "the disk was never full");
    let status = app.wait().expect("stops by itself");
    assert_eq!(status.code(), Some(3), "the store failed");
    mount.resize("512m");
    app.restart();
    app.get("/health/ready").expect(200);
    for chunk in acknowledged.chunks(1_000) {
        let counts = app.track(&json!(chunk));
        assert_eq!(
            counts["duplicates"],
            chunk.len(),
            "an acknowledged event was lost"
        );
    }
    app.assign("v-new", "hero");
    let more =
        json!({ "event": "Order Completed", "visitor": "v-new", "properties": { "revenue": 3 } });
    assert_eq!(app.track(&more)["accepted"], 1);
    assert!(near(app.report("hero").total("revenue"), 3.0));
    drop(app);
    drop(mount);
}

/// Sends a request and leaves the answer waiting.
fn send(stream: &mut TcpStream, events: &Value) {
    let body = events.to_string();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nhost: upswing\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
}

fn receive(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream
        .set_read_timeout(Some(Duration::from_mins(2)))
        .unwrap();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    const HEAVY: usize = 40;
    const LIGHT: usize = 400;
    let app = TestApp::with_args(&["--queue", "8"]);
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    let address = app.url.strip_prefix("http://").unwrap().to_owned();
    let connect = |_| TcpStream::connect(&address).unwrap();
    let mut heavy: Vec<TcpStream> = (0..HEAVY).map(connect).collect();
    let mut light: Vec<TcpStream> = (0..LIGHT).map(connect).collect();
    for (number, stream) in heavy.iter_mut().enumerate() {
        send(stream, &json!(batch(number, 1_000)));
    }
    for (number, stream) in light.iter_mut().enumerate() {
        let event = json!({ "event": "Order Completed", "visitor": "anna", "id": format!("light {number}"), "properties": { "revenue": 1 } });
        send(stream, &event);
    }
    let mut accepted = 0;
    let mut refused = 0;
    for answer in light.into_iter().map(receive) {
        if answer.starts_with("HTTP/1.1 202") {
            accepted += 1;
        } else {
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
            assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
            assert!(answer.contains("\"code\":\"overloaded\""), "{answer}");
            refused += 1;
        }
    }
    let heavy: Vec<String> = heavy.into_iter().map(receive).collect();
    let busy = heavy
        .iter()
        .filter(|answer| answer.starts_with("HTTP/1.1 503"))
        .count();
    assert!(
        heavy
            .iter()
            .all(|answer| answer.starts_with("HTTP/1.1 202") || answer.contains("overloaded"))
    );
    refused += u32::try_from(busy).unwrap();
    assert!(refused > 0, "the queue was never full");
    assert!(near(
        app.report("hero").total("revenue"),
        f64::from(accepted)
    ));
    assert!((app.metric("upswing_overloaded_total") - f64::from(refused)).abs() < 0.5);
}
