//! Export of spans by OpenTelemetry's protocol, OTLP over HTTP. Finished spans go into a bounded queue that a thread of its
//! own empties; when it is full they are dropped, so that no collector ever holds up an answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::propagation::Extractor;
use opentelemetry::{Key, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::Stopwatch;

/// How long a collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the last spans may take when the server stops.
const FLUSH: Duration = Duration::from_secs(3);
/// How often a collector that does not answer is complained about.
const COMPLAINT: Duration = Duration::from_mins(1);

/// The export of spans, if there is one; flushed when the server stops.
#[derive(Debug, Default)]
pub struct Export(pub(super) Option<SdkTracerProvider>);

impl Export {
    /// Sends what has not been sent, for at most 3 seconds.
    pub fn flush(self) {
        let Some(provider) = self.0 else { return };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// Starts to export spans to the collector at the address `to`; traces go on where a request's `traceparent` says.
///
/// # Errors
/// As the address is none.
pub(super) fn export(to: &str) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new())
        .with_endpoint(format!("{}/v1/traces", to.trim_end_matches('/')))
        .build()?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(exporter);
    Ok(provider.build())
}

/// What the environment says of this service (`OTEL_SERVICE_NAME` …); its name is ours where it has none.
fn resource() -> Resource {
    let given = Resource::builder();
    let name = given_name(&Resource::builder().build());
    match name {
        Some(_) => given,
        None => given.with_service_name("upswing"),
    }
    .build()
}

fn given_name(resource: &Resource) -> Option<String> {
    let name = resource.get(&Key::new("service.name"))?.to_string();
    Some(name).filter(|name| !name.starts_with("unknown_service"))
}

/// Makes a request's span a part of the trace that its headers name.
pub fn continue_trace<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) {
    let parent = global::get_text_map_propagator(|known| known.extract(&Headers(&header)));
    // Where nothing is exported, there is no parent to set.
    drop(span.set_parent(parent));
}

struct Headers<'h, 'a>(&'h dyn Fn(&str) -> Option<&'a str>);

impl Extractor for Headers<'_, '_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0(key)
    }

    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// Sends spans, and complains now and then about a collector that does not take them.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    complained: Mutex<Option<Stopwatch>>,
}

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .build();
        Self {
            agent: config.into(),
            complained: Mutex::default(),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let mut answer = self.agent.run(Request::from_parts(parts, body.to_vec()))?;
        // What was refused in part is no reason to send it again.
        drop(answer.body_mut().read_to_vec());
        Ok(answer.map(|_| Bytes::new()))
    }

    fn complain(&self, error: &ureq::Error) {
        let complained = &mut *self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = |last: &Stopwatch| last.elapsed() >= COMPLAINT;
        if complained.as_ref().is_none_or(is_due) {
            *complained = Some(Stopwatch::start());
            tracing::warn!(%error, "spans could not be exported");
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    /// Blocks: only the exporting thread calls it.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request);
        Ok(answer.inspect_err(|error| self.complain(error))?)
    }
}
