//! `POST /api/v1/assignments` and its batch.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Server;
use super::answer;
use super::body::{self, Body, MAX_BATCH};
use super::decide::{self, Answers, Browser, Wire, WireBatch};
use super::error::{Code, Problem};
use crate::fold::Outcome;

/// One visitor.
pub(super) async fn one(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let body = body::inflated(&request, body::bytes(body).await?)?;
    let snapshot = server.engine.snapshot();
    let wire = body::json::<Wire<'_>>(&body)?.permitted(&server, &request)?;
    let mut answers = decide::decide(&server, &snapshot, wire, Browser::of(&request))?;
    drop(snapshot);
    record(&server, std::slice::from_mut(&mut answers)).await?;
    let mut out = Vec::with_capacity(256 + 256 * answers.list.len());
    answer::write(&mut out, &answers.visitor, &answers.list);
    Ok(respond(out))
}

/// Up to 1,000 requests; each is answered, or told its own problem.
pub(super) async fn batch(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let body = body::inflated(&request, body::bytes(body).await?)?;
    let batch: WireBatch<'_> = body::json(&body)?;
    if batch.requests.len() > MAX_BATCH {
        return Err(Problem::new(
            Code::BatchTooLarge,
            format!("A batch may have at most {MAX_BATCH} requests."),
        ));
    }
    let snapshot = server.engine.snapshot();
    let each = batch.requests.iter().map(|raw| {
        let wire = body::json::<Wire<'_>>(raw.get().as_bytes())?.permitted(&server, &request)?;
        decide::decide(&server, &snapshot, wire, Browser::of(&request))
    });
    let mut results: Vec<Result<Answers<'_>, Problem>> = each.collect();
    let mut good: Vec<&mut Answers<'_>> = results
        .iter_mut()
        .filter_map(|result| result.as_mut().ok())
        .collect();
    record_all(&server, &mut good).await?;
    let mut out = b"{\"results\":[".to_vec();
    for (i, result) in results.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        match result {
            Ok(answers) => answer::write(&mut out, &answers.visitor, &answers.list),
            Err(problem) => out.extend(
                serde_json::json!({ "error": problem.body() })
                    .to_string()
                    .into_bytes(),
            ),
        }
    }
    out.extend_from_slice(b"]}");
    Ok(respond(out))
}

pub(super) async fn record(server: &Server, answers: &mut [Answers<'_>]) -> Result<(), Problem> {
    let mut all: Vec<&mut Answers<'_>> = answers.iter_mut().collect();
    record_all(server, &mut all).await
}

/// Makes new assignments durable before they are answered; a returning visitor waits for nothing.
async fn record_all(server: &Server, answers: &mut [&mut Answers<'_>]) -> Result<(), Problem> {
    let events: Vec<_> = answers
        .iter()
        .flat_map(|answers| answers.events.iter().cloned())
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    let outcomes: Vec<Outcome> = decide::durable(server.engine.record(events)).await?;
    let mut outcomes = outcomes.into_iter();
    for answers in answers.iter_mut() {
        let own = outcomes.by_ref().take(answers.events.len()).collect();
        decide::settle(&mut answers.list, &answers.events, own);
    }
    Ok(())
}

/// JSON that nobody keeps.
pub(super) fn respond(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(body)
}
