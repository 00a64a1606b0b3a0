//! `GET …/report`: the Report of an experiment or of the global holdout, as JSON, CSV or workbook.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::{self, Data, Path, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Server;
use super::error::{Code, Problem};
use super::experiments::find;
use crate::catalog::Entry;
use crate::config::is_cost;
use crate::report::{
    Costs, Question, Report, View, csv, dimensions, report as answer, variant_costs, xlsx,
};
use crate::time::{Day, Timestamp};

/// Most days of a timeline.
pub(super) const DAYS: u32 = 366;

/// What is asked.
#[derive(Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// The moment to describe; absent: now.
    #[param(value_type = Option<Timestamp>)]
    as_of: Option<String>,
    /// Names of dimensions with commas between them, or `all`, to be broken down by.
    dimension: Option<String>,
    /// The evidence to show: `always-valid`, `planned-looks`, `one-look`, `msprt` or `bayes`.
    #[param(value_type = Option<View>)]
    method: Option<String>,
    /// How many of the last days the timeline has; none unless asked.
    days: Option<u32>,
    /// How it is written.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// How a report is written.
#[derive(Deserialize, Default, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Json,
    Csv,
    Xlsx,
}

/// The media type of a workbook.
pub(super) const WORKBOOK: &str =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// What is asked of the global holdout.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldoutOptions {
    /// The moment to describe; absent: now.
    #[param(value_type = Option<Timestamp>)]
    as_of: Option<String>,
    /// Names of dimensions with commas between them, or `all`, to be broken down by.
    dimension: Option<String>,
    /// The evidence to show: `always-valid`, `one-look`, `msprt` or `bayes`.
    #[param(value_type = Option<View>)]
    method: Option<String>,
    /// How many of the last days the timeline has; none unless asked.
    days: Option<u32>,
    /// How it is written.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// What personalization costs per month whatever it does, in place of the setting.
    #[param(minimum = 0)]
    monthly_cost: Option<f64>,
}

/// Options as they come.
type Asked<T> = Result<Query<T>, actix_web::Error>;

/// Reports on one experiment.
pub(super) async fn report(
    server: Data<Server>,
    path: Path<String>,
    options: Asked<Options>,
) -> Result<HttpResponse, Problem> {
    let options = given(options)?;
    let entry = find(&server, &path)?;
    let report = asked(&server, &entry, &options, None)?;
    written(report, entry, options.format).await
}

/// Reports on everything together against the global holdout.
pub(super) async fn holdout(
    server: Data<Server>,
    options: Asked<HoldoutOptions>,
) -> Result<HttpResponse, Problem> {
    let asked = given(options)?;
    let options = Options {
        as_of: asked.as_of,
        dimension: asked.dimension,
        method: asked.method,
        days: asked.days,
        format: asked.format,
    };
    let entry = held_out(&server)?;
    let report = against_holdout(&server, &entry, (asked.monthly_cost, &options))?;
    written(report, entry, options.format).await
}

/// The report of all its days against the global holdout, at this cost per month in place of the setting.
///
/// # Errors
/// [`Code::NoHoldout`]; [`Code::InvalidQuery`] for what is no cost.
pub(super) fn of_holdout(server: &Server, cost: Option<f64>) -> Result<Report, Problem> {
    let options = Options {
        days: Some(DAYS),
        ..Options::default()
    };
    against_holdout(server, &*held_out(server)?, (cost, &options))
}

fn against_holdout(
    server: &Server,
    entry: &Entry,
    (cost, options): (Option<f64>, &Options),
) -> Result<Report, Problem> {
    let monthly = monthly(server, cost)?;
    let (variants, foreign) = spent(server, entry);
    let costs = Costs {
        monthly,
        variants: &variants,
        foreign,
    };
    asked(server, entry, options, Some(costs))
}

/// The cost per month, as asked for or as the settings have it.
fn monthly(server: &Server, asked: Option<f64>) -> Result<Option<f64>, Problem> {
    if asked.is_some_and(|cost| !is_cost(cost)) {
        let detail = "must be an amount of at least 0";
        return Err(Problem::at(Code::InvalidQuery, "monthly_cost", detail));
    }
    Ok(asked.or(server.monthly_cost))
}

/// The global holdout in force.
///
/// # Errors
/// [`Code::NoHoldout`].
fn held_out(server: &Server) -> Result<Arc<Entry>, Problem> {
    let entry = server.engine.snapshot().catalog.global_holdout().cloned();
    entry.ok_or_else(|| {
        let hint = "Set --global-holdout to the share of visitors to hold out of everything.";
        Problem::new(Code::NoHoldout, hint)
    })
}

fn given<T>(options: Asked<T>) -> Result<T, Problem> {
    let options = options.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    Ok(options.into_inner())
}

/// What the variants of all experiments cost by day, and of how many in another currency than the holdout's, which is left
/// out.
fn spent(server: &Server, holdout: &Entry) -> (BTreeMap<Day, f64>, u32) {
    let own = holdout.experiment.spec.currency.as_ref();
    let mut days = BTreeMap::new();
    let mut foreign = 0;
    for entry in server.engine.snapshot().catalog.iter() {
        let costs = server
            .engine
            .with_cells(entry.serial, |cells| variant_costs(entry, cells));
        let currency = entry.experiment.spec.currency.as_ref();
        let is_other = own.zip(currency).is_some_and(|(own, other)| own != other);
        if is_other && !costs.is_empty() {
            foreign += 1;
            continue;
        }
        for (day, cost) in costs {
            *days.entry(day).or_insert(0.0) += cost;
        }
    }
    (days, foreign)
}

/// Everything that is known of an experiment, as a file: all dimensions and days.
///
/// # Errors
/// [`Code::UnknownExperiment`].
pub(super) async fn taken_along(
    server: &Server,
    key: &str,
    format: Format,
) -> Result<HttpResponse, Problem> {
    let entry = find(server, key)?;
    let options = Options {
        dimension: Some("all".to_owned()),
        days: Some(DAYS),
        ..Options::default()
    };
    let report = asked(server, &entry, &options, None)?;
    written(report, entry, format).await
}

async fn written(
    report: Report,
    entry: Arc<Entry>,
    format: Format,
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(match format {
        Format::Json => response.json(report),
        Format::Csv => {
            let file = format!("inline; filename=\"{}.csv\"", entry.experiment.key);
            response
                .content_type("text/csv; charset=utf-8")
                .insert_header((CONTENT_DISPOSITION, file))
                .body(csv::render(&report))
        }
        Format::Xlsx => {
            let file = format!("attachment; filename=\"{}.xlsx\"", entry.experiment.key);
            response
                .content_type(WORKBOOK)
                .insert_header((CONTENT_DISPOSITION, file))
                .body(workbook(report, entry).await?)
        }
    })
}

/// The workbook of a report. A large one takes its time, so other requests are not kept waiting for it.
async fn workbook(report: Report, entry: Arc<Entry>) -> Result<Vec<u8>, Problem> {
    let made = web::block(move || xlsx::render(&report, &entry)).await;
    let failed = |error: &dyn std::fmt::Display| {
        let detail = format!("The workbook can not be written: {error}.");
        Problem::new(Code::Internal, detail)
    };
    made.map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}

fn asked(
    server: &Server,
    entry: &Entry,
    options: &Options,
    costs: Option<Costs<'_>>,
) -> Result<Report, Problem> {
    let _span = tracing::debug_span!("report", experiment.key = %entry.experiment.key).entered();
    let now = server.engine.clock().now();
    let as_of = options.as_of.as_deref().map(Timestamp::parse).transpose();
    let as_of =
        as_of.map_err(|error| Problem::at(Code::InvalidQuery, "as_of", error.to_string()))?;
    let asked = options.dimension.as_deref().unwrap_or_default();
    let dimensions = asked_dimensions(asked, &dimensions(entry))?;
    let view = options.method.as_deref();
    let view = view.map(|name| shown(name, entry)).transpose()?;
    let snapshot = server.engine.snapshot();
    let today = snapshot.zone.day(as_of.unwrap_or(now));
    Ok(server.engine.with_cells(entry.serial, |cells| {
        answer(&Question {
            until: as_of.map(|_| today),
            view,
            dimensions: &dimensions,
            days: options.days.unwrap_or(0).min(DAYS),
            costs,
            ..Question::present(entry, cells, (as_of.unwrap_or(now), today))
        })
    }))
}

/// The view that was asked for by name.
fn shown(name: &str, entry: &Entry) -> Result<View, Problem> {
    let view = View::parse(name).ok_or_else(|| {
        let names = View::ALL.map(View::name).join(", ");
        let detail = format!("{name:?} is none of: {names}");
        Problem::at(Code::InvalidQuery, "method", detail)
    })?;
    if view == View::PlannedLooks && entry.experiment.spec.looks.is_none() {
        let detail = "the definition of this experiment plans no looks";
        return Err(Problem::at(Code::InvalidQuery, "method", detail));
    }
    Ok(view)
}

/// A name, several with commas between them, or `all`.
fn asked_dimensions<'a>(asked: &'a str, known: &[&'a str]) -> Result<Vec<&'a str>, Problem> {
    if asked == "all" {
        return Ok(known.to_vec());
    }
    let mut names = Vec::new();
    for name in asked.split(',').filter(|name| !name.is_empty()) {
        if !known.contains(&name) {
            let detail = format!(
                "{name:?} is none of the experiment's dimensions: {}",
                known.join(", ")
            );
            return Err(Problem::at(Code::InvalidQuery, "dimension", detail));
        }
        names.push(name);
    }
    Ok(names)
}
