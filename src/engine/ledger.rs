//! The ledger: the small part of the state that is kept in memory, and the one function that moves it forward.
//!
//! [`Ledger::apply`] folds events and yields everything a commit writes; live traffic and replay both run it, so they
//! can not differ.

mod view;
mod writes;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::EngineError;
use crate::catalog::history::Author;
use crate::catalog::{Catalog, Entry, Serial};
use crate::cell::Cells;
use crate::event::{Event, Founded};
use crate::fold::{Delta, Gone, Outcome, fold};
use crate::key::ring::Keyring;
use crate::log::{self, Frame};
use crate::profile::{Consent, Profile};
use crate::store::key;
use crate::store::{Store, StoreError, Write};
use crate::time::{Timestamp, Zone};
use crate::visitor::join::Held;
use crate::visitor::{Record, VisitorKey};

/// The cells of all experiments: beside the ledger, since everybody reads them.
pub type Books = BTreeMap<Serial, Cells>;

/// State in memory: experiments, and the place in the log.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The experiments.
    pub catalog: Arc<Catalog>,
    /// The API keys.
    pub keys: Arc<Keyring>,
    /// The place in the log.
    pub place: Place,
    /// What holds for visitors who never said what they allow. Whatever is in the log was allowed when it came, so a
    /// replay need not know.
    pub unsaid: Consent,
}

/// The state beside the ledger that a step starts from.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// Records and remembered ids.
    pub store: &'a Store,
    /// Cells.
    pub books: &'a Books,
}

/// A place in a log.
#[derive(Debug, Clone)]
pub struct Place {
    /// What the log was founded with.
    pub founded: Founded,
    /// The zone in which days are counted.
    pub zone: Zone,
    /// Sequence of the next frame.
    pub sequence: u64,
    /// Chain hash after the last frame.
    pub chain: u64,
    /// Receipt time of the last frame.
    pub received: Timestamp,
}

/// What folding some events came to: to be committed, then absorbed.
#[derive(Debug)]
pub struct Step {
    /// What became of each event.
    pub outcomes: Vec<Outcome>,
    /// Everything to write, in one batch; empty when nothing changed.
    pub writes: Vec<Write>,
    /// The records whose assignments changed.
    pub moved: Vec<(VisitorKey, Record)>,
    /// The visitors who were forgotten, before that.
    pub gone: Vec<VisitorKey>,
    /// The experiments afterwards.
    catalog: Arc<Catalog>,
    /// The API keys afterwards.
    keys: Arc<Keyring>,
    /// The place in the log afterwards.
    place: Place,
    /// The change of cells.
    cells: Books,
}

impl Ledger {
    /// The state before the first frame.
    ///
    /// # Errors
    /// [`EngineError::Zone`] for an unknown time zone.
    pub fn new(founded: Founded) -> Result<Self, EngineError> {
        let zone =
            Zone::parse(&founded.zone).map_err(|_| EngineError::Zone(founded.zone.clone()))?;
        let place = Place {
            founded,
            zone,
            sequence: 0,
            chain: 0,
            received: Timestamp::earliest(),
        };
        Ok(Self {
            catalog: Arc::default(),
            keys: Arc::default(),
            place,
            unsaid: Consent::Granted,
        })
    }

    /// Folds events received at `received` into a step. Nothing is changed until the step is committed and absorbed.
    ///
    /// # Errors
    /// As the store fails.
    pub fn apply(
        &self,
        state: State<'_>,
        events: &[Event],
        received: Timestamp,
    ) -> Result<Step, EngineError> {
        let mut work = Work::new(self, state);
        let mut logged = Vec::with_capacity(events.len());
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            let delta = fold(&work, event, received)?;
            if delta.is_logged() {
                logged.push(event.clone());
            }
            outcomes.push(delta.outcome.clone());
            work.absorb(event, delta)?;
        }
        work.finish(logged, outcomes, received)
    }

    /// Takes a committed step over; returns the records whose assignments it
    /// changed.
    pub fn absorb(&mut self, step: Step, books: &mut Books) -> Vec<(VisitorKey, Record)> {
        for (serial, change) in &step.cells {
            books.entry(*serial).or_default().merge(change);
        }
        self.catalog = step.catalog;
        self.keys = step.keys;
        self.place = step.place;
        step.moved
    }
}

/// The state while events are folded: the ledger, the store, and what has changed since.
struct Work<'a> {
    ledger: &'a Ledger,
    state: State<'a>,
    catalog: Arc<Catalog>,
    keys: Arc<Keyring>,
    /// Who asked for what comes next.
    author: Option<Author>,
    /// Records and pointers that changed; `None` where there is none any more.
    records: HashMap<VisitorKey, Option<Held>>,
    /// Profiles that changed; `None` where there is none any more.
    profiles: HashMap<VisitorKey, Option<Profile>>,
    /// The visitors whose assignments changed.
    moved: BTreeSet<VisitorKey>,
    /// Encoded length of stored records and profiles that span several chunks, by their keys.
    long: RefCell<HashMap<Vec<u8>, usize>>,
    remembered: BTreeSet<(VisitorKey, u64)>,
    /// The visitors who were forgotten; what is remembered of them came later.
    gone: BTreeSet<VisitorKey>,
    cells: Books,
    writes: Vec<Write>,
}

/// Records and profiles longer than this may span chunks.
const LONG: usize = 2_000;

/// Reads what is stored under a visitor's key.
///
/// # Errors
/// [`StoreError::Damaged`].
pub(super) fn decode_held(visitor: VisitorKey, bytes: &[u8]) -> Result<Held, StoreError> {
    Held::decode(bytes)
        .map_err(|error| StoreError::Damaged(format!("visitor {:032x}: {error}", visitor.0)))
}

/// Reads what is stored as a visitor's profile.
///
/// # Errors
/// [`StoreError::Damaged`].
pub(super) fn decode_profile(visitor: VisitorKey, bytes: &[u8]) -> Result<Profile, StoreError> {
    Profile::decode(bytes)
        .map_err(|error| StoreError::Damaged(format!("profile {:032x}: {error}", visitor.0)))
}

fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, EngineError> {
    postcard::to_stdvec(value).map_err(|error| EngineError::Encoding(error.to_string()))
}

impl<'a> Work<'a> {
    fn new(ledger: &'a Ledger, state: State<'a>) -> Self {
        Self {
            ledger,
            state,
            catalog: Arc::clone(&ledger.catalog),
            keys: Arc::clone(&ledger.keys),
            author: None,
            records: HashMap::new(),
            profiles: HashMap::new(),
            moved: BTreeSet::new(),
            long: RefCell::default(),
            remembered: BTreeSet::new(),
            gone: BTreeSet::new(),
            cells: BTreeMap::new(),
            writes: Vec::new(),
        }
    }

    /// What is kept under a visitor's key.
    fn held(&self, visitor: VisitorKey) -> Result<Option<Held>, EngineError> {
        if let Some(held) = self.records.get(&visitor) {
            return Ok(held.clone());
        }
        let bytes = self.stored(key::visitor(visitor))?;
        let held = bytes.map(|bytes| decode_held(visitor, &bytes));
        Ok(held.transpose()?)
    }

    /// What is stored under a key whose value may be long.
    fn stored(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.state.store.get(&key)?;
        if let Some(bytes) = bytes.as_ref().filter(|bytes| bytes.len() > LONG) {
            self.long.borrow_mut().insert(key, bytes.len());
        }
        Ok(bytes)
    }

    fn absorb(&mut self, event: &Event, delta: Delta) -> Result<(), EngineError> {
        if let Event::Asked(author) = event {
            self.author = Some(author.clone());
        }
        if let Some((visitor, record)) = delta.record {
            if let Some(alias) = delta.joined {
                self.records.insert(alias, Some(Held::Joined(visitor)));
                self.profiles.insert(alias, None);
            }
            self.remembered
                .extend(delta.forgotten.into_iter().map(|id| (visitor, id)));
            if event.concerns_decisions() {
                self.moved.insert(visitor);
            }
            self.records.insert(visitor, Some(Held::Record(record)));
        }
        if let Some((visitor, profile)) = delta.profile {
            self.profiles.insert(visitor, Some(profile));
        }
        if let Some(gone) = delta.gone {
            self.forget(&gone)?;
        }
        for (serial, change) in &delta.cells {
            self.cells.entry(*serial).or_default().merge(change);
        }
        if let Some(entry) = delta.entry {
            if let Event::Defined(defined) = event {
                let place = key::definition(entry.serial, entry.experiment.version);
                self.writes.push(Write::put(place, encode(defined)?));
            }
            self.write_entry(&entry)?;
            Arc::make_mut(&mut self.catalog).put(entry);
        }
        if let Some(founded) = delta.founded {
            self.writes
                .push(Write::put(key::FOUNDED.to_vec(), encode(&founded)?));
        }
        if let Some(key) = delta.key {
            self.writes
                .push(Write::put(key::api_key(key.id), encode(&key)?));
            Arc::make_mut(&mut self.keys).put(key);
        }
        Ok(())
    }

    fn forget(&mut self, gone: &Gone) -> Result<(), StoreError> {
        for key in &gone.keys {
            // No chunk is left behind of what is long, whether the fold had to read it or not.
            self.stored(key::visitor(*key))?;
            self.stored(key::profile(*key))?;
            let left = (gone.left != Record::default()).then(|| Held::Record(gone.left.clone()));
            self.records.insert(*key, left);
            self.profiles.insert(*key, None);
            self.remembered.retain(|(visitor, _)| visitor != key);
            self.gone.insert(*key);
        }
        Ok(())
    }

    /// An experiment's lifecycle, new epochs and changes.
    fn write_entry(&mut self, entry: &Entry) -> Result<(), EngineError> {
        let known = self.catalog.by_serial(entry.serial);
        let lifecycle = key::lifecycle(entry.serial);
        let replaced = self.state.store.get(&lifecycle)?.map_or(0, |old| old.len());
        self.writes.push(Write {
            value: Some(encode(&entry.lifecycle)?),
            key: lifecycle,
            replaced,
        });
        let already = known.map_or(0, |known| known.epochs.len());
        for epoch in entry.epochs.iter().skip(already) {
            self.writes.push(Write::put(
                key::epoch(entry.serial, epoch.number),
                encode(epoch)?,
            ));
        }
        self.write_history(entry)
    }

    /// An experiment's new changes; those that are not kept any more are removed.
    fn write_history(&mut self, entry: &Entry) -> Result<(), EngineError> {
        let known = self.catalog.by_serial(entry.serial);
        let already = known.map_or(0, |known| known.history.last_number());
        for (number, change) in entry.history.iter().filter(|(of, _)| *of > already) {
            let place = key::change(entry.serial, *number);
            self.writes.push(Write::put(place, encode(change)?));
        }
        let kept = known.into_iter().flat_map(|known| known.history.iter());
        for (number, _) in kept.filter(|(of, _)| !entry.history.keeps(*of)) {
            let place = key::change(entry.serial, *number);
            let replaced = self.state.store.get(&place)?.map_or(0, |old| old.len());
            self.writes.push(Write {
                key: place,
                value: None,
                replaced,
            });
        }
        Ok(())
    }

    fn finish(
        mut self,
        logged: Vec<Event>,
        outcomes: Vec<Outcome>,
        received: Timestamp,
    ) -> Result<Step, EngineError> {
        let mut place = self.ledger.place.clone();
        if !logged.is_empty() {
            let frame = Frame {
                sequence: place.sequence,
                received,
                events: logged,
            };
            let (bytes, chain) = log::encode(&frame, place.chain)?;
            place = Place {
                sequence: place.sequence + 1,
                chain,
                received,
                ..place
            };
            self.writes
                .push(Write::put(key::frame(frame.sequence), bytes));
            self.writes.push(Write::put(
                key::APPLIED.to_vec(),
                encode(&(frame.sequence, chain, received))?,
            ));
        }
        self.write_records(received)?;
        self.write_cells()?;
        let mut records = self.records;
        let moved = self.moved.iter();
        let moved = moved
            .filter_map(|visitor| match records.remove(visitor)?? {
                Held::Record(record) => Some((*visitor, record)),
                Held::Joined(_) => None,
            })
            .collect();
        Ok(Step {
            outcomes,
            writes: self.writes,
            moved,
            gone: self.gone.into_iter().collect(),
            catalog: self.catalog,
            keys: self.keys,
            place,
            cells: self.cells,
        })
    }
}
