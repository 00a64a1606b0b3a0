//! The last events that arrived, for whoever looks for what became of one. In memory alone: a restart forgets them, the log
//! does not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::event::{Event, Tracked};
use crate::fold::Outcome;
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
    /// What it was.
    pub what: Arrived,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// An event that is in the log now.
    Kept(Tracked),
    /// One that was there already.
    Duplicate(Tracked),
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
            Arrived::Rejected(rejected) => rejected.visitor.as_deref(),
        }
    }

    /// The event's id.
    pub fn id(&self) -> Option<&str> {
        match &self.what {
            Arrived::Kept(event) | Arrived::Duplicate(event) => Some(event.id.as_str()),
            Arrived::Rejected(rejected) => rejected.id.as_deref(),
        }
    }

    fn bytes(&self) -> usize {
        match &self.what {
            Arrived::Kept(event) | Arrived::Duplicate(event) => event.properties.len(),
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
}

impl Recent {
    /// Adds arrivals, and forgets the oldest for them.
    pub fn add(&self, arrivals: impl IntoIterator<Item = Arrival>) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = ring.arrivals.iter().rev();
        let wanted = newest.filter(|arrival| wanted(arrival));
        wanted.take(limit).cloned().collect()
    }

    /// Adds what became of committed events.
    pub(super) fn committed(&self, events: &[Event], outcomes: &[Outcome], received: Timestamp) {
        let arrival = |(event, outcome): (&Event, &Outcome)| {
            let Event::Tracked(event) = event else {
                return None;
            };
            let what = match outcome {
                Outcome::Duplicate => Arrived::Duplicate(event.clone()),
                Outcome::Accepted | Outcome::Standing(_) | Outcome::Void => {
                    Arrived::Kept(event.clone())
                }
                Outcome::TooManyAliases => return None,
            };
            Some(Arrival { received, what })
        };
        self.add(events.iter().zip(outcomes).filter_map(arrival));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(detail: usize, id: usize) -> Arrival {
        Arrival {
            received: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
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
