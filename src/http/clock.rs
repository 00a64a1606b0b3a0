//! The manual clock, for tests and simulations (`serve --clock manual`).

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::json;

use super::Server;
use super::body::{self, Body};
use super::error::{Code, Problem};
use super::experiments::run;
use crate::engine::command::Command;
use crate::time::Timestamp;

/// The present.
pub(super) async fn get(server: Data<Server>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "now": server.engine.clock().now() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    now: Timestamp,
}

/// Moves the clock forward, and asks the policies once it stands there.
pub(super) async fn put(server: Data<Server>, body: Body) -> Result<HttpResponse, Problem> {
    let body = body::bytes(body)?;
    let wire: Wire = body::json(&body)?;
    let clock = server.engine.clock();
    clock.advance(wire.now).map_err(|_| {
        Problem::new(
            Code::ClockMovesForward,
            format!("It is {} already.", clock.now()),
        )
    })?;
    run(&server, Command::Tick).await?;
    Ok(HttpResponse::Ok().json(json!({ "now": clock.now() })))
}
