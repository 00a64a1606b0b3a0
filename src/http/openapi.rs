//! The description of the API: `OpenAPI` 3.1, made from the route table and the types that requests are read into and
//! answers are written from, with a page that shows it and needs no network.
//!
//! A route gets into the table only with its [`Operation`], so the description has every route.

pub(super) mod decisions;
pub(super) mod events;
pub(super) mod experiments;
pub(super) mod keys;
mod operation;
pub(super) mod operations;
pub(super) mod reports;
mod schemas;
pub(super) mod tracking;
pub(super) mod visitors;
pub(super) mod webhooks;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::web::{Bytes, Data, Path};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::Config;

use super::error::{Code, Problem};
pub(super) use operation::Operation;
use schemas::Schemas;

/// The tags, and what each is about.
const TAGS: [(&str, &str); 8] = [
    ("decisions", "Which variant a visitor gets."),
    ("events", "What visitors did: rewards, and history."),
    ("visitors", "Who visitors are, and what is held about them."),
    (
        "experiments",
        "Definitions, their lifecycle and their traffic.",
    ),
    ("reports", "What an experiment shows, and what it can show."),
    (
        "openfeature",
        "OpenFeature's remote evaluation protocol, OFREP 0.3.",
    ),
    (
        "segment",
        "The tracking API of Segment's and RudderStack's SDKs.",
    ),
    ("keys", "Who may do what."),
];
const OPERATING: (&str, &str) = ("operations", "For those who run the server.");

/// The page loads nothing from elsewhere.
const ONLY_OWN: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

/// The description, written.
#[derive(Clone)]
pub(super) struct Document(Bytes);

impl PartialSchema for Document {
    fn schema() -> RefOr<Schema> {
        let text = |name| {
            Object::builder()
                .schema_type(Type::String)
                .description(Some(name))
        };
        Object::builder()
            .property("openapi", text("The version of `OpenAPI`."))
            .required("openapi")
            .property("paths", Object::new())
            .required("paths")
            .description(Some("A description of an API by `OpenAPI`."))
            .into()
    }
}

impl ToSchema for Document {
    fn name() -> Cow<'static, str> {
        "Description".into()
    }
}

impl Document {
    /// Describes operations by path and method.
    pub(super) fn new<'a>(operations: impl IntoIterator<Item = &'a Described>) -> Self {
        Self(describe(operations).to_string().into())
    }
}

/// An operation where it is.
pub(super) struct Described {
    /// The path, with parameters in braces.
    pub(super) path: String,
    /// The method in lower case.
    pub(super) method: String,
    /// What it does.
    pub(super) operation: Operation,
}

/// `GET /api/openapi.json`.
pub(super) async fn document(document: Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(document.0.clone())
}

/// `GET /api/docs`: leads to the page, whose links are relative.
pub(super) async fn to_page() -> HttpResponse {
    HttpResponse::TemporaryRedirect()
        .insert_header((LOCATION, "docs/"))
        .json(json!({ "location": "docs/" }))
}

/// `GET /api/docs/`.
pub(super) async fn page() -> Result<HttpResponse, Problem> {
    file("index.html")
}

/// `GET /api/docs/{file}`.
pub(super) async fn part(name: Path<String>) -> Result<HttpResponse, Problem> {
    file(&name)
}

fn file(name: &str) -> Result<HttpResponse, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        let config = Config::from("../openapi.json");
        Arc::new(config.validator_url("none").deep_linking(true))
    });
    let missing = || Problem::new(Code::NotFound, format!("The page has no part {name:?}."));
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG));
    let file = file.ok().flatten().ok_or_else(missing)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(file.content_type)
        .insert_header((CONTENT_SECURITY_POLICY, ONLY_OWN));
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(file.bytes.into_owned()))
}

fn describe<'a>(operations: impl IntoIterator<Item = &'a Described>) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for of in operations {
        let shown = of.operation.show(&mut schemas);
        let methods = paths.entry(&of.path).or_default();
        methods.insert(of.method.clone(), shown);
    }
    let tags = TAGS.iter().chain([&OPERATING]);
    let tags = tags.map(|(name, about)| json!({ "name": name, "description": about }));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Upswing",
            "version": env!("CARGO_PKG_VERSION"),
            "description": about(),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": { "schemas": schemas.into_values(), "securitySchemes": operation::security::schemes() },
    });
    bound(&mut document);
    document
}

/// Names the formats of whole numbers as the registry of formats does, and says what they may be at most.
fn bound(value: &mut Value) {
    let known = match value["format"].as_str() {
        Some("u-int64") => Some(("uint64", u64::MAX)),
        Some("u-int32") => Some(("uint32", u64::from(u32::MAX))),
        Some("u-int16") => Some(("uint16", u64::from(u16::MAX))),
        Some("u-int8") => Some(("uint8", u64::from(u8::MAX))),
        _ => None,
    };
    match value {
        Value::Object(members) => {
            if let Some((format, most)) = known {
                members.insert("format".to_owned(), json!(format));
                members.insert("maximum".to_owned(), json!(most));
            }
            members.values_mut().for_each(bound);
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What all operations have in common, with every code.
fn about() -> String {
    let codes = Code::ALL.map(|code| {
        let (name, status, title) = (code.name(), code.status().as_u16(), code.title());
        format!("| `{name}` | {status} | {title} |\n")
    });
    let codes = codes.concat();
    format!(
        "A multi-armed-bandit experimentation server.\n\nErrors are `application/problem+json` with a stable `code`; under \
         `/ofrep/v1` they are as OpenFeature's protocol has them.\n\nWhile there never was an API key, everything is open, \
         which is why no operation demands one here; the first key closes what needs a scope to whoever has none.\n\n| code | status | meaning |\n|---|---|---|\n{codes}"
    )
}

#[cfg(test)]
mod tests;
