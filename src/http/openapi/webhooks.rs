//! Webhooks.

use serde_json::{Value, json};

use super::super::error::Code;
use super::super::webhooks::{Redelivery, Webhooks};
use super::{OPERATING, Operation};

const TAG: &str = OPERATING.0;

fn message() -> Value {
    json!({
        "id": "msg_X1iIvbpvEYlv2hBUlW7ynPbg", "type": "experiment.changed", "created_at": "2026-01-01T00:00:00.000Z",
        "data": { "experiment": "hero", "change": "started", "at": "2026-01-01T00:00:00.000Z" },
    })
}

pub(in crate::http) fn list() -> Operation {
    let example = json!({ "webhooks": [{
        "id": "8c5f1d2a90b3e647", "url": "https://shop.example/hook", "position": 41, "end": 42, "failures": 1,
        "last_error": "it answered 503 Service Unavailable",
        "pending": [{ "message": message(), "attempts": 1, "next_attempt": "2026-01-01T00:00:05.000Z" }],
        "dead": [],
    }] });
    Operation::new(
        "listWebhooks",
        TAG,
        "Webhook targets: their places in the log, what waits, and what is dead.",
    )
    .answers::<Webhooks>(200, "In the order of the settings.", example)
}

pub(in crate::http) fn redeliver() -> Operation {
    Operation::new(
        "redeliverWebhooks",
        TAG,
        "Tries everything of a target again at once, the dead as well.",
    )
    .path::<String>("id", "The id of a target.", "8c5f1d2a90b3e647")
    .answers::<Redelivery>(
        200,
        "How many messages are tried.",
        json!({ "redelivered": 3 }),
    )
    .refuses(&[Code::NotFound])
}
