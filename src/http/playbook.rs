//! `GET /api/v1/playbook`: the tactics of all experiments that are or were, with their results.

use std::cmp::Reverse;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Server;
use super::error::{Code, Problem};
use crate::catalog::Entry;
use crate::catalog::experiment::Status;
use crate::report::playbook::{Play, Search, play};
use crate::report::{Question, report};

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Words that must all stand somewhere in an entry, in any case and order.
    #[serde(default)]
    pub(super) q: String,
    /// Only experiments that stand there.
    pub(super) status: Option<Status>,
}

/// The playbook.
#[derive(Serialize, ToSchema)]
pub(super) struct Playbook {
    /// What was found, the latest change of status first.
    plays: Vec<Play>,
}

/// Looks the playbook up.
pub(super) async fn playbook(
    server: Data<Server>,
    wanted: Result<Query<Wanted>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let wanted = wanted.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    let plays = plays(server, wanted.into_inner()).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(Playbook { plays }))
}

/// What was found, the latest change of status first. A report of each experiment takes some milliseconds, so it is done
/// where it keeps no other request waiting.
///
/// # Errors
/// As the server stops.
pub(super) async fn plays(server: Data<Server>, wanted: Wanted) -> Result<Vec<Play>, Problem> {
    let span = tracing::debug_span!("playbook");
    let plays = web::block(move || span.in_scope(|| found(&server, &wanted))).await;
    plays.map_err(|_| Problem::new(Code::Unavailable, "The server is stopping."))
}

fn found(server: &Server, wanted: &Wanted) -> Vec<Play> {
    let search = Search::new(&wanted.q);
    let snapshot = server.engine.snapshot();
    let now = server.engine.clock().now();
    let today = snapshot.zone.day(now);
    let is_there = |entry: &&Arc<Entry>| {
        let status = wanted.status;
        status.is_none_or(|status| entry.lifecycle.status == status)
    };
    let told = |entry: &Arc<Entry>| {
        let report = server.engine.with_cells(entry.serial, |cells| {
            report(&Question::present(entry, cells, (now, today)))
        });
        let play = play(entry, &report);
        let is_wanted = search.accepts(&play, entry);
        is_wanted.then_some((entry.lifecycle.since, play))
    };
    let found = snapshot.catalog.iter().filter(is_there).filter_map(told);
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(since, _)| Reverse(*since));
    found.into_iter().map(|(_, play)| play).collect()
}
