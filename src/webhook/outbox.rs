//! What one target still has to be told: its place in the log, what waits, what is dead. Time and jitter are passed in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::message::{self, Message};
use super::transport::Attempt;
use super::verdicts::{Known, Verdicts};
use crate::catalog::Entry;
use crate::engine::Snapshot;
use crate::report::Verdict;
use crate::time::{Timestamp, Window};

/// Messages that may wait for a target before the log is read on: the log itself holds the others.
const ROOM: usize = 64;
/// Attempts before a message is dead: about 22 hours.
const ATTEMPTS: u32 = 12;
/// Wait after the first attempt, in milliseconds; each one waits four times longer …
const FIRST_WAIT: i64 = 5_000;
/// … up to this.
const LONGEST_WAIT: i64 = 4 * 3_600_000;
/// Dead letters that are kept; older ones make room.
const MAX_DEAD: usize = 1_000;

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PendingWebhook)]
pub struct Pending {
    /// What is told.
    pub message: Message,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this time; `None`: at once.
    #[schema(required)]
    pub next_attempt: Option<Timestamp>,
}

/// A message that could not be delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeadWebhook)]
pub struct Dead {
    /// What was to be told.
    pub message: Message,
    /// Attempts made.
    pub attempts: u32,
    /// Why the last one failed.
    pub error: String,
    /// When that was.
    pub at: Timestamp,
}

/// What one target still has to be told, and what it knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outbox {
    /// The sequence of the frame that is read next.
    pub(super) position: u64,
    /// What waits, oldest first.
    pub(super) pending: Vec<Pending>,
    /// What is dead, oldest first.
    pub(super) dead: Vec<Dead>,
    /// Failed attempts since the last delivery.
    pub(super) failures: u64,
    /// The last of them.
    pub(super) last_error: Option<String>,
    /// The verdicts it knows; `None` before the first look, which is told nobody.
    verdicts: Option<Verdicts>,
}

impl Outbox {
    /// A target that is told what happens from `position` on.
    pub(super) fn new(position: u64) -> Self {
        Self {
            position,
            pending: Vec::new(),
            dead: Vec::new(),
            failures: 0,
            last_error: None,
            verdicts: None,
        }
    }

    /// Reads a file; `None` if there is none. What waits is tried at once.
    ///
    /// # Errors
    /// As the disk fails, or the file is damaged.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut outbox: Self = serde_json::from_slice(&bytes)?;
        for waiting in &mut outbox.pending {
            waiting.next_attempt = None;
        }
        Ok(Some(outbox))
    }

    /// Replaces a file whole, and returns once that is durable.
    ///
    /// # Errors
    /// As the disk fails; the file is then the old one or the new one.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("draft");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        path.parent()
            .map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }

    /// Whether more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < ROOM
    }

    /// Takes messages in.
    pub(super) fn push(&mut self, messages: impl IntoIterator<Item = Message>) {
        let fresh = |message| Pending {
            message,
            attempts: 0,
            next_attempt: None,
        };
        self.pending.extend(messages.into_iter().map(fresh));
    }

    /// The oldest message whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> Option<&Message> {
        let is_due = |waiting: &&Pending| waiting.next_attempt.is_none_or(|at| at <= now);
        self.pending
            .iter()
            .find(is_due)
            .map(|waiting| &waiting.message)
    }

    /// Takes down what became of an attempt; `jitter`, in percent, stretches the wait for the next one. Whether the message is dead.
    pub(super) fn settle(
        &mut self,
        id: &str,
        attempt: Attempt,
        now: Timestamp,
        jitter: i64,
    ) -> bool {
        let found = self.pending.iter().position(|of| of.message.id == id);
        let Some(at) = found else { return false };
        let (error, is_gone) = match attempt {
            Attempt::Delivered => {
                self.pending.remove(at);
                self.failures = 0;
                self.last_error = None;
                return false;
            }
            Attempt::Failed(error) => (error, false),
            Attempt::Gone => ("it answered 410 Gone".to_owned(), true),
        };
        self.failures += 1;
        self.last_error = Some(error.clone());
        let Some(waiting) = self.pending.get_mut(at) else {
            return false;
        };
        waiting.attempts += 1;
        if is_gone || waiting.attempts >= ATTEMPTS {
            let dead = self.pending.remove(at);
            self.bury(dead, error, now);
            return true;
        }
        waiting.next_attempt = Some(now.plus(wait(waiting.attempts, jitter)));
        false
    }

    fn bury(&mut self, dead: Pending, error: String, at: Timestamp) {
        self.dead.push(Dead {
            message: dead.message,
            attempts: dead.attempts,
            error,
            at,
        });
        let excess = self.dead.len().saturating_sub(MAX_DEAD);
        self.dead.drain(..excess);
    }

    /// Gives the dead another life, and tries what waits at once. Returns how many there are.
    pub(super) fn redeliver(&mut self) -> usize {
        let dead = std::mem::take(&mut self.dead);
        for waiting in &mut self.pending {
            waiting.next_attempt = None;
        }
        self.push(dead.into_iter().map(|dead| dead.message));
        self.pending.len()
    }

    /// Compares verdicts with those known, and takes in what changed. Whether anything is new.
    pub(super) fn observe(
        &mut self,
        present: &[(std::sync::Arc<Entry>, Verdict)],
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> bool {
        let is_first = self.verdicts.is_none();
        let mut known = self.verdicts.take().unwrap_or_default();
        let mut messages = Vec::new();
        for (entry, verdict) in present {
            let after = Known::of(verdict);
            let before = known.insert(entry.experiment.key.clone(), after.clone());
            let before = before.unwrap_or_else(Known::nothing);
            if before != after && !is_first {
                let change = (&before, verdict);
                messages.push(message::of_verdict(entry, change, snapshot, now));
            }
        }
        self.verdicts = Some(known);
        let is_new = is_first || !messages.is_empty();
        self.push(messages);
        is_new
    }
}

/// How long to wait after so many failed attempts; `jitter` in percent.
fn wait(attempts: u32, jitter: i64) -> Window {
    let exponent = attempts.saturating_sub(1).min(16);
    let millis = FIRST_WAIT
        .saturating_mul(1 << (2 * exponent))
        .min(LONGEST_WAIT);
    Window::from_millis(millis * jitter / 100)
}

#[cfg(test)]
mod tests;
