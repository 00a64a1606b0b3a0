//! The allocation in force and its history, for edges and for people.

use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Server;
use super::error::{Code, Problem};
use super::experiments::find;
use crate::allocation::{Allocation, Arm};
use crate::bandit::{self, Proposal, Urgency};
use crate::catalog::Entry;
use crate::cell::Cells;
use crate::epoch::Epoch;
use crate::epoch::receipt::Belief;

/// The allocation in force, with an `ETag` that changes with the epoch.
pub(super) async fn current(
    server: Data<Server>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let entry = find(&server, &path)?;
    let Some(epoch) = entry.epoch() else {
        return Ok(HttpResponse::Ok()
            .json(json!({ "epoch": null, "weights": {}, "opened_at": null, "receipt": null })));
    };
    let tag = format!("\"{}-{}\"", entry.experiment.version, epoch.number.0);
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|tag| tag.to_str().ok());
    if known == Some(tag.as_str()) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag))
            .finish());
    }
    let shown = json!({
        "epoch": epoch.number,
        "weights": weights(&entry, &epoch.allocation),
        "contexts": contexts(&entry, epoch),
        "coefficients": coefficients(&entry, epoch),
        "opened_at": epoch.opened_at,
        "receipt": epoch.receipt.sentence,
    });
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(shown))
}

/// Where to start.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    #[serde(default)]
    from: u32,
}

/// All allocations with their receipts.
pub(super) async fn epochs(
    server: Data<Server>,
    path: Path<String>,
    query: Result<Query<From>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let from = query
        .map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?
        .from;
    let entry = find(&server, &path)?;
    let shown: Vec<Value> = entry
        .epochs
        .iter()
        .filter(|epoch| epoch.number.0 >= from)
        .map(|epoch| show(&entry, epoch))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "epochs": shown })))
}

fn show(entry: &Entry, epoch: &Epoch) -> Value {
    json!({
        "epoch": epoch.number,
        "era": epoch.era,
        "weights": weights(entry, &epoch.allocation),
        "contexts": contexts(entry, epoch),
        "coefficients": coefficients(entry, epoch),
        "holdout": epoch.holdout,
        "opened_at": epoch.opened_at,
        "cause": epoch.cause,
        "receipt": epoch.receipt.sentence,
        "beliefs": beliefs(entry, &epoch.receipt.beliefs, &epoch.allocation),
        "plug_ins": epoch.plug_ins,
        "caps": caps(entry, epoch),
    })
}

/// The epoch that a reallocation would open now, and how much traffic it would move; nothing is opened.
pub(super) fn proposed(server: &Server, entry: &Entry) -> Value {
    let now = server.engine.clock().now();
    let ask = |cells: &Cells| bandit::reallocate(entry, cells, now, Urgency::Forced);
    match server.engine.with_cells(entry.serial, ask) {
        Proposal::Keep(note) => json!({ "dry_run": true, "opens": null, "note": note }),
        Proposal::Open(epoch) => {
            let current = entry.epoch();
            let moved = current.map(|current| bandit::distance(&epoch, current));
            json!({
                "dry_run": true,
                "opens": show(entry, &epoch),
                "weights": current.map(|current| weights(entry, &current.allocation)),
                "moved": moved,
            })
        }
    }
}

/// Frozen caps by metric key, in the metric's units.
fn caps(entry: &Entry, epoch: &Epoch) -> Map<String, Value> {
    let metrics = entry.experiment.metrics.iter().enumerate();
    let frozen = metrics.filter_map(|(at, metric)| {
        let cap = epoch.cap(at)? as f64 / metric.kind.unit();
        Some((metric.key.to_string(), json!(cap)))
    });
    frozen.collect()
}

/// What the bandit knew and believed of its variants, by key.
fn beliefs(entry: &Entry, beliefs: &[Belief], after: &Allocation) -> Map<String, Value> {
    let named = beliefs.iter().filter_map(|belief| {
        let shown = json!({
            "visitors": belief.visitors,
            "total": belief.total,
            "mean": belief.mean,
            "sd": belief.sd,
            "prob_best": belief.prob_best,
            "before": belief.before,
            "after": after.propensity(belief.arm),
        });
        Some((name(entry, belief.arm)?, shown))
    });
    named.collect()
}

/// The weights of each context, and what the bandit believed of it, by what its visitors have in common; empty where
/// contexts are not told apart.
fn contexts(entry: &Entry, epoch: &Epoch) -> Map<String, Value> {
    let known = epoch.contexts.iter();
    let cells = known.flat_map(|contexts| contexts.iter().map(move |cell| (contexts, cell)));
    let named = cells.filter_map(|(contexts, (cell, allocation))| {
        let believed = contexts.beliefs.get(usize::from(cell.0));
        let beliefs = beliefs(entry, believed.map_or(&[], Vec::as_slice), allocation);
        let shown = json!({ "weights": weights(entry, allocation), "beliefs": beliefs });
        Some((entry.experiment.context_name(contexts, cell)?, shown))
    });
    named.collect()
}

/// What a linear bandit believes of each variant: mean and standard deviation of its coefficients, by the name of the
/// feature; empty under other policies, and until it has learned.
fn coefficients(entry: &Entry, epoch: &Epoch) -> Map<String, Value> {
    let Some(linear) = &epoch.linear else {
        return Map::new();
    };
    let learned = linear.learned.iter().flat_map(|learned| &learned.arms);
    let named = learned.filter_map(|of| {
        let columns = std::iter::once("intercept".to_owned()).chain(linear.features.names());
        let each = columns.zip(of.each());
        let each = each.map(|(column, (mean, sd))| (column, json!({ "mean": mean, "sd": sd })));
        Some((
            name(entry, of.arm)?,
            each.collect::<Map<String, Value>>().into(),
        ))
    });
    named.collect()
}

/// Probabilities by variant key.
pub(super) fn weights(entry: &Entry, allocation: &Allocation) -> Map<String, Value> {
    let named = allocation.iter();
    named
        .filter_map(|(arm, weight)| Some((name(entry, arm)?, json!(weight))))
        .collect()
}

/// A variant's key, with its revision where a later one has taken its place.
fn name(entry: &Entry, arm: Arm) -> Option<String> {
    let variant = entry.experiment.variant(arm)?;
    let is_present = variant.live
        || variant.revision > 1 && entry.experiment.arm(variant.key.as_str()).is_none();
    Some(if is_present {
        variant.key.to_string()
    } else {
        format!("{}@{}", variant.key, variant.revision)
    })
}
