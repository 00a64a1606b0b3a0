//! The dashboard over HTTP: decode what is asked, take values from the engine, hand them to [`crate::dashboard`].
//!
//! Whoever has no session is led to where one begins. An act is a form, and leads back to a page that says what came of it.

pub(super) mod acts;
pub(super) mod define;
pub(super) mod events;
pub(super) mod experiments;
pub(super) mod exports;
mod form;
pub(super) mod holdout;
pub(super) mod playbook;
pub(super) mod session;
pub(super) mod share;
pub(super) mod visitors;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};

use super::access::Caller;
use super::error::Problem;
use crate::dashboard::refused::{self, Refused};
use crate::dashboard::{self, Frame, Place, live};
use crate::key::Scope;

/// What every page says of itself.
const HEADERS: [(HeaderName, &str); 3] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Whether what is under a path is a page, for people.
pub(super) fn speaks(path: &str) -> bool {
    let others = ["/api/", "/v1/", "/ofrep/", "/health/", "/metrics", "/demo/"];
    !others.iter().any(|other| path.starts_with(other))
}

/// A problem, told on a page.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PageProblem(Problem);

impl From<Problem> for PageProblem {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl ResponseError for PageProblem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        told(&self.0)
    }
}

/// The page that tells of a problem.
pub(super) fn told(problem: &Problem) -> HttpResponse {
    let page = refused::page(&Frame::default(), &refused(problem), "/");
    html(HttpResponse::build(problem.code.status()), page)
}

fn refused(problem: &Problem) -> Refused {
    let places = problem.errors.iter();
    Refused {
        title: problem.code.title().to_owned(),
        detail: problem.detail.clone(),
        code: problem.code.name(),
        places: places
            .map(|at| (at.path.clone(), at.detail.clone()))
            .collect(),
    }
}

/// A page.
fn html(mut response: HttpResponseBuilder, page: String) -> HttpResponse {
    for header in HEADERS {
        response.insert_header(header);
    }
    response.insert_header((CONTENT_SECURITY_POLICY, live::policy()));
    response.content_type("text/html; charset=utf-8").body(page)
}

/// Leads to another page.
fn to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// What is around a page for this caller.
fn frame(caller: &Caller, place: Option<Place>) -> Frame {
    Frame {
        place,
        key: caller.key().map(|key| key.name.as_str().to_owned()),
        may_write: caller.may(Scope::Write).is_ok(),
        note: None,
        live: None,
        document: None,
    }
}

/// The stylesheet, whose name changes with it.
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(dashboard::style())
}
