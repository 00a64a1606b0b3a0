//! Thousands of connections that do nothing: they cost little, hinder nobody, and end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use upswing::telemetry::Stopwatch;

use crate::harness::TestApp;
use crate::model::fixed;
use crate::slow::connect;

const IDLE: usize = 5_000;
const ASKED: usize = 300;

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// How long the median and the slowest of some answers take.
fn asked(app: &TestApp) -> (Duration, Duration) {
    let ask = |_| {
        let one = Stopwatch::start();
        assert_eq!(app.assign("anna", "hero")["reason"], "sticky");
        one.elapsed()
    };
    let mut took: Vec<Duration> = (0..ASKED).map(ask).collect();
    took.sort();
    (took[ASKED / 2], took[ASKED - 1])
}

#[expect(clippy::print_stderr, reason = "figures are to be read")]
fn told(text: &str) {
    eprintln!("{text}");
}

#[test]
fn five_thousand_idle_connections_hinder_nobody() {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    // The server has two files for each, the test one.
    if files < 2 * IDLE as u64 + 1_000 {
        told("skipped: too few open files are allowed");
        return;
    }
    let app = TestApp::with_args(&["--patience", "20"]);
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    let alone = asked(&app);
    let before = resident(app.pid());
    // Every other one has asked something; the others have never said a word.
    let idle: Vec<TcpStream> = (0..IDLE)
        .map(|number| {
            let mut socket = connect(&app);
            if number % 2 == 0 {
                let ask = b"GET /health/live HTTP/1.1\r\nhost: upswing\r\n\r\n";
                socket.write_all(ask).unwrap();
                assert!(socket.read(&mut [0; 1_024]).unwrap() > 0);
            }
            socket
        })
        .collect();
    let among = asked(&app);
    let each = (resident(app.pid()) - before) * 1_024 / IDLE;
    told(&format!(
        "answers in {:?} (slowest {:?}) alone, {:?} ({:?}) among {IDLE} idle connections of {each} bytes each",
        alone.0, alone.1, among.0, among.1
    ));
    assert!(each < 64 << 10, "{each} bytes a connection");
    assert!(among.0 < Duration::from_millis(50), "{among:?}");
    for mut socket in idle.iter().take(4) {
        socket.set_nonblocking(true).unwrap();
        assert!(socket.read(&mut [0]).is_err(), "it was closed");
    }
}

#[test]
fn who_comes_when_all_places_are_taken_waits_until_one_is_free() {
    let app = TestApp::with_args(&[
        "--patience",
        "2",
        "--max-connections",
        "20",
        "--workers",
        "1",
    ]);
    let idle: Vec<TcpStream> = (0..40).map(|_| connect(&app)).collect();
    let waited = Stopwatch::start();
    app.get("/health/live").expect(200);
    assert!(
        waited.elapsed() > Duration::from_secs(1),
        "{:?}",
        waited.elapsed()
    );
    drop(idle);
    app.get("/health/live").expect(200);
}
