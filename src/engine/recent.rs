//! The last events that arrived, for whoever looks for what became of one. In memory alone: a restart forgets them, the log
//! does not.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::kind::Kind;
use crate::event::{Aliased, Event, Profiled, Tracked};
use crate::fold::Outcome;
use crate::id::{EventId, VisitorId};
use crate::source::Source;
use crate::time::Timestamp;

/// Most events that are kept.
const MAX_EVENTS: usize = 10_000;
/// Most bytes of their properties.
const MAX_BYTES: usize = 16 << 20;

/// An event that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When the server received it.
    pub received: Timestamp,
    /// How it was sent, where that says more than the log keeps.
    pub sent: Option<Sent>,
    /// What it was.
    pub what: Arrived,
}

/// How something was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// As what.
    pub kind: Kind,
    /// Its `userId`.
    pub user: Option<String>,
    /// Its `anonymousId`.
    pub anonymous: Option<String>,
    /// Its traits: JSON as text.
    pub traits: Option<String>,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// An event that is in the log now.
    Kept(Tracked),
    /// One that was there already.
    Duplicate(Tracked),
    /// Two ids that are one person's, and whether that is new.
    Joined(Aliased, bool),
    /// What is known of a visitor or a group, and whether it had not come before.
    Profiled(Profiled, bool),
    /// Something of a visitor who does not allow it; only this is kept of it, and only here.
    Unconsented {
        /// The visitor.
        visitor: VisitorId,
        /// Its id, if it has one.
        id: Option<EventId>,
    },
    /// Something that counts for nothing.
    Acknowledged,
    /// Something that is no event.
    Rejected(Rejected),
}

/// Why something was rejected, and what could be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// By which way it came.
    pub source: Source,
    /// The stable code of the problem.
    pub code: String,
    /// The offending place.
    pub path: String,
    /// What is wrong there.
    pub detail: String,
    /// The visitor, if it names one.
    pub visitor: Option<String>,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// The event's name, if it has one.
    pub event: Option<String>,
}

impl Arrival {
    /// The visitor's id.
    pub fn visitor(&self) -> Option<&str> {
        match &self.what {
            Arrived::Kept(event) | Arrived::Duplicate(event) => Some(event.visitor.as_str()),
            Arrived::Joined(aliased, _) => Some(aliased.to.as_str()),
            Arrived::Profiled(told, _) => Some(told.visitor.as_str()),
            Arrived::Unconsented { visitor, .. } => Some(visitor.as_str()),
            Arrived::Acknowledged => {
                let sent = self.sent.as_ref()?;
                sent.user.as_deref().or(sent.anonymous.as_deref())
            }
            Arrived::Rejected(rejected) => rejected.visitor.as_deref(),
        }
    }

    /// The event's id.
    pub fn id(&self) -> Option<&str> {
        match &self.what {
            Arrived::Kept(event) | Arrived::Duplicate(event) => Some(event.id.as_str()),
            Arrived::Profiled(told, _) => Some(told.id.as_str()),
            Arrived::Unconsented { id, .. } => id.as_ref().map(EventId::as_str),
            Arrived::Joined(..) | Arrived::Acknowledged => None,
            Arrived::Rejected(rejected) => rejected.id.as_deref(),
        }
    }

    /// All ids of visitors that it names.
    fn names(&self) -> impl Iterator<Item = &str> {
        let joined = match &self.what {
            Arrived::Joined(aliased, _) => Some(aliased.visitor.as_str()),
            Arrived::Kept(_)
            | Arrived::Duplicate(_)
            | Arrived::Profiled(..)
            | Arrived::Unconsented { .. }
            | Arrived::Acknowledged
            | Arrived::Rejected(_) => None,
        };
        let sent = self.sent.iter();
        let sent = sent.flat_map(|sent| [sent.user.as_deref(), sent.anonymous.as_deref()]);
        sent.flatten().chain(self.visitor()).chain(joined)
    }

    fn bytes(&self) -> usize {
        let sent = self.sent.as_ref();
        let traits = sent.and_then(|sent| sent.traits.as_ref());
        traits.map_or(0, String::len)
            + match &self.what {
                Arrived::Kept(event) | Arrived::Duplicate(event) => event.properties.len(),
                Arrived::Profiled(told, _) => told.traits.bytes(),
                Arrived::Joined(..) | Arrived::Unconsented { .. } | Arrived::Acknowledged => 0,
                Arrived::Rejected(rejected) => rejected.detail.len(),
            }
    }
}

/// The last events.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    arrivals: VecDeque<Arc<Arrival>>,
    bytes: usize,
    /// How events that are not committed yet were sent, by visitor and id.
    expected: HashMap<(VisitorId, String), Sent>,
}

impl Recent {
    /// Adds arrivals, and forgets the oldest for them.
    pub fn add(&self, arrivals: impl IntoIterator<Item = Arrival>) {
        let mut ring = self.ring();
        for arrival in arrivals {
            ring.bytes += arrival.bytes();
            ring.arrivals.push_back(Arc::new(arrival));
            while ring.arrivals.len() > MAX_EVENTS || ring.bytes > MAX_BYTES {
                let Some(oldest) = ring.arrivals.pop_front() else {
                    break;
                };
                ring.bytes -= oldest.bytes();
            }
        }
    }

    /// The latest `limit` arrivals that are wanted, newest first.
    pub fn latest(&self, limit: usize, wanted: impl Fn(&Arrival) -> bool) -> Vec<Arc<Arrival>> {
        let ring = self.ring();
        let newest = ring.arrivals.iter().rev();
        let wanted = newest.filter(|arrival| wanted(arrival));
        wanted.take(limit).cloned().collect()
    }

    /// Forgets everything of visitors.
    pub(super) fn forget(&self, is_gone: impl Fn(&VisitorId) -> bool) {
        let is_theirs = |id: &str| VisitorId::parse(id).is_ok_and(|id| is_gone(&id));
        let mut ring = self.ring();
        let kept = |arrival: &Arc<Arrival>| !arrival.names().any(is_theirs);
        ring.arrivals.retain(kept);
        ring.bytes = ring.arrivals.iter().map(|arrival| arrival.bytes()).sum();
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how events that are about to be recorded were sent, by visitor and id, or the visitor's other id.
    pub fn expect(&self, sent: impl IntoIterator<Item = ((VisitorId, String), Sent)>) {
        let mut ring = self.ring();
        if ring.expected.len() > MAX_EVENTS {
            // Those of requests that a full queue refused.
            ring.expected.clear();
        }
        ring.expected.extend(sent);
    }

    /// Adds what became of committed events.
    pub fn committed(&self, events: &[Event], outcomes: &[Outcome], received: Timestamp) {
        let mut expected = std::mem::take(&mut self.ring().expected);
        let arrivals = events.iter().zip(outcomes).filter_map(|(event, outcome)| {
            let what = arrived(event, outcome)?;
            let known = |expected: &mut HashMap<_, _>| expected.remove(&self::expected(event)?);
            let sent = (!expected.is_empty()).then(|| known(&mut expected));
            let sent = sent.flatten().map(|sent| match what {
                Arrived::Unconsented { .. } => Sent {
                    traits: None,
                    ..sent
                },
                Arrived::Kept(_)
                | Arrived::Duplicate(_)
                | Arrived::Joined(..)
                | Arrived::Profiled(..)
                | Arrived::Acknowledged
                | Arrived::Rejected(_) => sent,
            });
            Some(Arrival {
                received,
                sent,
                what,
            })
        });
        self.add(arrivals.collect::<Vec<_>>());
        // What was noted meanwhile is newer.
        let mut ring = self.ring();
        let newer = std::mem::replace(&mut ring.expected, expected);
        ring.expected.extend(newer);
    }
}

/// By which key it is expected how an event was sent. One call may become several events.
pub fn expected(event: &Event) -> Option<(VisitorId, String)> {
    let (visitor, id) = match event {
        Event::Tracked(event) => (&event.visitor, event.id.to_string()),
        Event::Profiled(told) => (&told.visitor, format!("traits {}", told.id)),
        Event::Aliased(of) => (&of.visitor, of.to.to_string()),
        Event::Founded(_)
        | Event::Defined(_)
        | Event::Transitioned(_)
        | Event::Opened { .. }
        | Event::Assigned(_)
        | Event::Imported(_)
        | Event::Tripped { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked { .. }
        | Event::Asked(_)
        | Event::Learned(_)
        | Event::Consented(_)
        | Event::Erased(_) => return None,
    };
    Some((visitor.clone(), id))
}

/// What an event arrived as.
fn arrived(event: &Event, outcome: &Outcome) -> Option<Arrived> {
    let is_new = *outcome == Outcome::Accepted;
    match (event, outcome) {
        (_, Outcome::TooManyAliases | Outcome::TooManyTraits)
        | (
            Event::Founded(_)
            | Event::Defined(_)
            | Event::Transitioned(_)
            | Event::Opened { .. }
            | Event::Assigned(_)
            | Event::Imported(_)
            | Event::Tripped { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked { .. }
            | Event::Asked(_)
            | Event::Learned(_)
            | Event::Consented(_)
            | Event::Erased(_),
            _,
        ) => None,
        (Event::Tracked(event), Outcome::NoConsent) => {
            Some(unconsented(&event.visitor, Some(&event.id)))
        }
        (Event::Profiled(told), Outcome::NoConsent) => {
            Some(unconsented(&told.visitor, Some(&told.id)))
        }
        (Event::Aliased(of), Outcome::NoConsent) => Some(unconsented(&of.to, None)),
        (Event::Tracked(event), Outcome::Duplicate) => Some(Arrived::Duplicate(event.clone())),
        (Event::Tracked(event), Outcome::Accepted | Outcome::Standing(_) | Outcome::Void) => {
            Some(Arrived::Kept(event.clone()))
        }
        (Event::Aliased(of), _) => Some(Arrived::Joined(of.clone(), is_new)),
        (Event::Profiled(told), _) => Some(Arrived::Profiled(told.clone(), is_new)),
    }
}

fn unconsented(visitor: &VisitorId, id: Option<&EventId>) -> Arrived {
    Arrived::Unconsented {
        visitor: visitor.clone(),
        id: id.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(detail: usize, id: usize) -> Arrival {
        Arrival {
            received: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
            sent: None,
            what: Arrived::Rejected(Rejected {
                source: Source::Native,
                code: "invalid_field".into(),
                path: String::new(),
                detail: "x".repeat(detail),
                visitor: None,
                id: Some(id.to_string()),
                event: None,
            }),
        }
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_size() {
        let recent = Recent::default();
        recent.add((0..MAX_EVENTS + 5).map(|id| rejected(1, id)));
        let all = recent.latest(usize::MAX, |_| true);
        assert_eq!((all.len(), all[0].id()), (MAX_EVENTS, Some("10004")));
        assert_eq!(recent.latest(3, |of| of.id() == Some("4")).len(), 0);
        assert_eq!(recent.latest(3, |of| of.id() == Some("5")).len(), 1);
        recent.add([rejected(MAX_BYTES - 10, 1), rejected(9, 2)]);
        assert_eq!(recent.latest(usize::MAX, |_| true).len(), 3);
    }
}
