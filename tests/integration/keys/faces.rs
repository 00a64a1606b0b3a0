//! What keys mean on each face: forced variants, pages, rates, streams.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{SHOP, admin, key, made, revoke, send};
use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::fixed;

#[test]
fn variants_are_forced_with_the_scope_alone() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let public = key(&app, &admin, &["assign"]);
    let tester = key(&app, &admin, &["assign", "force"]);
    let forced = json!({ "visitor": "anna", "force": { "hero": "treatment" } });
    let path = "/api/v1/assignments";
    send(&app, "POST", path, Some(&public), Some(&forced)).problem(403, "forbidden");
    let answer = send(&app, "POST", path, Some(&tester), Some(&forced)).expect(200);
    assert_eq!(answer["assignments"][0]["reason"], "forced");
    let batch = json!({ "requests": [forced, { "visitor": "ben" }] });
    let answer = send(
        &app,
        "POST",
        "/api/v1/assignments/batch",
        Some(&public),
        Some(&batch),
    )
    .expect(200);
    assert_eq!(answer["results"][0]["error"]["code"], "forbidden");
    assert_eq!(answer["results"][1]["assignments"][0]["reason"], "split");
}

#[test]
fn a_key_is_for_the_pages_it_names() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let wanted = json!({ "name": "web", "scopes": ["assign"], "origins": [SHOP] });
    let (_, key) = made(&app, Some(&admin), &wanted);
    let bearer = format!("Bearer {key}");
    let ask = |path: &str, origin: &str, body: &Value| {
        app.post_bytes(
            path,
            &[("authorization", &bearer), ("origin", origin)],
            body.to_string().as_bytes(),
        )
    };
    let visitor = json!({ "visitor": "anna" });
    let answer = ask("/api/v1/assignments", SHOP, &visitor);
    assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
    answer.expect(200);
    ask("/api/v1/assignments", "https://evil.example", &visitor).problem(403, "origin_forbidden");
    let flags = ask(
        "/ofrep/v1/evaluate/flags",
        "null",
        &json!({ "context": {} }),
    );
    assert_eq!(
        (flags.status, &flags.body["errorCode"]),
        (403, &json!("GENERAL"))
    );
    assert!(flags.body["errorDetails"].is_string());
    // Whoever names no page is no browser.
    send(
        &app,
        "POST",
        "/api/v1/assignments",
        Some(&key),
        Some(&visitor),
    )
    .expect(200);
}

#[test]
fn without_keys_only_the_servers_own_pages_may_change_anything() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let ask = |path: &str, origin: &str, body: &[u8]| {
        // What a page may send anywhere without asking.
        let headers = [("content-type", "text/plain"), ("origin", origin)];
        app.post_bytes(path, &headers, body)
    };
    for path in [
        "/api/v1/experiments/hero/pause",
        "/api/v1/experiments/hero/conclude",
        "/api/v1/keys",
    ] {
        let body = br#"{"name":"mine","scopes":["admin"]}"#;
        ask(path, "https://evil.example", body).problem(403, "origin_forbidden");
        ask(path, "null", body).problem(403, "origin_forbidden");
    }
    ask("/api/v1/experiments/hero/pause", &app.url, b"{}").expect(200);
    let visitor = br#"{"visitor":"anna"}"#;
    ask("/api/v1/assignments", "https://shop.example", visitor).expect(200);
}

#[test]
fn the_servers_own_pages_may_use_any_key() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let wanted = json!({ "name": "web", "scopes": ["assign"], "origins": [SHOP] });
    let (_, key) = made(&app, Some(&admin), &wanted);
    let address = app.url.trim_start_matches("http://").to_owned();
    let ask = |origin: &str, more: &[(&str, &str)]| {
        let headers = [&[("x-api-key", key.as_str()), ("origin", origin)], more].concat();
        app.post_bytes("/api/v1/assignments", &headers, br#"{"visitor":"anna"}"#)
    };
    ask(&app.url, &[]).expect(200);
    // Behind a proxy the page's address is the proxy's.
    let proxied = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "upswing.example"),
    ];
    ask("https://upswing.example", &proxied).expect(200);
    let port = address.rsplit(':').next().unwrap();
    for other in [
        format!("https://{address}"),
        "http://127.0.0.1".to_owned(),
        format!("http://localhost:{port}"),
        format!("{}.example", app.url),
        format!("{}/", app.url),
        address,
    ] {
        ask(&other, &[]).problem(403, "origin_forbidden");
    }
}

#[test]
fn a_key_says_whether_a_single_evaluation_is_an_exposure() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let scopes = ["assign", "events", "read"];
    let deciding = json!({ "name": "quiet", "scopes": scopes, "exposes": false });
    let (_, shows) = made(
        &app,
        Some(&admin),
        &json!({ "name": "k", "scopes": scopes }),
    );
    let (quiet, decides) = made(&app, Some(&admin), &deciding);
    let listed = send(&app, "GET", "/api/v1/keys", Some(&admin), None).expect(200);
    let quiet = |of: &&Value| of["id"] == quiet.as_str();
    let mut keys = listed["keys"].as_array().unwrap().iter();
    assert_eq!(keys.clone().filter(|key| key["exposes"] == true).count(), 2);
    assert_eq!(keys.find(quiet).unwrap()["exposes"], false);
    let evaluate = |visitor: &str, key: &str| {
        let context = json!({ "context": { "targetingKey": visitor } });
        let path = "/ofrep/v1/evaluate/flags/hero";
        send(&app, "POST", path, Some(key), Some(&context)).expect(200)
    };
    // Visitors and exposed visitors.
    let told = || {
        let path = "/api/v1/experiments/hero/report";
        let report = send(&app, "GET", path, Some(&admin), None).expect(200);
        let sum = |of: &str| -> u64 {
            let rows = report["variants"].as_array().unwrap().iter();
            rows.map(|row| row[of].as_u64().unwrap_or(0)).sum()
        };
        (sum("visitors"), sum("exposed"))
    };
    let answer = evaluate("anna", &decides);
    assert_eq!(told(), (1, 0));
    evaluate("ben", &shows);
    assert_eq!(told(), (2, 1));
    assert_eq!(evaluate("anna", &shows), answer);
    assert_eq!(told(), (2, 2));
    evaluate("ben", &decides);
    assert_eq!(told(), (2, 2));
}

#[test]
fn a_page_reads_why_it_was_refused_and_asks_beforehand_without_a_key() {
    let app = TestApp::start();
    let admin = admin(&app);
    let wanted = json!({ "name": "web", "scopes": ["assign"], "origins": [SHOP] });
    let (id, _) = made(&app, Some(&admin), &wanted);
    let refused = app.post_bytes("/api/v1/assignments", &[("origin", SHOP)], b"{}");
    assert_eq!(refused.header("access-control-allow-origin"), Some(SHOP));
    refused.problem(401, "unauthorized");
    let preflight = || {
        let asked = [
            ("origin", SHOP),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        let answer = app
            .try_send("OPTIONS", "/api/v1/assignments", &asked, None)
            .unwrap();
        answer
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    assert_eq!(preflight().as_deref(), Some(SHOP));
    revoke(&app, &admin, &id);
    assert_eq!(preflight(), None, "the page went with its key");
}

#[test]
fn a_rate_is_kept_on_every_face() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    for (path, body) in [
        ("/api/v1/assignments", json!({ "visitor": "anna" })),
        (
            "/ofrep/v1/evaluate/flags",
            json!({ "context": { "targetingKey": "anna" } }),
        ),
        ("/v1/track", json!({ "userId": "anna", "event": "x" })),
    ] {
        let wanted = json!({ "name": "slow", "scopes": ["assign", "events"], "rate": 2 });
        let (_, key) = made(&app, Some(&admin), &wanted);
        let answers: Vec<Answer> = (0..20)
            .map(|_| send(&app, "POST", path, Some(&key), Some(&body)))
            .collect();
        let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
        assert_eq!(answers[0].status, 200, "{}", answers[0].text);
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(wait, 1);
        if path.starts_with("/ofrep") {
            assert_eq!(refused.body["errorCode"], "GENERAL");
        } else {
            assert_eq!(refused.body["code"], "rate_limited");
        }
    }
}

/// The tag of a bulk evaluation, and where its stream is.
fn bulk(app: &TestApp, key: Option<&str>) -> (String, String) {
    let context = json!({ "context": { "targetingKey": "anna" } });
    let answer = send(app, "POST", "/ofrep/v1/evaluate/flags", key, Some(&context));
    let uri = &answer.body["eventStreams"][0]["endpoint"]["requestUri"];
    let tag = answer.header("etag").unwrap().to_owned();
    (tag, uri.as_str().unwrap().to_owned())
}

#[test]
fn flags_come_with_a_token_for_their_stream() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let bulk = |key: Option<&str>| bulk(&app, key);
    assert_eq!(bulk(None).1, "/ofrep/v1/stream");
    let admin = admin(&app);
    let wanted = json!({ "name": "web", "scopes": ["assign"] });
    let (id, key) = made(&app, Some(&admin), &wanted);
    let (tag, uri) = bulk(Some(&key));
    assert!(uri.starts_with("/ofrep/v1/stream?token="));
    assert_eq!(
        bulk(Some(&key)),
        (tag.clone(), uri.clone()),
        "polls end with 304"
    );
    assert_eq!(opened(&app, &uri), 200);
    assert_eq!(opened(&app, "/ofrep/v1/stream"), 401);
    assert_eq!(opened(&app, "/ofrep/v1/stream?token=x"), 401);
    // The token does what its key may, and only for streams.
    let elsewhere = uri.replace("/ofrep/", "/api/");
    assert_eq!(opened(&app, &elsewhere), 403);
    assert_eq!(
        opened(
            &app,
            &uri.replace("/ofrep/v1/stream", "/api/v1/experiments")
        ),
        401
    );
    advance(&app, "2026-01-01T01:59:59Z", &admin);
    assert_eq!(opened(&app, &uri), 200);
    let later = bulk(Some(&key));
    assert!(later.0 != tag && later.1 != uri);
    advance(&app, "2026-01-01T02:00:00Z", &admin);
    assert_eq!(opened(&app, &uri), 401);
    assert_eq!(opened(&app, &later.1), 200);
    revoke(&app, &admin, &id);
    assert_eq!(opened(&app, &later.1), 401, "the token ends with its key");
}

#[test]
fn a_stream_ends_with_its_key() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let admin = admin(&app);
    let wanted = json!({ "name": "web", "scopes": ["assign"] });
    let (id, key) = made(&app, Some(&admin), &wanted);
    let mut socket = ask(&app, &bulk(&app, Some(&key)).1);
    let mut begun = String::new();
    while !begun.contains("retry:") {
        assert!(socket.read_line(&mut begun).unwrap() > 0, "{begun}");
    }
    let path = format!("/api/v1/keys/{id}");
    send(&app, "DELETE", &path, Some(&admin), None).expect(200);
    let path = "/api/v1/experiments/hero/pause";
    send(&app, "POST", path, Some(&admin), Some(&json!({}))).expect(200);
    let mut rest = String::new();
    socket.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("refetch"), "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
}

/// The answer to a GET, as it comes.
fn ask(app: &TestApp, path: &str) -> BufReader<TcpStream> {
    let address = app.url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(30));
    socket.set_read_timeout(patience).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    BufReader::new(socket)
}

fn advance(app: &TestApp, to: &str, admin: &str) {
    let now = json!({ "now": to });
    send(app, "PUT", "/api/v1/clock", Some(admin), Some(&now)).expect(200);
}

/// The status of a GET whose body may never end.
fn opened(app: &TestApp, path: &str) -> u16 {
    let mut line = String::new();
    ask(app, path).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}
