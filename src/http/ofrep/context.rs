//! The evaluation context: who asks, and what is known of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::super::Server;
use super::super::decide::{self, Wire};
use super::super::link;
use super::failure::{ErrorCode, Failure};
use crate::catalog::audience::{Attributes, MAX_ATTRIBUTES, MAX_NAME_CHARS};
use crate::id::{MAX_ID_BYTES, SessionId, VisitorId};
use crate::source::Source;

/// A context, read.
#[derive(Debug)]
pub(in crate::http) struct Context {
    /// The `targetingKey`; `None` without one.
    pub(super) visitor: Option<VisitorId>,
    /// The context's `session`.
    pub(super) session: Option<SessionId>,
    /// Everything else.
    pub(super) attributes: Attributes,
    /// The token of a link that shows a variant.
    token: Option<String>,
}

impl PartialSchema for Context {
    fn schema() -> RefOr<Schema> {
        let text = || {
            let either = SchemaType::from_iter([Type::String, Type::Null]);
            Object::builder()
                .schema_type(either)
                .max_length(Some(MAX_ID_BYTES))
        };
        let key = text().description(Some(
            "The visitor's id. Without one, flags that are drawn can not be evaluated.",
        ));
        let session = text().description(Some(
            "The visitor's session, for experiments that go by it.",
        ));
        let token = Object::builder().schema_type(SchemaType::AnyValue);
        let token = token.description(Some(
            "The token of a link that shows one variant of one experiment; any other changes nothing.",
        ));
        let name = Object::builder()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_NAME_CHARS))
            .build();
        let either = SchemaType::from_iter([Type::Object, Type::Null]);
        let context = Object::builder()
            .schema_type(either)
            .property("targetingKey", key)
            .property("session", session)
            .property(link::QA, token)
            .property_names(Some(name))
            .max_properties(Some(MAX_ATTRIBUTES))
            .description(Some("Who asks, and beside that attributes of any type."));
        Object::builder()
            .property("context", context)
            .description(Some(
                "Whom flags are evaluated for; other members are passed over.",
            ))
            .into()
    }
}

impl ToSchema for Context {
    fn name() -> std::borrow::Cow<'static, str> {
        "FlagContext".into()
    }
}

impl Context {
    /// Reads the body of a request.
    pub(super) fn read(body: &[u8]) -> Result<Self, Failure> {
        // Other members of the body are left to newer clients.
        let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
            Failure::new(
                ErrorCode::ParseError,
                format!("The body is not {{\"context\": {{…}}}}: {error}."),
            )
        })?;
        let mut values: BTreeMap<String, Value> = match body.remove("context") {
            Some(Value::Object(values)) => values.into_iter().collect(),
            None | Some(Value::Null) => BTreeMap::new(),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(invalid("context", "must be an object"));
            }
        };
        let visitor = text(&mut values, "targetingKey")?;
        let visitor = visitor.map(|id| VisitorId::parse(&id));
        let session = text(&mut values, "session")?.map(|id| SessionId::parse(&id));
        // Flags must come, whatever the address of a page says.
        let token = text(&mut values, link::QA).unwrap_or_default();
        let attributes = Attributes::new(values).map_err(|error| invalid("context", error))?;
        Ok(Self {
            visitor: visitor
                .transpose()
                .map_err(|error| invalid("targetingKey", error))?,
            session: session
                .transpose()
                .map_err(|error| invalid("session", error))?,
            attributes,
            token,
        })
    }

    /// The same as a request of the native API.
    pub(super) fn wire(self, server: &Server, visitor: VisitorId) -> Wire<'static> {
        let shown = self.shown(server);
        let mut wire = decide::wire(visitor, self.session, self.attributes);
        wire.source = Source::Ofrep;
        wire.forcing(shown)
    }

    /// The experiment and the variant that a link shows; without a good one nothing.
    fn shown(&self, server: &Server) -> Option<(String, String)> {
        let token = self.token.as_deref()?;
        link::shown(server, token).ok()
    }
}

/// Takes a text out; an empty one is none.
fn text(values: &mut BTreeMap<String, Value>, name: &str) -> Result<Option<String>, Failure> {
    match values.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(invalid(name, "must be a string"))
        }
    }
}

fn invalid(name: &str, detail: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::InvalidContext, format!("{name} {detail}."))
}
