//! API keys: make, list, revoke.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::Server;
use super::access::Caller;
use super::body::{self, Body};
use super::decide::durable;
use super::error::{Code, Problem};
use crate::event::Event;
use crate::fold::Outcome;
use crate::key::secret::Secret;
use crate::key::{KeyId, Made, Scope, Shown, Wanted};

/// API keys.
#[derive(Serialize, ToSchema)]
pub(super) struct Keys {
    /// All, in order of the time they were made.
    keys: Vec<Shown>,
}

/// All keys, revoked ones too, by the time they were made.
pub(super) async fn list(server: Data<Server>) -> HttpResponse {
    let snapshot = server.engine.snapshot();
    HttpResponse::Ok().json(Keys {
        keys: snapshot.keys.shown(),
    })
}

/// Makes a key; the answer alone has its secret. The first one can only be made from the server's own machine, and must
/// be able to make others.
pub(super) async fn create(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let wanted: Wanted = body::json(&body::bytes(body).await?)?;
    if server.engine.snapshot().keys.is_empty() {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        if !peer.is_some_and(|peer| peer.is_loopback()) {
            let detail = "The first key is made from the server's own machine.";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        if !wanted.scopes.allow(Scope::Admin) {
            return Err(Problem::new(
                Code::AdminKeyRequired,
                "The first key closes the server to everybody without one, so it needs the scope admin.",
            ));
        }
    }
    let secret = Secret::new(KeyId(rand::random()), rand::random());
    let key = wanted.with(&secret, server.engine.clock().now());
    let made = Made {
        key: Shown::from(&key),
        secret: secret.to_string(),
    };
    record(
        &server,
        &Caller::of(&request),
        Event::KeyCreated(Box::new(key)),
    )
    .await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(made))
}

/// Revokes a key; it is void when this is answered. Once more is as good.
pub(super) async fn revoke(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Code::UnknownKey, format!("There is no key {path:?}."));
    let id: KeyId = path.parse().map_err(|_| unknown())?;
    if server.engine.snapshot().keys.is_last_admin(id) {
        return Err(Problem::new(
            Code::AdminKeyRequired,
            "Nobody could make or revoke keys without this one: make another with the scope admin first.",
        ));
    }
    let at = server.engine.clock().now();
    let outcome = record(&server, &caller, Event::KeyRevoked { id, at }).await?;
    if outcome == Some(Outcome::Void) {
        return Err(unknown());
    }
    let snapshot = server.engine.snapshot();
    let key = snapshot.keys.get(id).ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(Shown::from(&**key)))
}

/// Records what the caller asked for; what became of it.
async fn record(
    server: &Server,
    caller: &Caller,
    event: Event,
) -> Result<Option<Outcome>, Problem> {
    let events = vec![Event::Asked(caller.id().into()), event];
    Ok(durable(server.engine.record(events)).await?.pop())
}
