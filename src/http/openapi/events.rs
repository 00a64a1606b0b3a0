//! What visitors did.

use serde_json::json;

use super::super::debugger::{Asked, RecentEvents};
use super::super::error::Code;
use super::super::events::Bodies;
use super::super::import::Answer;
use super::super::incoming::Counts;
use super::Operation;

const TAG: &str = "events";

pub(in crate::http) fn track() -> Operation {
    let order = json!({
        "id": "order-1", "event": "Order Completed", "visitor": "anna",
        "timestamp": "2026-03-01T12:00:00Z", "properties": { "order_id": "1", "revenue": 59.9 },
    });
    let rejected = json!({
        "index": 0, "code": "invalid_field", "path": "event", "detail": "must not be empty",
    });
    Operation::new("track", TAG, "Records events.")
        .about("One event, an array, or a batch of up to 1,000. Good events are kept where others are rejected.")
        .takes::<Bodies>(order)
        .answers::<Counts>(202, "Durable.", json!({ "accepted": 1, "duplicates": 0, "rejected": [] }))
        .answers::<Counts>(
            400,
            "All events of several were rejected.",
            json!({ "accepted": 0, "duplicates": 0, "rejected": [rejected] }),
        )
        .refuses(&[
            Code::InvalidField,
            Code::InvalidAmount,
            Code::TimestampOutOfRange,
            Code::IdRequired,
            Code::BatchTooLarge,
            Code::InvalidEncoding,
        ])
        .writes()
}

pub(in crate::http) fn recent() -> Operation {
    let told = json!({
        "id": "order-1", "messageId": "order-1", "type": "order", "source": "segment", "event": "Order Completed",
        "visitor": "anna", "userId": "anna", "anonymousId": "visitor-7", "traits": { "plan": "pro" }, "timestamp": "2026-03-01T12:00:00Z", "receivedAt": "2026-03-01T12:00:01Z",
        "properties": { "order_id": "1", "revenue": 59.9 },
        "fate": {
            "kind": "counted",
            "metrics": [{
                "experiment": "cart-nudge", "variant": "none", "metric": "purchase", "effect": "reward",
            }],
        },
    });
    Operation::new(
        "recentEvents",
        TAG,
        "The last events, and what became of each.",
    )
    .about("Of the last 10,000 events since the start, by any way in, newest first.")
    .query::<Asked>()
    .answers::<RecentEvents<'_>>(200, "The events.", json!({ "events": [told] }))
    .refuses(&[Code::InvalidQuery])
    .reads()
}

const ROWS: &str = concat!(
    r#"{"type":"assignment","visitor":"anna","experiment":"cart-nudge","variant":"none","timestamp":"2026-03-01T11:00:00Z"}"#,
    "\n",
    r#"{"type":"event","visitor":"anna","event":"Order Completed","timestamp":"2026-03-01T12:00:00Z","properties":{"revenue":59.9}}"#,
    "\n",
);

pub(in crate::http) fn import() -> Operation {
    Operation::new("import", TAG, "Imports history.")
        .about(
            "Rows of JSON, of any number, in any order, any number of times; `Content-Encoding: gzip` is welcome. A row is \
             `{\"type\": \"assignment\", \"visitor\", \"experiment\", \"variant\", \"timestamp\", \"epoch\"?, \"allocation\"?, \
             \"attributes\"?}`, an event with `\"type\": \"event\"`, or two ids of one person, `{\"type\": \"alias\", \
             \"visitor\", \"to\"}`.",
        )
        .takes_text(&["application/x-ndjson", "text/plain"], ROWS)
        .optional()
        .answers::<Answer<'_>>(
            202,
            "Durable.",
            json!({ "accepted": 2, "duplicates": 0, "rejected": [], "rejected_count": 0 }),
        )
        .refuses(&[Code::InvalidBody, Code::InvalidEncoding])
        .refuses(&[Code::BodyTooLarge, Code::RequestTimeout])
        .writes()
}
