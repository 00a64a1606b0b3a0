//! What keys are made of, as the description of the API has it.

use std::borrow::Cow;

use utoipa::openapi::schema::{Array, Object, Ref, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{KeyId, Origin, Scope, Scopes};

impl PartialSchema for Scopes {
    fn schema() -> RefOr<Schema> {
        let scopes = Array::builder().items(Ref::from_schema_name(<Scope as ToSchema>::name()));
        let scopes = scopes.min_items(Some(1));
        scopes
            .description(Some("What a key may be used for."))
            .into()
    }
}

impl ToSchema for Scopes {
    fn name() -> Cow<'static, str> {
        "KeyScopes".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((<Scope as ToSchema>::name().into(), Scope::schema()));
    }
}

impl PartialSchema for KeyId {
    fn schema() -> RefOr<Schema> {
        text("^[0-9a-f]{16}$", "Names a key; no secret.")
    }
}

impl ToSchema for KeyId {}

impl PartialSchema for Origin {
    fn schema() -> RefOr<Schema> {
        text(
            r"^[A-Za-z0-9+.-]+://[A-Za-z0-9._:\[\]-]{1,260}/*$",
            "Where a web page comes from: scheme, host, and port if it is not the scheme's own.",
        )
    }
}

impl ToSchema for Origin {
    fn name() -> Cow<'static, str> {
        "PageOrigin".into()
    }
}

fn text(pattern: &str, about: &str) -> RefOr<Schema> {
    let text = Object::builder().schema_type(Type::String);
    text.pattern(Some(pattern)).description(Some(about)).into()
}
