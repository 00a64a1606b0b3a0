//! What an evaluation fails with, as clients of the protocol read it: always both a code and details.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::super::error::{Code, Problem};
use crate::store::StoreError;

/// The codes of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = FlagErrorCode)]
pub(super) enum ErrorCode {
    /// The body can not be read.
    ParseError,
    /// No visitor is named.
    TargetingKeyMissing,
    /// The context has an impossible value.
    InvalidContext,
    /// There is no such experiment.
    FlagNotFound,
    /// Anything else.
    General,
}

/// A failed evaluation, as clients read it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FlagFailure)]
pub(in crate::http) struct Told<'a> {
    /// The flag, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// What went wrong, for machines.
    error_code: ErrorCode,
    /// The same for people.
    error_details: &'a str,
}

/// A failed evaluation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code:?}: {details}")]
pub(crate) struct Failure {
    status: StatusCode,
    key: Option<String>,
    code: ErrorCode,
    details: String,
}

impl Failure {
    pub(super) fn new(code: ErrorCode, details: impl Into<String>) -> Self {
        let status = match code {
            ErrorCode::ParseError
            | ErrorCode::TargetingKeyMissing
            | ErrorCode::InvalidContext
            | ErrorCode::General => StatusCode::BAD_REQUEST,
            ErrorCode::FlagNotFound => StatusCode::NOT_FOUND,
        };
        Self {
            status,
            key: None,
            code,
            details: details.into(),
        }
    }

    /// The failure of a flag.
    pub(super) fn of(self, key: String) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    pub(super) fn body(&self) -> Value {
        json!(Told {
            key: self.key.as_deref(),
            error_code: self.code,
            error_details: &self.details,
        })
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CONTENT_TYPE, "application/json"));
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.body(self.body().to_string())
    }
}

impl From<Problem> for Failure {
    /// What is full is told as the protocol has it, by 429: clients wait and ask again.
    fn from(problem: Problem) -> Self {
        let status = if matches!(problem.code, Code::Overloaded | Code::TooManyStreams) {
            StatusCode::TOO_MANY_REQUESTS
        } else {
            problem.status_code()
        };
        Self {
            status,
            ..Self::new(ErrorCode::General, problem.detail)
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}
