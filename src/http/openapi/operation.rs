//! One operation, described.

pub(super) mod security;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::super::error::{Code, Details, Problem};
use super::schemas::{Named, Schemas, drop_null};

/// What an operation takes and answers.
pub(in crate::http) struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: String,
    /// What keys it may be asked for with; none: it needs no key.
    security: Vec<Value>,
    parameters: Vec<Value>,
    body: Option<Body>,
    answers: Vec<Answer>,
    refusals: Vec<Code>,
}

struct Body {
    content: Content,
    is_required: bool,
}

/// Content of one of several media types.
struct Content {
    media: &'static [&'static str],
    schema: Schema,
    example: Value,
}

/// A type's schema, one of two, text, or bytes.
enum Schema {
    Of(Named),
    Either(Named, Named),
    Text,
    Bytes,
}

struct Answer {
    status: u16,
    description: &'static str,
    content: Option<Content>,
    headers: Vec<(&'static str, &'static str)>,
}

const JSON: &[&str] = &["application/json"];

impl Operation {
    pub(super) fn new(id: &'static str, tag: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: String::new(),
            security: Vec::new(),
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// More about it.
    pub(super) fn about(self, description: &'static str) -> Self {
        Self {
            description: description.to_owned(),
            ..self
        }
    }

    /// A parameter of the path.
    pub(super) fn path<T: PartialSchema>(self, name: &str, about: &str, example: &str) -> Self {
        self.parameter(json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": about,
            "schema": T::schema(),
            "example": example,
        }))
    }

    /// The parameters of the query.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        let of_query = T::into_params(|| Some(ParameterIn::Query));
        let shown = of_query.iter().map(|each| {
            let mut shown = json!(each);
            drop_null(&mut shown["schema"]);
            shown
        });
        self.parameters.extend(shown);
        self
    }

    /// A header that may be sent.
    pub(super) fn header(self, name: &str, about: &str) -> Self {
        self.parameter(json!({
            "name": name, "in": "header", "description": about, "schema": { "type": "string" },
        }))
    }

    /// A parameter as it is.
    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// A JSON body.
    pub(super) fn takes<T: ToSchema>(self, example: Value) -> Self {
        self.takes_as::<T>(JSON, example)
    }

    /// JSON under any of these media types.
    pub(super) fn takes_as<T: ToSchema>(
        self,
        media: &'static [&'static str],
        example: Value,
    ) -> Self {
        let schema = Schema::Of(Named::of::<T>());
        self.body(media, schema, example).refuses(&[
            Code::InvalidBody,
            Code::BodyTooLarge,
            Code::RequestTimeout,
        ])
    }

    /// Its refusals are no problem details.
    pub(super) fn unproblematic(mut self) -> Self {
        self.refusals.clear();
        self
    }

    /// Text that is no JSON value.
    pub(super) fn takes_text(self, media: &'static [&'static str], example: &str) -> Self {
        self.body(media, Schema::Text, json!(example))
    }

    fn body(mut self, media: &'static [&'static str], schema: Schema, example: Value) -> Self {
        self.body = Some(Body {
            content: Content {
                media,
                schema,
                example,
            },
            is_required: true,
        });
        self
    }

    /// The body may be left out.
    pub(super) fn optional(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body.is_required = false;
        }
        self
    }

    /// Answers with JSON.
    pub(super) fn answers<T: ToSchema>(
        self,
        status: u16,
        description: &'static str,
        example: Value,
    ) -> Self {
        let content = Content {
            media: JSON,
            schema: Schema::Of(Named::of::<T>()),
            example,
        };
        self.answer(status, description, Some(content))
    }

    /// Answers with JSON of one of two types.
    pub(super) fn answers_either<A: ToSchema, B: ToSchema>(
        self,
        description: &'static str,
        example: Value,
    ) -> Self {
        let content = Content {
            media: JSON,
            schema: Schema::Either(Named::of::<A>(), Named::of::<B>()),
            example,
        };
        self.answer(200, description, Some(content))
    }

    /// Answers with text.
    pub(super) fn answers_text(
        self,
        media: &'static [&'static str],
        description: &'static str,
        example: &str,
    ) -> Self {
        let content = Content {
            media,
            schema: Schema::Text,
            example: json!(example),
        };
        self.answer(200, description, Some(content))
    }

    /// Answers with bytes that are no text.
    pub(super) fn answers_bytes(
        self,
        media: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        let content = Content {
            media,
            schema: Schema::Bytes,
            example: Value::Null,
        };
        self.answer(200, description, Some(content))
    }

    /// Answers without a body.
    pub(super) fn answers_nothing(self, status: u16, description: &'static str) -> Self {
        self.answer(status, description, None)
    }

    fn answer(mut self, status: u16, description: &'static str, content: Option<Content>) -> Self {
        self.answers.push(Answer {
            status,
            description,
            content,
            headers: Vec::new(),
        });
        self
    }

    /// A header of the last answer.
    pub(super) fn with(mut self, name: &'static str, about: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push((name, about));
        }
        self
    }

    /// What it may be refused for.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        for code in codes {
            if !self.refusals.contains(code) {
                self.refusals.push(*code);
            }
        }
        self
    }

    /// It writes, and is answered once that is durable.
    pub(super) fn writes(self) -> Self {
        self.refuses(&[Code::Overloaded, Code::Unavailable])
    }

    /// It reads the store, whose disk may fail.
    pub(super) fn reads(self) -> Self {
        self.refuses(&[Code::Internal])
    }

    /// The operation as the document has it.
    pub(super) fn show(&self, schemas: &mut Schemas) -> Value {
        let mut shown = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "security": self.security,
        });
        if !self.description.is_empty() {
            shown["description"] = json!(self.description);
        }
        if !self.parameters.is_empty() {
            shown["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            let content = body.content.show(|named| schemas.taken(named));
            shown["requestBody"] = json!({ "required": body.is_required, "content": content });
        }
        let mut responses = BTreeMap::new();
        for answer in &self.answers {
            answer.show(&mut responses, schemas);
        }
        self.show_refusals(&mut responses, schemas);
        shown["responses"] = json!(responses);
        shown
    }

    /// One response per status, which names its codes.
    fn show_refusals(&self, responses: &mut BTreeMap<u16, Value>, schemas: &mut Schemas) {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in &self.refusals {
            let same = by_status.entry(code.status().as_u16()).or_default();
            same.push(*code);
        }
        for (status, codes) in by_status {
            let lines: Vec<String> = codes.iter().map(|code| meaning(*code)).collect();
            let response = described(responses, status, &lines.join(" "));
            let problem = schemas.answered(&Named::of::<Details<'_>>());
            response["content"]["application/problem+json"] = refusal(&problem, &codes);
            match status {
                401 => response["headers"]["WWW-Authenticate"] = text("How keys are sent."),
                429 | 503 => response["headers"]["Retry-After"] = retry_after(),
                _ => {}
            }
        }
    }
}

fn meaning(code: Code) -> String {
    format!("`{}`: {}.", code.name(), code.title())
}

/// The response of a status, with this added to its description.
fn described<'a>(
    responses: &'a mut BTreeMap<u16, Value>,
    status: u16,
    description: &str,
) -> &'a mut Value {
    let response = responses.entry(status);
    let response = response.or_insert_with(|| json!({ "description": "" }));
    let before = response["description"].as_str().unwrap_or_default();
    let both = format!("{before} {description}");
    response["description"] = json!(both.trim());
    response
}

/// A problem with one of these codes.
fn refusal(problem: &Value, codes: &[Code]) -> Value {
    let status = codes.first().map(|code| code.status().as_u16());
    let names: Vec<String> = codes.iter().map(|code| code.name()).collect();
    let examples = codes.iter().zip(&names).map(|(code, name)| {
        let example = Problem::new(*code, code.title()).body();
        (name.clone(), json!({ "value": example }))
    });
    let examples: Map<String, Value> = examples.collect();
    let own = json!({
        "type": "object",
        "properties": { "code": { "enum": names }, "status": { "const": status } },
    });
    json!({ "schema": { "allOf": [problem, own] }, "examples": examples })
}

/// A header of text.
fn text(about: &str) -> Value {
    json!({ "description": about, "schema": { "type": "string" } })
}

/// A header that says when to come again.
fn retry_after() -> Value {
    json!({
        "description": "Seconds to wait, at least 1.",
        "schema": { "type": "integer", "minimum": 1 },
    })
}

impl Answer {
    fn show(&self, responses: &mut BTreeMap<u16, Value>, schemas: &mut Schemas) {
        let response = described(responses, self.status, self.description);
        let content = self.content.as_ref();
        let content = content.map(|content| content.show(|named| schemas.answered(named)));
        for (media, content) in content.into_iter().flatten() {
            response["content"][media] = content;
        }
        for (name, about) in &self.headers {
            response["headers"][*name] = match *name {
                "Retry-After" => retry_after(),
                _ => text(about),
            };
        }
    }
}

impl Content {
    fn show(&self, mut refer: impl FnMut(&Named) -> Value) -> Map<String, Value> {
        let schema = match &self.schema {
            Schema::Of(named) => refer(named),
            Schema::Either(one, other) => json!({ "oneOf": [refer(one), refer(other)] }),
            Schema::Text => json!({ "type": "string" }),
            // What is no text has no schema.
            Schema::Bytes => Value::Null,
        };
        let content = if schema.is_null() {
            json!({})
        } else {
            json!({ "schema": schema, "example": self.example })
        };
        let each = self.media.iter();
        each.map(|media| ((*media).to_owned(), content.clone()))
            .collect()
    }
}
