//! Everything that is held about a visitor, as it is told to whoever may ask.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::attribution::AMOUNT;
use super::fate::counted;
use super::told::MetricFate;
use super::{Assignment, Exposure, MetricEvent, Record, first_exposure, signal};
use crate::allocation::{Arm, Propensity};
use crate::assign::sticky;
use crate::catalog::{Catalog, Entry};
use crate::epoch::EpochNumber;
use crate::event::{CANCELLATION, REFUND};
use crate::id::{ExperimentKey, GroupId, VisitorId};
use crate::profile::{Profile, Said, Traits};
use crate::source::Source;
use crate::time::{Timestamp, Zone};

/// Everything held about a visitor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Visitor)]
pub struct Held<'a> {
    /// Who was asked for.
    pub visitor: &'a VisitorId,
    /// All ids that are known to be the person's.
    pub ids: BTreeSet<&'a VisitorId>,
    /// The id by which the person is drawn.
    pub drawn_as: &'a VisitorId,
    /// The earliest time of anything that the visitor did.
    #[schema(required)]
    pub first_seen: Option<Timestamp>,
    /// What the person allows; null if that was never said.
    #[schema(required)]
    pub consent: Option<Said>,
    /// The person's traits by name.
    pub traits: BTreeMap<&'a str, HeldTrait>,
    /// The groups that the person belongs to.
    pub groups: Vec<HeldGroup<'a>>,
    /// Assignments, by experiment and time; one to `global-holdout` is the place in or outside it.
    pub assignments: Vec<HeldAssignment<'a>>,
    /// Exposures that are kept.
    pub exposures: Vec<HeldExposure<'a>>,
    /// The recent events that metrics read, by time.
    pub events: Vec<HeldEvent<'a>>,
    /// How many other events are remembered by a hash of their ids, so that they count once.
    pub remembered: u32,
}

/// A trait as it was told last.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldTrait {
    /// As it was told.
    pub value: Value,
    /// When it was so.
    pub at: Timestamp,
}

/// A group that the person belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldGroup<'a> {
    /// Its id.
    pub id: &'a GroupId,
    /// When that was told last.
    pub at: Timestamp,
    /// Its traits by name.
    pub traits: BTreeMap<&'a str, HeldTrait>,
}

/// An assignment.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldAssignment<'a> {
    /// The experiment.
    pub experiment: &'a ExperimentKey,
    /// The variant; null if the experiment no longer has it.
    #[schema(required)]
    pub variant: Option<&'a str>,
    /// The epoch under which it was drawn.
    pub epoch: EpochNumber,
    /// The probability with which the variant was drawn.
    #[schema(required)]
    pub propensity: Option<Propensity>,
    /// When.
    pub at: Timestamp,
    /// Whether held out on control.
    pub holdout: bool,
    /// Whether it is that of a session.
    pub session: bool,
    /// Whether the visitor was seen under another variant, too.
    pub crossover: bool,
    /// When the visitor first saw the variant.
    #[schema(required)]
    pub exposed: Option<Timestamp>,
    /// The values of the experiment's dimensions at the time.
    pub dimensions: BTreeMap<&'a str, &'a str>,
    /// What events that are no longer kept had added, by metric and day.
    pub settled: Vec<HeldTotal<'a>>,
}

/// What a metric has of events that are no longer kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldTotal<'a> {
    /// The metric.
    pub metric: &'a str,
    /// The day, in the time zone of the log.
    pub day: String,
    /// The sum, in the metric's unit.
    pub total: f64,
}

/// An exposure.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldExposure<'a> {
    /// The experiment.
    pub experiment: &'a ExperimentKey,
    /// The variant that was seen; null if the experiment never had it.
    #[schema(required)]
    pub variant: Option<&'a str>,
    /// When.
    pub at: Timestamp,
    /// By which way it was told.
    pub source: Source,
}

/// An event that metrics read. Of its id and its order a hash is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldEvent<'a> {
    /// Its name.
    #[schema(required)]
    pub event: Option<&'a str>,
    /// When it happened.
    pub at: Timestamp,
    /// The amounts that metrics read of it.
    pub amounts: BTreeMap<&'a str, f64>,
    /// What it counts for.
    pub metrics: Vec<MetricFate>,
}

impl<'a> Held<'a> {
    /// What is held about a visitor in record and profile.
    pub fn of(
        (catalog, zone): (&'a Catalog, &Zone),
        visitor: &'a VisitorId,
        record: &'a Record,
        profile: &'a Profile,
    ) -> Self {
        let mut ids: BTreeSet<&VisitorId> = profile.ids.iter().collect();
        ids.insert(visitor);
        let name = record.identity.as_ref().map(|identity| &identity.name);
        let names = Names::of(catalog);
        let events = record.events.iter();
        let groups = profile.groups.iter();
        let groups = groups.map(|(id, group)| HeldGroup {
            id,
            at: group.at,
            traits: traits(&group.traits),
        });
        let assignments = record.assignments.iter();
        let exposures = record.exposures.iter();
        Self {
            visitor,
            drawn_as: name.unwrap_or(visitor),
            ids,
            first_seen: record.first_seen,
            consent: record.consent,
            traits: traits(&profile.traits),
            groups: groups.collect(),
            assignments: assignments
                .filter_map(|of| HeldAssignment::of(catalog, record, of))
                .collect(),
            exposures: exposures.filter_map(|of| exposure(catalog, of)).collect(),
            events: events
                .map(|event| names.event((catalog, zone), record, event))
                .collect(),
            remembered: record.overflowed,
        }
    }
}

/// The traits that were not taken back.
fn traits(of: &Traits) -> BTreeMap<&str, HeldTrait> {
    let held = of.iter().filter_map(|(name, told)| {
        let value = serde_json::from_str(told.value.as_ref()?).unwrap_or_default();
        Some((name.as_str(), HeldTrait { value, at: told.at }))
    });
    held.collect()
}

fn variant(entry: &Entry, arm: Arm) -> Option<&str> {
    Some(entry.experiment.variant(arm)?.key.as_str())
}

fn exposure<'a>(catalog: &'a Catalog, of: &Exposure) -> Option<HeldExposure<'a>> {
    let entry = catalog.by_serial(of.experiment)?;
    Some(HeldExposure {
        experiment: &entry.experiment.key,
        variant: of.arm.and_then(|arm| variant(entry, arm)),
        at: of.at,
        source: of.source,
    })
}

impl<'a> HeldAssignment<'a> {
    fn of(catalog: &'a Catalog, record: &Record, of: &Assignment) -> Option<Self> {
        let entry = catalog.by_serial(of.experiment)?;
        let experiment = &entry.experiment;
        let exposed = first_exposure(&record.exposures, of, experiment);
        let settled = of.settled.iter().filter_map(|settled| {
            let metric = experiment.metric(settled.metric)?;
            Some(HeldTotal {
                metric: metric.key.as_str(),
                day: settled.day.to_string(),
                total: settled.total as f64 / metric.kind.unit(),
            })
        });
        Some(Self {
            experiment: &experiment.key,
            variant: variant(entry, of.arm),
            epoch: of.epoch,
            propensity: sticky(entry, of.standing()).propensity,
            at: of.at,
            holdout: of.holdout,
            session: of.session.is_some(),
            crossover: of.crossover,
            exposed: exposed.map(|seen| seen.at),
            dimensions: dimensions(entry, &of.dimensions),
            settled: settled.collect(),
        })
    }
}

/// The values of dimensions by their positions; those that are not kept apart are left out.
fn dimensions<'a>(entry: &'a Entry, positions: &[u8]) -> BTreeMap<&'a str, &'a str> {
    let dimensions = entry.experiment.dimensions.iter().enumerate();
    let values = dimensions.zip(positions).filter_map(|((i, of), position)| {
        let seen = entry.lifecycle.seen.get(i);
        let known = if of.values.is_empty() {
            seen?
        } else {
            &of.values
        };
        let value = known.get(usize::from(*position))?;
        Some((of.attribute.as_str(), value.as_str()))
    });
    values.collect()
}

/// The names behind the hashes of a record.
struct Names<'a>(BTreeMap<u64, &'a str>);

impl<'a> Names<'a> {
    fn of(catalog: &'a Catalog) -> Self {
        let signals = catalog.signals();
        let names = signals.flat_map(|(event, properties)| {
            std::iter::once(event.as_str()).chain(properties.iter().map(String::as_str))
        });
        let fixed = [REFUND, CANCELLATION, AMOUNT].into_iter();
        let all = names.chain(fixed).map(|name| (signal(name), name));
        Self(all.collect())
    }

    fn event(
        &self,
        (catalog, zone): (&Catalog, &Zone),
        record: &Record,
        of: &MetricEvent,
    ) -> HeldEvent<'a> {
        let amounts = of
            .amounts
            .iter()
            .filter_map(|(name, micros)| Some((*self.0.get(name)?, *micros as f64 / 1e6)));
        let counts = counted(record, catalog, zone, of.id);
        let metrics = counts.unwrap_or_default().into_iter();
        HeldEvent {
            event: self.0.get(&of.name).copied(),
            at: of.at,
            amounts: amounts.collect(),
            metrics: metrics
                .filter_map(|of| MetricFate::of(catalog, of))
                .collect(),
        }
    }
}
