//! Reports as documents: one file that can be kept and mailed, and a link that shows it to people without a key.

use std::sync::LazyLock;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::super::Server;
use super::super::access::Caller;
use super::super::body::Body;
use super::super::error::{Code, Problem};
use super::super::experiments::find;
use super::super::link;
use super::experiments::{View, shown};
use super::form::Form;
use super::{PageProblem, frame, html, refused};
use crate::dashboard::experiment::metrics::Difference;
use crate::dashboard::experiment::query;
use crate::dashboard::share::{DAYS, Link, page};
use crate::dashboard::{self, Document, Frame, Place};
use crate::key::token::SPAN_MS;
use crate::time::Timestamp;

/// A document has its stylesheet within, and loads nothing.
static ALONE: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(dashboard::style()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// A page that stands alone. Its address may be a secret, so it is told to nobody.
fn document(mut response: HttpResponseBuilder, page: String) -> HttpResponse {
    response
        .insert_header((CONTENT_SECURITY_POLICY, ALONE.as_str()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((ROBOTS, "noindex, nofollow"))
        .content_type("text/html; charset=utf-8")
        .body(page)
}

fn alone(origin: String) -> Frame {
    Frame {
        document: Some(Document { origin }),
        ..Frame::default()
    }
}

fn day(server: &Server, at: Timestamp) -> String {
    server.engine.snapshot().zone.day(at).to_string()
}

/// The page of an experiment as a document.
pub(in crate::http) async fn report(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    view: Query<View>,
) -> Result<HttpResponse, PageProblem> {
    let entry = find(&server, &path)?;
    let today = day(&server, server.engine.clock().now());
    let frame = alone(match caller.key() {
        Some(key) => format!("Report of {today}, made by {}", key.name.as_str()),
        None => format!("Report of {today}"),
    });
    let page = shown(server, frame, (entry, view.into_inner()), Vec::new());
    Ok(document(HttpResponse::Ok(), page.await?))
}

/// The same for whoever has a link.
pub(in crate::http) async fn open(
    server: Data<Server>,
    token: Path<String>,
    view: Query<View>,
) -> HttpResponse {
    match opened(server, &token, view.into_inner()).await {
        Ok(page) => document(HttpResponse::Ok(), page),
        Err(problem) => {
            let page = dashboard::refused::page(&alone(String::new()), &refused(&problem), "");
            document(HttpResponse::build(problem.code.status()), page)
        }
    }
}

async fn opened(server: Data<Server>, token: &str, view: View) -> Result<String, Problem> {
    let (entry, key) = link::reported(&server, token)?;
    let today = day(&server, server.engine.clock().now());
    let frame = alone(match key {
        Some(key) => format!("Report of {today}, shared by {}", key.name.as_str()),
        None => format!("Report of {today}"),
    });
    shown(server, frame, (entry, view), Vec::new()).await
}

/// Makes a link to the report.
pub(in crate::http) async fn share(
    server: Data<Server>,
    caller: Caller,
    (path, request): (Path<String>, HttpRequest),
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let entry = find(&server, &path)?;
    let form = Form::read(body).await?;
    let days = DAYS
        .into_iter()
        .find(|days| form.text("days") == days.to_string());
    let days =
        days.ok_or_else(|| Problem::at(Code::InvalidField, "days", "must be 7, 30 or 90"))?;
    let now = server.engine.clock().now();
    let difference = Difference::parse(form.text("show")).unwrap_or_default();
    let by = Some(form.text("by")).filter(|by| !by.is_empty());
    let key = entry.experiment.key.to_string();
    let path = match caller.key() {
        Some(_) => format!(
            "/shared/{}",
            link::to_report(&caller, entry.serial, (now, days))
        ),
        None => format!("/experiments/{key}/report.html"),
    };
    let until = now.millis() + i64::from(days) * 24 * SPAN_MS;
    let until = Timestamp::from_millis(until)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let own = request.connection_info();
    let link = Link {
        name: entry
            .experiment
            .spec
            .name
            .clone()
            .unwrap_or_else(|| key.clone()),
        key,
        address: format!(
            "{}://{}{path}?{}",
            own.scheme(),
            own.host(),
            query(difference, by)
        ),
        until: caller.key().map(|_| day(&server, until)),
    };
    let frame = frame(&caller, Some(Place::Experiments));
    Ok(html(HttpResponse::Ok(), page(&frame, &link)))
}
