//! How a request is turned away, as each face has it.

use std::num::NonZeroU64;

use actix_web::http::header::{HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::super::error::{Code, Problem};
use super::super::{ofrep, pages};

/// Why a request is turned away.
#[derive(Debug)]
pub(in crate::http) struct Refusal {
    problem: Problem,
    /// Seconds to wait.
    wait: Option<NonZeroU64>,
    /// Where to go first.
    to: Option<String>,
}

impl Refusal {
    /// No key came.
    pub(super) fn missing() -> Self {
        Problem::new(
            Code::Unauthorized,
            "The request needs an API key, as Authorization: Bearer or X-API-Key.",
        )
        .into()
    }

    /// What came opens nothing.
    pub(super) fn wrong() -> Self {
        Problem::new(Code::Unauthorized, "This is no API key in force.").into()
    }

    /// A token came too late.
    pub(super) fn ended() -> Self {
        Problem::new(
            Code::Unauthorized,
            "The token has ended; evaluate the flags again for another one.",
        )
        .into()
    }

    /// A page was asked for without a session.
    pub(super) fn signed_out(request: &HttpRequest) -> Self {
        let next = if request.method().is_safe() {
            request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str())
        } else {
            "/"
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", next);
        Self {
            to: Some(format!("/login?{}", query.finish())),
            ..Self::missing()
        }
    }

    /// The key has asked too often.
    pub(super) fn too_many(wait: NonZeroU64) -> Self {
        let detail = format!("The key's rate is spent; try again in {wait} s.");
        Self {
            problem: Problem::new(Code::RateLimited, detail),
            wait: Some(wait),
            to: None,
        }
    }

    /// The answer, in the words of the face that the path belongs to.
    pub(in crate::http) fn response(self, path: &str) -> HttpResponse {
        if let Some(to) = self.to {
            return HttpResponse::SeeOther()
                .insert_header((LOCATION, to))
                .finish();
        }
        let is_unauthorized = self.problem.code == Code::Unauthorized;
        let mut response = if ofrep::speaks(path) {
            ofrep::refused(self.problem)
        } else if pages::speaks(path) {
            pages::told(&self.problem)
        } else {
            self.problem.error_response()
        };
        let headers = response.headers_mut();
        if is_unauthorized {
            // Never Basic: a browser would ask its user for a password.
            let challenge = HeaderValue::from_static("Bearer realm=\"upswing\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.get()));
        }
        response
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            wait: None,
            to: None,
        }
    }
}
