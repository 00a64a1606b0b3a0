//! HTTP: the route table on one screen. Handlers decode, make one call, and encode; they compute nothing.
//!
//! Every route says what it needs: a scope of an API key, or nothing (`access`). The description of the API follows from it.
//!
//! The hot routes come first and run without middleware but that gate: a request span with its id costs 5 µs of CPU, more
//! than half of what answering a returning visitor costs altogether (measured with `cargo bench --bench http`). They have one where
//! somebody reads it: when spans are exported, and under `--log upswing=debug`. All other routes always do.

mod access;
mod allocation;
mod answer;
mod assignments;
mod body;
mod clock;
mod compression;
mod connection;
mod consent;
mod cors;
mod debugger;
mod decide;
mod demo;
pub mod error;
mod evaluate;
mod events;
mod experiments;
mod explain;
mod exposure;
mod history;
mod import;
mod incoming;
mod keys;
mod link;
mod ofrep;
mod openapi;
mod operations;
mod pages;
mod plan;
mod playbook;
mod report;
mod segment;
mod span;
mod stream;
mod table;
mod visitors;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, ServiceConfig};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tracing::Level;
use tracing_actix_web::TracingLogger;

use crate::engine::Engine;
use crate::key::Scope::{Admin, Assign, Events, Read, Write};
use crate::profile::Consent;
pub use access::Limits;
use access::{Gate, needs, needs_or_body, needs_or_path, needs_or_session, needs_or_token};
pub use connection::Connections;
pub use cors::cors;
use error::{Code, Problem};
use span::RequestSpan;
use table::{Paths, at};

/// What handlers share.
#[derive(Clone)]
pub struct Server {
    /// The engine.
    pub engine: Engine,
    /// Salt of the global holdout's draw.
    pub salt: String,
    /// What holds for visitors who never said what they allow.
    pub unsaid: Consent,
    /// What personalization costs per month whatever it does, if that is known.
    pub monthly_cost: Option<f64>,
    /// What keys with a rate have spent.
    pub limits: Arc<Limits>,
    /// How long a client may keep the server waiting.
    pub patience: Duration,
    /// Streams that may still be opened.
    pub streams: Arc<Semaphore>,
    /// Where webhooks are asked about.
    pub webhooks: crate::webhook::Desk,
    /// Renders what was counted.
    pub metrics: PrometheusHandle,
}

/// The routes.
pub fn routes(config: &mut ServiceConfig, server: &Server) {
    let (hot, traced) = (hot(), traced(server.engine.clock().is_manual()));
    let all = hot.iter().chain(&traced).flat_map(Paths::described);
    config
        .app_data(web::Data::new(server.clone()))
        .app_data(web::Data::new(openapi::Document::new(all)));
    let is_watched = tracing::span_enabled!(Level::DEBUG);
    for paths in hot {
        let spans = Condition::new(is_watched, TracingLogger::<RequestSpan>::new());
        config.service(paths.resource().wrap(spans));
    }
    let traced = |config: &mut ServiceConfig| {
        for paths in traced {
            config.service(paths.resource());
        }
        config.default_service(web::to(not_found));
    };
    let scope = web::scope("")
        .wrap(from_fn(compression::compress))
        .wrap(TracingLogger::<RequestSpan>::new());
    config.service(scope.configure(traced));
}

/// The routes that answer within microseconds.
fn hot() -> Vec<Paths> {
    vec![
        at("/api/v1/assignments").post(needs(Assign), assignments::one, openapi::decisions::one),
        at("/api/v1/events")
            .post(needs(Events), events::track, openapi::events::track)
            .get(needs(Read), debugger::events, openapi::events::recent),
        at("/ofrep/v1/evaluate/flags").post(needs(Assign), ofrep::bulk, openapi::decisions::flags),
        at("/ofrep/v1/evaluate/flags/{key}").post(
            needs(Assign),
            ofrep::single,
            openapi::decisions::flag,
        ),
        at("/v1/{call}").post_each(
            needs_or_body(Events),
            segment::call,
            openapi::tracking::calls,
        ),
    ]
}

/// The routes that are logged with a request id.
fn traced(has_manual_clock: bool) -> Vec<Paths> {
    let mut paths = vec![
        at("/api/v1/assignments/batch").post(
            needs(Assign),
            assignments::batch,
            openapi::decisions::batch,
        ),
        at("/api/v1/import").post(needs(Write), import::import, openapi::events::import),
        at("/api/v1/holdout/report").get(needs(Read), report::holdout, openapi::reports::holdout),
        at("/api/v1/playbook").get(needs(Read), playbook::playbook, openapi::reports::playbook),
        at("/api/v1/plan").post(needs(Read), plan::plan, openapi::reports::plan),
        at("/v1/projects/{write_key}/settings").get(
            needs_or_path(Events),
            segment::settings,
            openapi::tracking::settings,
        ),
        at("/api/v1/stream").get(
            needs_or_token(Read),
            stream::happenings,
            openapi::experiments::happenings,
        ),
        at("/ofrep/v1/stream").get(
            needs_or_token(Assign),
            stream::flags,
            openapi::decisions::changes,
        ),
    ];
    paths.extend(of_visitors());
    paths.extend(of_experiments());
    paths.extend(about_experiments());
    paths.extend(of_keys());
    paths.extend(of_webhooks());
    paths.extend(operated());
    paths.extend(dashboard());
    if has_manual_clock {
        let clock = at("/api/v1/clock")
            .get(needs(Read), clock::get, openapi::operations::clock)
            .put(needs(Admin), clock::put, openapi::operations::set_clock);
        paths.push(clock);
    }
    paths
}

/// Who visitors are, and what is held about them.
fn of_visitors() -> Vec<Paths> {
    vec![
        at("/api/v1/visitors/{id}")
            .get(needs(Read), visitors::get, openapi::visitors::get)
            .delete(needs(Write), visitors::erase, openapi::visitors::erase),
        at("/api/v1/visitors/{id}/consent").put(
            needs(Events),
            visitors::consent,
            openapi::visitors::consent,
        ),
        at("/api/v1/visitors/{id}/alias").post(
            needs(Events),
            visitors::alias,
            openapi::visitors::alias,
        ),
    ]
}

/// Experiments and their lifecycle.
fn of_experiments() -> Vec<Paths> {
    use openapi::experiments as lifecycle;
    vec![
        at("/api/v1/experiments").get(needs(Read), experiments::list, lifecycle::list),
        at("/api/v1/experiments/{key}")
            .get(needs(Read), experiments::get, lifecycle::get)
            .put(needs(Write), experiments::put, lifecycle::put)
            .delete(needs(Write), experiments::archive, lifecycle::archive),
        at("/api/v1/experiments/{key}/start").post(
            needs(Write),
            experiments::start,
            lifecycle::start,
        ),
        at("/api/v1/experiments/{key}/pause").post(
            needs(Write),
            experiments::pause,
            lifecycle::pause,
        ),
        at("/api/v1/experiments/{key}/conclude").post(
            needs(Write),
            experiments::conclude,
            lifecycle::conclude,
        ),
        at("/api/v1/experiments/{key}/takeaway").put(
            needs(Write),
            experiments::learn,
            lifecycle::learn,
        ),
        at("/api/v1/experiments/{key}/reallocate").post(
            needs(Write),
            experiments::reallocate,
            lifecycle::reallocate,
        ),
        at("/api/v1/experiments/{key}/revert").post(
            needs(Write),
            experiments::revert,
            lifecycle::revert,
        ),
    ]
}

/// What experiments do and show.
fn about_experiments() -> Vec<Paths> {
    use openapi::{experiments as traffic, reports};
    vec![
        at("/api/v1/experiments/{key}/allocation").get(
            needs(Read),
            allocation::current,
            traffic::allocation,
        ),
        at("/api/v1/experiments/{key}/epochs").get(
            needs(Read),
            allocation::epochs,
            traffic::epochs,
        ),
        at("/api/v1/experiments/{key}/history").get(
            needs(Read),
            history::history,
            traffic::history,
        ),
        at("/api/v1/experiments/{key}/explain").get(
            needs(Read),
            explain::explain,
            reports::explain,
        ),
        at("/api/v1/experiments/{key}/evaluate").post(
            needs(Read),
            evaluate::evaluate,
            reports::evaluate,
        ),
        at("/api/v1/experiments/{key}/report").get(needs(Read), report::report, reports::report),
    ]
}

/// API keys.
fn of_keys() -> Vec<Paths> {
    vec![
        at("/api/v1/keys")
            .get(needs(Admin), keys::list, openapi::keys::list)
            .post(needs(Admin), keys::create, openapi::keys::create),
        at("/api/v1/keys/{id}").delete(needs(Admin), keys::revoke, openapi::keys::revoke),
    ]
}

/// Signed webhooks; their URLs may hold secrets.
fn of_webhooks() -> Vec<Paths> {
    vec![
        at("/api/v1/webhooks").get(needs(Admin), webhooks::list, openapi::webhooks::list),
        at("/api/v1/webhooks/{id}/redeliver").post(
            needs(Admin),
            webhooks::redeliver,
            openapi::webhooks::redeliver,
        ),
    ]
}

/// The routes of those who run the server.
fn operated() -> Vec<Paths> {
    vec![
        at("/health/live").get(Gate::Open, operations::live, openapi::operations::live),
        at("/health/ready").get(Gate::Open, operations::ready, openapi::operations::ready),
        at("/metrics").get(
            needs(Read),
            operations::metrics,
            openapi::operations::metrics,
        ),
        at("/api/openapi.json").get(Gate::Open, openapi::document, openapi::operations::document),
        at("/api/docs").get(Gate::Open, openapi::to_page, openapi::operations::to_page),
        at("/api/docs/").get(Gate::Open, openapi::page, openapi::operations::page),
        at("/api/docs/{file}").get(Gate::Open, openapi::part, openapi::operations::part),
        at("/demo/{file}").get(Gate::Open, demo::part, openapi::operations::shop),
    ]
}

/// Pages, for people.
fn dashboard() -> Vec<Paths> {
    use pages::{acts, define, experiments, session, share};
    let mut pages = vec![
        at("/holdout").page(needs_or_session(Read), pages::holdout::page),
        at("/playbook").page(needs_or_session(Read), pages::playbook::page),
        at("/").page(needs_or_session(Read), experiments::list),
        at("/experiments/{key}").page(needs_or_session(Read), experiments::page),
        at("/experiments/{key}/report.html").page(needs_or_session(Read), share::report),
        at("/experiments/{key}/report.{format}").page(needs_or_session(Read), pages::exports::file),
        at("/experiments/{key}/share").form(needs_or_session(Read), share::share),
        at("/shared/{token}").page(Gate::Open, share::open),
        at("/experiments/{key}/start").form(needs_or_session(Write), acts::start),
        at("/experiments/{key}/pause").form(needs_or_session(Write), acts::pause),
        at("/experiments/{key}/conclude").form(needs_or_session(Write), acts::conclude),
        at("/experiments/{key}/takeaway").form(needs_or_session(Write), acts::learn),
        at("/experiments/{key}/archive").form(needs_or_session(Write), acts::archive),
        at("/experiments/{key}/reallocate")
            .page(needs_or_session(Write), acts::proposal)
            .form(needs_or_session(Write), acts::reallocate),
        at("/experiments/{key}/edit")
            .page(needs_or_session(Write), define::edit)
            .form(needs_or_session(Write), define::save),
        at("/new")
            .page(needs_or_session(Write), define::new)
            .form(needs_or_session(Write), define::create),
        at("/login")
            .page(Gate::Open, session::form)
            .form(Gate::Open, session::begin),
        at("/logout").form(Gate::Open, session::end),
        at(crate::dashboard::style_path()).page(Gate::Open, pages::style),
    ];
    pages.extend(watched());
    pages
}

/// Pages of what arrives, and of whom.
fn watched() -> Vec<Paths> {
    use pages::{events, visitors};
    vec![
        at("/stream").page(needs_or_session(Read), stream::happenings),
        at("/events").page(needs_or_session(Read), events::page),
        at("/visitors").page(needs_or_session(Read), visitors::page),
        at("/visitors/export").page(needs_or_session(Read), visitors::export),
        at("/visitors/consent").form(needs_or_session(Write), visitors::consent),
        at("/visitors/erase")
            .page(needs_or_session(Write), visitors::ask)
            .form(needs_or_session(Write), visitors::erase),
    ]
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(
        Code::NotFound,
        "See the endpoint table in the README.",
    ))
}
