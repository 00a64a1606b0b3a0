//! Fold: what an event changes. The heart of the server, and pure: the same events give the same state.
//!
//! [`fold`] looks at the state through a [`View`] and returns a [`Delta`]; it writes nothing. Live traffic and a
//! replay of the log run exactly this code.

mod alias;
mod consent;
pub mod control;
mod dimensions;
mod erased;
mod exposed;
mod history;
mod import;
mod keys;
mod known;
mod profiled;
mod seen;
#[cfg(test)]
pub(crate) mod tests;

use crate::allocation::Propensity;
use crate::amount::Amount;
use crate::catalog::history::Author;
use crate::catalog::{Catalog, Entry, Serial};
use crate::cell::Cells;
use crate::event::{Assigned, Event, Founded, Tracked};
use crate::id::SessionId;
use crate::key::Key;
use crate::key::ring::Keyring;
use crate::profile::{Consent, Profile};
use crate::time::{Timestamp, Zone};
use crate::visitor::attribution::AMOUNT;
use crate::visitor::contribution::{Booking, Reach, change, contribution};
use crate::visitor::join::{Trace, retrace, traces};
use crate::visitor::{
    Assignment, MAX_SESSIONS, MetricEvent, Record, VisitorKey, fingerprint, hour, refund_signals,
    signal,
};
use dimensions::{dimension_values, with_seen};

/// The state as fold reads it.
pub trait View {
    /// Why the state could not be read.
    type Error;

    /// The experiments.
    fn catalog(&self) -> &Catalog;
    /// The zone in which days are counted.
    fn zone(&self) -> &Zone;
    /// The seed of keyed hashes.
    fn seed(&self) -> u64;
    /// Whom a visitor's id belongs to: the key and the record of the person. A visitor who was never seen is a person
    /// with an empty record.
    fn person(&self, visitor: VisitorKey) -> Result<(VisitorKey, Record), Self::Error>;
    /// What is known of a person, by the key of the record.
    fn profile(&self, person: VisitorKey) -> Result<Profile, Self::Error>;
    /// What holds for visitors who never said what they allow.
    fn unsaid(&self) -> Consent {
        Consent::Granted
    }
    /// The API keys.
    fn keys(&self) -> &Keyring;
    /// Who asked for the event; `None`: it happened by itself.
    fn author(&self) -> Option<&Author>;
    /// Whether an event id that left the visitor's list was seen.
    fn remembers(&self, visitor: VisitorKey, id: u64) -> Result<bool, Self::Error>;
}

/// What an event changes.
#[derive(Debug, Default)]
pub struct Delta {
    /// What became of the event.
    pub outcome: Outcome,
    /// A visitor's new record.
    pub record: Option<(VisitorKey, Record)>,
    /// A visitor's new profile.
    pub profile: Option<(VisitorKey, Profile)>,
    /// A visitor who has no record or profile any more and belongs to that one; whoever belonged to that visitor does so, too.
    pub joined: Option<VisitorKey>,
    /// A person who is forgotten.
    pub gone: Option<Gone>,
    /// Event ids to remember beside the visitor's record.
    pub forgotten: Vec<u64>,
    /// Changes of cells by experiment.
    pub cells: Vec<(Serial, Cells)>,
    /// An experiment's new entry.
    pub entry: Option<Entry>,
    /// What the log was founded with.
    pub founded: Option<Founded>,
    /// An API key, new or changed.
    pub key: Option<Key>,
}

/// A person who is forgotten: records, profiles and remembered ids under all keys.
#[derive(Debug)]
pub struct Gone {
    /// The keys of all ids.
    pub keys: Vec<VisitorKey>,
    /// What is left under each: a denial of consent, or nothing.
    pub left: Record,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It changed the state, or is history worth keeping: it belongs in the log.
    #[default]
    Accepted,
    /// It was known already: it changes nothing and is not logged again.
    Duplicate,
    /// The unit had an assignment, which stands.
    Standing(Box<Assignment>),
    /// The person would have more than [`crate::visitor::join::MAX_IDS`] ids: it changes nothing.
    TooManyAliases,
    /// The profile would have more than [`crate::profile::MAX_TRAITS`] traits, or be too long: it changes nothing.
    TooManyTraits,
    /// The visitor does not allow it: it changes nothing, and nothing is kept of it.
    NoConsent,
    /// It can not apply (an unknown experiment, a repeated epoch): it changes nothing.
    Void,
}

impl Delta {
    /// A change of nothing.
    pub fn none(outcome: Outcome) -> Self {
        Self {
            outcome,
            ..Self::default()
        }
    }

    /// Whether the event belongs in the log.
    pub fn is_logged(&self) -> bool {
        self.outcome == Outcome::Accepted
    }
}

/// What `event`, received at `now`, changes.
///
/// # Errors
/// Only those of the view.
pub fn fold<V: View>(view: &V, event: &Event, now: Timestamp) -> Result<Delta, V::Error> {
    match event {
        Event::Founded(founded) => Ok(Delta {
            founded: Some(founded.clone()),
            ..Delta::default()
        }),
        Event::Defined(defined) => Ok(history::define(view, defined)),
        Event::Transitioned(transitioned) => Ok(history::transition(view, transitioned)),
        Event::Opened { experiment, epoch } => Ok(history::open(view, experiment, epoch)),
        Event::Tripped { experiment, trip } => Ok(history::trip(view, experiment, trip)),
        Event::Learned(learned) => Ok(history::learn(view, learned)),
        Event::KeyCreated(key) => Ok(keys::create(view.keys(), key)),
        Event::KeyRevoked { id, at } => Ok(keys::revoke(view.keys(), *id, *at)),
        Event::Asked(_) => Ok(Delta::default()),
        Event::Assigned(assigned) => assigned_by_us(view, assigned, now),
        Event::Imported(imported) => import::import(view, imported, now),
        Event::Tracked(tracked) => track(view, tracked, now),
        Event::Aliased(aliased) => alias::alias(view, aliased, now),
        Event::Profiled(profiled) => profiled::profile(view, profiled, now),
        Event::Consented(said) => consent::consent(view, said),
        Event::Erased(erased) => erased::erase(view, erased, now),
    }
}

/// A record before and after a change.
struct Edit<'a, V: View> {
    view: &'a V,
    key: VisitorKey,
    reach: Reach,
    before: Vec<Booking>,
    /// What told before that the visitor was assigned more than once.
    traces: Vec<Trace>,
    record: Record,
}

impl<'a, V: View> Edit<'a, V> {
    fn begin(view: &'a V, key: VisitorKey, record: Record, reach: Reach) -> Self {
        let before = contribution(&record, view.catalog(), view.zone(), reach);
        Self {
            view,
            key,
            reach,
            before,
            traces: traces(&record, view.zone()),
            record,
        }
    }

    /// The delta of the edit, and of the `entry` that came with it: every experiment whose cells change learned
    /// something.
    fn finish(mut self, entry: Option<Entry>, now: Timestamp) -> Delta {
        let mut grown = None;
        if let Some(entry) = &entry {
            grown.insert(self.view.catalog().clone()).put(entry.clone());
        }
        let catalog = grown.as_ref().unwrap_or(self.view.catalog());
        let after = contribution(&self.record, catalog, self.view.zone(), self.reach);
        let mut cells = change(&self.before, &after);
        let traces = traces(&self.record, self.view.zone());
        retrace(&mut cells, &self.traces, &traces);
        for (_, change) in &mut cells {
            // What only tells who saw what is nothing to learn from.
            change.information = u64::from(!change.plain.is_empty());
        }
        let forgotten = self.record.settle(catalog, self.view.zone(), now);
        Delta {
            record: Some((self.key, self.record)),
            forgotten,
            cells,
            entry,
            ..Delta::default()
        }
    }
}

fn assigned_by_us<V: View>(
    view: &V,
    assigned: &Assigned,
    now: Timestamp,
) -> Result<Delta, V::Error> {
    let Some(entry) = view.catalog().assignable(assigned.experiment.as_str()) else {
        return Ok(Delta::none(Outcome::Void));
    };
    let Some(epoch) = entry.epochs.get(assigned.epoch) else {
        return Ok(Delta::none(Outcome::Void));
    };
    let (key, record) = view.person(VisitorKey::of(view.seed(), &assigned.visitor))?;
    if consent::is_denied(view, &record) {
        return Ok(Delta::none(Outcome::NoConsent));
    }
    let session = session_hash(view.seed(), assigned.session.as_ref());
    if let Some(standing) = record.assignment(entry.serial, session) {
        return Ok(Delta::none(Outcome::Standing(Box::new(standing.clone()))));
    }
    if record
        .assignments
        .iter()
        .filter(|a| a.experiment == entry.serial)
        .count()
        >= MAX_SESSIONS
    {
        return Ok(Delta::none(Outcome::Void));
    }
    let (dimensions, seen) = dimension_values(entry, &assigned.dimensions);
    let from = epoch.drawn_by(&dimensions, assigned.drawn.as_deref());
    let served = epoch.served_from(&from, assigned.arm, entry.experiment.control);
    let assignment = Assignment {
        experiment: entry.serial,
        session,
        arm: assigned.arm,
        holdout: assigned.holdout,
        epoch: assigned.epoch,
        at: assigned.at,
        weight: served.map_or(0, Propensity::weight),
        dimensions,
        drawn: assigned.drawn.clone(),
        settled: Vec::new(),
        crossover: false,
    };
    let mut edit = Edit::begin(view, key, record, Reach::Everything);
    edit.record.see(assigned.at);
    insert(&mut edit.record.assignments, assignment);
    Ok(edit.finish(with_seen(entry, seen), now))
}

/// Hash of a session, as records keep it.
pub fn session_hash(seed: u64, session: Option<&SessionId>) -> Option<u64> {
    session.map(|session| fingerprint(seed, session.as_str()))
}

fn insert(assignments: &mut Vec<Assignment>, assignment: Assignment) {
    let place = (assignment.experiment, assignment.at);
    let position = assignments.partition_point(|other| (other.experiment, other.at) <= place);
    assignments.insert(position, assignment);
}

fn track<V: View>(view: &V, tracked: &Tracked, now: Timestamp) -> Result<Delta, V::Error> {
    let (key, record) = view.person(VisitorKey::of(view.seed(), &tracked.visitor))?;
    if consent::is_denied(view, &record) {
        return Ok(Delta::none(Outcome::NoConsent));
    }
    let event = metric_event(view, tracked, now);
    if known::is_known(view, key, &record, &event)? {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    let is_read = view.catalog().signal(tracked.name.as_str()).is_some()
        || refund_signals().contains(&event.name);
    let exposures = exposed::news(view, tracked, &record);
    if !is_read {
        let unread = (&event, exposures);
        return Ok(seen::unread(view, (key, record), unread, now));
    }
    let reach = if exposures.is_some() || record.returns_if_seen(event.at) {
        Reach::Everything
    } else {
        Reach::of_event(event.name)
    };
    let mut edit = Edit::begin(view, key, record, reach);
    edit.record.see(event.at);
    edit.expose(exposures);
    let position = edit
        .record
        .events
        .partition_point(|other| (other.at, other.id) <= (event.at, event.id));
    edit.record.events.insert(position, event);
    Ok(edit.finish(None, now))
}

/// What a record keeps of an event: hashes, and the amounts that metrics read.
fn metric_event<V: View>(view: &V, tracked: &Tracked, now: Timestamp) -> MetricEvent {
    let properties: serde_json::Value =
        serde_json::from_str(&tracked.properties).unwrap_or_default();
    let order = properties
        .get("order_id")
        .and_then(order_text)
        .map(|order| fingerprint(view.seed(), &order));
    let mut amounts = Vec::new();
    let read = view
        .catalog()
        .signal(tracked.name.as_str())
        .into_iter()
        .flatten()
        .map(String::as_str);
    for property in read.chain(order.map(|_| AMOUNT)) {
        let name = signal(property);
        let fresh = amounts.iter().all(|(known, _)| *known != name);
        if let Some(amount) = amount(&properties, property)
            .and_then(Result::ok)
            .filter(|_| fresh)
        {
            amounts.push((name, amount.micros()));
        }
    }
    MetricEvent {
        at: tracked.at,
        id: fingerprint(view.seed(), tracked.id.as_str()),
        name: signal(tracked.name.as_str()),
        order,
        hour: hour(now),
        amounts,
    }
}

fn order_text(value: &serde_json::Value) -> Option<String> {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_i64().map(|number| number.to_string()))
}

/// The amount at a dotted path of an event's properties; `None` when it is absent. For `revenue` the ecommerce
/// convention applies: revenue, else value, else total.
///
/// # Errors
/// [`crate::amount::AmountError`] for a value that is no amount.
pub fn amount(
    properties: &serde_json::Value,
    path: &str,
) -> Option<Result<Amount, crate::amount::AmountError>> {
    let at = |path: &str| {
        let whole = properties.get(path);
        whole.or_else(|| {
            path.split('.')
                .try_fold(properties, |value, key| value.get(key))
        })
    };
    let present = |path: &str| at(path).filter(|value| !value.is_null());
    let value = match path {
        AMOUNT => present(AMOUNT)
            .or_else(|| present("value"))
            .or_else(|| present("total")),
        other => present(other),
    };
    value.map(Amount::from_json)
}
