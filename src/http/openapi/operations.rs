//! For those who run the server.

use serde_json::json;

use super::super::clock::Now;
use super::super::error::Code;
use super::super::operations::Standing;
use super::{Document, OPERATING, Operation};

const TAG: &str = OPERATING.0;

pub(in crate::http) fn live() -> Operation {
    Operation::new("isLive", TAG, "Whether the process runs.").answers::<Standing>(
        200,
        "It does.",
        json!({ "status": "live" }),
    )
}

pub(in crate::http) fn ready() -> Operation {
    Operation::new("isReady", TAG, "Whether the writer can write.")
        .answers::<Standing>(200, "It can.", json!({ "status": "ready" }))
        .refuses(&[Code::Unavailable])
}

pub(in crate::http) fn metrics() -> Operation {
    let example =
        "# TYPE upswing_decisions_total counter\nupswing_decisions_total{reason=\"split\"} 1\n";
    Operation::new("getMetrics", TAG, "What was counted, for Prometheus.")
        .answers_text(&["text/plain"], "Prometheus' text format.", example)
        .reads()
}

pub(in crate::http) fn clock() -> Operation {
    Operation::new("getClock", TAG, "The time, where the clock is manual.").answers::<Now>(
        200,
        "The time.",
        json!({ "now": "2026-01-01T00:00:00.000Z" }),
    )
}

pub(in crate::http) fn set_clock() -> Operation {
    Operation::new(
        "setClock",
        TAG,
        "Moves the clock forward, and asks the policies then.",
    )
    .takes::<Now>(json!({ "now": "2026-01-02T00:00:00Z" }))
    .answers::<Now>(
        200,
        "The time.",
        json!({ "now": "2026-01-02T00:00:00.000Z" }),
    )
    .refuses(&[Code::ClockMovesForward])
    .writes()
}

pub(in crate::http) fn document() -> Operation {
    let example = json!({ "openapi": "3.1.0", "info": { "title": "Upswing", "version": "0.1.0" }, "paths": {} });
    Operation::new("getDescription", TAG, "This description of the API.").answers::<Document>(
        200,
        "OpenAPI 3.1.",
        example,
    )
}

pub(in crate::http) fn to_page() -> Operation {
    Operation::new(
        "findDocumentation",
        TAG,
        "Leads to the page that shows this description.",
    )
    .answers_nothing(307, "The page is there.")
    .with("Location", "Where.")
}

pub(in crate::http) fn page() -> Operation {
    Operation::new(
        "getDocumentation",
        TAG,
        "A page that shows this description; it needs no network.",
    )
    .answers_text(&["text/html"], "The page.", "<!DOCTYPE html>…")
}

pub(in crate::http) fn part() -> Operation {
    Operation::new(
        "getDocumentationPart",
        TAG,
        "Scripts, styles and pictures of the page.",
    )
    .path::<String>("file", "The name of a file.", "index.css")
    .answers_text(
        &["text/html", "text/css", "text/javascript", "image/png"],
        "The file.",
        "…",
    )
    .refuses(&[Code::NotFound])
}

pub(in crate::http) fn shop() -> Operation {
    Operation::new(
        "getDemonstrationPart",
        TAG,
        "A small shop for the browser, and its scripts and styles.",
    )
    .path::<String>("file", "The name of a file.", "shop")
    .answers_text(
        &["text/html", "text/css", "text/javascript"],
        "The file.",
        "…",
    )
    .refuses(&[Code::NotFound])
}
