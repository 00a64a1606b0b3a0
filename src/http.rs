//! HTTP: the route table on one screen. Handlers decode, make one call, and encode; they compute nothing.
//!
//! The hot routes come first and run without middleware: a request span with its id costs 5 µs of CPU, more than half of
//! what answering a returning visitor costs altogether (measured with `cargo bench --bench http`). They have one under
//! `--log upswing=debug`; all other routes always do.

mod allocation;
mod answer;
mod assignments;
mod body;
mod clock;
mod cors;
mod debugger;
mod decide;
pub mod error;
mod evaluate;
mod events;
mod experiments;
mod explain;
mod exposure;
mod import;
mod incoming;
mod ofrep;
mod openapi;
mod operations;
mod plan;
mod report;
mod segment;
mod stream;
mod table;
mod visitors;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::{Instrument, Level, Span};
use tracing_actix_web::TracingLogger;

use crate::engine::Engine;
pub use cors::cors;
use error::{Code, Problem};
use table::{Paths, at};

/// What handlers share.
#[derive(Clone)]
pub struct Server {
    /// The engine.
    pub engine: Engine,
    /// Salt of the global holdout's draw.
    pub salt: String,
    /// Renders what was counted.
    pub metrics: PrometheusHandle,
}

/// The routes.
pub fn routes(config: &mut ServiceConfig, server: &Server) {
    let (hot, traced) = (hot(), traced(server.engine.clock().is_manual()));
    let all = hot.iter().chain(&traced).flat_map(Paths::described);
    config
        .app_data(web::Data::new(server.clone()))
        .app_data(web::Data::new(openapi::Document::new(all)))
        .app_data(web::PayloadConfig::new(body::MAX_BODY));
    for paths in hot {
        config.service(paths.resource());
    }
    let traced = |config: &mut ServiceConfig| {
        for paths in traced {
            config.service(paths.resource());
        }
        config.default_service(web::to(not_found));
    };
    let scope = web::scope("").wrap(TracingLogger::default());
    config.service(scope.configure(traced));
}

/// The routes that answer within microseconds.
fn hot() -> Vec<Paths> {
    vec![
        at("/api/v1/assignments").post(assignments::one, openapi::decisions::one),
        at("/api/v1/events")
            .post(events::track, openapi::events::track)
            .get(debugger::events, openapi::events::recent),
        at("/ofrep/v1/evaluate/flags").post(ofrep::bulk, openapi::decisions::flags),
        at("/ofrep/v1/evaluate/flags/{key}").post(ofrep::single, openapi::decisions::flag),
        at("/v1/{call}").post_each(segment::call, openapi::tracking::calls),
    ]
}

/// The routes that are logged with a request id.
fn traced(has_manual_clock: bool) -> Vec<Paths> {
    let mut paths = vec![
        at("/api/v1/assignments/batch").post(assignments::batch, openapi::decisions::batch),
        at("/api/v1/import").post(import::import, openapi::events::import),
        at("/api/v1/visitors/{id}/alias").post(visitors::alias, openapi::events::alias),
        at("/api/v1/holdout/report").get(report::holdout, openapi::reports::holdout),
        at("/api/v1/plan").post(plan::plan, openapi::reports::plan),
        at("/v1/projects/{write_key}/settings").get(segment::settings, openapi::tracking::settings),
        at("/api/v1/stream").get(stream::happenings, openapi::experiments::happenings),
        at("/ofrep/v1/stream").get(stream::flags, openapi::decisions::changes),
    ];
    paths.extend(of_experiments());
    paths.extend(operated());
    if has_manual_clock {
        let clock = at("/api/v1/clock")
            .get(clock::get, openapi::operations::clock)
            .put(clock::put, openapi::operations::set_clock);
        paths.push(clock);
    }
    paths
}

/// Experiments, and the routes of one of them.
fn of_experiments() -> Vec<Paths> {
    use openapi::{experiments as lifecycle, reports};
    vec![
        at("/api/v1/experiments").get(experiments::list, lifecycle::list),
        at("/api/v1/experiments/{key}")
            .get(experiments::get, lifecycle::get)
            .put(experiments::put, lifecycle::put)
            .delete(experiments::archive, lifecycle::archive),
        at("/api/v1/experiments/{key}/start").post(experiments::start, lifecycle::start),
        at("/api/v1/experiments/{key}/pause").post(experiments::pause, lifecycle::pause),
        at("/api/v1/experiments/{key}/conclude").post(experiments::conclude, lifecycle::conclude),
        at("/api/v1/experiments/{key}/reallocate")
            .post(experiments::reallocate, lifecycle::reallocate),
        at("/api/v1/experiments/{key}/revert").post(experiments::revert, lifecycle::revert),
        at("/api/v1/experiments/{key}/allocation").get(allocation::current, lifecycle::allocation),
        at("/api/v1/experiments/{key}/epochs").get(allocation::epochs, lifecycle::epochs),
        at("/api/v1/experiments/{key}/explain").get(explain::explain, reports::explain),
        at("/api/v1/experiments/{key}/evaluate").post(evaluate::evaluate, reports::evaluate),
        at("/api/v1/experiments/{key}/report").get(report::report, reports::report),
    ]
}

/// The routes of those who run the server.
fn operated() -> Vec<Paths> {
    vec![
        at("/health/live").get(operations::live, openapi::operations::live),
        at("/health/ready").get(operations::ready, openapi::operations::ready),
        at("/metrics").get(operations::metrics, openapi::operations::metrics),
        at("/api/openapi.json").get(openapi::document, openapi::operations::document),
        at("/api/docs").get(openapi::to_page, openapi::operations::to_page),
        at("/api/docs/").get(openapi::page, openapi::operations::page),
        at("/api/docs/{file}").get(openapi::part, openapi::operations::part),
        at("/").get(operations::home, openapi::operations::home),
    ]
}

/// The span of a hot route's request, with its id; `None` where nobody reads it.
fn hot_span(route: &'static str, server: &Server) -> Option<Span> {
    if !tracing::enabled!(Level::DEBUG) {
        return None;
    }
    let id = incoming::fresh_id(server.engine.clock().now()).map(String::from);
    Some(tracing::debug_span!("request", route, request_id = id))
}

/// Answers within a span, and logs how.
async fn logged<E: std::fmt::Display>(
    span: Span,
    answer: impl Future<Output = Result<HttpResponse, E>>,
) -> Result<HttpResponse, E> {
    let answered = answer.instrument(span.clone()).await;
    match &answered {
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::debug!(parent: &span, status, "answered");
        }
        Err(problem) => tracing::debug!(parent: &span, error = %problem, "refused"),
    }
    answered
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        Code::NotFound,
        "See the endpoint table in the README.",
    ))
}
