//! A change of an experiment in the words of the API: the same in its history, in webhooks and in streams.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::experiment::Status;
use super::history::What;
use super::lifecycle::{Scope, Transition, Trip};
use super::metric::OnTrip;
use super::takeaway::Takeaway;
use super::{Entry, Source};
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::id::{ExperimentKey, MetricKey};
use crate::time::Timestamp;

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
#[schema(as = ExperimentChange)]
pub enum Told<'a> {
    /// It got a new version of its definition.
    #[schema(title = "ChangeDefined")]
    Defined {
        /// Its number, from 1.
        version: u32,
        /// Whether the edit touched words alone.
        cosmetic: bool,
        /// Where it comes from.
        source: &'a Source,
        /// Where the experiment stood then.
        status: Status,
        /// The fields at the top of the definition that differ from the version before; empty for the first one.
        fields: &'a [String],
    },
    /// It was started or resumed.
    #[schema(title = "ChangeStarted")]
    Started {},
    /// It was paused by hand.
    #[schema(title = "ChangePaused")]
    Paused {},
    /// It was decided.
    #[schema(title = "ChangeConcluded")]
    Concluded {
        /// The variant to serve; null is the control.
        #[schema(required)]
        winner: Option<String>,
        /// To whom.
        scope: Scope,
        /// Why, where a bandit ended by itself.
        #[schema(required)]
        reason: Option<&'a str>,
    },
    /// It was put away.
    #[schema(title = "ChangeArchived")]
    Archived {},
    /// A guardrail tripped.
    #[schema(title = "ChangeTripped")]
    Tripped {
        /// The metric.
        metric: &'a MetricKey,
        /// The variant.
        #[schema(required)]
        variant: Option<String>,
        /// The relative harm, as estimated then.
        harm: f64,
        /// What it is at least, however often one looks.
        low: f64,
        /// What followed.
        action: OnTrip,
        /// The same in plain words.
        receipt: &'a str,
    },
    /// What was learned from it was written down, or put otherwise.
    #[schema(title = "ChangeLearned")]
    Learned {
        /// What was learned.
        takeaway: &'a Takeaway,
    },
    /// An epoch was opened.
    #[schema(title = "ChangeOpened")]
    Opened {
        /// The number of the epoch.
        epoch: EpochNumber,
        /// Why.
        cause: Cause,
        /// The probability of each variant, by key.
        weights: BTreeMap<String, f64>,
        /// How it came about, in one sentence.
        receipt: &'a str,
    },
}

/// A change, of which experiment, and when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happening<'a> {
    experiment: &'a ExperimentKey,
    #[serde(flatten)]
    what: Told<'a>,
    at: Timestamp,
}

impl Entry {
    /// A change in words; `None` of an epoch that is not there.
    pub fn told<'a>(&'a self, what: &'a What) -> Option<Told<'a>> {
        Some(match what {
            What::Defined(version) => Told::Defined {
                version: version.number,
                cosmetic: version.cosmetic,
                source: &version.source,
                status: version.status,
                fields: &version.fields,
            },
            What::Transitioned(transition) => self.transitioned(transition),
            What::Tripped(trip) => self.tripped(trip),
            What::Learned(takeaway) => Told::Learned { takeaway },
            What::Opened(number) => self.opened(self.epochs.get(*number)?),
        })
    }

    /// A transition in words.
    pub fn transitioned<'a>(&self, transition: &'a Transition) -> Told<'a> {
        match transition {
            Transition::Start => Told::Started {},
            Transition::Pause => Told::Paused {},
            Transition::Archive => Told::Archived {},
            Transition::Conclude(conclusion) => Told::Concluded {
                winner: conclusion.winner.and_then(|arm| self.experiment.label(arm)),
                scope: conclusion.scope,
                reason: conclusion.reason.as_deref(),
            },
        }
    }

    /// A trip in words.
    pub fn tripped<'a>(&self, trip: &'a Trip) -> Told<'a> {
        Told::Tripped {
            metric: &trip.metric,
            variant: self.experiment.label(trip.arm),
            harm: trip.harm,
            low: trip.low,
            action: trip.action,
            receipt: &trip.receipt,
        }
    }

    /// A new epoch in words.
    pub fn opened<'a>(&self, epoch: &'a Epoch) -> Told<'a> {
        Told::Opened {
            epoch: epoch.number,
            cause: epoch.cause,
            weights: self.experiment.weights(&epoch.allocation),
            receipt: &epoch.receipt.sentence,
        }
    }

    /// What happened to this experiment.
    pub fn happening<'a>(&'a self, what: Told<'a>, at: Timestamp) -> Happening<'a> {
        Happening {
            experiment: &self.experiment.key,
            what,
            at,
        }
    }
}
