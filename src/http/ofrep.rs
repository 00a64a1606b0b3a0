//! OpenFeature's remote evaluation protocol (OFREP 0.3): an experiment is a flag, a variant's value the flag's. A stock
//! provider needs nothing but our address.
//!
//! A bulk answer holds nothing that changes by itself, so that its `ETag`, a hash of what was evaluated for this context,
//! lets a client's polls end with 304.

mod context;
mod failure;
mod flag;

use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use xxhash_rust::xxh3::xxh3_128;

use super::Server;
use super::access::Caller;
use super::assignments::{record, respond};
use super::body::{self, Body};
use super::decide::{self, Answer, Answers, Browser};
use super::error::Problem;
use super::exposure::expose;
use crate::assign::decision::{Decision, Reason, Trace};
use crate::assign::{Request, assign};
use crate::catalog::Entry;
use crate::engine::Snapshot;
use crate::source::Source;
use crate::telemetry;
use crate::time::Timestamp;
pub(super) use context::Context;
pub(super) use failure::Told;
use failure::{ErrorCode, Failure};
pub(super) use flag::{Bulk, Flag};

/// `POST /ofrep/v1/evaluate/flags/{key}`.
pub(super) async fn single(
    server: Data<Server>,
    request: HttpRequest,
    key: Path<String>,
    body: Body,
) -> Result<HttpResponse, Failure> {
    let key = key.into_inner();
    let answer = evaluate_one(&server, &request, &key, body).await;
    answer.map_err(|failure| failure.of(key))
}

/// `POST /ofrep/v1/evaluate/flags`: all experiments of a visitor.
pub(super) async fn bulk(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Failure> {
    let context = Context::read(&body::bytes(body).await?)?;
    let snapshot = server.engine.snapshot();
    let mut out = match context.visitor.clone() {
        None => all_nobodys(&snapshot, &context, server.engine.clock().now()),
        Some(visitor) => {
            let wire = context.wire(&server, visitor);
            let mut answers = decide::decide(&server, &snapshot, wire, Browser::of(&request))?;
            drop(snapshot);
            record(&server, std::slice::from_mut(&mut answers)).await?;
            all(&answers)
        }
    };
    let now = server.engine.clock().now();
    let token = Caller::of(&request).key().map(|key| key.token(now));
    flag::event_streams(&mut out, token.as_ref());
    let tag = format!("\"{:032x}\"", xxh3_128(&out));
    let known = request.headers().get(IF_NONE_MATCH);
    let known = known.and_then(|known| known.to_str().ok());
    // Whoever compresses on the way makes tags weak.
    let is_known = known.is_some_and(|known| known.contains(&tag));
    Ok(if is_known {
        HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .finish()
    } else {
        let mut response = respond(out);
        if let Ok(tag) = tag.parse() {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    })
}

async fn evaluate_one(
    server: &Server,
    request: &HttpRequest,
    key: &str,
    body: Body,
) -> Result<HttpResponse, Failure> {
    let context = Context::read(&body::bytes(body).await?)?;
    let snapshot = server.engine.snapshot();
    let entry = snapshot.catalog.get(key);
    let entry = entry.filter(|entry| !entry.lifecycle.archived);
    let entry = entry.ok_or_else(|| {
        Failure::new(
            ErrorCode::FlagNotFound,
            format!("There is no experiment {key:?}."),
        )
    })?;
    let mut out = Vec::with_capacity(256);
    let Some(visitor) = context.visitor.clone() else {
        let decision = nobodys(entry, &context, server.engine.clock().now())?;
        flag::write(&mut out, entry, &decision, None);
        return Ok(respond(out));
    };
    let wire = context.wire(server, visitor).only(key);
    let mut answers = decide::decide(server, &snapshot, wire, Browser::of(request))?;
    drop(snapshot);
    if Caller::of(request).exposes() {
        expose(server, &mut answers)?;
    }
    record(server, std::slice::from_mut(&mut answers)).await?;
    if let Some((entry, decision)) = answers.list.first().and_then(Answer::decided) {
        flag::write(&mut out, entry, decision, Some(&answers.visitor));
    }
    Ok(respond(out))
}

/// Whether a path is answered in the words of the protocol.
pub(super) fn speaks(path: &str) -> bool {
    path.starts_with("/ofrep/")
}

/// A request that was turned away, in the words of the protocol.
pub(super) fn refused(problem: Problem) -> HttpResponse {
    Failure::from(problem).error_response()
}

/// The flags of a visitor.
fn all(answers: &Answers<'_>) -> Vec<u8> {
    let decided = answers.list.iter().filter_map(Answer::decided);
    let mut out = Vec::with_capacity(32 + 224 * answers.list.len());
    flag::list(&mut out, decided, |out, (entry, decision)| {
        flag::write(out, entry, decision, None);
    });
    out
}

/// The flags where no visitor is named: those that need one say so.
fn all_nobodys(snapshot: &Snapshot, context: &Context, now: Timestamp) -> Vec<u8> {
    let listed = snapshot.catalog.iter().filter(|entry| entry.is_listed());
    let mut out = Vec::new();
    flag::list(&mut out, listed, |out, entry| {
        match nobodys(entry, context, now) {
            Ok(decision) => flag::write(out, entry, &decision, None),
            Err(failure) => {
                let key = entry.experiment.key.to_string();
                out.extend(failure.of(key).body().to_string().into_bytes());
            }
        }
    });
    out
}

/// What an experiment answers without knowing whom: only one that is not drawn has an answer.
fn nobodys(entry: &Entry, context: &Context, now: Timestamp) -> Result<Decision, Failure> {
    let request = Request {
        visitor: "",
        session: None,
        attributes: &context.attributes,
        forced: None,
        bot: false,
        denied: false,
        held_globally: false,
        now,
    };
    let decision = assign(entry, &request, None, &mut Trace::default());
    if matches!(decision.reason, Reason::Inactive | Reason::Concluded) {
        telemetry::decision(Source::Ofrep, decision.reason);
        return Ok(decision);
    }
    Err(Failure::new(
        ErrorCode::TargetingKeyMissing,
        "The context needs a targetingKey: the visitor's id.",
    ))
}
