//! `POST …/evaluate`: what another policy would have earned from the visitors of an experiment.

use std::fmt;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use utoipa::openapi::schema::{Array, Object, OneOf};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::Server;
use super::body::{self, Body};
use super::error::{Code, Problem};
use super::experiments::find;
use crate::evaluate::{Cause, EvaluateError, Question, Share, evaluate as answer};

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EvaluationRequest)]
pub(super) struct Wire {
    /// What each variant would have been shown with.
    policy: Policy,
    /// The metric; absent: the goal.
    metric: Option<String>,
    /// The dimension that the policy goes by.
    context: Option<String>,
}

/// Probabilities by variant, or a list with the value of the context each.
struct Policy(Vec<Share>);

impl PartialSchema for Policy {
    fn schema() -> RefOr<Schema> {
        let by_variant = Object::builder().additional_properties(Some(f64::schema()));
        OneOf::builder()
            .item(by_variant)
            .item(Array::new(Listed::schema()))
            .description(Some("Probabilities by variant, or a list of them, each with the value of the context if the policy goes by one."))
            .into()
    }
}

impl ToSchema for Policy {}

/// A probability of a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Listed {
    arm: String,
    probability: f64,
    context: Option<String>,
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Probabilities)
    }
}

struct Probabilities;

impl<'de> Visitor<'de> for Probabilities {
    type Value = Policy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("probabilities by variant, or a list of arm, probability and context")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policy, A::Error> {
        let mut shares = Vec::new();
        while let Some((arm, probability)) = map.next_entry::<String, f64>()? {
            shares.push(Share {
                place: format!("policy.{arm}"),
                arm,
                probability,
                context: None,
            });
        }
        Ok(Policy(shares))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Policy, A::Error> {
        let mut shares = Vec::new();
        while let Some(listed) = list.next_element::<Listed>()? {
            shares.push(Share {
                place: format!("policy[{}]", shares.len()),
                arm: listed.arm,
                probability: listed.probability,
                context: listed.context,
            });
        }
        Ok(Policy(shares))
    }
}

/// Judges a policy.
pub(super) async fn evaluate(
    server: Data<Server>,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let body = body::bytes(body).await?;
    let wire: Wire = body::json(&body)?;
    let entry = find(&server, &path)?;
    let judged = server.engine.with_cells(entry.serial, |cells| {
        answer(&Question {
            entry: &entry,
            cells,
            metric: wire.metric.as_deref(),
            context: wire.context.as_deref(),
            policy: &wire.policy.0,
        })
    });
    Ok(HttpResponse::Ok().json(judged?))
}

impl From<EvaluateError> for Problem {
    fn from(error: EvaluateError) -> Self {
        let code = match error.cause {
            Cause::UnknownVariant => Code::UnknownVariant,
            Cause::UnknownMetric => Code::UnknownMetric,
            Cause::UnknownDimension => Code::UnknownDimension,
            Cause::InvalidPolicy => Code::InvalidPolicy,
            Cause::RatioMetric => Code::RatioMetric,
            Cause::UnknownPropensity => Code::UnknownPropensity,
            Cause::NoData => Code::NoData,
            Cause::TooLittleOverlap => Code::TooLittleOverlap,
            Cause::Dominated => Code::Dominated,
        };
        match error.place {
            Some(place) => Self::at(code, place, error.detail),
            None => Self::new(code, error.detail),
        }
    }
}
