//! Telemetry: tracing and Prometheus metrics. A log field has one spelling everywhere.
//!
//! Fields: `experiment.key`, `metric`, `error`, `events`, `request_id`. Visitor ids are never logged at info. A failure is logged
//! once, where it is handled.

mod counts;

use std::time::{Duration, Instant};

pub use counts::{
    commit, decision, gauges, measure, overloaded, recorded, rejected, tripped, undecided, webhook,
};

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
