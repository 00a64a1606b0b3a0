//! Health and metrics.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::Server;
use super::error::{Code, Problem};
use crate::telemetry;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct Standing {
    /// `live` or `ready`.
    status: &'static str,
}

/// The process runs.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Standing { status: "live" })
}

/// The writer can write.
pub(super) async fn ready(server: Data<Server>) -> Result<HttpResponse, Problem> {
    if server.engine.has_failed() {
        return Err(Problem::new(
            Code::Unavailable,
            "The writer has stopped after a failure of the store.",
        ));
    }
    Ok(HttpResponse::Ok().json(Standing { status: "ready" }))
}

/// What was counted, for Prometheus.
pub(super) async fn metrics(server: Data<Server>) -> Result<HttpResponse, Problem> {
    let snapshot = server.engine.snapshot();
    let (stored, queued) = (server.engine.store_bytes()?, server.engine.queued());
    telemetry::gauges(stored, queued, &snapshot.catalog);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(server.metrics.render()))
}
