//! Webhooks: how it stands with each target, and another try.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

use super::Server;
use super::error::{Code, Problem};
use crate::webhook::Standing;

/// Webhook targets.
#[derive(Serialize, ToSchema)]
pub(super) struct Webhooks {
    /// All, in the order of the settings.
    webhooks: Vec<Standing>,
}

/// What is tried again.
#[derive(Serialize, ToSchema)]
pub(super) struct Redelivery {
    /// How many messages.
    redelivered: usize,
}

/// Each target with its place in the log, what waits, and what is dead.
pub(super) async fn list(server: Data<Server>) -> HttpResponse {
    HttpResponse::Ok().json(Webhooks {
        webhooks: server.webhooks.list().await,
    })
}

/// Tries everything of a target again at once, the dead as well.
pub(super) async fn redeliver(
    server: Data<Server>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let count = server.webhooks.redeliver(&path).await;
    let count = count.ok_or_else(|| {
        let detail = format!("There is no webhook target {path:?}; see GET /api/v1/webhooks.");
        Problem::new(Code::NotFound, detail)
    })?;
    Ok(HttpResponse::Ok().json(Redelivery { redelivered: count }))
}
