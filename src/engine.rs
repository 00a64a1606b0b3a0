//! The engine: the only writer. Handlers hand it events; it folds them, commits log and state in one durable batch,
//! publishes the new snapshot, and answers everybody who waited.
//!
//! One thread writes, and while one commit syncs the next batch fills: group commit needs no timer. Readers never wait
//! for it: they read a snapshot that is replaced whole, a cache of sticky assignments, or the store.

pub mod command;
pub mod files;
pub mod ledger;
pub mod load;
pub mod notice;
mod queue;
pub mod recent;
pub mod replay;
mod sticky;
pub mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use tokio::sync::{broadcast, oneshot};
use tracing::{Level, Span};

use crate::catalog::history::Author;
use crate::catalog::{Catalog, Serial};
use crate::cell::Cells;
use crate::clock::Clock;
use crate::event::{Event, Founded};
use crate::fold::Outcome;
use crate::key::ring::Keyring;
use crate::log::FrameError;
use crate::profile::Consent;
use crate::store::{Store, StoreError};
use crate::time::{Timestamp, Zone};
use crate::visitor::VisitorKey;
use command::{Command, CommandError, Done};
use ledger::{Books, Ledger, State};
use notice::Notice;
use queue::{Message, Queue};
use recent::Recent;
pub use sticky::Sticky;

/// Why the engine could not do it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A frame could not be written or read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Something could not be encoded.
    #[error("the state could not be encoded: {0}")]
    Encoding(String),
    /// The time zone is unknown.
    #[error("{0:?} is no IANA time zone")]
    Zone(String),
    /// The store was founded with another time zone.
    #[error(
        "the store counts days in {stored}, not in {configured}: a log keeps its time zone for life"
    )]
    ZoneChanged {
        /// The store's.
        stored: String,
        /// The configured one.
        configured: String,
    },
    /// The writer's thread could not be started.
    #[error("the writer could not be started: {0}")]
    Thread(std::io::Error),
}

/// Why a message was not taken, or not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The writer has stopped: the server is shutting down or the disk failed.
    #[error("the writer has stopped")]
    Stopped,
}

/// What readers need of the state: replaced whole, never changed.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The experiments.
    pub catalog: Arc<Catalog>,
    /// The API keys.
    pub keys: Arc<Keyring>,
    /// The zone in which days are counted.
    pub zone: Zone,
    /// The seed of keyed hashes.
    pub seed: u64,
}

impl Snapshot {
    fn of(ledger: &Ledger) -> Self {
        Self {
            catalog: Arc::clone(&ledger.catalog),
            keys: Arc::clone(&ledger.keys),
            zone: ledger.place.zone.clone(),
            seed: ledger.place.founded.seed,
        }
    }
}

/// State that the writer publishes and everybody reads.
#[derive(Debug)]
pub struct Shared {
    store: Store,
    clock: Clock,
    snapshot: ArcSwap<Snapshot>,
    books: RwLock<Books>,
    sticky: Cache<VisitorKey, Arc<Sticky>>,
    failed: AtomicBool,
    notices: broadcast::Sender<Notice>,
    recent: Recent,
}

/// A handle to the engine.
#[derive(Clone)]
pub struct Engine {
    queue: Queue,
    shared: Arc<Shared>,
}

/// The running writer.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<Result<(), EngineError>>,
}

/// What the engine is started with.
#[derive(Debug)]
pub struct Setup {
    /// The open store.
    pub store: Store,
    /// A manual clock instead of the machine's.
    pub manual_clock: bool,
    /// The time zone in which days are counted.
    pub zone: String,
    /// Seed for the keyed hashes of a new log.
    pub seed: u64,
    /// How many visitors' assignments are kept in memory.
    pub sticky_visitors: usize,
    /// What holds for visitors who never said what they allow.
    pub unsaid: Consent,
    /// Messages that may wait for the writer; more are refused so that latency stays bounded.
    pub queue: usize,
}

impl Engine {
    /// Loads the state and starts the writer.
    ///
    /// # Errors
    /// As the store fails, or was founded with another time zone.
    pub fn start(setup: Setup) -> Result<(Self, Writer), EngineError> {
        let fresh = || {
            let founded = Founded {
                seed: setup.seed,
                zone: setup.zone.clone(),
            };
            Ok::<_, EngineError>((Ledger::new(founded)?, Books::new()))
        };
        let (mut ledger, mut books) = load::load(&setup.store)?.map_or_else(fresh, Ok)?;
        ledger.unsaid = setup.unsaid;
        let founded = &ledger.place.founded;
        if founded.zone != setup.zone {
            let stored = founded.zone.clone();
            return Err(EngineError::ZoneChanged {
                stored,
                configured: setup.zone,
            });
        }
        let last = (ledger.place.sequence > 0).then_some(ledger.place.received);
        let clock = if setup.manual_clock {
            Clock::manual(last)
        } else {
            Clock::System
        };
        if last.is_none() {
            found(&setup.store, &mut ledger, &mut books, clock.now())?;
        }
        let shared = Arc::new(Shared {
            store: setup.store,
            clock,
            snapshot: ArcSwap::from_pointee(Snapshot::of(&ledger)),
            books: RwLock::new(books),
            sticky: Cache::new(setup.sticky_visitors),
            failed: AtomicBool::new(false),
            notices: broadcast::Sender::new(notice::BACKLOG),
            recent: Recent::default(),
        });
        let (queue, messages) = queue::queue(setup.queue);
        let writing = Arc::clone(&shared);
        let body = move || writer::run(&writing, ledger, &messages);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(body)
            .map_err(EngineError::Thread)?;
        Ok((Self { queue, shared }, Writer { thread }))
    }

    /// Hands events to the writer; the answer comes once they are durable.
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the writer has stopped.
    pub fn record(&self, events: Vec<Event>) -> Result<oneshot::Receiver<Vec<Outcome>>, Refused> {
        let (answer, answered) = oneshot::channel();
        let is_watched = tracing::span_enabled!(Level::DEBUG);
        let asked = if is_watched {
            Span::current()
        } else {
            Span::none()
        };
        self.queue.send(Message::Record(events, answer, asked))?;
        Ok(answered)
    }

    /// Hands a command to the writer, and who asks for it (`None`: nobody, it happens by itself); the answer comes once it is durable.
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the writer has stopped.
    pub fn command(
        &self,
        command: Command,
        by: Option<Author>,
    ) -> Result<oneshot::Receiver<Result<Done, CommandError>>, Refused> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Command(command, by, answer))?;
        Ok(answered)
    }

    /// Asks the writer to finish what waits and stop.
    pub fn stop(&self) {
        self.queue.stop();
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.shared.notices.subscribe()
    }

    /// Tells everybody who listens that the server stops.
    pub fn close_notices(&self) {
        // Nobody may listen.
        drop(self.shared.notices.send(Notice::Closing));
    }

    /// The last events that arrived.
    pub fn recent(&self) -> &Recent {
        &self.shared.recent
    }

    /// The present snapshot.
    pub fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.shared.snapshot.load()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Whether the writer has failed: nothing more can be made durable.
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Messages that wait for the writer.
    pub fn queued(&self) -> usize {
        self.queue.waiting()
    }

    /// Bytes the store takes on disk.
    ///
    /// # Errors
    /// As the disk fails.
    pub fn store_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.shared.store.stats()?.bytes)
    }

    /// Runs `read` on an experiment's cells as of the last commit. Keep it short: the writer waits.
    pub fn with_cells<T>(&self, experiment: Serial, read: impl FnOnce(&Cells) -> T) -> T {
        let books = self
            .shared
            .books
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match books.get(&experiment) {
            Some(cells) => read(cells),
            None => read(&Cells::default()),
        }
    }
}

/// Writes the first frame of a log.
fn found(
    store: &Store,
    ledger: &mut Ledger,
    books: &mut Books,
    now: Timestamp,
) -> Result<(), EngineError> {
    let founded = [Event::Founded(ledger.place.founded.clone())];
    let step = ledger.apply(State { store, books }, &founded, now)?;
    store.commit(&step.writes)?;
    ledger.absorb(step, books);
    Ok(())
}

impl Writer {
    /// Waits until the writer has stopped.
    ///
    /// # Errors
    /// What made it stop, if it was not asked to.
    pub fn join(self) -> Result<(), EngineError> {
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
