//! `GET …/report`: the Report, as JSON or CSV.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::Server;
use super::error::{Code, Problem};
use super::experiments::find;
use crate::report::{Question, csv, report as answer};
use crate::time::Timestamp;

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    as_of: Option<String>,
    dimension: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Reports on one experiment.
pub(super) async fn report(
    server: Data<Server>,
    path: Path<String>,
    options: Result<Query<Options>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let options = options
        .map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?
        .into_inner();
    let entry = find(&server, &path)?;
    let now = server.engine.clock().now();
    let as_of = options.as_of.as_deref().map(Timestamp::parse).transpose();
    let as_of =
        as_of.map_err(|error| Problem::at(Code::InvalidQuery, "as_of", error.to_string()))?;
    let dimension = options.dimension.as_deref();
    let known = |name: &str| {
        entry
            .experiment
            .dimensions
            .iter()
            .any(|dimension| dimension.attribute == name)
    };
    if let Some(name) = dimension.filter(|name| !known(name)) {
        let detail = format!("{name:?} is none of the experiment's dimensions");
        return Err(Problem::at(Code::InvalidQuery, "dimension", detail));
    }
    let until = as_of.map(|at| server.engine.snapshot().zone.day(at));
    let report = server.engine.with_cells(entry.serial, |cells| {
        answer(&Question {
            entry: &entry,
            cells,
            as_of: as_of.unwrap_or(now),
            until,
            dimension,
        })
    });
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(match options.format {
        Format::Json => response.json(report),
        Format::Csv => response
            .content_type("text/csv; charset=utf-8")
            .body(csv::render(&report)),
    })
}
