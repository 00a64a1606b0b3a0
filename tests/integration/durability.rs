//! Durability: what was acknowledged is counted exactly once, whatever happens to the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::TestApp;
use crate::model::{fixed, near};

const THREADS: usize = 4;
/// Visitors that are assigned before the load begins: events are about them.
const VISITORS: usize = 40;

/// What a client knows: what it was told, and what it does not know the fate of.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Events that were answered 2xx.
    pub acknowledged: Vec<Value>,
    /// Events whose request broke off.
    pub unknown: Vec<Value>,
    /// Events that the server said it did not take.
    pub refused: Vec<Value>,
    /// Variants by visitor.
    pub variants: BTreeMap<String, String>,
}

impl Book {
    fn merge(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unknown.extend(other.unknown);
        self.refused.extend(other.refused);
        self.variants.extend(other.variants);
    }

    fn sum(events: &[Value]) -> f64 {
        let amounts = events
            .iter()
            .map(|event| event["properties"]["revenue"].as_f64().unwrap());
        amounts.sum()
    }
}

/// An event that no other is like: its amount is a number of its own.
fn event(number: usize) -> Value {
    json!({
        "event": "Order Completed", "visitor": format!("v{}", number % VISITORS), "id": format!("e{number}"),
        "properties": { "revenue": (number % 1_000) as f64 / 100.0 },
    })
}

/// Sends single events, batches and assignments until a request breaks off.
fn load(client: &Client, thread: usize, from: usize, stopping: &AtomicBool) -> Book {
    let mut book = Book::default();
    let mut number = from;
    for turn in 0.. {
        if stopping.load(Ordering::Relaxed) {
            break;
        }
        if turn % 3 == 0 {
            let visitor = format!("t{thread}-{number}-{turn}");
            let body = json!({ "visitor": visitor, "experiments": ["hero"] }).to_string();
            let answer = client.try_send("POST", "/api/v1/assignments", &[], Some(body.as_bytes()));
            let Ok(answer) = answer else { break };
            if let Some(variant) = answer.body["assignments"][0]["variant"].as_str() {
                book.variants.insert(visitor, variant.to_owned());
            }
            continue;
        }
        let size = if turn % 3 == 1 { 1 } else { 15 };
        let events: Vec<Value> = (number..number + size).map(event).collect();
        number += size;
        let body = json!(events).to_string();
        match client.try_send("POST", "/api/v1/events", &[], Some(body.as_bytes())) {
            Ok(answer) if answer.status == 202 => {
                assert_eq!(answer.body["accepted"], size, "{}", answer.text);
                book.acknowledged.extend(events);
            }
            Ok(answer) => {
                let untouched = answer.text.contains("nothing was accepted");
                let place = if untouched {
                    &mut book.refused
                } else {
                    &mut book.unknown
                };
                place.extend(events);
                answer.problem(503, "unavailable");
                break;
            }
            Err(_) => {
                book.unknown.extend(events);
                break;
            }
        }
    }
    book
}

/// Loads the server from several threads until `end` has happened.
fn under_load(app: &mut TestApp, round: usize, end: impl FnOnce(&mut TestApp)) -> Book {
    let client = app.client();
    let stopping = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stopping = &stopping;
        let start = |thread: usize| {
            let client = client.clone();
            let from = (round * THREADS + thread) * 1_000_000;
            scope.spawn(move || load(&client, thread, from, stopping))
        };
        let threads: Vec<_> = (0..THREADS).map(start).collect();
        end(app);
        stopping.store(true, Ordering::Relaxed);
        let mut book = Book::default();
        for thread in threads {
            book.merge(thread.join().unwrap());
        }
        book
    })
}

/// How many of these events the server takes as new; the others are duplicates.
fn resend(app: &TestApp, events: &[Value]) -> u64 {
    let chunks = events.chunks(1_000);
    chunks
        .map(|chunk| {
            let counts = app.track(&json!(chunk));
            let (new, known) = (
                counts["accepted"].as_u64().unwrap(),
                counts["duplicates"].as_u64().unwrap(),
            );
            assert_eq!(new + known, chunk.len() as u64);
            new
        })
        .sum()
}

/// Compares the report with the client's own book, resends everything, and compares exactly.
fn audit(app: &TestApp, all: &mut Book, round: Book) {
    let report = app.report("hero");
    let (counted, sum) = (report.total("orders"), report.total("revenue"));
    all.merge(round);
    let least = all.acknowledged.len() as f64;
    let most = least + all.unknown.len() as f64;
    assert!(
        (least..=most).contains(&counted),
        "{counted} not in {least} … {most}"
    );
    assert!(sum >= Book::sum(&all.acknowledged) - 1e-6);
    assert_eq!(
        resend(app, &all.acknowledged),
        0,
        "an acknowledged event was lost"
    );
    let refused = resend(app, &all.refused);
    assert_eq!(
        refused,
        all.refused.len() as u64,
        "a refused event was counted"
    );
    let unseen = resend(app, &all.unknown);
    assert!(
        near(counted + unseen as f64, most),
        "an event was counted twice"
    );
    let (unknown, refused) = (
        std::mem::take(&mut all.unknown),
        std::mem::take(&mut all.refused),
    );
    all.acknowledged.extend(unknown.into_iter().chain(refused));
    let report = app.report("hero");
    assert!(near(report.total("orders"), all.acknowledged.len() as f64));
    assert!(near(report.total("revenue"), Book::sum(&all.acknowledged)));
    all_stick(app, &all.variants);
}

/// Every visitor still has the variant that was told.
fn all_stick(app: &TestApp, variants: &BTreeMap<String, String>) {
    let visitors: Vec<&String> = variants.keys().collect();
    for chunk in visitors.chunks(1_000) {
        let requests: Vec<Value> = chunk
            .iter()
            .map(|visitor| json!({ "visitor": visitor, "experiments": ["hero"] }))
            .collect();
        let body = app
            .post(
                "/api/v1/assignments/batch",
                &json!({ "requests": requests }),
            )
            .expect(200);
        for (visitor, result) in chunk.iter().zip(body["results"].as_array().unwrap()) {
            let given = &result["assignments"][0];
            assert_eq!(
                (&given["reason"], &given["variant"]),
                (&json!("sticky"), &json!(variants[*visitor]))
            );
        }
    }
}

fn ready() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app.assign_many("hero", 0..VISITORS);
    app
}

#[test]
fn nothing_acknowledged_is_lost_or_counted_twice_by_twenty_kills() {
    let mut app = ready();
    let mut all = Book::default();
    for round in 0..20 {
        let moment = Duration::from_millis(40 + (round as u64 * 7_919) % 350);
        let book = under_load(&mut app, round, |app| {
            std::thread::sleep(moment);
            app.kill9();
        });
        app.restart();
        audit(&app, &mut all, book);
    }
    assert!(
        all.acknowledged.len() > 500,
        "there was load: {}",
        all.acknowledged.len()
    );
    assert!(all.variants.len() > 50);
}

#[test]
fn a_graceful_stop_drains_what_it_took() {
    let mut app = ready();
    let mut all = Book::default();
    for round in 0..3 {
        let book = under_load(&mut app, round, |app| {
            std::thread::sleep(Duration::from_millis(300));
            app.terminate();
            let status = app.wait().expect("stops within 30 seconds");
            assert!(status.success(), "{status}");
        });
        assert!(!book.acknowledged.is_empty());
        app.restart();
        audit(&app, &mut all, book);
    }
}

#[test]
fn a_store_in_use_is_left_alone() {
    let app = ready();
    let refused = app.replay();
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("in use by another process"), "{said}");
    app.get("/health/ready").expect(200);
    assert_eq!(app.track(&event(1))["accepted"], 1);
}
