//! Bodies and heads that mean harm, on every route that takes one: each gets a clear answer, and nobody else notices.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;
use crate::input::ready;
use crate::model::{near, order};
use crate::slow::connect;

/// Everything that takes JSON, and whether it may come packed.
const ROUTES: [(&str, &str, bool); 15] = [
    ("POST", "/api/v1/assignments", true),
    ("POST", "/api/v1/assignments/batch", true),
    ("POST", "/api/v1/events", true),
    ("POST", "/api/v1/import", true),
    ("POST", "/v1/track", true),
    ("POST", "/v1/batch", true),
    ("POST", "/v1/identify", true),
    ("POST", "/ofrep/v1/evaluate/flags", false),
    ("POST", "/ofrep/v1/evaluate/flags/hero", false),
    ("PUT", "/api/v1/experiments/hero", false),
    ("POST", "/api/v1/experiments/hero/conclude", false),
    ("POST", "/api/v1/experiments/hero/evaluate", false),
    ("POST", "/api/v1/visitors/anna/alias", false),
    ("POST", "/api/v1/plan", false),
    ("POST", "/api/v1/keys", false),
];

/// A visitor's order counts, and nothing else does.
#[track_caller]
fn unharmed(app: &TestApp) {
    let event = order("anna", "good", "2026-01-01T00:00:00Z", 3.0);
    assert_eq!(app.track(&event)["accepted"], 1);
    let report = app.report("hero");
    assert!(near(report.total("revenue"), 3.0));
    assert_eq!(report.total_visitors(), 1);
}

/// Asserts that a route refuses, in its own words; an import names the row, and Segment's calls are told success.
#[track_caller]
fn refused(path: &str, answer: &Answer, statuses: &[u16]) {
    let (status, body) = (answer.status, &answer.body);
    assert!(statuses.contains(&status), "{path}: {status} {body}");
    let code = if path.starts_with("/ofrep") {
        "errorCode"
    } else {
        "code"
    };
    let is_told = body[code].is_string() || body["rejected"][0]["code"].is_string();
    assert!(is_told || body["success"] == true, "{path}: {body}");
}

fn send(app: &TestApp, method: &str, path: &str, packed: bool, body: &[u8]) -> Answer {
    let headers = [("content-encoding", "gzip")];
    let headers = if packed { &headers[..] } else { &[] };
    app.try_send(method, path, headers, Some(body)).unwrap()
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    // Well packed, so that a bomb is small whichever library packs it.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn nested(bytes: usize, open: &str, close: &str) -> Vec<u8> {
    let depth = bytes / (open.len() + close.len());
    [open.repeat(depth), "1".to_owned(), close.repeat(depth)]
        .concat()
        .into_bytes()
}

#[test]
fn a_megabyte_of_nested_json_is_refused_on_every_route() {
    let app = ready();
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("{\"context\":{\"a\":[", "]}}"),
    ] {
        let (huge, large) = (nested(1 << 20, open, close), nested(250 << 10, open, close));
        for (method, path, may_be_packed) in ROUTES {
            let answer = send(&app, method, path, false, &huge);
            refused(path, &answer, &[413]);
            let answer = send(&app, method, path, false, &large);
            refused(path, &answer, &[200, 202, 400, 413, 422]);
            if may_be_packed {
                refused(path, &send(&app, method, path, true, &pack(&huge)), &[413]);
            }
        }
    }
    unharmed(&app);
}

#[test]
fn a_zip_bomb_is_refused_on_every_route() {
    let app = ready();
    // A gigabyte in a megabyte, and a bomb in a bomb.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..1_024 {
        encoder.write_all(&blank).unwrap();
    }
    let gigabyte = encoder.finish().unwrap();
    let whole = gigabyte.len() > 512 << 10;
    let small = pack(&vec![b' '; 64 << 20]);
    let twice = pack(&small);
    for (method, path, may_be_packed) in ROUTES {
        for bomb in [&gigabyte, &small] {
            let answer = send(&app, method, path, true, bomb);
            let is_large = may_be_packed || (whole && bomb == &gigabyte);
            refused(path, &answer, if is_large { &[413] } else { &[400, 422] });
        }
        // The inner one is not unpacked: it is no JSON.
        let answer = send(&app, method, path, true, &twice);
        refused(path, &answer, &[400, 413, 422, 202]);
    }
    unharmed(&app);
}

#[test]
fn heads_that_make_no_sense_are_refused() {
    let app = ready();
    let heads: [&[u8]; 12] = [
        b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"GET /api/v1/events HTTP/9.9\r\n\r\n",
        b"GET  /api/v1/events HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for head in heads {
        let mut socket = connect(&app);
        socket.write_all(head).unwrap();
        // Whatever it waits for does not come.
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut said = Vec::new();
        drop(socket.read_to_end(&mut said));
        let said = String::from_utf8_lossy(&said).into_owned();
        let head = String::from_utf8_lossy(head).into_owned();
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 4"),
            "{head:?}: {said}"
        );
    }
    let many = "x: y\r\n".repeat(5_000);
    let mut socket = connect(&app);
    let head = format!("GET /health/live HTTP/1.1\r\nhost: a\r\n{many}\r\n");
    drop(socket.write_all(head.as_bytes()));
    let mut said = [0; 12];
    socket.read_exact(&mut said).unwrap();
    assert!(said.starts_with(b"HTTP/1.1 4"), "{said:?}");
    unharmed(&app);
}

#[test]
fn what_stock_clients_never_send_is_told_or_passed_over() {
    let app = ready();
    let track = |more: Value| {
        let mut call = json!({ "event": "x", "userId": "bert" });
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let headers = [("x-strict-mode", "1"), ("x-retry-count", "many")];
        app.post_bytes("/v1/track", &headers, call.to_string().as_bytes())
            .status
    };
    for fine in [
        json!({ "anonymousId": null, "properties": null, "context": null, "timestamp": null, "sentAt": null }),
        json!({ "messageId": "", "context": 7, "integrations": [], "traits": "x", "sentAt": "whenever" }),
        json!({ "userId": 7, "unknown": { "a": [1] } }),
        json!({ "userId": "", "anonymousId": "bert" }),
    ] {
        assert_eq!(track(fine.clone()), 200, "{fine}");
    }
    for wrong in [
        json!({ "userId": ["bert"] }),
        json!({ "userId": 1.5 }),
        json!({ "userId": null }),
        json!({ "userId": "", "anonymousId": "" }),
        json!({ "event": 7 }),
        json!({ "event": "" }),
        json!({ "messageId": 7 }),
        json!({ "messageId": "x".repeat(300) }),
        json!({ "timestamp": "noon" }),
        json!({ "properties": "x" }),
    ] {
        assert_eq!(track(wrong.clone()), 400, "{wrong}");
    }
    let many = vec![json!({ "type": "track", "event": "x", "userId": "bert" }); 1_001];
    let answer = app.post("/v1/batch", &json!({ "batch": many }));
    answer.problem(413, "batch_too_large");
    for path in [
        "/v1/projects/%00/settings",
        "/ofrep/v1/evaluate/flags/%ff",
        "/demo/..%2fshop",
        "/v1/%2e%2e",
    ] {
        let status = app.get(path).status;
        assert!([200, 400, 404, 405].contains(&status), "{path}: {status}");
    }
    unharmed(&app);
}
