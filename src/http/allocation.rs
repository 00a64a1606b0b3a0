//! The allocation in force and its history, for edges and for people.

use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Server;
use super::error::{Code, Problem};
use super::experiments::find;
use crate::allocation::{Allocation, Propensity};
use crate::bandit::{self, Proposal, Urgency};
use crate::catalog::Entry;
use crate::cell::Cells;
use crate::epoch::receipt::Belief;
use crate::epoch::{Cause, Epoch, EpochNumber, Era, PlugIn};
use crate::time::Timestamp;

/// The allocation in force.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Allocation)]
pub(super) struct Current<'a> {
    /// The number of its epoch; null before the start.
    #[schema(required)]
    epoch: Option<EpochNumber>,
    /// The probability of each variant, by key; empty before the start.
    weights: BTreeMap<String, f64>,
    /// The weights of each context, by what its visitors have in common; empty where contexts are not told apart.
    contexts: BTreeMap<String, OfContext>,
    /// What a linear bandit believes of each variant, by feature.
    coefficients: BTreeMap<String, BTreeMap<String, Coefficient>>,
    /// Since when it is in force.
    #[schema(required)]
    opened_at: Option<Timestamp>,
    /// How it came about, in one sentence.
    #[schema(required)]
    receipt: Option<&'a str>,
}

/// All epochs that were asked for.
#[derive(Serialize, ToSchema)]
pub(super) struct Epochs<'a> {
    /// Oldest first.
    epochs: Vec<Shown<'a>>,
}

/// An allocation and what it rests on.
#[derive(Serialize, ToSchema)]
#[schema(as = Epoch)]
struct Shown<'a> {
    /// Its number, from 1.
    epoch: EpochNumber,
    /// The run of epochs with the same variants that it belongs to.
    era: Era,
    /// The probability of each variant, by key.
    weights: BTreeMap<String, f64>,
    /// The weights of each context, by what its visitors have in common; empty where contexts are not told apart.
    contexts: BTreeMap<String, OfContext>,
    /// What a linear bandit believes of each variant, by feature.
    coefficients: BTreeMap<String, BTreeMap<String, Coefficient>>,
    /// The share of visitors who are held out.
    holdout: f64,
    /// Since when it is, or was, in force.
    opened_at: Timestamp,
    /// Why it was opened.
    cause: Cause,
    /// How it came about, in one sentence.
    receipt: &'a str,
    /// What the bandit believed of each variant.
    beliefs: BTreeMap<String, Believed>,
    /// What inference takes from the past, in the order of the metrics.
    plug_ins: &'a [PlugIn],
    /// What visitors' totals are cut off at, by metric, in its units.
    caps: BTreeMap<String, f64>,
}

/// The epoch that a reallocation would open.
#[derive(Serialize, ToSchema)]
pub(super) struct Proposed<'a> {
    /// True.
    dry_run: bool,
    /// The epoch; null where none would open.
    #[schema(required)]
    opens: Option<Shown<'a>>,
    /// Why none would open.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The weights in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<BTreeMap<String, f64>>,
    /// How much of the traffic would move, in total variation.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<f64>,
}

/// What the bandit knew and believed of a variant.
#[derive(Serialize, ToSchema)]
#[schema(as = Belief)]
struct Believed {
    /// Visitors it had.
    visitors: u64,
    /// What they earned.
    total: f64,
    /// The posterior's mean.
    mean: f64,
    /// Its standard deviation.
    sd: f64,
    /// The probability that it is the best.
    prob_best: f64,
    /// Its weight before; 0 if it was not live.
    before: f64,
    /// Its weight since; null if it is retired.
    #[schema(required)]
    after: Option<Propensity>,
}

/// The allocation of one context.
#[derive(Serialize, ToSchema)]
#[schema(as = ContextAllocation)]
struct OfContext {
    /// The probability of each variant, by key.
    weights: BTreeMap<String, f64>,
    /// What the bandit believed of each variant there.
    beliefs: BTreeMap<String, Believed>,
}

/// What is believed of a feature's effect.
#[derive(Serialize, ToSchema)]
struct Coefficient {
    /// The posterior's mean.
    mean: f64,
    /// Its standard deviation.
    sd: f64,
}

/// The allocation in force, with an `ETag` that changes with the epoch.
pub(super) async fn current(
    server: Data<Server>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let entry = find(&server, &path)?;
    let Some(epoch) = entry.epoch() else {
        return Ok(HttpResponse::Ok().json(Current::default()));
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
    let shown = Current {
        epoch: Some(epoch.number),
        weights: entry.experiment.weights(&epoch.allocation),
        contexts: contexts(&entry, epoch),
        coefficients: coefficients(&entry, epoch),
        opened_at: Some(epoch.opened_at),
        receipt: Some(&epoch.receipt.sentence),
    };
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(shown))
}

/// Where to start.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// The number of the first epoch to show.
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
    let shown = entry
        .epochs
        .iter()
        .filter(|epoch| epoch.number.0 >= from)
        .map(|epoch| show(&entry, epoch));
    Ok(HttpResponse::Ok().json(Epochs {
        epochs: shown.collect(),
    }))
}

fn show<'a>(entry: &Entry, epoch: &'a Epoch) -> Shown<'a> {
    Shown {
        epoch: epoch.number,
        era: epoch.era,
        weights: entry.experiment.weights(&epoch.allocation),
        contexts: contexts(entry, epoch),
        coefficients: coefficients(entry, epoch),
        holdout: epoch.holdout,
        opened_at: epoch.opened_at,
        cause: epoch.cause,
        receipt: &epoch.receipt.sentence,
        beliefs: beliefs(entry, &epoch.receipt.beliefs, &epoch.allocation),
        plug_ins: &epoch.plug_ins,
        caps: caps(entry, epoch),
    }
}

/// What a reallocation would come to now; nothing is opened.
pub(super) fn proposed(server: &Server, entry: &Entry) -> Proposal {
    let now = server.engine.clock().now();
    let ask = |cells: &Cells| bandit::reallocate(entry, cells, now, Urgency::Forced);
    server.engine.with_cells(entry.serial, ask)
}

/// The epoch that a reallocation would open now, and how much traffic it would move.
pub(super) fn dry_run(server: &Server, entry: &Entry) -> HttpResponse {
    match proposed(server, entry) {
        Proposal::Keep(note) => HttpResponse::Ok().json(Proposed {
            dry_run: true,
            opens: None,
            note: Some(note),
            weights: None,
            moved: None,
        }),
        Proposal::Open(epoch) => {
            let current = entry.epoch();
            HttpResponse::Ok().json(Proposed {
                dry_run: true,
                opens: Some(show(entry, &epoch)),
                note: None,
                weights: current.map(|current| entry.experiment.weights(&current.allocation)),
                moved: current.map(|current| bandit::distance(&epoch, current)),
            })
        }
    }
}

/// Frozen caps by metric key, in the metric's units.
fn caps(entry: &Entry, epoch: &Epoch) -> BTreeMap<String, f64> {
    let metrics = entry.experiment.metrics.iter().enumerate();
    let frozen = metrics.filter_map(|(at, metric)| {
        let cap = epoch.cap(at)? as f64 / metric.kind.unit();
        Some((metric.key.to_string(), cap))
    });
    frozen.collect()
}

/// What the bandit knew and believed of its variants, by key.
fn beliefs(entry: &Entry, beliefs: &[Belief], after: &Allocation) -> BTreeMap<String, Believed> {
    let named = beliefs.iter().filter_map(|belief| {
        let shown = Believed {
            visitors: belief.visitors,
            total: belief.total,
            mean: belief.mean,
            sd: belief.sd,
            prob_best: belief.prob_best,
            before: belief.before,
            after: after.propensity(belief.arm),
        };
        Some((entry.experiment.label(belief.arm)?, shown))
    });
    named.collect()
}

/// The weights of each context, and what the bandit believed of it, by what its visitors have in common; empty where
/// contexts are not told apart.
fn contexts(entry: &Entry, epoch: &Epoch) -> BTreeMap<String, OfContext> {
    let known = epoch.contexts.iter();
    let cells = known.flat_map(|contexts| contexts.iter().map(move |cell| (contexts, cell)));
    let named = cells.filter_map(|(contexts, (cell, allocation))| {
        let believed = contexts.beliefs.get(usize::from(cell.0));
        let beliefs = beliefs(entry, believed.map_or(&[], Vec::as_slice), allocation);
        let shown = OfContext {
            weights: entry.experiment.weights(allocation),
            beliefs,
        };
        Some((entry.experiment.context_name(contexts, cell)?, shown))
    });
    named.collect()
}

/// What a linear bandit believes of each variant: mean and standard deviation of its coefficients, by the name of the
/// feature; empty under other policies, and until it has learned.
fn coefficients(entry: &Entry, epoch: &Epoch) -> BTreeMap<String, BTreeMap<String, Coefficient>> {
    let Some(linear) = &epoch.linear else {
        return BTreeMap::new();
    };
    let learned = linear.learned.iter().flat_map(|learned| &learned.arms);
    let named = learned.filter_map(|of| {
        let columns = std::iter::once("intercept".to_owned()).chain(linear.features.names());
        let each = columns.zip(of.each());
        let each = each.map(|(column, (mean, sd))| (column, Coefficient { mean, sd }));
        Some((entry.experiment.label(of.arm)?, each.collect()))
    });
    named.collect()
}
