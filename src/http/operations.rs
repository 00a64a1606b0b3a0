//! Health, metrics, and a word of welcome.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use super::Server;
use super::error::{Code, Problem};
use crate::telemetry;

/// The process runs.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// The writer can write.
pub(super) async fn ready(server: Data<Server>) -> Result<HttpResponse, Problem> {
    if server.engine.has_failed() {
        return Err(Problem::new(
            Code::Unavailable,
            "The writer has stopped after a failure of the store.",
        ));
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}

/// What was counted, for Prometheus.
pub(super) async fn metrics(server: Data<Server>) -> Result<HttpResponse, Problem> {
    let snapshot = server.engine.snapshot();
    let epochs = snapshot
        .catalog
        .iter()
        .map(|entry| (entry.experiment.key.to_string(), entry.epochs.len()));
    telemetry::gauges(server.engine.store_bytes()?, epochs);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(server.metrics.render()))
}

/// Where to go.
pub(super) async fn home() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "upswing",
        "version": env!("CARGO_PKG_VERSION"),
        "experiments": "/api/v1/experiments",
        "report": "/api/v1/experiments/{key}/report",
        "health": "/health/ready",
        "metrics": "/metrics",
    }))
}
