//! The Segment tracking API.

use serde_json::{Value, json};

use super::super::error::{Code, Details, Problem};
use super::super::segment::{Batch, Item, Reasons, Settings, Success};
use super::Operation;

const TAG: &str = "segment";

/// Their SDKs send JSON under each of these.
const MEDIA: &[&str] = &["application/json", "text/plain"];

/// Calls of one kind: path, short path, their ids, and what they say.
const KINDS: [[&str; 5]; 6] = [
    [
        "track",
        "t",
        "segmentTrack",
        "segmentT",
        "Something happened.",
    ],
    ["page", "p", "segmentPage", "segmentP", "A page was seen."],
    [
        "screen",
        "s",
        "segmentScreen",
        "segmentS",
        "A screen of an app was seen.",
    ],
    [
        "identify",
        "i",
        "segmentIdentify",
        "segmentI",
        "Who the visitor is.",
    ],
    [
        "group",
        "g",
        "segmentGroup",
        "segmentG",
        "What the visitor belongs to.",
    ],
    [
        "alias",
        "a",
        "segmentAlias",
        "segmentA",
        "Two ids of one visitor.",
    ],
];
const MANY: [(&str, &str); 3] = [
    ("batch", "segmentBatch"),
    ("b", "segmentB"),
    ("import", "segmentImport"),
];

/// Every path under `/v1` that takes calls.
pub(in crate::http) fn calls() -> Vec<(String, Operation)> {
    let of_a_kind = KINDS
        .into_iter()
        .flat_map(|[name, initial, id, short, summary]| {
            let told = example(name);
            [
                (name, one(id, summary, told.clone())),
                (initial, one(short, summary, told)),
            ]
        });
    let own =
        json!({ "series": [{ "type": "Counter", "metric": "analytics_js.invoke", "value": 1 }] });
    let own = one(
        "segmentM",
        "What analytics.js counts about itself; passed over.",
        own,
    );
    let many = MANY.into_iter().map(|(name, id)| (name, batch(id)));
    let all = of_a_kind.chain([("m", own)]).chain(many);
    all.map(|(name, operation)| (format!("/v1/{name}"), operation))
        .collect()
}

fn example(kind: &str) -> Value {
    let mut call = json!({
        "type": kind, "messageId": "m-1", "anonymousId": "anna", "timestamp": "2026-03-01T12:00:00Z",
    });
    match kind {
        "track" => {
            call["event"] = json!("Order Completed");
            call["properties"] = json!({ "order_id": "1", "revenue": 59.9 });
        }
        "alias" => call["previousId"] = json!("visitor-7"),
        _ => call["userId"] = json!("user-1"),
    }
    call
}

fn one(id: &'static str, summary: &'static str, example: Value) -> Operation {
    answered(Operation::new(id, TAG, summary).takes_as::<Item<'_>>(MEDIA, example))
}

fn batch(id: &'static str) -> Operation {
    let calls = json!({ "batch": [example("track")], "sentAt": "2026-03-01T12:00:01Z" });
    let operation = Operation::new(id, TAG, "Many calls, each with its type.");
    answered(operation.takes_as::<Batch<'_>>(MEDIA, calls)).refuses(&[Code::BatchTooLarge])
}

fn answered(operation: Operation) -> Operation {
    let rejected = json!({
        "index": 0, "code": "invalid_field", "path": "userId", "detail": "or anonymousId must be given",
    });
    operation
        .about("Any content type will do; `Content-Encoding: gzip` is welcome. Bad calls do not hold up good ones.")
        .parameter(json!({
            "name": "X-Strict-Mode", "in": "header", "schema": { "type": "string" }, "example": "1",
            "description": "With `1`, tells by 400 what is wrong with calls, for whoever integrates.",
        }))
        .answers::<Success>(200, "Durable.", json!({ "success": true }))
        .answers::<Reasons<'_>>(
            400,
            "In strict mode: some calls were rejected.",
            json!({ "success": false, "accepted": 0, "duplicates": 0, "rejected": [rejected] }),
        )
        .answers::<Details<'_>>(429, "`overloaded`: too many writes are waiting.", overloaded())
        .with("Retry-After", "")
        .refuses(&[Code::InvalidEncoding, Code::Unavailable])
}

/// A full queue, for which their SDKs wait.
fn overloaded() -> Value {
    Problem::new(
        Code::Overloaded,
        "The queue of writes is full; try again in a second.",
    )
    .body()
}

pub(in crate::http) fn settings() -> Operation {
    let destination =
        json!({ "apiKey": "shop", "apiHost": "localhost:8080/v1", "protocol": "http" });
    Operation::new("segmentSettings", TAG, "What analytics.js asks for first.")
        .path::<String>("write_key", "The write key of the page.", "shop")
        .answers::<Settings<'_>>(
            200,
            "This server as its only destination.",
            json!({ "integrations": { "Segment.io": destination } }),
        )
}
