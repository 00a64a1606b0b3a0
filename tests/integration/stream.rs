//! Server-sent events: whoever listens hears what happens to experiments, and the server stops all the same.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, thompson};

/// An open stream.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn open(app: &TestApp, path: &str) -> Self {
        let address = app.url.trim_start_matches("http://");
        let mut socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        // Browsers take packed answers; events must come at once all the same.
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept-encoding: gzip, br");
        write!(socket, "{head}\r\n\r\n").unwrap();
        let mut listener = Self(BufReader::new(socket));
        let mut line = String::new();
        while !line.starts_with("retry:") {
            line = listener.line();
        }
        listener
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// The next event: its name, if any, and data.
    fn next(&mut self) -> (String, Value) {
        let mut name = String::new();
        loop {
            let line = self.line();
            if let Some(of) = line.strip_prefix("event: ") {
                of.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (name, serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[test]
fn what_happens_is_heard() {
    let app = TestApp::start();
    let mut listener = Listener::open(&app, "/api/v1/stream");
    app.put_experiment(&thompson("hero"));
    let (name, data) = listener.next();
    assert_eq!(
        (name.as_str(), &data["experiment"]),
        ("experiment", &json!("hero"))
    );
    assert_eq!(
        (&data["status"], &data["version"]),
        (&json!("running"), &json!(1))
    );
    let (name, data) = listener.next();
    assert_eq!((name.as_str(), &data["epoch"]), ("epoch", &json!(1)));
    assert_eq!(data["weights"], json!({ "control": 0.5, "treatment": 0.5 }));
    assert!(!data["receipt"].as_str().unwrap().is_empty());
    // Visitors and rewards are none of it.
    app.assign_many("hero", 0..300);
    app.tell("hero", "pause", &json!({}));
    let (name, data) = listener.next();
    assert_eq!(
        (name.as_str(), &data["status"]),
        ("experiment", &json!("paused"))
    );
}

#[test]
fn flags_are_fetched_again_when_they_may_have_changed() {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    let bulk = json!({ "context": { "targetingKey": "anna" } });
    let body = app.post("/ofrep/v1/evaluate/flags", &bulk).expect(200);
    let stream = &body["eventStreams"][0];
    assert_eq!(stream["type"], "sse");
    let path = stream["endpoint"]["requestUri"].as_str().unwrap();
    let mut listener = Listener::open(&app, path);
    app.tell("hero", "conclude", &json!({ "winner": "treatment" }));
    assert_eq!(listener.next().1, json!({ "type": "refetchEvaluation" }));
}

#[test]
fn a_stream_ends_when_the_server_stops() {
    let mut app = TestApp::start();
    let mut listener = Listener::open(&app, "/api/v1/stream");
    assert!(app.stop().success());
    let mut rest = String::new();
    listener.0.read_to_string(&mut rest).unwrap();
    // Its last chunk is the empty one: it was not cut off.
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    app.restart();
}
