//! The list of experiments, and the page of each.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, Query};
use serde::Deserialize;

use super::super::Server;
use super::super::access::Caller;
use super::super::error::{Code, Problem};
use super::super::experiments::find;
use super::super::link;
use super::super::report::DAYS;
use super::{PageProblem, acts, frame, html};
use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::experiment::Variant;
use crate::dashboard::experiment::metrics::Difference;
use crate::dashboard::experiment::{self, Look, Subject};
use crate::dashboard::list::{self, Filter, Row, Shown};
use crate::dashboard::live::Live;
use crate::dashboard::{Frame, Place};
use crate::key::Scope;
use crate::report::playbook::{Search, play};
use crate::report::{Question, Report, dimensions, report};

/// Which experiments.
#[derive(Deserialize)]
pub(in crate::http) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
}

/// The list.
pub(in crate::http) async fn list(
    server: Data<Server>,
    caller: Caller,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, PageProblem> {
    let filter = Filter {
        words: wanted.q.clone(),
        status: Shown::parse(&wanted.status),
    };
    let mut frame = frame(&caller, Some(Place::Experiments));
    frame.live = Some(Live::of(""));
    let page = aside(move || list::page(&frame, &filter, rows(&server, &filter)));
    Ok(html(HttpResponse::Ok(), page.await?))
}

/// The experiments that are asked for.
fn rows(server: &Server, filter: &Filter) -> Vec<Row> {
    let snapshot = server.engine.snapshot();
    let now = server.engine.clock().now();
    let search = Search::new(&filter.words);
    let entries = snapshot.catalog.iter().filter(|entry| filter.fits(entry));
    let row = |entry: &Arc<Entry>| {
        let report = reported(server, entry, (&[], 0));
        let play = play(entry, &report);
        let winner = play.winner.as_deref();
        search
            .accepts(&play, entry)
            .then(|| Row::new(entry, (&report, winner), now))
    };
    entries.filter_map(row).collect()
}

/// Makes a page where it keeps no other request waiting: the report of many variants and metrics takes seconds.
async fn aside(make: impl FnOnce() -> String + Send + 'static) -> Result<String, Problem> {
    let stopped = |_| Problem::new(Code::Unavailable, "The server is stopping.");
    web::block(make).await.map_err(stopped)
}

/// How an experiment is looked at.
#[derive(Deserialize)]
pub(in crate::http) struct View {
    #[serde(default)]
    show: String,
    by: Option<String>,
    #[serde(default)]
    done: String,
}

/// An experiment.
pub(in crate::http) async fn page(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    view: Query<View>,
) -> Result<HttpResponse, PageProblem> {
    let entry = find(&server, &path)?;
    let mut frame = frame(&caller, Some(Place::Experiments));
    frame.live = Some(Live::of(entry.experiment.key.as_str()));
    frame.note = acts::Done::parse(&view.done).map(|done| done.note().to_owned());
    let looks = looks(&server, &caller, &entry);
    let page = shown(server, frame, (entry, view.into_inner()), looks);
    Ok(html(HttpResponse::Ok(), page.await?))
}

/// An experiment's page as it is looked at.
///
/// # Errors
/// As the server stops.
pub(super) async fn shown(
    server: Data<Server>,
    frame: Frame,
    (entry, view): (Arc<Entry>, View),
    looks: Vec<Look>,
) -> Result<String, Problem> {
    aside(move || made(&server, &frame, (&entry, &view), &looks)).await
}

fn made(server: &Server, frame: &Frame, (entry, view): (&Entry, &View), looks: &[Look]) -> String {
    let known = dimensions(entry);
    let asked = view.by.as_deref();
    let dimension = known.iter().copied().find(|known| asked == Some(known));
    let report = reported(server, entry, (dimension.as_slice(), DAYS));
    let snapshot = server.engine.snapshot();
    let subject = Subject {
        entry,
        report: &report,
        difference: Difference::parse(&view.show).unwrap_or_default(),
        dimension,
        dimensions: &known,
        zone: &snapshot.zone,
        keys: &snapshot.keys,
        looks,
    };
    experiment::page(frame, subject)
}

/// Links to an experiment's variants, for who may write.
fn looks(server: &Server, caller: &Caller, entry: &Entry) -> Vec<Look> {
    if caller.may(Scope::Write).is_err() || entry.lifecycle.archived {
        return Vec::new();
    }
    let now = server.engine.clock().now();
    let look = |(arm, variant): (Arm, &Variant)| {
        let token = link::to_variant(caller, (entry.serial, arm), now);
        Look {
            variant: variant.key.to_string(),
            query: format!("{}={token}", link::QA),
        }
    };
    entry.experiment.live().map(look).collect()
}

/// The report as of now, with these dimensions and days.
fn reported(server: &Server, entry: &Entry, (dimensions, days): (&[&str], u32)) -> Report {
    let now = server.engine.clock().now();
    let today = server.engine.snapshot().zone.day(now);
    server.engine.with_cells(entry.serial, |cells| {
        report(&Question {
            dimensions,
            days,
            ..Question::present(entry, cells, (now, today))
        })
    })
}
