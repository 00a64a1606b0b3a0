//! Attempts against targets that answer, refuse, trickle or stay silent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use super::*;
use crate::telemetry::Stopwatch;
use crate::webhook::{Kind, Secret};

const PATIENCE: Duration = Duration::from_millis(500);

/// A target that answers one request as `answer` does.
fn target(answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = BufReader::new(socket.try_clone().unwrap());
        let (mut line, mut length) = (String::new(), 0);
        while request.read_line(&mut line).unwrap() > 2 {
            let name = "content-length: ";
            if line.to_lowercase().starts_with(name) {
                length = line[name.len()..].trim().parse().unwrap();
            }
            line.clear();
        }
        // A socket that is closed with something unread takes its answer back.
        request.read_exact(&mut vec![0; length]).unwrap();
        answer(&mut socket);
    });
    Target {
        id: "t".into(),
        url,
        secrets: vec![Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()],
    }
}

fn attempt(target: &Target) -> Attempt {
    let message = Message {
        id: "msg_1".into(),
        kind: Kind::Changed,
        created_at: Timestamp::earliest(),
        data: json!({ "experiment": "hero" }),
    };
    post(&agent(PATIENCE), target, &message, Timestamp::earliest())
}

fn answering(head: &'static str) -> Target {
    target(move |socket| {
        write!(socket, "HTTP/1.1 {head}\r\n\r\n").unwrap();
    })
}

#[test]
fn urls_have_a_scheme_and_a_host() {
    assert!(can_reach("https://shop.example/hooks?a=1"));
    assert!(can_reach("http://127.0.0.1:9000"));
    for bad in [
        "",
        "shop.example",
        "/hooks",
        "ftp://shop.example",
        "https://",
    ] {
        assert!(!can_reach(bad), "{bad}");
    }
}

#[test]
fn only_a_success_is_a_delivery() {
    let ok = answering("202 Accepted\r\ncontent-length: 0");
    assert_eq!(attempt(&ok), Attempt::Delivered);
    let gone = answering("410 Gone\r\ncontent-length: 0");
    assert_eq!(attempt(&gone), Attempt::Gone);
    let failed = |said: &str| Attempt::Failed(said.to_owned());
    let busy = answering("503 Service Unavailable\r\ncontent-length: 0");
    assert_eq!(
        attempt(&busy),
        failed("it answered 503 Service Unavailable")
    );
    let elsewhere = answering("302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0");
    assert_eq!(attempt(&elsewhere), failed("it answered 302 Found"));
    let babbling = answering("hello");
    assert!(matches!(attempt(&babbling), Attempt::Failed(_)));
}

#[test]
fn nobody_and_nothing_is_a_failure_in_time() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = Target {
        url: format!("http://{free}/"),
        ..answering("200 OK")
    };
    assert!(matches!(attempt(&nobody), Attempt::Failed(_)));
    let silent = target(|_| std::thread::sleep(Duration::from_secs(20)));
    let trickling = target(|socket| {
        // Always something new, and never an end.
        let mut more: &[u8] = b"HTTP/1.1 200 OK\r\n";
        while socket.write_all(more).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
            more = b"x: y\r\n";
        }
    });
    for slow in [silent, trickling] {
        let started = Stopwatch::start();
        assert!(matches!(attempt(&slow), Attempt::Failed(_)));
        assert!(started.elapsed() < 6 * PATIENCE, "{:?}", started.elapsed());
    }
}
