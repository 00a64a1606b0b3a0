//! Spans reach an OpenTelemetry collector, and no collector ever holds up the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::harness::{START, Settings, TestApp};
use crate::model::{fixed, order};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A collector on a free port, and the requests it took.
struct Collector {
    url: String,
    taken: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::<Mutex<Vec<_>>>::default();
        let taking = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taking = Arc::clone(&taking);
                std::thread::spawn(move || collect(stream, &taking));
            }
        });
        Self { url, taken }
    }

    fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let resources = taken.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The name of the service that sent spans.
    fn service(&self) -> String {
        let taken = self.taken.lock().unwrap();
        let resource = taken[0].resource_spans[0].resource.as_ref().unwrap();
        let mut attributes = resource.attributes.iter();
        let name = attributes.find(|of| of.key == "service.name").unwrap();
        match name.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(name)) => name.clone(),
            other => panic!("{other:?}"),
        }
    }
}

/// Takes the requests of one connection.
fn collect(stream: TcpStream, taken: &Mutex<Vec<ExportTraceServiceRequest>>) {
    let mut lines = BufReader::new(stream);
    loop {
        let (mut length, mut first) = (0, String::new());
        if lines.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        taken.lock().unwrap().push(request);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        lines.get_mut().write_all(answer).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// What a span tells under a key.
fn told<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let told = span.attributes.iter().find(|of| of.key == key)?;
    told.value.as_ref()?.value.as_ref()
}

/// An integer that a span tells.
fn figure(span: &Span, key: &str) -> i64 {
    match told(span, key) {
        Some(Value::IntValue(figure)) => *figure,
        other => panic!("{key}: {other:?}"),
    }
}

/// A text that a span tells.
fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    match told(span, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn a_requests_trace_goes_on_here_and_is_linked_to_its_commit() {
    let collector = Collector::start();
    let mut app = TestApp::with_args(&["--otlp", &collector.url]);
    app.put_experiment(&fixed("hero"));
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", parent.as_str())];
    let asked = json!({ "visitor": "anna" }).to_string();
    let answer = app.post_bytes("/api/v1/assignments", &headers, asked.as_bytes());
    answer.expect(200);
    let report = "/api/v1/experiments/hero/report";
    app.try_send("GET", report, &headers, None)
        .unwrap()
        .expect(200);
    assert!(app.stop().success());

    let spans = collector.spans();
    assert_eq!(collector.service(), "upswing");
    let within = |parent: &Span, name: &str| {
        let found = spans
            .iter()
            .find(|span| span.name == name && span.parent_span_id == parent.span_id);
        assert!(found.is_some(), "no {name} within {}", parent.name);
    };
    let is_callers = |span: &&Span| hex(&span.parent_span_id) == CALLER;
    let mut callers: Vec<&Span> = spans.iter().filter(is_callers).collect();
    callers.sort_unstable_by_key(|span| span.start_time_unix_nano);
    assert!(callers.iter().all(|span| hex(&span.trace_id) == TRACE));
    let [assigned, reported] = callers[..] else {
        panic!("{callers:?}");
    };
    assert_eq!(assigned.name, "POST /api/v1/assignments");
    within(assigned, "durable");
    assert_eq!(reported.name, "GET /api/v1/experiments/{key}/report");
    within(reported, "report");
    let of_request = |span: &&Span| {
        let mut links = span.links.iter();
        links.any(|link| link.span_id == assigned.span_id)
    };
    let commit = spans.iter().find(of_request).unwrap();
    assert_eq!(
        (commit.name.as_str(), figure(commit, "events")),
        ("commit", 1)
    );
    assert!(figure(commit, "bytes") > 50 && figure(commit, "sequence") > 0);
    within(commit, "fold");
    within(commit, "sync");
}

/// What is part of every id, token and key in the requests below.
const SECRET: &str = "5ecret";

/// Requests with personal data wherever a client may put some, and what they are told: method, path, body, status.
const PERSONAL: [(&str, &str, &str, u16); 9] = [
    (
        "POST",
        "/api/v1/visitors/anna-5ecret/alias",
        r#"{"to":"bert-5ecret"}"#,
        200,
    ),
    (
        "POST",
        "/api/v1/visitors/anna-5ecret/alias",
        r#"{"to":"","5ecret":1}"#,
        400,
    ),
    (
        "GET",
        "/api/v1/experiments/hero/explain?visitor=anna-5ecret&token=5ecret",
        "",
        200,
    ),
    (
        "GET",
        "/api/v1/experiments/hero/report?token=5ecret",
        "",
        400,
    ),
    (
        "POST",
        "/api/v1/assignments?token=5ecret",
        r#"{"visitor":"anna-5ecret","5ecret":1}"#,
        400,
    ),
    (
        "POST",
        "/api/v1/events?token=5ecret",
        r#"{"event":"x","visitor":"anna-5ecret"}"#,
        202,
    ),
    (
        "POST",
        "/ofrep/v1/evaluate/flags/hero-5ecret",
        r#"{"context":{"targetingKey":"5ecret"}}"#,
        404,
    ),
    ("GET", "/v1/projects/5ecret/settings", "", 200),
    ("POST", "/api/nothing/5ecret?visitor=5ecret", "{}", 404),
];

/// A server with logs in `log`, and spans in the collector, was asked all of that; the log.
fn asked_personally(collector: &Collector, log: &Path) -> String {
    let arguments = [
        "--log",
        "debug",
        "--log-format",
        "json",
        "--otlp",
        &collector.url,
    ];
    let settings = Settings {
        args: arguments.map(String::from).to_vec(),
        log: Some(log.to_owned()),
        ..Settings::default()
    };
    let mut app = TestApp::with(settings, &[]);
    app.put_experiment(&fixed("hero"));
    for (method, path, body, status) in PERSONAL {
        let body = Some(body.as_bytes()).filter(|body| !body.is_empty());
        let answer = app.try_send(method, path, &[], body).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
    assert!(app.stop().success());
    std::fs::read_to_string(log).unwrap()
}

#[test]
fn neither_logs_nor_spans_say_who_asks() {
    let collector = Collector::start();
    let directory = tempfile::tempdir().unwrap();
    let log = asked_personally(&collector, &directory.path().join("log"));
    let spans = collector.spans();

    for line in log.lines() {
        assert!(!line.contains(SECRET), "{line}");
    }
    for span in &spans {
        assert!(!format!("{span:?}").contains(SECRET), "{span:?}");
    }
    // They say what was asked, and how it was answered.
    let alias = "POST /api/v1/visitors/{id}/alias";
    let aliases: Vec<&Span> = spans.iter().filter(|span| span.name == alias).collect();
    let statuses = aliases
        .iter()
        .map(|span| figure(span, "http.response.status_code"));
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 400]);
    assert_eq!(
        text(aliases[0], "http.route"),
        "/api/v1/visitors/{id}/alias"
    );
    assert_eq!(text(aliases[1], "error.type"), "invalid_body");
    assert!(spans.iter().any(|span| span.name == "POST"), "no route");
    let id = text(aliases[0], "request_id");
    let answered = |line: &&str| line.contains(id) && line.contains("answered");
    assert_eq!(log.lines().filter(answered).count(), 1, "{id}");
}

/// A server that exports to `collector` works as without it, and stops in time.
fn serves_as_ever(collector: &str) {
    let mut app = TestApp::with_args(&["--otlp", collector]);
    app.put_experiment(&fixed("hero"));
    for visitor in 0..300 {
        let visitor = format!("v{visitor}");
        app.assign(&visitor, "hero");
        app.track(&order(&visitor, &visitor, START, 1.0));
    }
    assert_eq!(app.report("hero").total_visitors(), 300);
    assert!(app.stop().success());
}

#[test]
fn a_collector_that_is_not_there_is_no_trouble() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    serves_as_ever(&nobody);
}

#[test]
fn a_collector_that_never_answers_is_no_trouble() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    serves_as_ever(&format!("http://{}", silent.local_addr().unwrap()));
}

#[test]
fn an_address_that_is_none_is_refused() {
    let output = crate::harness::upswing(&["serve", "--otlp", "collector:4318"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--otlp must begin with http://"), "{said}");
}
