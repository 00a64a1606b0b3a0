//! The queue before the writer: bounded, so that waiting is too, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Span;

use super::Refused;
use super::command::{Command, CommandError, Done};
use crate::catalog::history::Author;
use crate::event::Event;
use crate::fold::Outcome;

/// What waits in the queue.
pub(super) enum Message {
    /// Events to record, and the span of whoever asks.
    Record(Vec<Event>, oneshot::Sender<Vec<Outcome>>, Span),
    /// Something to do with an experiment, and who asks for it, if anybody does.
    Command(
        Command,
        Option<Author>,
        oneshot::Sender<Result<Done, CommandError>>,
    ),
    /// Drain, and stop.
    Stop,
}

/// The end at which messages go in.
#[derive(Clone)]
pub(super) struct Queue {
    messages: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
}

/// The end at which they come out.
pub(super) struct Messages {
    messages: Receiver<Message>,
    waiting: Arc<AtomicUsize>,
}

/// A queue in which at most `limit` messages wait.
pub(super) fn queue(limit: usize) -> (Queue, Messages) {
    let (sender, receiver) = sync_channel(limit);
    let waiting = Arc::<AtomicUsize>::default();
    let queue = Queue {
        messages: sender,
        waiting: Arc::clone(&waiting),
    };
    let messages = Messages {
        messages: receiver,
        waiting,
    };
    (queue, messages)
}

impl Queue {
    /// Puts a message in, if there is room.
    ///
    /// # Errors
    /// [`Refused`] when the queue is full or the writer has stopped.
    pub(super) fn send(&self, message: Message) -> Result<(), Refused> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.messages.try_send(message).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Refused::Overloaded,
                TrySendError::Disconnected(_) => Refused::Stopped,
            }
        })
    }

    /// Asks the writer to stop behind what waits.
    pub(super) fn stop(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // An error means that it has stopped already.
        drop(self.messages.send(Message::Stop));
    }

    /// How many messages wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Messages {
    /// The next message, waited for.
    ///
    /// # Errors
    /// None came in time, or none will.
    pub(super) fn next_within(&self, timeout: Duration) -> Result<Message, RecvTimeoutError> {
        let message = self.messages.recv_timeout(timeout)?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(message)
    }

    /// The next message, if one waits.
    pub(super) fn next(&self) -> Option<Message> {
        let message = self.messages.try_recv().ok()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(message)
    }
}
