//! The dashboard over HTTP: who gets in, what forms may do, and whether pages say what the report says.

mod live;
mod looks;
mod numbers;
mod session;
mod share;
mod watched;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;

/// Posts a form from one of the server's own pages: browsers name its origin.
fn post(app: &TestApp, path: &str, cookie: Option<&str>, fields: &[(&str, &str)]) -> Answer {
    post_from(app, path, (cookie, Some(&app.url)), fields)
}

fn post_from(
    app: &TestApp,
    path: &str,
    (cookie, origin): (Option<&str>, Option<&str>),
    fields: &[(&str, &str)],
) -> Answer {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(cookie.map(|cookie| ("cookie", cookie)));
    headers.extend(origin.map(|origin| ("origin", origin)));
    app.try_send("POST", path, &headers, Some(body.finish().as_bytes()))
        .unwrap()
}

fn get(app: &TestApp, path: &str, cookie: Option<&str>) -> Answer {
    let headers: Vec<(&str, &str)> = cookie.iter().map(|cookie| ("cookie", *cookie)).collect();
    app.try_send("GET", path, &headers, None).unwrap()
}

/// An experiment with a goal, a sum and a guardrail, still a draft.
fn definition(key: &str) -> Value {
    json!({
        "key": key, "status": "draft", "currency": "EUR", "min_days": 0, "dimensions": ["device"],
        "variants": [{ "key": "a" }, { "key": "b" }],
        "metrics": [
            { "key": "purchase", "kind": "conversion", "event": "Order Completed", "role": "goal" },
            { "key": "revenue", "kind": "sum", "event": "Order Completed", "property": "revenue" },
            { "key": "returns", "kind": "conversion", "event": "Order Returned", "role": "guardrail",
              "direction": "decrease", "limit": 0.1 },
        ],
    })
}
