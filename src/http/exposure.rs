//! An evaluation as exposure: whoever asks for one flag is about to show it, unless the key says otherwise.

use serde_json::json;

use super::Server;
use super::decide::{Answer, Answers};
use super::error::Problem;
use crate::assign::decision::Decision;
use crate::catalog::Entry;
use crate::catalog::experiment::Unit;
use crate::engine::Sticky;
use crate::event::exposure::EXPERIMENT_VIEWED;
use crate::event::{Event, Tracked};
use crate::id::{EventId, EventName, VisitorId};
use crate::source::Source;
use crate::time::Timestamp;
use crate::visitor::{VisitorKey, find, first_exposure};

/// Adds to the events of answers that the visitor sees what was decided; only the first time, so that a returning visitor
/// costs no write.
///
/// # Errors
/// As the store fails.
pub(super) fn expose(server: &Server, answers: &mut Answers<'_>) -> Result<(), Problem> {
    let visitor = VisitorKey::of(server.engine.snapshot().seed, &answers.visitor);
    let sticky = server.engine.sticky(visitor)?.unwrap_or_default();
    let now = server.engine.clock().now();
    let decided = answers.list.iter().filter_map(Answer::decided);
    let first = decided.filter(|(entry, decision)| is_first(&sticky, entry, decision));
    let exposures = first.filter_map(|(entry, decision)| {
        event(&answers.visitor, (entry, decision), now).map(Event::Tracked)
    });
    answers.events.extend(exposures.collect::<Vec<_>>());
    Ok(())
}

/// Whether a visitor of the experiment sees the variant for the first time.
fn is_first(sticky: &Sticky, entry: &Entry, decision: &Decision) -> bool {
    if decision.epoch.is_none() || entry.experiment.unit == Unit::Session {
        return false;
    }
    let assignment = find(&sticky.assignments, entry.serial, None);
    let seen = |of| first_exposure(&sticky.exposures, of, &entry.experiment);
    decision.is_new || assignment.is_some_and(|of| seen(of).is_none())
}

fn event(
    visitor: &VisitorId,
    (entry, decision): (&Entry, &Decision),
    at: Timestamp,
) -> Option<Tracked> {
    let key = &entry.experiment.key;
    Some(Tracked {
        visitor: visitor.clone(),
        id: EventId::parse(&format!("exposure:{key}:{}", decision.arm.0)).ok()?,
        name: EventName::parse(EXPERIMENT_VIEWED).ok()?,
        at,
        // Which variant is the fold's to say: another request may have been first.
        properties: json!({ "experiment_id": key }).to_string(),
        source: Source::Ofrep,
    })
}
