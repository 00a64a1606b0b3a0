//! The visitor's record: assignments and the recent events that metrics read.
//!
//! A record is the only per-visitor state. What a visitor contributes to the cells is a pure function of the record
//! ([`contribution`]), so every change is "change the record, subtract the old contribution, add the new".

pub mod attribution;
pub mod contribution;
mod exposures;
pub mod fate;
pub mod held;
pub mod join;
mod presence;
pub mod told;

pub use exposures::{Exposure, first_exposure};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::allocation::Arm;
use crate::assign::Standing;
use crate::catalog::metric::MetricIndex;
use crate::catalog::{Catalog, Entry, Serial};
use crate::epoch::EpochNumber;
use crate::epoch::linear::Drawn;
use crate::event::{CANCELLATION, REFUND};
pub use crate::id::VisitorKey;
use crate::profile::Said;
use crate::time::{DAY_MS, Day, Timestamp, Window, Zone};
use attribution::{AMOUNT, Part, Span, event_steps, is_counted};
use join::Identity;

/// Most events a record keeps; older ones are settled into totals per day.
pub const MAX_EVENTS: usize = 256;
/// Most sessions of one visitor that are kept per experiment; later ones are served and not analysed.
pub const MAX_SESSIONS: usize = 256;
/// How long the ids of events are remembered at least.
pub const REMEMBER: Window = Window::days(30);

/// A visitor who was first seen longer than this before the assignment is returning.
pub const RETURNS_AFTER: Window = Window::from_millis(30 * 60_000);

const VERSION: u8 = 6;

/// Keyed hash of an event id, order id or session id.
pub fn fingerprint(seed: u64, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}

/// Hash of an event's or property's name, as records keep it.
pub fn signal(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

/// The names, as records keep them, of the events that take an order back.
pub fn refund_signals() -> [u64; 2] {
    [signal(REFUND), signal(CANCELLATION)]
}

/// Everything kept about a visitor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Assignments, by experiment and time.
    pub assignments: Vec<Assignment>,
    /// Recent events, by time.
    pub events: Vec<MetricEvent>,
    /// How many events have left the list since it was full: their ids lie beside the record.
    pub overflowed: u32,
    /// The earliest time of any event or assignment, whether a metric reads it or not.
    pub first_seen: Option<Timestamp>,
    /// The ids of a person who has several.
    pub identity: Option<Box<Identity>>,
    /// What was seen of variants, in order.
    pub exposures: Vec<Exposure>,
    /// What the visitor allows, if that was ever said.
    pub consent: Option<Said>,
}

/// A unit's place in an experiment, or a visitor's in or outside the global holdout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The experiment.
    pub experiment: Serial,
    /// Hash of the session, when it is the unit.
    pub session: Option<u64>,
    /// The variant.
    pub arm: Arm,
    /// Whether held out on control.
    pub holdout: bool,
    /// The epoch under which it was drawn.
    pub epoch: EpochNumber,
    /// When.
    pub at: Timestamp,
    /// Frozen inverse-propensity weight in 1/65,536 (statistics R1).
    pub weight: u64,
    /// Value position per dimension of the experiment.
    pub dimensions: Vec<u8>,
    /// Features and shares, if it was drawn under a linear policy.
    pub drawn: Option<Box<Drawn>>,
    /// What events that left the list had added to its totals.
    pub settled: Vec<Settled>,
    /// Whether the visitor was later seen under another variant.
    pub crossover: bool,
}

/// A day's worth of a metric's total whose events are no longer listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The metric.
    pub metric: MetricIndex,
    /// Whether it is what came of the assignment or what came before.
    pub part: Part,
    /// The day.
    pub day: Day,
    /// The sum of the day's steps.
    pub total: i128,
    /// The time of the first of its events that still counts.
    pub first: Option<Timestamp>,
}

/// An event that a metric reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Keyed hash of its id.
    pub id: u64,
    /// Hash of its name.
    pub name: u64,
    /// Keyed hash of its order id.
    pub order: Option<u64>,
    /// The hour (since 1970) it was received.
    pub hour: u32,
    /// Hash of a property's name, and its amount in micro-units.
    pub amounts: Vec<(u64, i64)>,
}

impl MetricEvent {
    /// The amount of a property, in micro-units.
    pub fn amount(&self, property: u64) -> Option<i64> {
        self.amounts
            .iter()
            .find(|(name, _)| *name == property)
            .map(|(_, micros)| *micros)
    }

    /// The part of its order that a refund takes back; `None` is all of it.
    pub fn refunded(&self) -> Option<i64> {
        let is_partial = self.name == signal(REFUND);
        self.amount(signal(AMOUNT)).filter(|_| is_partial)
    }

    /// What stands for the order of an event in the memory for ids: an order counts once per event name. `None`
    /// without an order, and for refunds that name an amount, which may repeat for an order.
    pub fn order_id(&self) -> Option<u64> {
        let order = self.order.filter(|_| self.refunded().is_none())?;
        Some(xxh3_64_with_seed(&order.to_le_bytes(), self.name))
    }
}

impl Assignment {
    /// The assignment as a decision needs it.
    pub fn standing(&self) -> Standing<'_> {
        Standing {
            arm: self.arm,
            holdout: self.holdout,
            epoch: self.epoch,
            dimensions: &self.dimensions,
            drawn: self.drawn.as_deref(),
        }
    }
}

impl Record {
    /// Encodes the record.
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_extend(self, vec![VERSION])
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// An unknown version or malformed bytes.
    fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        match bytes.split_first() {
            Some((&VERSION, body)) => postcard::from_bytes(body),
            Some(_) | None => Err(postcard::Error::DeserializeBadEncoding),
        }
    }

    /// Takes note of the visitor at a time.
    pub fn see(&mut self, at: Timestamp) {
        self.first_seen = Some(self.first_seen.map_or(at, |first| first.min(at)));
    }

    /// Whether an assignment found a visitor who was known for longer than [`RETURNS_AFTER`].
    pub fn is_returning(&self, assignment: &Assignment) -> bool {
        self.first_seen
            .is_some_and(|first| first < assignment.at.minus(RETURNS_AFTER))
    }

    /// Whether having been seen at a time too makes the visitor of an assignment a returning one.
    pub fn returns_if_seen(&self, at: Timestamp) -> bool {
        let mut assignments = self.assignments.iter();
        assignments.any(|assignment| {
            at < assignment.at.minus(RETURNS_AFTER) && !self.is_returning(assignment)
        })
    }

    /// The unit's assignment in an experiment.
    pub fn assignment(&self, experiment: Serial, session: Option<u64>) -> Option<&Assignment> {
        find(&self.assignments, experiment, session)
    }

    /// The span of time and the circumstances in which rewards count for an assignment.
    fn span<'a>(
        &'a self,
        assignment: &'a Assignment,
        entry: &'a Entry,
        zone: &'a Zone,
    ) -> Span<'a> {
        let later = self
            .assignments
            .iter()
            .filter(|other| other.experiment == assignment.experiment);
        let next = later
            .map(|other| other.at)
            .filter(|at| *at > assignment.at)
            .min();
        Span {
            assignment,
            start: self.analysed_from(assignment, entry),
            next: next.filter(|_| assignment.session.is_some()),
            frozen: &entry.lifecycle.frozen,
            caps: entry
                .epochs
                .get(assignment.epoch)
                .map_or(&[], |epoch| epoch.caps.as_slice()),
            zone,
        }
    }

    /// Settles the oldest events while the list is longer than [`MAX_EVENTS`], and those that are older than both
    /// every window and the memory for ids. Returns the id hashes that must be remembered beside the record.
    pub fn settle(&mut self, catalog: &Catalog, zone: &Zone, now: Timestamp) -> Vec<u64> {
        let keep = REMEMBER.max(catalog.longest_window());
        let horizon = now.minus(keep);
        let old = |event: &MetricEvent| {
            event.at < horizon && i64::from(event.hour) * 3_600_000 < horizon.millis()
        };
        let mut forgotten = Vec::new();
        while let Some(index) = self.oldest(old) {
            let Some(event) = self.events.get(index).cloned() else {
                break;
            };
            let full = self.events.len() > MAX_EVENTS;
            if !full && !old(&event) {
                break;
            }
            if !old(&event) {
                forgotten.push(event.id);
                forgotten.extend(event.order_id());
                self.overflowed += 1;
            }
            self.settle_at(index, &event, catalog, zone);
        }
        forgotten
    }

    /// The event to leave the list first: the oldest, but a refund stays with its order, and waits for it while young.
    fn oldest(&self, old: impl Fn(&MetricEvent) -> bool) -> Option<usize> {
        let refunds = refund_signals();
        let is_listed = |order: Option<u64>| {
            self.events
                .iter()
                .any(|other| other.order == order && !refunds.contains(&other.name))
        };
        let may_leave = |event: &MetricEvent| {
            let refunds = refunds.contains(&event.name) && event.order.is_some();
            !refunds || old(event) && !is_listed(event.order)
        };
        let first = (!self.events.is_empty()).then_some(0);
        self.events.iter().position(may_leave).or(first)
    }

    fn settle_at(&mut self, index: usize, event: &MetricEvent, catalog: &Catalog, zone: &Zone) {
        let mut settled: Vec<Vec<Settled>> = Vec::with_capacity(self.assignments.len());
        for assignment in &self.assignments {
            let Some(entry) = catalog.by_serial(assignment.experiment) else {
                settled.push(Vec::new());
                continue;
            };
            let span = self.span(assignment, entry, zone);
            let mut own = Vec::new();
            for (metric, of) in (0..).map(MetricIndex).zip(&entry.experiment.metrics) {
                for part in [Part::Reward, Part::History] {
                    let steps = event_steps(self, span, (of, part), event);
                    let counts = is_counted(&steps);
                    own.extend((0..).zip(steps).map(|(step, (day, total))| Settled {
                        metric,
                        part,
                        day,
                        total,
                        first: (counts && step == 0).then_some(event.at),
                    }));
                }
            }
            settled.push(own);
        }
        for (assignment, added) in self.assignments.iter_mut().zip(settled) {
            for new in added {
                assignment.settle(new);
            }
        }
        self.events.remove(index);
    }
}

/// The unit's assignment in an experiment, among a visitor's assignments.
pub fn find(
    assignments: &[Assignment],
    experiment: Serial,
    session: Option<u64>,
) -> Option<&Assignment> {
    assignments
        .iter()
        .find(|assignment| assignment.experiment == experiment && assignment.session == session)
}

/// Hours since 1970 of an instant.
pub fn hour(at: Timestamp) -> u32 {
    u32::try_from(at.millis() / (DAY_MS / 24)).unwrap_or(u32::MAX)
}
