//! The answer to one visitor as JSON, written by hand: payloads are text already and are copied through.

use std::borrow::Cow;

use utoipa::openapi::schema::{Array, Object, ObjectBuilder, OneOf, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::decide::{Answer, Answers};
use super::error::Details;
use crate::allocation::Propensity;
use crate::assign::decision::Reason;
use crate::epoch::EpochNumber;
use crate::id::VisitorId;

/// Writes the answers of one visitor.
pub(super) fn write(out: &mut Vec<u8>, visitor: &VisitorId, answers: &[Answer<'_>]) {
    out.extend_from_slice(b"{\"visitor\":");
    text(out, visitor.as_str());
    out.extend_from_slice(b",\"assignments\":[");
    for (i, answer) in answers.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_answer(out, answer);
    }
    out.extend_from_slice(b"]}");
}

impl PartialSchema for Answers<'_> {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .property("visitor", VisitorId::schema())
            .required("visitor")
            .property(
                "assignments",
                Array::new(Ref::from_schema_name(Answer::name())),
            )
            .required("assignments")
            .description(Some("What a visitor is shown."))
            .into()
    }
}

impl ToSchema for Answers<'_> {
    fn name() -> Cow<'static, str> {
        "Assignments".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Answer::name().into(), Answer::schema()));
        Answer::schemas(schemas);
    }
}

impl PartialSchema for Answer<'_> {
    fn schema() -> RefOr<Schema> {
        let any = |about: &str| {
            Object::builder()
                .schema_type(SchemaType::AnyValue)
                .description(Some(about))
        };
        let nullable = |of: RefOr<Schema>| {
            let null = Object::builder().schema_type(Type::Null);
            OneOf::builder().item(null).item(of)
        };
        let reason = Reason::ALL
            .map(Reason::name)
            .into_iter()
            .chain(["not_found"]);
        let reason = Object::builder()
            .schema_type(Type::String)
            .enum_values(Some(reason))
            .description(Some("Why."));
        let experiment = Object::builder()
            .schema_type(Type::String)
            .description(Some("The experiment's key, as asked for."));
        let object = Object::builder()
            .property("experiment", experiment)
            .property("variant", nullable(String::schema()))
            .property(
                "value",
                any("The variant's typed value; absent if it has none."),
            )
            .property("payload", any("What the front end shows."))
            .property("reason", reason)
            .property("epoch", nullable(EpochNumber::schema()))
            .property("propensity", nullable(Propensity::schema()))
            .property("holdout", bool::schema())
            .property("sticky", bool::schema());
        let always = [
            "experiment",
            "variant",
            "payload",
            "reason",
            "epoch",
            "propensity",
            "holdout",
            "sticky",
        ];
        always
            .into_iter()
            .fold(object, ObjectBuilder::required)
            .into()
    }
}

impl ToSchema for Answer<'_> {
    fn name() -> Cow<'static, str> {
        "Assignment".into()
    }
}

/// The answers of a batch.
pub(super) enum Batch {}

impl PartialSchema for Batch {
    fn schema() -> RefOr<Schema> {
        let refused = Object::builder()
            .property("error", Ref::from_schema_name(Details::name()))
            .required("error");
        let each = OneOf::builder()
            .item(Ref::from_schema_name(Answers::name()))
            .item(refused);
        Object::builder()
            .property("results", Array::new(each))
            .required("results")
            .description(Some("In the order of the requests."))
            .into()
    }
}

impl ToSchema for Batch {
    fn name() -> Cow<'static, str> {
        "AssignmentResults".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Answers::name().into(), Answers::schema()));
        Answers::schemas(schemas);
        schemas.push((Details::name().into(), Details::schema()));
        Details::schemas(schemas);
    }
}

fn write_answer(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.extend_from_slice(b"{\"experiment\":");
    let (entry, decision) = match answer {
        Answer::Decided(entry, decision) => (entry, decision),
        Answer::Unknown(key) => {
            text(out, key);
            out.extend_from_slice(b",\"variant\":null,\"payload\":null,\"reason\":\"not_found\",\"epoch\":null,\"propensity\":null,\"holdout\":false,\"sticky\":false}");
            return;
        }
    };
    text(out, entry.experiment.key.as_str());
    let variant = entry.experiment.variant(decision.arm);
    out.extend_from_slice(b",\"variant\":");
    text(out, variant.map_or("", |variant| variant.key.as_str()));
    if let Some(value) = variant.and_then(|variant| variant.value.as_ref()) {
        out.extend_from_slice(b",\"value\":");
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b",\"payload\":");
    out.extend_from_slice(
        variant
            .map_or("null", |variant| &variant.payload)
            .as_bytes(),
    );
    out.extend_from_slice(b",\"reason\":");
    json(out, &decision.reason);
    out.extend_from_slice(b",\"epoch\":");
    json(out, &decision.epoch);
    out.extend_from_slice(b",\"propensity\":");
    json(out, &decision.propensity);
    out.extend_from_slice(if decision.holdout {
        b",\"holdout\":true"
    } else {
        b",\"holdout\":false"
    });
    out.extend_from_slice(if decision.reason == Reason::Sticky {
        b",\"sticky\":true}"
    } else {
        b",\"sticky\":false}"
    });
}

fn text(out: &mut Vec<u8>, text: &str) {
    json(out, &text);
}

/// Writes a value as JSON.
pub(super) fn json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    // Writing plain values into memory does not fail.
    drop(serde_json::to_writer(out, value));
}
