//! Telemetry: tracing and Prometheus metrics. The one list of metric names; a log field has one spelling everywhere.
//!
//! Fields: `experiment.key`, `metric`, `error`, `events`, `request_id`. Visitor ids are never logged at info. A failure is logged
//! once, where it is handled.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::{
    Counter, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::assign::decision::Reason;
use crate::catalog::Trip;

/// Decisions by reason.
pub const DECISIONS: &str = "upswing_decisions_total";
/// Events by fate.
pub const EVENTS: &str = "upswing_events_total";
/// Audiences that could not be evaluated, by experiment.
pub const UNDECIDED: &str = "upswing_audience_undecided_total";
/// Seconds of a commit, from folding to the disk's word.
pub const COMMIT_SECONDS: &str = "upswing_commit_seconds";
/// Events of a commit.
pub const COMMIT_EVENTS: &str = "upswing_commit_events";
/// Requests refused because the writer's queue was full.
pub const OVERLOADED: &str = "upswing_overloaded_total";
/// Guardrails that tripped, by experiment.
pub const TRIPS: &str = "upswing_guardrail_trips_total";
/// Attempts to deliver webhooks, by result.
pub const WEBHOOKS: &str = "upswing_webhook_deliveries_total";
/// Epochs by experiment.
pub const EPOCHS: &str = "upswing_epochs";
/// Bytes of the store on disk.
pub const STORE_BYTES: &str = "upswing_store_bytes";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

/// Starts logging to stderr; the level comes from `filter` (such as `info` or `upswing=debug`).
pub fn log(format: LogFormat, filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| "info".into());
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter);
    // A second start in one process (tests) keeps the first subscriber.
    drop(match format {
        LogFormat::Pretty => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    });
}

/// Starts counting; the handle renders what was counted. A second start in one process counts on under the first.
pub fn measure() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&[
            0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0,
        ])
        .unwrap_or_else(|_| PrometheusBuilder::new())
        .build_recorder();
    let handle = recorder.handle();
    drop(metrics::set_global_recorder(recorder));
    describe_counter!(DECISIONS, "Decisions by reason.");
    describe_counter!(EVENTS, "Events by fate: accepted, duplicate or rejected.");
    describe_counter!(
        UNDECIDED,
        "Audiences that could not be evaluated, by experiment."
    );
    describe_histogram!(
        COMMIT_SECONDS,
        "Seconds of a commit, from folding to the disk's word."
    );
    describe_counter!(COMMIT_EVENTS, "Events committed.");
    describe_counter!(
        OVERLOADED,
        "Requests refused because the writer's queue was full."
    );
    describe_counter!(TRIPS, "Guardrails that tripped, by experiment.");
    describe_counter!(
        WEBHOOKS,
        "Attempts to deliver webhooks, by result: delivered, failed or dead."
    );
    describe_gauge!(EPOCHS, "Epochs by experiment.");
    describe_gauge!(STORE_BYTES, "Bytes of the store on disk.");
    handle
}

/// Measures how long something takes.
#[derive(Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "durations of the shell's own work, never the time of an event"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Counts a commit.
pub fn commit(events: usize, since: &Stopwatch) {
    histogram!(COMMIT_SECONDS).record(since.elapsed().as_secs_f64());
    counter!(COMMIT_EVENTS).increment(events as u64);
}

/// Counts events by fate.
pub fn events(fate: &'static str, count: usize) {
    counter!(EVENTS, "fate" => fate).increment(count as u64);
}

/// Counts an audience that could not be evaluated.
pub fn undecided(experiment: &str) {
    counter!(UNDECIDED, "experiment" => experiment.to_owned()).increment(1);
}

/// Counts a guardrail that tripped, and tells whoever reads the log.
pub fn tripped(experiment: &str, trip: &Trip) {
    counter!(TRIPS, "experiment" => experiment.to_owned()).increment(1);
    tracing::warn!(
        experiment.key = experiment,
        metric = trip.metric.as_str(),
        "{}",
        trip.receipt
    );
}

/// Counts an attempt to deliver a webhook.
pub fn webhook(result: &'static str) {
    counter!(WEBHOOKS, "result" => result).increment(1);
}

/// Counts a refusal for a full queue.
pub fn overloaded() {
    counter!(OVERLOADED).increment(1);
}

/// Sets what is measured on demand.
pub fn gauges(store_bytes: u64, epochs: impl Iterator<Item = (String, usize)>) {
    gauge!(STORE_BYTES).set(store_bytes as f64);
    for (experiment, count) in epochs {
        gauge!(EPOCHS, "experiment" => experiment).set(count as f64);
    }
}

/// Counts a decision. The counters are looked up once: this runs for every answer.
pub fn decision(reason: Reason) {
    static COUNTERS: OnceLock<BTreeMap<Reason, Counter>> = OnceLock::new();
    let counters = COUNTERS.get_or_init(|| {
        let named = |reason: Reason| (reason, counter!(DECISIONS, "reason" => reason.name()));
        Reason::ALL.into_iter().map(named).collect()
    });
    if let Some(counter) = counters.get(&reason) {
        counter.increment(1);
    }
}
