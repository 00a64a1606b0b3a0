//! Which web pages may talk to the server from a browser.

use actix_cors::Cors;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, RETRY_AFTER,
};

use crate::engine::Engine;

/// How long a browser remembers the answer to its question, in seconds.
const MAX_AGE: usize = 3_600;

/// Lets pages of these origins in, and those of the keys in force; `*` is any. It stands before everything else, so that a page reads errors, too.
pub fn cors(origins: &[String], engine: Engine) -> Cors {
    let named = |name| HeaderName::from_static(name);
    let cors = Cors::default()
        .allowed_methods(["GET", "POST"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH])
        .allowed_headers([named("x-api-key"), named("x-retry-count")])
        .expose_headers([ETAG, RETRY_AFTER])
        .max_age(MAX_AGE);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin().send_wildcard();
    }
    let own = |cors: Cors, origin: &String| cors.allowed_origin(origin.trim_end_matches('/'));
    let cors = origins.iter().fold(cors, own);
    cors.allowed_origin_fn(move |origin, _| {
        let snapshot = engine.snapshot();
        snapshot.keys.welcomes(origin.as_bytes())
    })
}
