//! Clients that keep the server waiting: they are cut off, told why where they can still be told, and hinder nobody.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use upswing::telemetry::Stopwatch;

use crate::harness::TestApp;
use crate::model::{fixed, near};

/// The server's patience in these tests, in seconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Whoever is let wait longer is not cut off.
const CUT: Duration = Duration::from_secs(6);

fn app() -> TestApp {
    let app = TestApp::with_args(&["--patience", "1", "--workers", "1"]);
    app.put_experiment(&fixed("hero"));
    app.assign("anna", "hero");
    app
}

pub(crate) fn connect(app: &TestApp) -> TcpStream {
    let address = app.url.trim_start_matches("http://");
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(CUT)).unwrap();
    socket
}

/// Sends a byte every so often until the server hangs up; what it said.
fn trickle(mut socket: TcpStream, bytes: impl Iterator<Item = u8>) -> String {
    let pause = Duration::from_millis(50);
    let started = Stopwatch::start();
    for byte in bytes {
        // The server may have said something and closed.
        if socket.write_all(&[byte]).is_err() {
            break;
        }
        socket.set_read_timeout(Some(pause)).unwrap();
        let said = socket.peek(&mut [0]);
        if said.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true) {
            break;
        }
        assert!(started.elapsed() < CUT, "it was never cut off");
    }
    assert!(started.elapsed() >= PATIENCE / 2, "cut off at once");
    rest(&mut socket)
}

/// What the server says until it hangs up.
fn rest(socket: &mut TcpStream) -> String {
    socket.set_read_timeout(Some(CUT)).unwrap();
    let mut said = Vec::new();
    match socket.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// One answer.
fn answer(socket: &mut TcpStream) -> String {
    let mut said = [0; 4_096];
    let length = socket.read(&mut said).unwrap();
    String::from_utf8_lossy(&said[..length]).into_owned()
}

fn head(path: &str, length: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: upswing\r\n{length}\r\n\r\n")
}

#[test]
fn heads_that_trickle_in_are_cut_off() {
    let app = app();
    let head = "GET /health/live HTTP/1.1\r\nhost: upswing\r\nx-slow: ";
    let endless = || head.bytes().chain(std::iter::repeat(b'x'));
    let said = trickle(connect(&app), endless());
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    // After a good request, too.
    let mut socket = connect(&app);
    socket
        .write_all(format!("{head}\r\n\r\n").as_bytes())
        .unwrap();
    assert!(answer(&mut socket).starts_with("HTTP/1.1 200 "));
    assert_eq!(trickle(socket, endless()), "");
    // Whoever says nothing is hung up on, too.
    let said = rest(&mut connect(&app));
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[test]
fn bodies_that_trickle_in_are_cut_off_and_hinder_nobody() {
    let app = app();
    let slow: Vec<_> = [
        ("/api/v1/events", "request_timeout"),
        ("/api/v1/import", "Rows before it are kept."),
        ("/v1/track", "request_timeout"),
        ("/ofrep/v1/evaluate/flags", "\"errorCode\":\"GENERAL\""),
    ]
    .into_iter()
    .flat_map(|of| {
        [
            (of, "content-length: 5000"),
            (of, "transfer-encoding: chunked"),
        ]
    })
    .map(|((path, said), length)| {
        let mut socket = connect(&app);
        std::thread::spawn(move || {
            socket.write_all(head(path, length).as_bytes()).unwrap();
            // Chunks of one byte.
            let chunk = if length.starts_with("transfer") {
                &b"1\r\n \r\n"[..]
            } else {
                b" "
            };
            let answer = trickle(socket, chunk.iter().copied().cycle());
            assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
            assert!(answer.contains(said), "{path}: {answer}");
        })
    })
    .collect();
    let started = Stopwatch::start();
    let mut slowest = Duration::ZERO;
    while started.elapsed() < PATIENCE / 2 {
        let one = Stopwatch::start();
        assert_eq!(app.assign("anna", "hero")["reason"], "sticky");
        slowest = slowest.max(one.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    for each in slow {
        each.join().unwrap();
    }
}

#[test]
fn a_body_may_take_long_if_it_comes_at_a_pace() {
    let app = app();
    let row = json!({ "type": "event", "event": "Order Completed", "visitor": "anna", "id": "slow",
        "timestamp": "2026-01-01T00:00:00Z", "properties": { "revenue": 7, "note": "x".repeat(8_000) } });
    let rows = format!("{row}\n");
    for (path, body, status) in [
        ("/api/v1/import", rows.as_str(), 202),
        ("/api/v1/assignments", r#"{"visitor":"anna"}"#, 200),
    ] {
        // Spaces after it are as good as none.
        let body = format!("{body}{}", " ".repeat(9_000 - body.len()));
        let mut socket = connect(&app);
        let length = format!("content-length: {}", body.len());
        socket.write_all(head(path, &length).as_bytes()).unwrap();
        let started = Stopwatch::start();
        for piece in body.as_bytes().chunks(300) {
            socket.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(started.elapsed() > PATIENCE * 2);
        let said = answer(&mut socket);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
    }
    assert!(near(app.report("hero").total("revenue"), 7.0));
}

#[test]
fn whoever_takes_no_answers_is_cut_off() {
    const ASKED: usize = 200;
    let app = app();
    let length = app.get("/api/openapi.json").text.len();
    let mut socket = connect(&app);
    let ask = "GET /api/openapi.json HTTP/1.1\r\nhost: upswing\r\n\r\n";
    socket.write_all(ask.repeat(ASKED).as_bytes()).unwrap();
    std::thread::sleep(PATIENCE * 3);
    app.get("/health/live").expect(200);
    let taken = rest(&mut socket).len();
    assert!(taken > length && taken < length * ASKED, "{taken}");
}

#[test]
fn a_stream_on_which_nothing_happens_stays() {
    let app = app();
    let mut socket = connect(&app);
    let ask = "GET /api/v1/stream HTTP/1.1\r\nhost: upswing\r\n\r\n";
    socket.write_all(ask.as_bytes()).unwrap();
    std::thread::sleep(PATIENCE * 3);
    app.tell("hero", "pause", &json!({}));
    let mut said = String::new();
    while !said.contains("event: experiment") {
        said.push_str(&answer(&mut socket));
        assert!(!said.ends_with("0\r\n\r\n"), "{said}");
    }
}

#[test]
fn streams_are_bounded() {
    let app = TestApp::with_args(&["--max-connections", "8"]);
    app.put_experiment(&fixed("hero"));
    let open = |path: &str| {
        let mut socket = connect(&app);
        let ask = format!("GET {path} HTTP/1.1\r\nhost: upswing\r\n\r\n");
        socket.write_all(ask.as_bytes()).unwrap();
        let said = answer(&mut socket);
        (socket, said)
    };
    let mut streams = Vec::new();
    for _ in 0..4 {
        let (socket, said) = open("/api/v1/stream");
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        streams.push(socket);
    }
    let (_, refused) = open("/api/v1/stream");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("too_many_streams"), "{refused}");
    let (_, refused) = open("/ofrep/v1/stream");
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("GENERAL"), "{refused}");
    app.assign("anna", "hero");
    // The place of who has gone is free once there is something to tell.
    streams.pop();
    let waited = Stopwatch::start();
    loop {
        app.tell("hero", "pause", &json!({}));
        app.tell("hero", "start", &json!({}));
        if open("/ofrep/v1/stream").1.starts_with("HTTP/1.1 200 ") {
            break;
        }
        assert!(waited.elapsed() < CUT, "the place is never free");
    }
}
