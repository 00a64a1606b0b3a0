//! What was decided, as it stands once it is recorded.

use tokio::sync::oneshot;
use tracing::{Instrument, debug_span};

use super::super::error::{Code, Problem};
use super::Answer;
use crate::assign::decision::Reason;
use crate::assign::{control, sticky};
use crate::catalog::Entry;
use crate::engine::Refused;
use crate::event::Event;
use crate::fold::Outcome;

/// Waits until events are durable.
///
/// # Errors
/// [`Code::Overloaded`] or [`Code::Unavailable`].
pub(in crate::http) async fn durable(
    answered: Result<oneshot::Receiver<Vec<Outcome>>, Refused>,
) -> Result<Vec<Outcome>, Problem> {
    let answered = answered?.instrument(debug_span!("durable"));
    answered.await.map_err(|_| {
        Problem::new(
            Code::Unavailable,
            "The writer stopped before the write was durable.",
        )
    })
}

/// Replaces what another request of the same unit assigned first, or denied meanwhile.
pub(in crate::http) fn settle(
    answers: &mut [Answer<'_>],
    events: &[Event],
    outcomes: Vec<Outcome>,
) {
    for (event, outcome) in events.iter().zip(outcomes) {
        let Event::Assigned(assigned) = event else {
            continue;
        };
        let stands = |entry: &Entry| match &outcome {
            Outcome::Standing(kept) => Some(sticky(entry, kept.standing())),
            Outcome::NoConsent => Some(control(&entry.experiment, Reason::NoConsent)),
            Outcome::Accepted
            | Outcome::Duplicate
            | Outcome::TooManyAliases
            | Outcome::TooManyTraits
            | Outcome::Void => None,
        };
        for answer in &mut *answers {
            match answer {
                Answer::Decided(entry, decision) if entry.experiment.key == assigned.experiment => {
                    if let Some(other) = stands(entry) {
                        *decision = other;
                    }
                }
                Answer::Decided(..) | Answer::Unknown(_) => {}
            }
        }
    }
}
