//! `upswing serve`: the server, from opening the store to draining it.

use std::net::ToSocketAddrs;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::signal::ctrl_c;
use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::rt::task::JoinHandle;
use actix_web::{App, HttpServer};
use tokio::sync::Semaphore;

use super::tls::Certificate;
use super::watch::Watch;
use super::{Failure, say};
use crate::config::Config;
use crate::engine::files::{self, Files};
use crate::engine::{Engine, EngineError, Setup};
use crate::http::{Connections, Server, cors, routes};
use crate::store::{Store, StoreError};
use crate::telemetry;
use crate::webhook::{self, Couriers};

/// Connections at once, unless the settings name another number.
const CONNECTIONS: usize = 10_000;
/// Open files of the store, the log and webhooks.
const OWN_FILES: usize = 256;
/// Open files of a connection: see [`Connections`].
const FILES_OF_CONNECTION: usize = 2;

/// Serves until told to stop.
///
/// # Errors
/// Mistakes in the experiment files, a store that can not be opened, an address that can not be bound.
pub(super) fn run(config: &Config, manual_clock: bool) -> Result<(), Failure> {
    let export = telemetry::log(config.log_format, &config.log, config.otlp.as_deref());
    let export = export.map_err(|error| Failure::usage(format!("--otlp: {error}")))?;
    let metrics = telemetry::measure();
    let files = files::read(&config.experiments)
        .map_err(|error| Failure::input(format!("{}: {error}", config.experiments.display())))?;
    if !files.mistakes.is_empty() {
        return Err(Failure::mistakes(&files.mistakes));
    }
    let certificate = config.tls.as_ref().map(Certificate::open).transpose()?;
    let targets = webhook::targets(&config.webhooks, &config.webhook_secrets)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let room = room(config);
    let store = Store::open(&config.data, config.cache_bytes)?;
    let (engine, writer) = Engine::start(setup(config, store, manual_clock))?;
    let couriers = Couriers::start(engine.clone(), targets, &config.data)
        .map_err(|error| Failure::store(format!("webhooks: {error}")))?;
    let server = Server {
        unsaid: config.consent,
        engine: engine.clone(),
        webhooks: couriers.desk(),
        salt: config.salt.clone(),
        monthly_cost: config.monthly_cost,
        limits: Arc::default(),
        patience: config.patience,
        streams: Arc::new(Semaphore::new(room / 2)),
        metrics,
    };
    let work = serve(config, server, files, certificate, room);
    let result = actix_web::rt::System::new().block_on(work);
    couriers.stop();
    engine.stop();
    writer.join()?;
    export.flush();
    result
}

/// How many connections may be open at once, as far as open files are allowed.
fn room(config: &Config) -> usize {
    let now = || rlimit::Resource::NOFILE.get_soft();
    let files = rlimit::increase_nofile_limit(u64::MAX).or_else(|_| now());
    let files = files.map_or(usize::MAX, |files| files.try_into().unwrap_or(usize::MAX));
    let most = files.saturating_sub(OWN_FILES) / FILES_OF_CONNECTION;
    let wanted = config.max_connections.map(|wanted| wanted.get() as usize);
    if wanted.is_some_and(|wanted| wanted > most) {
        tracing::warn!("{files} open files allow for {most} connections");
    }
    wanted.unwrap_or(CONNECTIONS).min(most).max(1)
}

/// How the engine is started.
pub(super) fn setup(config: &Config, store: Store, manual_clock: bool) -> Setup {
    Setup {
        store,
        manual_clock,
        zone: config.time_zone.clone(),
        seed: rand::random(),
        sticky_visitors: config.sticky,
        unsaid: config.consent,
        queue: config.queue,
    }
}

async fn serve(
    config: &Config,
    server: Server,
    files: Files,
    certificate: Option<Certificate>,
    room: usize,
) -> Result<(), Failure> {
    let engine = server.engine.clone();
    may_listen(config, &engine)?;
    let mut watch = Watch::new(engine.clone(), config.experiments.clone());
    watch
        .hold_out(config.global_holdout.clone())
        .await
        .map_err(Failure::input)?;
    watch.apply(&files).await.map_err(Failure::input)?;
    let connections = Arc::new(Connections::default());
    let (running, urls) = listen(config, server, certificate.as_ref(), (&connections, room))?;
    let looked = actix_web::rt::spawn(connections.watch(config.patience));
    for url in urls {
        welcome(&url, &engine);
    }
    let renewed = certificate.map(|certificate| actix_web::rt::spawn(certificate.watch()));
    let (handle, told) = (running.handle(), running.handle());
    let listeners = engine.clone();
    let stopped = actix_web::rt::spawn(async move {
        told_to_stop().await;
        // A stream would keep the server waiting.
        listeners.close_notices();
        told.stop(true).await;
    });
    let watched = actix_web::rt::spawn(watch.run());
    let guarded = actix_web::rt::spawn(async move {
        while !engine.has_failed() {
            actix_web::rt::time::sleep(Duration::from_millis(100)).await;
        }
        handle.stop(false).await;
    });
    let result = running
        .await
        .map_err(|error| Failure::input(error.to_string()));
    looked.abort();
    watched.abort();
    renewed.inspect(JoinHandle::abort);
    guarded.abort();
    stopped.abort();
    result
}

/// A server that listens, and where.
fn listen(
    config: &Config,
    server: Server,
    certificate: Option<&Certificate>,
    (connections, room): (&Arc<Connections>, usize),
) -> Result<(actix_web::dev::Server, Vec<String>), Failure> {
    let origins = config.origins.clone();
    let build = move || {
        let server = server.clone();
        App::new()
            .wrap(cors(&origins, server.engine.clone()))
            .configure(|config| routes(config, &server))
    };
    let connections = Arc::clone(connections);
    let bound = HttpServer::new(build)
        .on_connect(move |stream, known| connections.note(stream, known))
        .workers(config.workers)
        .max_connections(room.div_ceil(config.workers))
        .client_request_timeout(config.patience)
        .keep_alive(config.patience)
        .shutdown_timeout(10)
        .disable_signals();
    let bound = match certificate {
        Some(certificate) => bound.bind_rustls_0_23(&config.listen, certificate.server()?),
        None => bound.bind(&config.listen),
    };
    let bound = bound
        .map_err(|error| Failure::input(format!("can not listen on {}: {error}", config.listen)))?;
    let addresses = bound.addrs_with_scheme().into_iter();
    let urls: Vec<String> = addresses
        .map(|(address, scheme)| format!("{scheme}://{address}"))
        .collect();
    Ok((bound.run(), urls))
}

/// Nobody but this machine may come in while there are no keys.
fn may_listen(config: &Config, engine: &Engine) -> Result<(), Failure> {
    let unknown = |error| Failure::input(format!("can not listen on {}: {error}", config.listen));
    let mut addresses = config.listen.to_socket_addrs().map_err(unknown)?;
    let is_local = addresses.all(|address| address.ip().to_canonical().is_loopback());
    if is_local || config.insecure || !engine.snapshot().keys.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "refusing to listen on {} without API keys: anybody could change experiments.\n\
         Make a key first (upswing keys new --scope admin --data {}), or say --insecure",
        config.listen,
        config.data.display()
    )))
}

/// Waits for the signal to stop.
async fn told_to_stop() {
    let asked = async {
        match signal(SignalKind::terminate()) {
            Ok(mut asked) => asked.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    let interrupted = async {
        if ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    futures_util::future::select(pin!(asked), pin!(interrupted)).await;
}

fn welcome(url: &str, engine: &Engine) {
    let snapshot = engine.snapshot();
    let running: Vec<&str> = snapshot
        .catalog
        .iter()
        .map(|entry| entry.experiment.key.as_str())
        .collect();
    say(&format!("listening on {url}"));
    if let Some(first) = running.first() {
        say(&format!("experiments: {}", running.join(", ")));
        say(&format!(
            "try:  curl -s {url}/api/v1/assignments -d '{{\"visitor\":\"anna\"}}'\n      upswing demo --server {url}\n      upswing report {first} --server {url}"
        ));
    } else {
        say("no experiments yet: put a file into the experiments directory");
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::store(error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::store(error.to_string())
    }
}
