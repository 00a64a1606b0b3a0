//! Decisions: the native API's and `OpenFeature`'s.

use serde_json::{Value, json};

use super::super::answer::Batch;
use super::super::decide::{Answers, Wire, WireBatch};
use super::super::error::Code;
use super::super::ofrep::{Bulk, Context, Flag, Told};
use super::Operation;

const TAG: &str = "decisions";
const OPENFEATURE: &str = "openfeature";

fn assignments() -> Value {
    json!({
        "visitor": "anna",
        "assignments": [{
            "experiment": "cart-nudge", "variant": "free-shipping", "payload": { "text": "Free shipping today" },
            "reason": "bandit", "epoch": 3, "propensity": 0.62, "holdout": false, "sticky": false,
        }],
    })
}

pub(in crate::http) fn one() -> Operation {
    Operation::new("assign", TAG, "The variants of one visitor.")
        .about("Without `experiments` all running ones. A new assignment is durable when it is answered; a visitor keeps it. \
             `force` needs the scope `force`, too; `qa` is what a link to a variant carries, and needs none.")
        .takes::<Wire<'_>>(json!({
            "visitor": "anna", "attributes": { "country": "DE", "visits": 3 }, "experiments": ["cart-nudge"],
        }))
        .answers::<Answers<'_>>(200, "One answer per experiment.", assignments())
        .refuses(&[Code::InvalidEncoding, Code::UnknownLink, Code::LinkExpired])
        .writes()
        .reads()
}

pub(in crate::http) fn batch() -> Operation {
    Operation::new("assignBatch", TAG, "The variants of up to 1,000 visitors.")
        .takes::<WireBatch<'_>>(json!({ "requests": [{ "visitor": "anna" }] }))
        .answers::<Batch>(
            200,
            "Each request is answered, or told its problem.",
            json!({ "results": [assignments()] }),
        )
        .refuses(&[Code::BatchTooLarge, Code::InvalidEncoding])
        .writes()
        .reads()
}

fn context() -> Value {
    json!({ "context": { "targetingKey": "anna", "country": "DE" } })
}

fn evaluated() -> Value {
    json!({
        "key": "cart-nudge", "reason": "SPLIT", "variant": "free-shipping",
        "value": { "text": "Free shipping today" },
        "metadata": { "experimentId": "cart-nudge", "variantId": "free-shipping", "version": 1 },
    })
}

fn failed(code: &str, details: &str) -> Value {
    json!({ "errorCode": code, "errorDetails": details })
}

/// What both evaluations fail with.
fn fails(operation: Operation) -> Operation {
    let unreadable = failed(
        "PARSE_ERROR",
        "The body is not {\"context\": {…}}: expected value at line 1 column 1.",
    );
    let full = failed(
        "GENERAL",
        "The queue of writes is full; try again in a second.",
    );
    let stopped = failed("GENERAL", "The writer has stopped; nothing was accepted.");
    operation
        .answers::<Told<'_>>(400, "The body or its context can not be read.", unreadable)
        .answers::<Told<'_>>(
            408,
            "The body comes too slowly.",
            failed(
                "GENERAL",
                "The body came at less than 1024 bytes per second for 30 s.",
            ),
        )
        .answers::<Told<'_>>(
            413,
            "The body is too large.",
            failed("GENERAL", "A body may have at most 524288 bytes."),
        )
        .answers::<Told<'_>>(429, "Too many writes are waiting.", full)
        .with("Retry-After", "")
        .answers::<Told<'_>>(
            500,
            "A fault of the server.",
            failed("GENERAL", "The store could not be read."),
        )
        .answers::<Told<'_>>(503, "The server can not write.", stopped)
}

pub(in crate::http) fn flag() -> Operation {
    let operation = Operation::new(
        "evaluateFlag",
        OPENFEATURE,
        "A visitor's variant as a flag.",
    )
    .path::<String>("key", "The key of an experiment.", "cart-nudge")
    .takes::<Context>(context())
    .unproblematic()
    .answers::<Flag>(200, "The flag.", evaluated())
    .answers::<Told<'_>>(
        404,
        "There is no such experiment.",
        failed("FLAG_NOT_FOUND", "There is no experiment \"x\"."),
    );
    fails(operation)
}

pub(in crate::http) fn flags() -> Operation {
    let stream = json!([{ "type": "sse", "endpoint": { "requestUri": "/ofrep/v1/stream" } }]);
    let operation = Operation::new("evaluateFlags", OPENFEATURE, "All flags of a visitor.")
        .about("Without a `targetingKey`, flags that are drawn say so one by one.")
        .header("If-None-Match", "The `ETag` of an earlier answer.")
        .parameter(json!({
            "name": "flagConfigEtag", "in": "query", "schema": { "type": "string" },
            "description": "As newer providers send it; it changes nothing.",
        }))
        .takes::<Context>(context())
        .unproblematic()
        .answers::<Bulk>(
            200,
            "The flags.",
            json!({ "flags": [evaluated()], "eventStreams": stream }),
        )
        .with("ETag", "Names what was evaluated for this context.")
        .answers_nothing(304, "The same as the `ETag` names.")
        .with("ETag", "The same.");
    fails(operation)
}

pub(in crate::http) fn changes() -> Operation {
    let example = "retry: 2000\n\ndata: {\"type\":\"refetchEvaluation\"}\n\n";
    Operation::new("streamFlagChanges", OPENFEATURE, "When flags may have changed.")
        .about("OpenFeature's web provider listens by itself. A bandit's epochs change no visitor's flags.")
        .answers_text(&["text/event-stream"], "Server-sent events, until the server stops.", example)
}
