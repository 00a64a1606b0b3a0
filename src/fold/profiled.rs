//! Who visitors are: traits, as the shop tells them.

use super::consent::is_denied;
use super::known::is_known;
use super::seen::unread;
use super::{Delta, Outcome, View};
use crate::event::Profiled;
use crate::time::Timestamp;
use crate::visitor::{MetricEvent, VisitorKey, fingerprint, hour, signal};

/// Takes traits over into the profile. That they were told shows that the visitor was there.
pub(super) fn profile<V: View>(
    view: &V,
    told: &Profiled,
    now: Timestamp,
) -> Result<Delta, V::Error> {
    let (key, record) = view.person(VisitorKey::of(view.seed(), &told.visitor))?;
    if is_denied(view, &record) {
        return Ok(Delta::none(Outcome::NoConsent));
    }
    let event = event(view.seed(), told, now);
    if is_known(view, key, &record, &event)? {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    let mut profile = view.profile(key)?;
    let taken = profile.tell(told.group.as_ref(), &told.traits, told.at);
    if taken.is_err() {
        return Ok(Delta::none(Outcome::TooManyTraits));
    }
    let delta = unread(view, (key, record), (&event, None), now);
    Ok(Delta {
        profile: Some((key, profile)),
        ..delta
    })
}

/// What stands for it in the memory for ids, where it is told apart from other calls of the same id.
fn event(seed: u64, told: &Profiled, now: Timestamp) -> MetricEvent {
    let kind = if told.group.is_some() {
        "group"
    } else {
        "identify"
    };
    MetricEvent {
        at: told.at,
        id: fingerprint(seed ^ signal(kind), told.id.as_str()),
        name: signal(kind),
        order: None,
        hour: hour(now),
        amounts: Vec::new(),
    }
}
