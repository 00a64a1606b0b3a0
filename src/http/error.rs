//! Errors on the wire: RFC 9457 problem details with a stable code. One table gives each code its status and title.

mod causes;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

/// Everything that can be wrong with a request, or here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not valid JSON, or not of the right shape.
    InvalidBody,
    /// A field has an impossible value.
    InvalidField,
    /// A query parameter has an impossible value.
    InvalidQuery,
    /// A time lies before 2000 or too far ahead.
    TimestampOutOfRange,
    /// An amount is no number or out of range.
    InvalidAmount,
    /// The body, or one line of it, is too large.
    BodyTooLarge,
    /// Too many items in one request.
    BatchTooLarge,
    /// Compressed content is cut short or damaged.
    InvalidEncoding,
    /// A definition has mistakes.
    InvalidDefinition,
    /// A plan needs a figure that is neither given nor known.
    PlanIncomplete,
    /// The experiment has nothing to compare.
    NothingToPlan,
    /// There is no such experiment.
    UnknownExperiment,
    /// There is no such variant.
    UnknownVariant,
    /// There is no such epoch.
    UnknownEpoch,
    /// The weights of the epoch can not come back.
    Irreversible,
    /// There is no such metric.
    UnknownMetric,
    /// There is no such dimension.
    UnknownDimension,
    /// A policy's probabilities are none, or do not add up to 1, or are missing for some visitors.
    InvalidPolicy,
    /// A ratio can not be judged.
    RatioMetric,
    /// Visitors were imported without an allocation.
    UnknownPropensity,
    /// No visitor tells anything about the policy.
    NoData,
    /// The visitors tell too little about the policy.
    TooLittleOverlap,
    /// One visitor decides what the policy is worth.
    Dominated,
    /// No global holdout is configured.
    NoHoldout,
    /// An imported row needs an id.
    IdRequired,
    /// The person would have too many ids.
    TooManyAliases,
    /// The profile would have too many traits, or be too long.
    TooManyTraits,
    /// Nothing is held about the visitor.
    UnknownVisitor,
    /// No key came, or none that is in force.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// Pages of this origin may not ask, or not with this key.
    OriginForbidden,
    /// The key has asked too often.
    RateLimited,
    /// There is no such API key.
    UnknownKey,
    /// Nobody could manage keys.
    AdminKeyRequired,
    /// The link is none of ours, or its key is revoked.
    UnknownLink,
    /// The link's time is over.
    LinkExpired,
    /// There is no such route.
    NotFound,
    /// The route exists, the method does not.
    MethodNotAllowed,
    /// The experiment does not stand where this is possible.
    IllegalTransition,
    /// The experiment is defined by a file.
    OwnedByFile,
    /// Metrics of an experiment with visitors can not be changed yet.
    MetricsWithData,
    /// Somebody else changed it first.
    VersionConflict,
    /// The clock only moves forward.
    ClockMovesForward,
    /// Too many writes are waiting.
    Overloaded,
    /// The server is stopping, or its disk failed.
    Unavailable,
    /// Too many streams are open.
    TooManyStreams,
    /// The body came too slowly.
    RequestTimeout,
    /// A fault of the server.
    Internal,
}

impl Code {
    /// Every code.
    pub(super) const ALL: [Self; 48] = [
        Self::InvalidBody,
        Self::InvalidField,
        Self::InvalidQuery,
        Self::TimestampOutOfRange,
        Self::InvalidAmount,
        Self::BodyTooLarge,
        Self::BatchTooLarge,
        Self::InvalidEncoding,
        Self::InvalidDefinition,
        Self::PlanIncomplete,
        Self::NothingToPlan,
        Self::UnknownExperiment,
        Self::UnknownVariant,
        Self::UnknownEpoch,
        Self::Irreversible,
        Self::UnknownMetric,
        Self::UnknownDimension,
        Self::InvalidPolicy,
        Self::RatioMetric,
        Self::UnknownPropensity,
        Self::NoData,
        Self::TooLittleOverlap,
        Self::Dominated,
        Self::NoHoldout,
        Self::IdRequired,
        Self::TooManyAliases,
        Self::TooManyTraits,
        Self::UnknownVisitor,
        Self::Unauthorized,
        Self::Forbidden,
        Self::OriginForbidden,
        Self::RateLimited,
        Self::UnknownKey,
        Self::AdminKeyRequired,
        Self::UnknownLink,
        Self::LinkExpired,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::IllegalTransition,
        Self::OwnedByFile,
        Self::MetricsWithData,
        Self::VersionConflict,
        Self::ClockMovesForward,
        Self::Overloaded,
        Self::Unavailable,
        Self::TooManyStreams,
        Self::RequestTimeout,
        Self::Internal,
    ];

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::InvalidBody
            | Self::InvalidField
            | Self::InvalidQuery
            | Self::TimestampOutOfRange
            | Self::InvalidAmount
            | Self::InvalidEncoding
            | Self::IdRequired => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge | Self::BatchTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidDefinition
            | Self::PlanIncomplete
            | Self::NothingToPlan
            | Self::UnknownMetric
            | Self::UnknownDimension
            | Self::InvalidPolicy
            | Self::RatioMetric
            | Self::UnknownPropensity
            | Self::NoData
            | Self::TooLittleOverlap
            | Self::Dominated => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::OriginForbidden => StatusCode::FORBIDDEN,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownExperiment
            | Self::UnknownVariant
            | Self::UnknownEpoch
            | Self::UnknownKey
            | Self::UnknownVisitor
            | Self::UnknownLink
            | Self::NoHoldout
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::LinkExpired => StatusCode::GONE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::IllegalTransition
            | Self::OwnedByFile
            | Self::AdminKeyRequired
            | Self::Irreversible
            | Self::MetricsWithData
            | Self::TooManyAliases
            | Self::TooManyTraits
            | Self::ClockMovesForward => StatusCode::CONFLICT,
            Self::VersionConflict => StatusCode::PRECONDITION_FAILED,
            Self::Overloaded | Self::Unavailable | Self::TooManyStreams => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::InvalidBody => "The body can not be read",
            Self::InvalidField => "A field has an impossible value",
            Self::InvalidQuery => "A query parameter has an impossible value",
            Self::TimestampOutOfRange => "A time is out of range",
            Self::InvalidAmount => "An amount is not a number in range",
            Self::BodyTooLarge => "The body is too large",
            Self::BatchTooLarge => "The batch is too large",
            Self::InvalidEncoding => "The content can not be unpacked",
            Self::InvalidDefinition => "The definition has mistakes",
            Self::PlanIncomplete => "The plan needs one more figure",
            Self::NothingToPlan => "There is nothing to plan",
            Self::UnknownExperiment => "Unknown experiment",
            Self::UnknownVariant => "Unknown variant",
            Self::UnknownEpoch => "Unknown epoch",
            Self::Irreversible => "These weights can not come back",
            Self::UnknownMetric => "Unknown metric",
            Self::UnknownDimension => "Unknown dimension",
            Self::InvalidPolicy => "The policy's probabilities are not usable",
            Self::RatioMetric => "A ratio can not be judged",
            Self::UnknownPropensity => "The visitors' propensities are not known",
            Self::NoData => "No visitor tells anything about the policy",
            Self::TooLittleOverlap => "The visitors tell too little about the policy",
            Self::Dominated => "One visitor decides what the policy is worth",
            Self::NoHoldout => "Nobody is held out",
            Self::IdRequired => "The row needs an id",
            Self::TooManyAliases => "The person would have too many ids",
            Self::TooManyTraits => "The profile would have too many traits",
            Self::UnknownVisitor => "Unknown visitor",
            Self::Unauthorized => "The request needs an API key",
            Self::Forbidden => "The API key may not do this",
            Self::OriginForbidden => "Pages of this origin may not ask this",
            Self::RateLimited => "The API key has asked too often",
            Self::UnknownKey => "Unknown API key",
            Self::AdminKeyRequired => "An API key for managing keys must remain",
            Self::UnknownLink => "This link opens nothing",
            Self::LinkExpired => "The link has expired",
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "This method is not possible here",
            Self::IllegalTransition => "Not possible in the experiment's present status",
            Self::OwnedByFile => "The experiment is defined by a file",
            Self::MetricsWithData => "What is measured can not change once there are visitors",
            Self::VersionConflict => "The experiment has changed meanwhile",
            Self::ClockMovesForward => "The clock only moves forward",
            Self::Overloaded => "Too many writes are waiting",
            Self::Unavailable => "The server can not write",
            Self::TooManyStreams => "Too many streams are open",
            Self::RequestTimeout => "The body comes too slowly",
            Self::Internal => "A fault of the server",
        }
    }

    /// The stable name.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// One offending place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct At {
    /// Where in the request: `visitor`, `events[3].timestamp`, `variants[1].weight` (with its line, if known).
    pub path: String,
    /// What is wrong there, and what would be right.
    pub detail: String,
}

/// What is wrong with a request, or here.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details<'a> {
    /// A name of the kind of problem: `urn:upswing:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means.
    title: &'a str,
    /// The status of a response with this problem.
    status: u16,
    /// The stable code.
    code: Code,
    /// What is wrong in this very case.
    detail: &'a str,
    /// Where, if the problem has a place.
    #[serde(skip_serializing_if = "<[At]>::is_empty")]
    errors: &'a [At],
}

/// A problem, as the client is told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code:?}: {detail}")]
pub struct Problem {
    /// Its code.
    pub code: Code,
    /// What is wrong in this very case.
    pub detail: String,
    /// Where.
    pub errors: Vec<At>,
}

impl Problem {
    /// A problem of the request as a whole.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// A problem at one place of the request.
    pub fn at(code: Code, path: impl Into<String>, detail: impl Into<String>) -> Self {
        let (path, detail) = (path.into(), detail.into());
        Self {
            code,
            detail: format!("{path} {detail}"),
            errors: vec![At { path, detail }],
        }
    }

    /// The problem as JSON.
    pub fn body(&self) -> serde_json::Value {
        serde_json::json!(Details {
            kind: format!("urn:upswing:problem:{}", self.code.name()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
        })
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.code.status());
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if self.code.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.body(self.body().to_string())
    }
}
