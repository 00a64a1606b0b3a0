//! The spans of requests: by which route something was asked and how it was answered, never by whom. Paths and queries hold
//! ids of visitors, tokens and write keys, and what a client is told of its mistakes repeats them, so a span has the route's
//! pattern and the code alone.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{RequestId, RootSpanBuilder};

use super::error::Problem;
use crate::telemetry::{self, figure};

/// How spans of requests begin and end.
pub(super) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let (method, route) = (request.method().as_str(), request.match_pattern());
        let name = format!("{method} {}", route.as_deref().unwrap_or_default());
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(ToString::to_string);
        let span = tracing::info_span!(
            "request",
            otel.name = name.trim_end(),
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
            error.type = Empty,
            request_id = id,
        );
        telemetry::continue_trace(&span, |name| request.headers().get(name)?.to_str().ok());
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let (status, error) = match outcome {
            Ok(response) => (response.status(), response.response().error()),
            Err(error) => (error.as_response_error().status_code(), Some(error)),
        };
        span.record("http.response.status_code", figure(status.as_u16()));
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        if let Some(problem) = error.and_then(Error::as_error::<Problem>) {
            span.record("error.type", problem.code.name());
        }
        tracing::debug!(parent: &span, "answered");
    }
}
