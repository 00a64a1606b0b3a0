//! Headers that no client sends.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{SHOP, admin, key, made, send};
use crate::harness::TestApp;
use serde_json::json;

/// The answer to a GET with one more header line, byte for byte.
fn answer(app: &TestApp, line: &[u8]) -> String {
    let address = app.url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    let head =
        format!("GET /api/v1/experiments HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let request = [head.as_bytes(), line, b"\r\n\r\n"].concat();
    // The server may close before it has read everything.
    drop(socket.write_all(&request));
    let mut answer = Vec::new();
    drop(socket.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn headers_that_no_client_sends_open_nothing_and_break_nothing() {
    let app = TestApp::start();
    let admin = admin(&app);
    let reader = key(&app, &admin, &["read"]);
    let with = |name: &str, value: &[u8]| [name.as_bytes(), b": ", value].concat();
    let long = [b"Basic ", "QUFB".repeat(4_000).as_bytes()].concat();
    let huge = vec![b'x'; 20_000];
    let values: [&[u8]; 7] = [
        b"Bearer \xff\xfe\x80",
        "Bearer üp_ä".as_bytes(),
        b"",
        b"Basic //////8=",
        b"Basic Og==",
        &long,
        &huge,
    ];
    for value in values {
        for name in ["authorization", "x-api-key"] {
            let told = answer(&app, &with(name, value));
            assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
            assert!(told.contains("application/problem+json"), "{told}");
        }
    }
    // Larger than any head may be: cut off, or told so.
    let told = answer(&app, &with("authorization", &vec![b'x'; 2 << 20]));
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    // Two keys are one too many to guess: the first counts.
    let good = with("authorization", format!("Bearer {reader}").as_bytes());
    let both = [&good[..], b"\r\nauthorization: Bearer x"].concat();
    assert!(answer(&app, &both).starts_with("HTTP/1.1 200 "));
    let wanted = json!({ "name": "web", "scopes": ["read"], "origins": [SHOP] });
    let (_, web) = made(&app, Some(&admin), &wanted);
    let web = format!("x-api-key: {web}\r\norigin");
    assert!(answer(&app, &with(&web, b"\xff\xff")).starts_with("HTTP/1.1 403 "));
    assert!(answer(&app, &with(&web, SHOP.as_bytes())).starts_with("HTTP/1.1 200 "));
    send(&app, "GET", "/api/v1/experiments", Some(&reader), None).expect(200);
}
