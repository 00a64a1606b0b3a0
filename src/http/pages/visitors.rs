//! Looking visitors up, and what may be done with what is held about them.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Query};
use serde::Deserialize;

use super::super::Server;
use super::super::access::Caller;
use super::super::body::Body;
use super::super::error::{Code, Problem};
use super::super::visitors::{Found, allow, forget};
use super::form::Form;
use super::{PageProblem, frame, html, to};
use crate::dashboard::Place;
use crate::dashboard::visitor::{self, Search};
use crate::profile::Consent;

/// Who is looked for.
#[derive(Deserialize)]
pub(in crate::http) struct Wanted {
    #[serde(default)]
    id: String,
    #[serde(default)]
    done: String,
}

/// What was done, for the page that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Granted,
    Denied,
    Erased,
    Unknown,
}

impl Done {
    const ALL: [Self; 4] = [Self::Granted, Self::Denied, Self::Erased, Self::Unknown];

    fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Erased => "erased",
            Self::Unknown => "unknown",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Granted => "The visitor's consent is noted.",
            Self::Denied => {
                "It is noted that the visitor denies: control is served, and nothing is kept from now on."
            }
            Self::Erased => "Everything that was held about this visitor is erased.",
            Self::Unknown => "There was nothing to erase.",
        }
    }

    /// Leads back to the visitor's page, which says what was done.
    fn back(self, id: &str) -> HttpResponse {
        to(&format!("{}&done={}", visitor::address(id), self.name()))
    }
}

/// The search field, and everything about whoever was looked for.
pub(in crate::http) async fn page(
    server: Data<Server>,
    caller: Caller,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, PageProblem> {
    let mut frame = frame(&caller, Some(Place::Visitors));
    let done = Done::ALL
        .into_iter()
        .find(|done| done.name() == wanted.done);
    frame.note = done.map(|done| done.note().to_owned());
    let id = wanted.id.trim();
    if id.is_empty() {
        let page = visitor::page(&frame, Search::Nobody);
        return Ok(html(HttpResponse::Ok(), page));
    }
    match Found::of(&server, id) {
        Ok(found) => {
            let page = visitor::page(&frame, Search::Found(&found.held()));
            Ok(html(HttpResponse::Ok(), page))
        }
        Err(problem) if [Code::UnknownVisitor, Code::InvalidField].contains(&problem.code) => {
            let page = visitor::page(&frame, Search::Missing(id, &problem.detail));
            Ok(html(HttpResponse::build(problem.code.status()), page))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The same as a file.
pub(in crate::http) async fn export(
    server: Data<Server>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, PageProblem> {
    let found = Found::of(&server, &wanted.id)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"visitor.json\""))
        .json(found.held()))
}

/// Notes what the visitor allows.
pub(in crate::http) async fn consent(
    server: Data<Server>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let form = Form::read(body).await?;
    let state: Consent =
        form.text("state")
            .parse()
            .map_err(|error: crate::profile::ConsentError| {
                Problem::at(Code::InvalidField, "state", error.to_string())
            })?;
    allow(&server, form.text("id"), state).await?;
    let done = match state {
        Consent::Granted => Done::Granted,
        Consent::Denied => Done::Denied,
    };
    Ok(done.back(form.text("id")))
}

/// Asks once more.
pub(in crate::http) async fn ask(
    server: Data<Server>,
    caller: Caller,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, PageProblem> {
    let found = Found::of(&server, &wanted.id)?;
    let frame = frame(&caller, Some(Place::Visitors));
    let page = visitor::erasure(&frame, found.held().visitor.as_str());
    Ok(html(HttpResponse::Ok(), page))
}

/// Forgets the visitor.
pub(in crate::http) async fn erase(
    server: Data<Server>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let form = Form::read(body).await?;
    let forgotten = forget(&server, form.text("id"), form.text("retract") == "yes").await?;
    let done = if forgotten.erased {
        Done::Erased
    } else {
        Done::Unknown
    };
    Ok(done.back(form.text("id")))
}
