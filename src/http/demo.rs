//! `GET /demo/shop`: a small shop that asks and tells as stock clients do. The page's parts stand beside this file as they
//! are served; nothing comes from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Path;

use super::error::{Code, Problem};

/// The page loads its own parts and talks to its own server.
const ONLY_OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What every part says of itself.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, ONLY_OWN),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-cache"),
];

/// `GET /demo/{file}`: the page `shop`, or a part of it.
pub(super) async fn part(name: Path<String>) -> Result<HttpResponse, Problem> {
    let (kind, text) = match name.as_str() {
        "shop" => ("text/html; charset=utf-8", include_str!("demo/shop.html")),
        "shop.css" => ("text/css; charset=utf-8", include_str!("demo/shop.css")),
        "shop.js" => (
            "text/javascript; charset=utf-8",
            include_str!("demo/shop.js"),
        ),
        "wires.js" => (
            "text/javascript; charset=utf-8",
            include_str!("demo/wires.js"),
        ),
        "panel.js" => (
            "text/javascript; charset=utf-8",
            include_str!("demo/panel.js"),
        ),
        other => {
            let detail = format!("The demonstration has no part {other:?}; begin at /demo/shop.");
            return Err(Problem::new(Code::NotFound, detail));
        }
    };
    let mut response = HttpResponse::Ok();
    for header in HEADERS {
        response.insert_header(header);
    }
    Ok(response.content_type(kind).body(text))
}
