//! Visitors who are to be forgotten.

use super::{Delta, Edit, Gone, Outcome, View};
use crate::event::Erased;
use crate::profile::{Consent, Profile};
use crate::time::Timestamp;
use crate::visitor::Record;
use crate::visitor::contribution::Reach;

/// Forgets a person under all ids. What the person added to the cells is taken out only where that is asked for. A denial
/// of consent stays, so that whoever comes back is not kept in mind again.
pub(super) fn erase<V: View>(view: &V, erased: &Erased, now: Timestamp) -> Result<Delta, V::Error> {
    let (key, record) = view.person(erased.visitor)?;
    let denial = record.consent.filter(|said| said.state == Consent::Denied);
    let left = Record {
        consent: denial,
        ..Record::default()
    };
    if record == left && view.profile(key)? == Profile::default() {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    let others = record.aliases().iter().map(|alias| alias.key);
    let keys = std::iter::once(key).chain(others).collect();
    let mut cells = Vec::new();
    if erased.retract {
        let mut edit = Edit::begin(view, key, record, Reach::Everything);
        edit.record = Record::default();
        cells = edit.finish(None, now).cells;
    }
    Ok(Delta {
        gone: Some(Gone { keys, left }),
        cells,
        ..Delta::default()
    })
}
