//! What was decided, as it stands once it is recorded.

use tokio::sync::oneshot;
use tracing::{Instrument, debug_span};

use super::super::error::{Code, Problem};
use super::Answer;
use crate::assign::{Standing, sticky};
use crate::engine::Refused;
use crate::event::Event;
use crate::fold::Outcome;
use crate::visitor::Assignment;

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

/// Replaces what another request of the same unit assigned first.
pub(in crate::http) fn settle(
    answers: &mut [Answer<'_>],
    events: &[Event],
    outcomes: Vec<Outcome>,
) {
    for (event, outcome) in events.iter().zip(outcomes) {
        let (Event::Assigned(assigned), Outcome::Standing(kept)) = (event, outcome) else {
            continue;
        };
        for answer in &mut *answers {
            match answer {
                Answer::Decided(entry, decision) if entry.experiment.key == assigned.experiment => {
                    *decision = sticky(entry, standing(&kept));
                }
                Answer::Decided(..) | Answer::Unknown(_) => {}
            }
        }
    }
}

/// An assignment as the pipeline needs it.
pub(in crate::http) fn standing(assignment: &Assignment) -> Standing<'_> {
    Standing {
        arm: assignment.arm,
        holdout: assignment.holdout,
        epoch: assignment.epoch,
        dimensions: &assignment.dimensions,
        drawn: assignment.drawn.as_deref(),
    }
}
