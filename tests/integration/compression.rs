//! Compression both ways: answers as the client takes them, requests as the client packs them.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use ureq::http::HeaderMap;

use crate::harness::TestApp;
use crate::model::fixed;

/// The headers and the bytes of an answer as they come.
fn get(app: &TestApp, path: &str, accept: Option<&str>) -> (HeaderMap, Vec<u8>) {
    let request = ureq::get(format!("{}{path}", app.url));
    let request = match accept {
        Some(accept) => request.header("accept-encoding", accept),
        None => request,
    };
    let mut response = request.call().unwrap();
    let bytes = response.body_mut().read_to_vec().unwrap();
    (response.headers().clone(), bytes)
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const REPORT: &str = "/api/v1/experiments/hero/report";

#[test]
fn a_report_is_packed_for_those_who_take_it() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let (headers, plain) = get(&app, REPORT, None);
    assert!(headers.get("content-encoding").is_none());
    assert_eq!(headers["vary"], "accept-encoding");
    for accept in ["gzip", "gzip, deflate, br, zstd", "br;q=0.5, gzip;q=0.1"] {
        let (headers, bytes) = get(&app, REPORT, Some(accept));
        assert_eq!(headers["content-encoding"], "gzip", "{accept}");
        assert_eq!(headers["vary"], "accept-encoding");
        assert_eq!(headers["content-type"], "application/json");
        assert!(bytes.len() < plain.len() / 2);
        assert_eq!(unpacked(&bytes), plain);
    }
    for accept in ["br", "identity", "gzip;q=0", "gzip;q=0, *;q=1", ";;"] {
        let (headers, bytes) = get(&app, REPORT, Some(accept));
        assert!(headers.get("content-encoding").is_none(), "{accept}");
        assert_eq!(bytes, plain);
    }
}

#[test]
fn what_is_small_or_tagged_stays_as_it_is() {
    let app = TestApp::start();
    let mut definition = fixed("hero");
    definition["hypothesis"] = json!("long ".repeat(400));
    app.put_experiment(&definition);
    let (headers, bytes) = get(&app, "/health/live", Some("gzip"));
    assert!(headers.get("content-encoding").is_none());
    assert_eq!(bytes, br#"{"status":"live"}"#);
    // The tag names these bytes, and comes back when the definition is changed.
    let (headers, bytes) = get(&app, "/api/v1/experiments/hero", Some("gzip"));
    assert!(bytes.len() > 2_000);
    assert!(headers.get("content-encoding").is_none());
    let tag = headers["etag"].to_str().unwrap();
    let body = definition.to_string();
    let known = [("if-match", tag), ("accept-encoding", "gzip")];
    let path = "/api/v1/experiments/hero";
    let changed = app.try_send("PUT", path, &known, Some(body.as_bytes()));
    changed.unwrap().expect(200);
}

#[test]
fn requests_may_be_packed() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let send = |path: &str, body: &[u8]| {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ];
        app.post_bytes(path, &headers, body)
    };
    let post = |path: &str, body: &Value| send(path, &packed(body.to_string().as_bytes()));
    let anna = json!({ "visitor": "anna" });
    let answer = post("/api/v1/assignments", &anna).expect(200);
    assert_eq!(answer["assignments"][0]["experiment"], "hero");
    let both = json!({ "requests": [anna, { "visitor": "bert" }] });
    let answer = post("/api/v1/assignments/batch", &both).expect(200);
    assert_eq!(answer["results"][0]["assignments"][0]["reason"], "sticky");
    let bought =
        json!([{ "event": "Order Completed", "visitor": "anna", "properties": { "revenue": 5 } }]);
    assert_eq!(post("/api/v1/events", &bought).expect(202)["accepted"], 1);
    assert!((app.report("hero").total("revenue") - 5.0).abs() < 1e-9);
    let bomb = packed(&vec![b' '; 64 << 20]);
    for path in [
        "/api/v1/assignments",
        "/api/v1/assignments/batch",
        "/api/v1/events",
    ] {
        send(path, &bomb).problem(413, "body_too_large");
        let whole = packed(both.to_string().as_bytes());
        send(path, &whole[..whole.len() - 12]).problem(400, "invalid_encoding");
        let other = [("content-encoding", "br")];
        let answer = app.post_bytes(path, &other, b"{}");
        answer.problem(400, "invalid_encoding");
    }
    assert_eq!(app.report("hero").total_visitors(), 2);
}
