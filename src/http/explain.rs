//! `GET …/explain?visitor=&session=&attribute=value…`: every step of a decision, recording nothing.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::Server;
use super::decide::{Browser, Wire, explain as trace, wire};
use super::error::{Code, Problem};
use super::experiments::find;
use crate::allocation::Propensity;
use crate::assign::decision::{Reason, Step};
use crate::catalog::audience::Attributes;
use crate::epoch::EpochNumber;
use crate::id::{ExperimentKey, IdError, SessionId, VisitorId};

/// A decision with every step on the way to it.
#[derive(Serialize, ToSchema)]
pub(super) struct Explanation<'a> {
    /// The experiment.
    experiment: &'a ExperimentKey,
    /// Who was asked for.
    visitor: VisitorId,
    /// The variant to show.
    #[schema(required)]
    variant: Option<&'a str>,
    /// Why.
    reason: Reason,
    /// The epoch it is drawn under; null outside the experiment.
    #[schema(required)]
    epoch: Option<EpochNumber>,
    /// The probability it is drawn with.
    #[schema(required)]
    propensity: Option<Propensity>,
    /// Whether held out on control.
    holdout: bool,
    /// The steps, in order.
    steps: Vec<Step>,
    /// How the epoch in force came about.
    #[schema(required)]
    receipt: Option<&'a str>,
}

/// Explains one decision.
pub(super) async fn explain(
    server: Data<Server>,
    request: HttpRequest,
    path: Path<String>,
    query: Result<Query<Vec<(String, String)>>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let entry = find(&server, &path)?;
    let query = query.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    let (wire, visitor) = asked(query.into_inner())?;
    let (decision, steps) = trace(&server, &entry, wire, Browser::of(&request))?;
    let variant = entry
        .experiment
        .variant(decision.arm)
        .map(|variant| variant.key.as_str());
    Ok(HttpResponse::Ok().json(Explanation {
        experiment: &entry.experiment.key,
        visitor,
        variant,
        reason: decision.reason,
        epoch: decision.epoch,
        propensity: decision.propensity,
        holdout: decision.holdout,
        steps: steps.steps.unwrap_or_default(),
        receipt: entry.epoch().map(|epoch| epoch.receipt.sentence.as_str()),
    }))
}

/// Reads the query: visitor and session by name, everything else is an attribute (JSON, else text).
fn asked(query: Vec<(String, String)>) -> Result<(Wire<'static>, VisitorId), Problem> {
    let (mut visitor, mut session, mut attributes) = (None, None, Attributes::default());
    for (name, value) in query {
        let invalid = |detail: String| Problem::at(Code::InvalidQuery, name.clone(), detail);
        let bad_id = |error: IdError| invalid(error.to_string());
        if name == "visitor" {
            visitor = Some(VisitorId::parse(&value).map_err(bad_id)?);
        } else if name == "session" {
            session = Some(SessionId::parse(&value).map_err(bad_id)?);
        } else {
            let value = serde_json::from_str(&value).unwrap_or(serde_json::Value::String(value));
            attributes
                .insert(&name, value)
                .map_err(|error| invalid(error.to_string()))?;
        }
    }
    let missing = || Problem::at(Code::InvalidQuery, "visitor", "must be given");
    let visitor = visitor.ok_or_else(missing)?;
    Ok((wire(visitor.clone(), session, attributes), visitor))
}
