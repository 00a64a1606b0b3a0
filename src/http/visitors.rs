//! `/api/v1/visitors/{id}…`: who visitors are, and what is held about them.

use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Server;
use super::body::{self, Body};
use super::consent as allowed;
use super::decide::durable;
use super::error::{Code, Problem};
use super::incoming;
use crate::engine::Snapshot;
use crate::event::{Aliased, Consented, Erased, Event};
use crate::fold::Outcome;
use crate::id::VisitorId;
use crate::profile::{Consent, Profile};
use crate::visitor::held::Held;
use crate::visitor::{Record, VisitorKey};

/// What is held of a person.
pub(super) struct Found {
    snapshot: Arc<Snapshot>,
    visitor: VisitorId,
    record: Record,
    profile: Profile,
}

impl Found {
    /// What is held of the person who has this id.
    ///
    /// # Errors
    /// [`Code::InvalidField`], [`Code::UnknownVisitor`].
    pub(super) fn of(server: &Server, id: &str) -> Result<Self, Problem> {
        let visitor = visitor(id)?;
        let snapshot = Arc::clone(&server.engine.snapshot());
        let key = VisitorKey::of(snapshot.seed, &visitor);
        let (person, record) = server.engine.person_of(key)?.ok_or_else(|| {
            let detail = format!("Nothing is held about {:?}.", visitor.as_str());
            Problem::new(Code::UnknownVisitor, detail)
        })?;
        Ok(Self {
            profile: server.engine.profile_of(person)?,
            snapshot,
            visitor,
            record,
        })
    }

    /// The same in names.
    pub(super) fn held(&self) -> Held<'_> {
        let world = (&*self.snapshot.catalog, &self.snapshot.zone);
        Held::of(world, &self.visitor, &self.record, &self.profile)
    }
}

/// `GET …`: everything held about a visitor, in one answer.
pub(super) async fn get(server: Data<Server>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let found = Found::of(&server, &path)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(found.held()))
}

/// The visitor of a path.
fn visitor(path: &str) -> Result<VisitorId, Problem> {
    VisitorId::parse(path)
        .map_err(|error| Problem::at(Code::InvalidField, "visitor", error.to_string()))
}

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
    request: HttpRequest,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let visitor = visitor(&path)?;
    let Wire { to } = body::json(&body::bytes(body).await?)?;
    let aliased = Aliased { visitor, to };
    let event = Event::Aliased(aliased.clone());
    let outcomes = allowed::record(&server, &request, vec![event]).await?;
    if let Some(problem) = outcomes.iter().find_map(incoming::refusal) {
        return Err(problem);
    }
    Ok(HttpResponse::Ok().json(Person {
        visitor: aliased.visitor,
        to: aliased.to,
        joined: outcomes.contains(&Outcome::Accepted),
    }))
}

/// What the visitor allows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsentRequest)]
pub(super) struct Asked {
    /// Granted or denied.
    state: Consent,
}

/// What a visitor allows from now on.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsentAnswer)]
pub(super) struct Allowed {
    /// The visitor.
    visitor: VisitorId,
    /// Granted or denied.
    state: Consent,
    /// Whether that is new.
    changed: bool,
}

/// `PUT …/consent` `{"state"}`: what a visitor allows, and with it the person, from now on.
pub(super) async fn consent(
    server: Data<Server>,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let Asked { state } = body::json(&body::bytes(body).await?)?;
    Ok(HttpResponse::Ok().json(allow(&server, &path, state).await?))
}

/// Notes what a visitor allows, and with it the person, from now on.
///
/// # Errors
/// [`Code::InvalidField`], and as [`durable`].
pub(super) async fn allow(server: &Server, id: &str, state: Consent) -> Result<Allowed, Problem> {
    let visitor = visitor(id)?;
    let event = Event::Consented(Consented {
        visitor: VisitorKey::of(server.engine.snapshot().seed, &visitor),
        state,
        at: server.engine.clock().now(),
    });
    let outcomes = durable(server.engine.record(vec![event])).await?;
    Ok(Allowed {
        visitor,
        state,
        changed: outcomes.contains(&Outcome::Accepted),
    })
}

/// How a visitor is forgotten.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Erasing {
    /// Whether also what the visitor added to experiments is taken out; not, unless asked for.
    #[serde(default)]
    retract: bool,
}

/// A visitor who is forgotten.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(super) struct Forgotten {
    /// The visitor.
    visitor: VisitorId,
    /// Whether anything was held.
    pub(super) erased: bool,
}

/// `DELETE …?retract=`: forgets a person under all ids.
pub(super) async fn erase(
    server: Data<Server>,
    path: Path<String>,
    query: Result<Query<Erasing>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let query = query.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    Ok(HttpResponse::Ok().json(forget(&server, &path, query.retract).await?))
}

/// Forgets a person under all ids; with `retract` also what was added to experiments is taken out.
///
/// # Errors
/// [`Code::InvalidField`], and as [`durable`].
pub(super) async fn forget(server: &Server, id: &str, retract: bool) -> Result<Forgotten, Problem> {
    let visitor = visitor(id)?;
    let event = Event::Erased(Erased {
        visitor: VisitorKey::of(server.engine.snapshot().seed, &visitor),
        retract,
    });
    let outcomes = durable(server.engine.record(vec![event])).await?;
    Ok(Forgotten {
        visitor,
        erased: outcomes.contains(&Outcome::Accepted),
    })
}
