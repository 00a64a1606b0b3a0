//! A policy on the visitors of a run: the server's own functions, with the clock of the scenario.
//!
//! Every visitor is drawn by [`assign()`], and what happened is folded by [`fold`] from the same events that the server
//! logs; epochs open as the engine opens them on a tick. Nothing is stored: a visitor's record is kept only until the
//! visitor's last event.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use super::conversions::{Conversion, Conversions};
use super::looks::{Looks, decided};
use super::scenario::{Candidate, Scenario};
use super::segments::Segment;
use super::tally::Tally;
use super::visitors::{Batch, Visitor, arrival};
use super::{Course, Decided, Outcome, best};
use crate::allocation::{Arm, Propensity};
use crate::assign::decision::Trace;
use crate::assign::{self, Request, assign};
use crate::bandit::tick::{self, Asked, News, Next};
use crate::bandit::{self, Proposal, Urgency};
use crate::catalog::audience::Attributes;
use crate::catalog::experiment::Experiment;
use crate::catalog::history::Author;
use crate::catalog::{Catalog, Entry, Serial};
use crate::cell::Cells;
use crate::epoch::Epoch;
use crate::epoch::context::ContextCell;
use crate::event::{Assigned, Event, Tracked};
use crate::fold::{Delta, View, fold};
use crate::id::EventId;
use crate::key::ring::Keyring;
use crate::linear;
use crate::profile::Profile;
use crate::report::is_mismatched;
use crate::source::Source;
use crate::time::{Timestamp, Zone};
use crate::visitor::{Record, VisitorKey};

/// The first instant of every run, a Monday.
pub(super) fn start() -> Timestamp {
    Timestamp::from_millis(START_MS).unwrap_or_else(|_| Timestamp::earliest())
}

/// 2026-01-05T00:00:00Z.
const START_MS: i64 = 1_767_571_200_000;
/// Seed of the keyed hashes of visitors.
const HASH_SEED: u64 = 1;

/// The state of a server with one experiment, in memory.
struct State {
    catalog: Catalog,
    zone: Zone,
    records: HashMap<VisitorKey, Record>,
    keys: Keyring,
    /// All cells up to the last call of the policy.
    cells: Cells,
    /// What has changed since.
    fresh: Cells,
}

impl View for State {
    type Error = Infallible;

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn zone(&self) -> &Zone {
        &self.zone
    }

    fn seed(&self) -> u64 {
        HASH_SEED
    }

    fn person(&self, visitor: VisitorKey) -> Result<(VisitorKey, Record), Infallible> {
        let record = self.records.get(&visitor).cloned();
        Ok((visitor, record.unwrap_or_default()))
    }

    fn profile(&self, _: VisitorKey) -> Result<Profile, Infallible> {
        Ok(Profile::default())
    }

    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn author(&self) -> Option<&Author> {
        None
    }

    fn remembers(&self, _: VisitorKey, _: u64) -> Result<bool, Infallible> {
        Ok(false)
    }
}

impl State {
    /// Folds an event and takes its delta over; the visitor's record is kept if more events will come.
    fn take(&mut self, event: &Event, now: Timestamp, is_last: bool) {
        let Ok(delta) = fold(self, event, now);
        let Delta {
            record,
            cells,
            entry,
            ..
        } = delta;
        for (_, change) in &cells {
            self.fresh.merge(change);
        }
        if let Some(entry) = entry {
            self.catalog.put(entry);
        }
        if let Some((visitor, record)) = record {
            if is_last {
                self.records.remove(&visitor);
            } else {
                self.records.insert(visitor, record);
            }
        }
    }

    fn settle(&mut self) {
        self.cells.merge(&self.fresh);
        self.fresh = Cells::default();
    }
}

/// A policy on the visitors of a run.
pub(super) struct Trial<'s> {
    scenario: &'s Scenario,
    candidate: &'s Candidate,
    serial: Serial,
    state: State,
    /// By segment, what the server is told of a visitor.
    attributes: Vec<Attributes>,
    conversions: Conversions<'s>,
    tally: Tally,
    looks: Looks,
    /// What was known when the policy was last asked whether the search is over.
    looked: Option<u64>,
    stopped: Option<Decided>,
}

impl<'s> Trial<'s> {
    pub(super) fn new(scenario: &'s Scenario, candidate: &'s Candidate) -> Self {
        let traffic = &scenario.traffic;
        let mut catalog = Catalog::default();
        catalog.put(candidate.entry.clone());
        Self {
            scenario,
            candidate,
            serial: candidate.entry.serial,
            state: State {
                catalog,
                zone: Zone::utc(),
                records: HashMap::new(),
                keys: Keyring::default(),
                cells: Cells::default(),
                fresh: Cells::default(),
            },
            attributes: attributes(scenario),
            conversions: Conversions::new(scenario, candidate.delayed),
            tally: Tally::new(traffic.visitors, traffic.batch, scenario.objective.sign),
            looks: Looks::new(scenario, &candidate.entry),
            looked: None,
            stopped: None,
        }
    }

    fn entry(&self) -> &Entry {
        let entry = self.state.catalog.by_serial(self.serial);
        entry.map_or(&self.candidate.entry, AsRef::as_ref)
    }

    /// Serves a batch, then asks the policy for an epoch.
    pub(super) fn serve(&mut self, batch: &Batch) {
        for (visitor, rewards) in batch.iter() {
            self.deliver(visitor.at);
            let arm = self.assign(visitor);
            self.tally.count(usize::from(arm.0), rewards);
        }
        self.tally.mark(false);
        let now = arrival(&self.scenario.traffic, self.tally.visitors());
        self.deliver(now);
        self.state.settle();
        self.reallocate(now);
        if self.looks.is_due(self.tally.visitors()) {
            let entry = self.state.catalog.by_serial(self.serial);
            let entry = entry.map_or(&self.candidate.entry, AsRef::as_ref);
            self.looks.look(entry, &self.state.cells, now);
        }
    }

    /// Assigns a visitor, and schedules the conversion if there is one.
    fn assign(&mut self, visitor: &Visitor) -> Arm {
        let Some(attributes) = self.attributes.get(visitor.segment.unwrap_or(0)) else {
            return self.entry().experiment.control;
        };
        let request = Request {
            visitor: visitor.id.as_str(),
            session: None,
            attributes,
            forced: None,
            bot: false,
            denied: false,
            held_globally: false,
            now: visitor.at,
        };
        let entry = self.entry();
        let decision = assign(entry, &request, None, &mut Trace::default());
        let variant = usize::from(decision.arm.0);
        let order = visitor.order_on(variant);
        if let (Some(epoch), Some(propensity)) = (decision.epoch, decision.propensity) {
            let event = Event::Assigned(Assigned {
                visitor: visitor.id.clone(),
                session: None,
                experiment: entry.experiment.key.clone(),
                arm: decision.arm,
                holdout: decision.holdout,
                epoch,
                propensity,
                at: visitor.at,
                dimensions: dimensions(entry, attributes),
                drawn: decision.drawn,
            });
            self.state.take(&event, visitor.at, order.is_none());
        }
        if let Some(order) = order {
            self.conversions.schedule(visitor, order, variant);
        }
        decision.arm
    }

    /// Folds the conversions that have come by now.
    fn deliver(&mut self, now: Timestamp) {
        while let Some(conversion) = self.conversions.next(now) {
            self.convert(conversion);
        }
    }

    fn convert(&mut self, due: Conversion) {
        let Ok(id) = EventId::parse("1") else { return };
        let event = Event::Tracked(Tracked {
            visitor: due.visitor,
            id,
            name: self.scenario.objective.event.clone(),
            at: due.at,
            properties: due.properties,
            source: Source::Native,
        });
        self.state.take(&event, due.at, true);
    }

    /// What the experiment does by itself, as the engine has it on a tick.
    fn reallocate(&mut self, now: Timestamp) {
        let (entry, cells) = (self.entry(), &self.state.cells);
        let news = News::since(self.looked, cells.information);
        let asked = Asked {
            news,
            urgency: self.scenario.traffic.urgency,
            is_sound: &|| !is_mismatched(entry, cells, now),
        };
        let next = tick::next(entry, cells, now, asked);
        if news == News::Some {
            self.looked = Some(cells.information);
        }
        let Some(next) = next else { return };
        if let Next::Conclude(conclusion) = &next {
            self.stopped = Some(decided(now, conclusion.winner));
        }
        let experiment = self.entry().experiment.key.clone();
        let event = Event::by_itself(experiment, next, now);
        self.state.take(&event, now, true);
    }

    /// What came of it: the choice is the winner of a search that ended, or else the variant with the largest posterior
    /// mean at the end; intervals are those after the last conversion.
    pub(super) fn finish(mut self) -> Outcome {
        self.tally.mark(true);
        let now = arrival(&self.scenario.traffic, self.tally.visitors());
        let wanted = proposed(self.entry(), &self.state.cells, now);
        let epoch = wanted.as_ref().or_else(|| self.entry().epoch());
        let variants = self.scenario.truth.variants.len();
        let winner = self.stopped.and_then(|stopped| stopped.variant);
        let likely = |attributes: &Attributes| {
            let experiment = &self.entry().experiment;
            let means = epoch.map(|epoch| means((experiment, epoch), attributes, variants));
            best(means.unwrap_or_default())
        };
        let choice = |attributes| winner.unwrap_or_else(|| likely(attributes));
        let choices: Vec<usize> = self.attributes.iter().map(choice).collect();
        let end = self.conversions.last().map_or(now, |last| last.max(now));
        self.deliver(end);
        self.state.settle();
        let covered = self.looks.coverage(self.entry(), &self.state.cells, end);
        let epochs = self.entry().epochs.iter();
        let epochs = epochs.map(|epoch| shares(epoch, variants)).collect();
        let (regret, curve) = self.tally.finish();
        let course = Course {
            regret,
            curve,
            choices,
        };
        Outcome {
            course,
            covered,
            excluded: self.looks.excluded(),
            decided: self.looks.decided(),
            stopped: self.stopped,
            epochs,
        }
    }
}

/// What the server is told of the visitors of each segment.
fn attributes(scenario: &Scenario) -> Vec<Attributes> {
    let Some(segments) = &scenario.truth.segments else {
        return vec![Attributes::default()];
    };
    let of = |segment: &Segment| {
        let value = segment.value.as_str().into();
        let values = BTreeMap::from([(segments.attribute.clone(), value)]);
        Attributes::new(values).unwrap_or_default()
    };
    segments.values.iter().map(of).collect()
}

/// A visitor's values of the experiment's dimensions.
fn dimensions(entry: &Entry, attributes: &Attributes) -> Vec<Option<String>> {
    let dimensions = entry.experiment.dimensions.iter();
    let value = |attribute: &str| Some(attributes.get(attribute)?.as_str()?.to_owned());
    dimensions.map(|of| value(&of.attribute)).collect()
}

/// The posterior mean of each of so many variants for a visitor when an epoch opened; the shares where no bandit decided.
fn means(
    (experiment, epoch): (&Experiment, &Epoch),
    attributes: &Attributes,
    variants: usize,
) -> Vec<f64> {
    let context = assign::context(experiment, epoch, attributes);
    let own = |cell: ContextCell| epoch.contexts.as_ref()?.beliefs.get(usize::from(cell.0));
    let beliefs = context.and_then(own).unwrap_or(&epoch.receipt.beliefs);
    let listed = beliefs.iter().map(|of| (of.arm, of.mean));
    let listed = linear::means(epoch, attributes).unwrap_or_else(|| listed.collect());
    if listed.is_empty() {
        return shares(epoch, variants);
    }
    let mean = |variant: usize| {
        let mut of = listed.iter();
        let of = of.find(|(arm, _)| usize::from(arm.0) == variant);
        of.map_or(f64::MIN, |(_, mean)| *mean)
    };
    (0..variants).map(mean).collect()
}

/// The share that an epoch gives each of so many variants.
fn shares(epoch: &Epoch, variants: usize) -> Vec<f64> {
    let share = |variant: usize| {
        let arm = u16::try_from(variant).ok().map(Arm);
        let propensity = arm.and_then(|arm| epoch.allocation.propensity(arm));
        propensity.map_or(0.0, Propensity::get)
    };
    (0..variants).map(share).collect()
}

/// The epoch that the policy proposes if it is asked.
fn proposed(entry: &Entry, cells: &Cells, now: Timestamp) -> Option<Epoch> {
    match bandit::reallocate(entry, cells, now, Urgency::Forced) {
        Proposal::Open(epoch) => Some(epoch),
        Proposal::Keep(_) => None,
    }
}
