//! Signing in and out.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::super::Server;
use super::super::access::{opened_by, session};
use super::super::body::Body;
use super::super::error::Problem;
use super::form::Form;
use super::{PageProblem, html, to};
use crate::dashboard::login;
use crate::key::Scope;

/// Where to go on.
#[derive(Deserialize)]
pub(in crate::http) struct Next {
    #[serde(default)]
    next: String,
}

/// The form.
pub(in crate::http) async fn form(server: Data<Server>, query: Query<Next>) -> HttpResponse {
    let next = own_path(&query.next);
    if server.engine.snapshot().keys.is_empty() {
        return to(next);
    }
    html(HttpResponse::Ok(), login::page(next, None))
}

/// Begins a session.
pub(in crate::http) async fn begin(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    session::own(&request)?;
    let form = Form::read(body).await?;
    let next = own_path(form.text("next"));
    let snapshot = server.engine.snapshot();
    let refused = |problem: &str| {
        let page = login::page(next, Some(problem));
        Ok(html(HttpResponse::Unauthorized(), page))
    };
    let Ok(key) = opened_by(&snapshot.keys, form.text("key").trim().as_bytes()) else {
        return refused("This is no API key in force.");
    };
    if !key.scopes.allow(Scope::Read) {
        return refused("This key may not read: pages need one that may.");
    }
    let mut response = to(next);
    let cookie = session::begun(&request, key, server.engine.clock().now());
    response.add_cookie(&cookie).map_err(unwritable)?;
    Ok(response)
}

/// Ends it.
pub(in crate::http) async fn end(request: HttpRequest) -> Result<HttpResponse, PageProblem> {
    session::own(&request)?;
    let mut response = to("/login");
    let cookie = session::ended(&request);
    response.add_cookie(&cookie).map_err(unwritable)?;
    Ok(response)
}

fn unwritable(error: impl std::fmt::Display) -> Problem {
    Problem::new(super::super::error::Code::Internal, error.to_string())
}

/// A path of this server, and no address of another that looks like one.
fn own_path(path: &str) -> &str {
    let rest = path.strip_prefix('/');
    let is_own = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']));
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own && is_plain { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(
            own_path("/experiments/a?show=absolute"),
            "/experiments/a?show=absolute"
        );
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nx: y",
            "/\t/evil.example",
        ] {
            assert_eq!(own_path(path), "/", "{path:?}");
        }
    }
}
