//! An evaluated flag as JSON, written by hand: values are text already and are copied through.

use std::borrow::Cow;

use utoipa::openapi::schema::{Array, Object, ObjectBuilder, OneOf, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::super::answer::json;
use super::failure::Told;
use crate::assign::decision::{Decision, Reason};
use crate::catalog::Entry;
use crate::catalog::experiment::{Experiment, Variant};
use crate::id::VisitorId;
use crate::key::token::Token;

/// A flag as [`write()`] writes it.
pub(in crate::http) enum Flag {}

impl PartialSchema for Flag {
    fn schema() -> RefOr<Schema> {
        let text = |about: &str| {
            Object::builder()
                .schema_type(Type::String)
                .description(Some(about))
        };
        let reasons = ["STATIC", "SPLIT", "TARGETING_MATCH", "DISABLED", "UNKNOWN"];
        let value = Object::builder()
            .schema_type(SchemaType::AnyValue)
            .description(Some("The variant's value, else its payload, else its key."));
        let metadata = Object::builder()
            .property("experimentId", String::schema())
            .property("variantId", String::schema())
            .property("version", u32::schema())
            .property("propensity", f64::schema())
            .property("decisionId", String::schema())
            .description(Some("What the evaluation came from; what names the decision only where a flag is evaluated alone."));
        let metadata = ["experimentId", "variantId", "version"]
            .into_iter()
            .fold(metadata, ObjectBuilder::required);
        let flag = Object::builder()
            .property("key", text("The experiment's key."))
            .property("reason", text("Why.").enum_values(Some(reasons)))
            .property("variant", text("The visitor's variant."))
            .property("value", value)
            .property("metadata", metadata)
            .description(Some("An evaluated flag."));
        let always = ["key", "reason", "variant", "value", "metadata"];
        always
            .into_iter()
            .fold(flag, ObjectBuilder::required)
            .into()
    }
}

impl ToSchema for Flag {}

/// Flags as [`list`] writes them.
pub(in crate::http) enum Bulk {}

impl PartialSchema for Bulk {
    fn schema() -> RefOr<Schema> {
        let each = OneOf::builder()
            .item(Ref::from_schema_name(Flag::name()))
            .item(Ref::from_schema_name(Told::name()));
        let endpoint = Object::builder()
            .property("requestUri", String::schema())
            .required("requestUri");
        let stream = Object::builder()
            .property("type", String::schema())
            .required("type")
            .property("endpoint", endpoint)
            .required("endpoint");
        Object::builder()
            .property("flags", Array::new(each))
            .required("flags")
            .property("eventStreams", Array::new(stream))
            .required("eventStreams")
            .description(Some(
                "All flags of a context, and where a client hears of changes.",
            ))
            .into()
    }
}

impl ToSchema for Bulk {
    fn name() -> Cow<'static, str> {
        "Flags".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Flag::name().into(), Flag::schema()));
        schemas.push((Told::name().into(), Told::schema()));
        Told::schemas(schemas);
    }
}

/// Begins a bulk answer with its flags.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    flags: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.extend_from_slice(b"{\"flags\":[");
    for (at, flag) in flags.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, flag);
    }
    out.push(b']');
}

/// Writes where a client hears of changes, which ends a bulk answer.
pub(super) fn event_streams(out: &mut Vec<u8>, token: Option<&Token>) {
    out.extend_from_slice(
        br#","eventStreams":[{"type":"sse","endpoint":{"requestUri":"/ofrep/v1/stream"#,
    );
    if let Some(token) = token {
        out.extend(format!("?token={token}").into_bytes());
    }
    out.extend_from_slice(br#""}}]}"#);
}

/// Writes a flag; where it is evaluated alone for a visitor, with what names the decision.
pub(super) fn write(
    out: &mut Vec<u8>,
    entry: &Entry,
    decision: &Decision,
    alone: Option<&VisitorId>,
) {
    let experiment = &entry.experiment;
    let variant = experiment.variant(decision.arm);
    let key = variant.map_or("", |variant| variant.key.as_str());
    out.extend_from_slice(b"{\"key\":");
    json(out, &experiment.key.as_str());
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(reason(experiment, decision.reason).as_bytes());
    out.extend_from_slice(b"\",\"variant\":");
    json(out, &key);
    out.extend_from_slice(b",\"value\":");
    match variant {
        Some(variant) => out.extend_from_slice(value(experiment, variant).as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"metadata\":{\"experimentId\":");
    json(out, &experiment.key.as_str());
    out.extend_from_slice(b",\"variantId\":");
    json(out, &key);
    out.extend_from_slice(b",\"version\":");
    json(out, &experiment.version);
    if let (Some(visitor), Some(propensity), Some(epoch)) =
        (alone, decision.propensity, decision.epoch)
    {
        out.extend_from_slice(b",\"propensity\":");
        json(out, &propensity);
        out.extend_from_slice(b",\"decisionId\":");
        json(out, &format!("{}/{}/{visitor}", experiment.key, epoch.0));
    }
    out.extend_from_slice(b"}}");
}

/// Why, in the words that every client knows.
fn reason(experiment: &Experiment, reason: Reason) -> &'static str {
    let is_alone = experiment.live().nth(1).is_none();
    match reason {
        Reason::Sticky | Reason::Reassigned | Reason::Holdout | Reason::Split | Reason::Bandit
            if !is_alone =>
        {
            "SPLIT"
        }
        Reason::Sticky
        | Reason::Reassigned
        | Reason::Holdout
        | Reason::Split
        | Reason::Bandit
        | Reason::Forced
        | Reason::Concluded => "STATIC",
        Reason::Audience => "TARGETING_MATCH",
        Reason::Inactive => "DISABLED",
        Reason::Bot
        | Reason::NoConsent
        | Reason::NoSession
        | Reason::GlobalHoldout
        | Reason::Layer
        | Reason::Traffic => "UNKNOWN",
    }
}

/// A flag's value as JSON: the variant's value, else its payload, and where no variant has any the variant's key.
fn value<'v>(experiment: &Experiment, variant: &'v Variant) -> Cow<'v, str> {
    if let Some(value) = &variant.value {
        return Cow::Borrowed(value);
    }
    if &*variant.payload != "null" {
        return Cow::Borrowed(&variant.payload);
    }
    let has_payload = |(_, other): (_, &Variant)| &*other.payload != "null";
    if experiment.live().any(has_payload) {
        return Cow::Borrowed("{}");
    }
    let mut key = Vec::new();
    json(&mut key, &variant.key.as_str());
    String::from_utf8(key).map_or(Cow::Borrowed("\"\""), Cow::Owned)
}
