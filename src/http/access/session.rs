//! Sessions of the dashboard: a cookie that stands for a key.
//!
//! The cookie holds a token that the key signed, so nothing is kept here, a restart ends no session, and revoking the key
//! ends all of its sessions. No script reads it, and no form of another site sends it. What changes something must in
//! addition come from a page of this very server, as browsers say with every form they post.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::header::{HeaderValue, ORIGIN};

use super::super::Server;
use super::super::error::{Code, Problem};
use super::{Refusal, is_own};
use crate::key::Key;
use crate::key::ring::Keyring;
use crate::key::token::{Purpose, SESSION_MS};
use crate::time::Timestamp;

use std::sync::Arc;

const NAME: &str = "upswing_session";

/// The key behind the request's session.
///
/// # Errors
/// [`Refusal`], which leads to the sign-in page; of a form that another site posts, [`Code::OriginForbidden`].
pub(super) fn key<'a>(
    server: &Server,
    keys: &'a Keyring,
    request: &HttpRequest,
) -> Result<&'a Arc<Key>, Refusal> {
    let now = server.engine.clock().now();
    let cookie = request.cookie(NAME);
    let key = cookie.and_then(|cookie| keys.behind(cookie.value(), Purpose::Session, now));
    let key = key.ok_or_else(|| Refusal::signed_out(request))?;
    if !request.method().is_safe() {
        own(request)?;
    }
    Ok(key)
}

/// Makes sure that a page of this server sent the form.
///
/// # Errors
/// [`Code::OriginForbidden`].
pub(in crate::http) fn own(request: &HttpRequest) -> Result<(), Problem> {
    let origin = request.headers().get(ORIGIN).map(HeaderValue::as_bytes);
    if origin.is_some_and(|origin| is_own(request, origin)) {
        return Ok(());
    }
    let detail = "This form was not sent by a page of this server.";
    Err(Problem::new(Code::OriginForbidden, detail))
}

/// The cookie of a new session.
pub(in crate::http) fn begun(request: &HttpRequest, key: &Key, now: Timestamp) -> Cookie<'static> {
    let mut cookie = cookie(request, key.session(now).to_string());
    cookie.set_max_age(Duration::milliseconds(SESSION_MS));
    cookie
}

/// The cookie that ends a session.
pub(in crate::http) fn ended(request: &HttpRequest) -> Cookie<'static> {
    let mut cookie = cookie(request, String::new());
    cookie.make_removal();
    cookie
}

fn cookie(request: &HttpRequest, value: String) -> Cookie<'static> {
    let is_secure = request.connection_info().scheme() == "https";
    Cookie::build(NAME, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure)
        .finish()
}
