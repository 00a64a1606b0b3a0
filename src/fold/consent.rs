//! What visitors allow. Who denies is served control and leaves no trace; what was stored before stays until it is erased.

use super::{Delta, Outcome, View};
use crate::event::Consented;
use crate::profile::{Consent, Said};
use crate::visitor::Record;

/// Whether nothing more may be stored of a visitor.
pub(super) fn is_denied<V: View>(view: &V, record: &Record) -> bool {
    let said = record.consent.map(|said| said.state);
    said.unwrap_or_else(|| view.unsaid()) == Consent::Denied
}

/// Whether two visitors may not be joined: one of them said no, or nobody said yes where that is needed.
pub(super) fn is_apart<V: View>(view: &V, own: &Record, other: &Record) -> bool {
    let said = || [own, other].into_iter().filter_map(|of| of.consent);
    let denied = said().any(|said| said.state == Consent::Denied);
    let granted = said().any(|said| said.state == Consent::Granted);
    denied || !granted && view.unsaid() == Consent::Denied
}

/// Keeps what a visitor said, unless it was said before.
pub(super) fn consent<V: View>(view: &V, said: &Consented) -> Result<Delta, V::Error> {
    let (key, mut record) = view.person(said.visitor)?;
    if record
        .consent
        .is_some_and(|known| known.state == said.state)
    {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    let (state, at) = (said.state, said.at);
    record.consent = Some(Said { state, at });
    Ok(Delta {
        record: Some((key, record)),
        ..Delta::default()
    })
}
