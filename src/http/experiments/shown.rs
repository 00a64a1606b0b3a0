//! An experiment as it is shown: definition, status and version.

use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::experiment::Status;
use crate::catalog::metric::OnTrip;
use crate::catalog::spec::Spec;
use crate::catalog::takeaway::Takeaway;
use crate::catalog::{Entry, Scope, Source, Trip};
use crate::epoch::EpochNumber;
use crate::id::MetricKey;
use crate::time::Timestamp;

/// All experiments.
#[derive(Serialize, ToSchema)]
#[schema(as = Experiments)]
pub(in crate::http) struct List<'a> {
    /// Those that are not archived.
    pub(super) experiments: Vec<Shown<'a>>,
}

/// An experiment: its definition, and where it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Experiment)]
pub(in crate::http) struct Shown<'a> {
    /// The definition; its status is where the experiment stands.
    #[serde(flatten)]
    spec: Spec,
    /// Version of the definition, from 1.
    version: u32,
    /// Since when it stands there.
    since: Timestamp,
    /// When it first ran.
    #[schema(required)]
    started_at: Option<Timestamp>,
    /// Whether it was put away.
    archived: bool,
    /// Where the definition comes from.
    source: &'a Source,
    /// The epoch in force.
    #[schema(required)]
    epoch: Option<EpochNumber>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    conclusion: Option<Concluded<'a>>,
    /// What was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    takeaway: Option<&'a Takeaway>,
    /// Why it is paused, if harm is the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<Pause<'a>>,
    /// The guardrails that tripped, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trips: Vec<Tripped<'a>>,
    /// What the change that is answered came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// How an experiment ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Conclusion)]
struct Concluded<'a> {
    /// The variant to serve; null is the control.
    #[schema(required)]
    winner: Option<&'a str>,
    /// To whom.
    scope: Scope,
    /// Why, where a bandit ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// A pause for harm.
#[derive(Serialize, ToSchema)]
struct Pause<'a> {
    /// `harm`.
    cause: &'static str,
    /// Which harm, with numbers.
    receipt: &'a str,
}

/// A guardrail that tripped, in numbers and in words.
#[derive(Serialize, ToSchema)]
#[schema(as = Trip)]
struct Tripped<'a> {
    /// The metric.
    metric: &'a MetricKey,
    /// The variant.
    #[schema(required)]
    variant: Option<&'a str>,
    /// Its revision.
    #[schema(required)]
    revision: Option<u16>,
    /// The relative harm, as estimated then.
    harm: f64,
    /// What it is at least, however often one looks.
    low: f64,
    /// What followed.
    action: OnTrip,
    /// The same in plain words.
    receipt: &'a str,
    /// When.
    at: Timestamp,
}

/// Definition, status and version.
pub(in crate::http) fn show(entry: &Entry) -> Shown<'_> {
    let lifecycle = &entry.lifecycle;
    let status: Status = lifecycle.status;
    let conclusion = lifecycle.conclusion.as_ref().map(|conclusion| Concluded {
        winner: conclusion
            .winner
            .and_then(|arm| entry.experiment.variant(arm))
            .map(|variant| variant.key.as_str()),
        scope: conclusion.scope,
        reason: conclusion.reason.as_deref(),
    });
    Shown {
        spec: Spec {
            status,
            ..Spec::clone(&entry.experiment.spec)
        },
        version: entry.experiment.version,
        since: lifecycle.since,
        started_at: lifecycle.started_at,
        archived: lifecycle.archived,
        source: &lifecycle.source,
        epoch: entry.epoch().map(|epoch| epoch.number),
        conclusion,
        takeaway: lifecycle.takeaway.as_ref(),
        pause: lifecycle.halted_by().map(|trip| Pause {
            cause: "harm",
            receipt: &trip.receipt,
        }),
        trips: lifecycle
            .trips
            .iter()
            .map(|trip| tripped(entry, trip))
            .collect(),
        note: None,
    }
}

fn tripped<'a>(entry: &'a Entry, trip: &'a Trip) -> Tripped<'a> {
    let variant = entry.experiment.variant(trip.arm);
    Tripped {
        metric: &trip.metric,
        variant: variant.map(|variant| variant.key.as_str()),
        revision: variant.map(|variant| variant.revision),
        harm: trip.harm,
        low: trip.low,
        action: trip.action,
        receipt: &trip.receipt,
        at: trip.at,
    }
}
