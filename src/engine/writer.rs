//! The writer's loop: take what waits, fold, commit, publish, answer.

use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::command::{self, Command, Looks};
use super::ledger::{Ledger, State, Step};
use super::notice::notices;
use super::queue::{Message, Messages};
use super::{EngineError, Shared, Snapshot, Sticky};
use crate::catalog::history::Author;
use crate::event::Event;
use crate::fold::Outcome;
use crate::id::{VisitorId, VisitorKey};
use crate::store::Write;
use crate::telemetry::{self, figure};
use crate::time::Timestamp;

/// Most events of one commit: keeps the batch below what the store takes well.
const MAX_EVENTS: usize = 256;
/// Most bytes of event properties of one commit, for the same reason.
const MAX_BYTES: usize = 1 << 20;
/// How often guardrails are looked at and policies asked: what is due happens within a second, even behind a slow commit.
const TICK: Duration = Duration::from_millis(500);

/// Writes until told to stop.
///
/// # Errors
/// The first failure of the store; everybody who waits learns of it by the closed channel, and nothing is retried.
pub(super) fn run(shared: &Shared, ledger: Ledger, messages: &Messages) -> Result<(), EngineError> {
    let mut writing = Writing {
        shared,
        ledger,
        looked: Looks::new(),
    };
    let result = writing.serve(messages);
    shared.failed.store(result.is_err(), Ordering::Release);
    result
}

struct Writing<'a> {
    shared: &'a Shared,
    ledger: Ledger,
    looked: Looks,
}

/// Events of one commit, and who waits for which of them.
#[derive(Default)]
struct Group {
    events: Vec<Event>,
    waiting: Vec<(usize, oneshot::Sender<Vec<Outcome>>)>,
    /// The spans of those who wait, where somebody watches.
    asked: Vec<Span>,
}

impl Writing<'_> {
    fn serve(&mut self, messages: &Messages) -> Result<(), EngineError> {
        let mut ticked = self.now();
        loop {
            let first = match messages.next_within(self.until_tick(ticked)) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            if let Some(first) = first
                && self.take(first, messages)?
            {
                return Ok(());
            }
            if !self.shared.clock.is_manual() && self.until_tick(ticked).is_zero() {
                ticked = self.now();
                // A tick is never refused.
                drop(debug_span!("tick").in_scope(|| self.command(&Command::Tick, None))?);
            }
        }
    }

    /// How long until the next tick; a manual clock ticks when it is moved.
    fn until_tick(&self, ticked: Timestamp) -> Duration {
        if self.shared.clock.is_manual() {
            return TICK;
        }
        let passed = self.now().millis() - ticked.millis();
        TICK.saturating_sub(Duration::from_millis(passed.max(0).unsigned_abs()))
    }

    /// Handles a message and what waits behind it; whether it is time to stop.
    fn take(&mut self, first: Message, messages: &Messages) -> Result<bool, EngineError> {
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Record(events, answer, asked) => {
                    group.events.extend(events);
                    group.waiting.push((group.events.len(), answer));
                    if !asked.is_none() {
                        group.asked.push(asked);
                    }
                }
                Message::Command(command, by, answer) => {
                    self.commit(std::mem::take(&mut group))?;
                    let done = self.command(&command, by)?;
                    // Nobody waits any more when the client has gone; what was done stays done.
                    drop(answer.send(done));
                }
                Message::Stop => {
                    self.commit(group)?;
                    return self.drain(messages).map(|()| true);
                }
            }
            if group.events.len() < MAX_EVENTS {
                next = messages.next();
            }
        }
        self.commit(group)?;
        Ok(false)
    }

    fn drain(&mut self, messages: &Messages) -> Result<(), EngineError> {
        while let Some(message) = messages.next() {
            self.take(message, messages)?;
        }
        Ok(())
    }

    /// Commits a group in pieces that the store takes well, and answers once all of them are durable.
    fn commit(&mut self, group: Group) -> Result<(), EngineError> {
        let mut outcomes = Vec::with_capacity(group.events.len());
        let mut rest = &group.events[..];
        while !rest.is_empty() {
            let (events, later) = rest.split_at(commit_length(rest));
            outcomes.extend(self.commit_events(events, &group.asked)?);
            rest = later;
        }
        let mut outcomes = outcomes.into_iter();
        let mut answered = 0;
        for (until, answer) in group.waiting {
            let own = outcomes.by_ref().take(until - answered).collect();
            answered = until;
            drop(answer.send(own));
        }
        Ok(())
    }

    fn commit_events(
        &mut self,
        events: &[Event],
        asked: &[Span],
    ) -> Result<Vec<Outcome>, EngineError> {
        let span = debug_span!(
            "commit",
            sequence = figure(self.ledger.place.sequence),
            events = figure(events.len()),
            bytes = Empty
        );
        for asked in asked {
            span.follows_from(asked);
        }
        let _entered = span.enter();
        let started = telemetry::Stopwatch::start();
        let received = self.now();
        let step = {
            let books = self
                .shared
                .books
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let state = State {
                store: &self.shared.store,
                books: &books,
            };
            debug_span!("fold").in_scope(|| self.ledger.apply(state, events, received))?
        };
        if !step.writes.is_empty() {
            if !span.is_disabled() {
                let bytes: usize = step.writes.iter().map(Write::bytes).sum();
                span.record("bytes", figure(bytes));
            }
            debug_span!("sync").in_scope(|| self.shared.store.commit(&step.writes))?;
            telemetry::commit(events.len(), &started);
        }
        let gone = step.gone.clone();
        let outcomes = self.publish(step);
        telemetry::recorded(events, &outcomes);
        self.shared.recent.committed(events, &outcomes, received);
        if !gone.is_empty() {
            let seed = self.ledger.place.founded.seed;
            let is_gone = |id: &VisitorId| gone.contains(&VisitorKey::of(seed, id));
            self.shared.recent.forget(is_gone);
        }
        Ok(outcomes)
    }

    /// Shows everybody what was committed.
    fn publish(&mut self, mut step: Step) -> Vec<Outcome> {
        let outcomes = std::mem::take(&mut step.outcomes);
        let before = Arc::clone(&self.ledger.catalog);
        let keys_before = Arc::clone(&self.ledger.keys);
        let gone = std::mem::take(&mut step.gone);
        let moved = {
            let mut books = self
                .shared
                .books
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            self.ledger.absorb(step, &mut books)
        };
        for visitor in gone {
            self.shared.sticky.remove(&visitor);
        }
        for (visitor, record) in moved {
            // They are read anew where they are asked for again.
            for alias in record.aliases() {
                self.shared.sticky.remove(&alias.key);
            }
            self.shared
                .sticky
                .insert(visitor, Arc::new(Sticky::of(&record)));
        }
        let is_same = Arc::ptr_eq(&before, &self.ledger.catalog)
            && Arc::ptr_eq(&keys_before, &self.ledger.keys);
        if !is_same {
            self.shared
                .snapshot
                .store(Arc::new(Snapshot::of(&self.ledger)));
            for notice in notices(&before, &self.ledger.catalog) {
                // Nobody may listen.
                drop(self.shared.notices.send(notice));
            }
        }
        outcomes
    }

    fn command(
        &mut self,
        command: &Command,
        by: Option<Author>,
    ) -> Result<Result<command::Done, command::CommandError>, EngineError> {
        let decided = {
            let books = self
                .shared
                .books
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let state = command::State {
                catalog: &self.ledger.catalog,
                books: &books,
                looked: &self.looked,
                now: self.now(),
            };
            command::decide(command, state)
        };
        let mut decided = match decided {
            Ok(decided) => decided,
            Err(refused) => return Ok(Err(refused)),
        };
        if !decided.events.is_empty() {
            let asked = by.map(Event::Asked).into_iter();
            decided.events.splice(..0, asked);
            let outcomes = self.commit_events(&decided.events, &[])?;
            for (event, outcome) in decided.events.iter().zip(outcomes) {
                if let (Event::Tripped { experiment, trip }, Outcome::Accepted) = (event, outcome) {
                    telemetry::tripped(experiment.as_str(), trip);
                }
            }
        }
        self.looked.extend(decided.looked);
        Ok(Ok(decided.done))
    }

    /// The present, never before the last frame.
    fn now(&self) -> Timestamp {
        self.shared.clock.now().max(self.ledger.place.received)
    }
}

/// How many of the events go into the next commit: at most [`MAX_EVENTS`], and no more than [`MAX_BYTES`] of properties
/// unless a single event is larger.
fn commit_length(events: &[Event]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Event| {
        bytes += match event {
            Event::Tracked(tracked) => tracked.properties.len(),
            Event::Profiled(profiled) => profiled.traits.bytes(),
            Event::Founded(_)
            | Event::Defined(_)
            | Event::Transitioned(_)
            | Event::Opened { .. }
            | Event::Assigned(_)
            | Event::Imported(_)
            | Event::Tripped { .. }
            | Event::Aliased(_)
            | Event::Consented(_)
            | Event::Erased(_)
            | Event::KeyCreated(_)
            | Event::KeyRevoked { .. }
            | Event::Asked(_)
            | Event::Learned(_) => 0,
        };
        bytes <= MAX_BYTES
    };
    events
        .iter()
        .take(MAX_EVENTS)
        .take_while(fits)
        .count()
        .max(1)
}
