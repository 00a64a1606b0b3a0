//! `/api/v1/visitors/{id}/…`: who visitors are.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Server;
use super::body::{self, Body};
use super::decide::durable;
use super::error::{Code, Problem};
use super::incoming;
use crate::event::{Aliased, Event};
use crate::fold::Outcome;
use crate::id::VisitorId;

/// Whose the id is, too.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AliasRequest)]
pub(super) struct Wire {
    /// The id that the person goes by.
    to: VisitorId,
}

/// Two ids of one person.
#[derive(Serialize, ToSchema)]
#[schema(as = Alias)]
pub(super) struct Person {
    /// The id that was joined.
    visitor: VisitorId,
    /// The id that the person goes by.
    to: VisitorId,
    /// Whether that is new.
    joined: bool,
}

/// `POST …/alias` `{"to"}`: both ids are one person's from now on, who goes by the id of `to`. Says whether that is new.
pub(super) async fn alias(
    server: Data<Server>,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let visitor = VisitorId::parse(&path)
        .map_err(|error| Problem::at(Code::InvalidField, "visitor", error.to_string()))?;
    let Wire { to } = body::json(&body::bytes(body).await?)?;
    let aliased = Aliased { visitor, to };
    let event = Event::Aliased(aliased.clone());
    let outcomes = durable(server.engine.record(vec![event])).await?;
    if outcomes.contains(&Outcome::TooManyAliases) {
        return Err(incoming::too_many_aliases());
    }
    Ok(HttpResponse::Ok().json(Person {
        visitor: aliased.visitor,
        to: aliased.to,
        joined: outcomes.contains(&Outcome::Accepted),
    }))
}
