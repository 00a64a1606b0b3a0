//! The manual clock, for tests and simulations (`serve --clock manual`).

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Server;
use super::body::{self, Body};
use super::error::{Code, Problem};
use super::experiments::tick;
use crate::time::Timestamp;

/// The present.
pub(super) async fn get(server: Data<Server>) -> HttpResponse {
    HttpResponse::Ok().json(Now {
        now: server.engine.clock().now(),
    })
}

/// The time of a manual clock.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Clock)]
pub(super) struct Now {
    /// It only moves forward.
    now: Timestamp,
}

/// Moves the clock forward, and asks the policies once it stands there.
pub(super) async fn put(server: Data<Server>, body: Body) -> Result<HttpResponse, Problem> {
    let body = body::bytes(body).await?;
    let wire: Now = body::json(&body)?;
    let clock = server.engine.clock();
    clock.advance(wire.now).map_err(|_| {
        Problem::new(
            Code::ClockMovesForward,
            format!("It is {} already.", clock.now()),
        )
    })?;
    tick(&server).await?;
    Ok(HttpResponse::Ok().json(Now { now: clock.now() }))
}
