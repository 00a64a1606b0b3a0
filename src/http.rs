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
mod operations;
mod plan;
mod report;
mod segment;
mod stream;
mod visitors;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::{Instrument, Level, Span};
use tracing_actix_web::TracingLogger;

use crate::engine::Engine;
pub use cors::cors;
use error::{Code, Problem};

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
    config
        .app_data(web::Data::new(server.clone()))
        .app_data(web::PayloadConfig::new(body::MAX_BODY))
        .service(resource("/api/v1/assignments").route(web::post().to(assignments::one)))
        .service(
            resource("/api/v1/events")
                .route(web::post().to(events::track))
                .route(web::get().to(debugger::events)),
        )
        .service(resource("/ofrep/v1/evaluate/flags").route(web::post().to(ofrep::bulk)))
        .service(resource("/ofrep/v1/evaluate/flags/{key}").route(web::post().to(ofrep::single)))
        .service(resource("/v1/{call}").route(web::post().to(segment::call)))
        .service(
            web::scope("")
                .wrap(TracingLogger::default())
                .configure(|config| traced(config, server)),
        );
}

/// The routes that are logged with a request id.
fn traced(config: &mut ServiceConfig, server: &Server) {
    config
        .service(resource("/api/v1/assignments/batch").route(web::post().to(assignments::batch)))
        .service(resource("/api/v1/import").route(web::post().to(import::import)))
        .service(resource("/api/v1/experiments").route(web::get().to(experiments::list)))
        .service(
            resource("/api/v1/experiments/{key}")
                .route(web::get().to(experiments::get))
                .route(web::put().to(experiments::put))
                .route(web::delete().to(experiments::archive)),
        )
        .configure(of_an_experiment)
        .service(resource("/api/v1/visitors/{id}/alias").route(web::post().to(visitors::alias)))
        .service(resource("/api/v1/holdout/report").route(web::get().to(report::holdout)))
        .service(resource("/api/v1/plan").route(web::post().to(plan::plan)))
        .service(
            resource("/v1/projects/{write_key}/settings").route(web::get().to(segment::settings)),
        )
        .service(resource("/api/v1/stream").route(web::get().to(stream::happenings)))
        .service(resource("/ofrep/v1/stream").route(web::get().to(stream::flags)))
        .configure(operated);
    if server.engine.clock().is_manual() {
        let clock = resource("/api/v1/clock")
            .route(web::get().to(clock::get))
            .route(web::put().to(clock::put));
        config.service(clock);
    }
    config.default_service(web::to(not_found));
}

/// Routes of one experiment beside its definition.
fn of_an_experiment(config: &mut ServiceConfig) {
    let at = |name: &str| resource(&format!("/api/v1/experiments/{{key}}/{name}"));
    config
        .service(at("start").route(web::post().to(experiments::start)))
        .service(at("pause").route(web::post().to(experiments::pause)))
        .service(at("conclude").route(web::post().to(experiments::conclude)))
        .service(at("reallocate").route(web::post().to(experiments::reallocate)))
        .service(at("revert").route(web::post().to(experiments::revert)))
        .service(at("allocation").route(web::get().to(allocation::current)))
        .service(at("epochs").route(web::get().to(allocation::epochs)))
        .service(at("explain").route(web::get().to(explain::explain)))
        .service(at("evaluate").route(web::post().to(evaluate::evaluate)))
        .service(at("report").route(web::get().to(report::report)));
}

/// The routes of those who run the server.
fn operated(config: &mut ServiceConfig) {
    config
        .service(resource("/health/live").route(web::get().to(operations::live)))
        .service(resource("/health/ready").route(web::get().to(operations::ready)))
        .service(resource("/metrics").route(web::get().to(operations::metrics)))
        .service(resource("/").route(web::get().to(operations::home)));
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

fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(method_not_allowed))
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        Code::NotFound,
        "See the endpoint table in the README.",
    ))
}

async fn method_not_allowed() -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        Code::MethodNotAllowed,
        "The path exists, but not with this method.",
    ))
}
