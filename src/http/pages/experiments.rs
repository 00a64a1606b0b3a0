//! The list of experiments, and the page of each.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::super::Server;
use super::super::access::Caller;
use super::super::experiments::find;
use super::{PageProblem, acts, frame, html};
use crate::catalog::Entry;
use crate::dashboard::Place;
use crate::dashboard::experiment::metrics::Difference;
use crate::dashboard::experiment::{self, Subject};
use crate::dashboard::list::{self, Filter, Row, Shown};
use crate::report::playbook::{Search, play};
use crate::report::{Question, Report, dimensions, report};

/// Most days of a page's charts.
const DAYS: u32 = 366;

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
) -> HttpResponse {
    let filter = Filter {
        words: wanted.q.clone(),
        status: Shown::parse(&wanted.status),
    };
    let snapshot = server.engine.snapshot();
    let now = server.engine.clock().now();
    let search = Search::new(&filter.words);
    let entries = snapshot.catalog.iter().filter(|entry| filter.fits(entry));
    let row = |entry: &Arc<Entry>| {
        let report = reported(&server, entry, (&[], 0));
        let play = play(entry, &report);
        let winner = play.winner.as_deref();
        search
            .accepts(&play, entry)
            .then(|| Row::new(entry, (&report, winner), now))
    };
    let rows = entries.filter_map(row).collect();
    let frame = frame(&caller, Some(Place::Experiments));
    html(HttpResponse::Ok(), list::page(&frame, &filter, rows))
}

/// How an experiment is looked at.
#[derive(Deserialize)]
pub(in crate::http) struct Look {
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
    look: Query<Look>,
) -> Result<HttpResponse, PageProblem> {
    let entry = find(&server, &path)?;
    let known = dimensions(&entry);
    let asked = look.by.as_deref();
    let dimension = known.iter().copied().find(|known| asked == Some(known));
    let report = reported(&server, &entry, (dimension.as_slice(), DAYS));
    let mut frame = frame(&caller, Some(Place::Experiments));
    frame.note = acts::Done::parse(&look.done).map(|done| done.note().to_owned());
    let snapshot = server.engine.snapshot();
    let subject = Subject {
        entry: &entry,
        report: &report,
        difference: Difference::parse(&look.show).unwrap_or_default(),
        dimension,
        dimensions: &known,
        zone: &snapshot.zone,
        keys: &snapshot.keys,
    };
    Ok(html(HttpResponse::Ok(), experiment::page(&frame, subject)))
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
