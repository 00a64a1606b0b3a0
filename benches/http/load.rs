//! The load generator: keep-alive connections that each send the next request when the last is answered.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Visitors of the returning-visitor case.
pub(crate) const VISITORS: usize = 100_000;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// A decision for one of [`VISITORS`] known visitors.
    Assign,
    /// A decision for a visitor never seen.
    Fresh,
    /// One reward.
    Reward,
    /// A hundred rewards.
    Batch,
    /// A hundred orders as an analytics library sends them, gzipped.
    Segment,
    /// All flags of one of [`VISITORS`] known visitors.
    Flags,
}

impl Case {
    const ALL: [Self; 6] = [
        Self::Assign,
        Self::Fresh,
        Self::Reward,
        Self::Batch,
        Self::Segment,
        Self::Flags,
    ];
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub case: Case,
    pub connections: usize,
    pub requests: usize,
}

impl Load {
    /// As arguments of the generator's process.
    pub(crate) fn arguments(&self) -> [String; 3] {
        [
            format!("{:?}", self.case),
            self.connections.to_string(),
            self.requests.to_string(),
        ]
    }
}

/// Runs the load of the arguments and prints how many seconds it took.
pub(crate) fn run(arguments: &[String]) {
    let [address, case, connections, requests] = arguments else {
        panic!("address case connections requests")
    };
    let mut cases = Case::ALL.into_iter();
    let case = cases.find(|of| format!("{of:?}") == *case).unwrap();
    let (connections, requests): (usize, usize) =
        (connections.parse().unwrap(), requests.parse().unwrap());
    // Ids differ between runs, so that no reward is a duplicate and no fresh visitor is known.
    let run = std::process::id();
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
    let started = Instant::now();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let (next, address) = (Arc::clone(&next), address.clone());
            tasks.push(tokio::spawn(async move {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut buffer = vec![0; 64 << 10];
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        break;
                    }
                    stream.write_all(&request(case, run, number)).await.unwrap();
                    receive(&mut stream, &mut buffer).await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    println!("{}", started.elapsed().as_secs_f64());
}

fn request(case: Case, run: u32, number: usize) -> Vec<u8> {
    let visitor = number.wrapping_mul(48_271) % VISITORS;
    let plain = |path: &str, body: String| head(path, "", body.len(), body.as_bytes());
    match case {
        Case::Assign => plain(
            "/api/v1/assignments",
            format!(
                r#"{{"visitor":"visitor-{visitor:06}","experiments":["bench"],"attributes":{{"device":"mobile"}}}}"#
            ),
        ),
        Case::Fresh => plain(
            "/api/v1/assignments",
            format!(r#"{{"visitor":"fresh-{run}-{number}","experiments":["bench"]}}"#),
        ),
        Case::Reward => plain("/api/v1/events", event(run, number)),
        Case::Batch => {
            let events: Vec<String> = (0..100).map(|i| event(run, number * 100 + i)).collect();
            plain("/api/v1/events", format!("[{}]", events.join(",")))
        }
        Case::Segment => {
            let orders: Vec<String> = (0..100).map(|i| order(run, number * 100 + i)).collect();
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            write!(packed, r#"{{"batch":[{}]}}"#, orders.join(",")).unwrap();
            let body = packed.finish().unwrap();
            head("/v1/batch", "content-encoding: gzip\r\n", body.len(), &body)
        }
        Case::Flags => plain("/ofrep/v1/evaluate/flags", flags(visitor)),
    }
}

fn head(path: &str, more: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The context of a visitor, whose flags are asked for.
pub(crate) fn flags(visitor: usize) -> String {
    format!(r#"{{"context":{{"targetingKey":"visitor-{visitor:06}","device":"mobile"}}}}"#)
}

/// An order in the tracking API's words.
fn order(run: u32, number: usize) -> String {
    let visitor = number.wrapping_mul(48_271) % VISITORS;
    format!(
        r#"{{"type":"track","event":"Order Completed","userId":"visitor-{visitor:06}","messageId":"node-next-{run}-{number}","properties":{{"order_id":"{run}-{number}","revenue":{}}},"context":{{"library":{{"name":"@segment/analytics-node","version":"3.0.0"}}}},"integrations":{{}}}}"#,
        10 + number % 90
    )
}

fn event(run: u32, number: usize) -> String {
    let visitor = number.wrapping_mul(48_271) % VISITORS;
    format!(
        r#"{{"id":"{run}-{number}","event":"Order Completed","visitor":"visitor-{visitor:06}","properties":{{"order_id":"{run}-{number}","revenue":{}}}}}"#,
        10 + number % 90
    )
}

/// Reads one response and checks that it is a success.
async fn receive(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = String::from_utf8_lossy(&buffer[..filled]);
        let Some(end) = text.find("\r\n\r\n") else {
            continue;
        };
        assert!(text.starts_with("HTTP/1.1 2"), "{text}");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |n| n.trim().parse().unwrap());
        if filled >= end + 4 + length {
            return;
        }
    }
}
