//! What the tick decides: guardrails, the ends of bandits, and the epochs that policies want.

use super::{Decided, Looks, State};
use crate::bandit::stop::News;
use crate::bandit::{self, Proposal, Urgency};
use crate::catalog::metric::OnTrip;
use crate::catalog::{Entry, Trip};
use crate::epoch::Epoch;
use crate::event::{Event, Transition, Transitioned};
use crate::report::guardrail;

impl State<'_> {
    /// The guardrails that trip, the bandits that end, and the epochs that running policies want to open now.
    pub(super) fn tick(&self) -> Decided {
        let mut decided = Decided::default();
        for entry in self.catalog.iter().filter(|entry| entry.is_running()) {
            let has_news = self.has_news(entry, &mut decided.looked);
            let trips = self.trips(entry, has_news);
            let pauses = trips.iter().any(|trip| trip.action == OnTrip::Pause);
            let experiment = &entry.experiment.key;
            decided
                .events
                .extend(trips.into_iter().map(|trip| Event::Tripped {
                    experiment: experiment.clone(),
                    trip,
                }));
            if !pauses {
                let event = self.ending(entry, has_news);
                let opened = || {
                    self.opening(entry).map(|epoch| Event::Opened {
                        experiment: experiment.clone(),
                        epoch,
                    })
                };
                decided.events.extend(event.or_else(opened));
            }
        }
        decided
    }

    /// The conclusion of a bandit that ends by itself.
    fn ending(&self, entry: &Entry, has_news: bool) -> Option<Event> {
        let news = if has_news { News::Some } else { News::None };
        let conclusion = bandit::stop::stop(entry, self.cells(entry), self.now, news)?;
        Some(Event::Transitioned(Transitioned {
            experiment: entry.experiment.key.clone(),
            transition: Transition::Conclude(conclusion),
            at: self.now,
        }))
    }

    /// The epoch that a cap, or else the policy, wants to open now.
    fn opening(&self, entry: &Entry) -> Option<Epoch> {
        let cells = self.cells(entry);
        bandit::caps::freeze(entry, cells, self.now).or_else(|| {
            match bandit::reallocate(entry, cells, self.now, Urgency::Tick) {
                Proposal::Open(epoch) => Some(epoch),
                Proposal::Keep(_) => None,
            }
        })
    }

    /// Whether 1 % was learned since the last look: what is valid at any look need not be looked at every time.
    fn has_news(&self, entry: &Entry, looked: &mut Looks) -> bool {
        let information = self.cells(entry).information;
        let learned = |last: &u64| information > last + last / 100;
        let has_news = self.looked.get(&entry.serial).is_none_or(learned);
        if has_news {
            looked.insert(entry.serial, information);
        }
        has_news
    }

    fn trips(&self, entry: &Entry, has_news: bool) -> Vec<Trip> {
        if has_news {
            guardrail::trips(entry, self.cells(entry), self.now)
        } else {
            Vec::new()
        }
    }
}
