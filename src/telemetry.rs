//! Telemetry: tracing and Prometheus metrics. A log field has one spelling everywhere.
//!
//! Fields: `experiment.key`, `metric`, `error`, `events`, `request_id`; of requests those that OpenTelemetry names, such as
//! `http.route`. Visitor ids, tokens and keys are in no span and no log line; values of attributes at most under `debug`, where an
//! audience can not be evaluated. A failure is logged once, where it is handled.

mod counts;
mod otlp;

use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use counts::{
    commit, decision, gauges, measure, overloaded, recorded, rejected, tripped, undecided, webhook,
};
pub use otlp::{Export, continue_trace};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

/// Starts logging to stderr; the level comes from `filter` (such as `info` or `upswing=debug`). Spans are exported to the
/// collector at `otlp`, if there is one.
///
/// # Errors
/// As the collector's address is none.
pub fn log(
    format: LogFormat,
    filter: &str,
    otlp: Option<&str>,
) -> Result<Export, ExporterBuildError> {
    let provider = otlp.map(otlp::export).transpose()?;
    // A second start in one process (tests) keeps the first subscriber.
    drop(subscriber(format, filter, provider.as_ref()).try_init());
    Ok(Export(provider))
}

/// Where log lines and spans go.
fn subscriber(
    format: LogFormat,
    filter: &str,
    provider: Option<&SdkTracerProvider>,
) -> impl Subscriber + Send + Sync {
    // The exporter complains for itself, and less often.
    let filter = EnvFilter::try_new(format!("{filter},opentelemetry_sdk=off"))
        .unwrap_or_else(|_| "info,opentelemetry_sdk=off".into());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Pretty => lines.with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let spans = provider.map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("upswing"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_exported).with_max_level_hint(LevelFilter::DEBUG))
    });
    tracing_subscriber::registry().with(lines).with(spans)
}

/// Our own spans are exported, of requests and of the engine, without the log lines within them.
fn is_exported(of: &Metadata<'_>) -> bool {
    of.is_span() && of.target().starts_with("upswing")
}

/// A number as spans carry it: exporters know signed ones.
pub fn figure(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The most verbose level that anybody reads: below it, spans cost a comparison.
    fn read(filter: &str, provider: Option<&SdkTracerProvider>) -> Option<LevelFilter> {
        subscriber(LogFormat::Pretty, filter, provider).max_level_hint()
    }

    #[test]
    fn spans_of_hot_routes_are_made_where_somebody_reads_them() {
        assert_eq!(read("info", None), Some(LevelFilter::INFO));
        assert_eq!(read("upswing=debug", None), Some(LevelFilter::DEBUG));
        let provider = SdkTracerProvider::default();
        assert_eq!(read("info", Some(&provider)), Some(LevelFilter::DEBUG));
    }
}
