//! What the tick decides: guardrails, the ends of bandits, and the epochs that policies want.

use super::{Decided, Looks, State};
use crate::bandit::Urgency;
use crate::bandit::tick::{self, Asked, News, Next};
use crate::catalog::metric::OnTrip;
use crate::catalog::{Entry, Trip};
use crate::event::Event;
use crate::report::{guardrail, is_mismatched};

impl State<'_> {
    /// The guardrails that trip, the bandits that end, and the epochs that running policies want to open now.
    pub(super) fn tick(&self) -> Decided {
        let mut decided = Decided::default();
        for entry in self.catalog.iter().filter(|entry| entry.is_running()) {
            let news = self.news(entry, &mut decided.looked);
            let trips = self.trips(entry, news);
            let pauses = trips.iter().any(|trip| trip.action == OnTrip::Pause);
            let experiment = &entry.experiment.key;
            decided
                .events
                .extend(trips.into_iter().map(|trip| Event::Tripped {
                    experiment: experiment.clone(),
                    trip,
                }));
            let next = (!pauses).then(|| self.next(entry, news)).flatten();
            let by_itself = |next| Event::by_itself(experiment.clone(), next, self.now);
            decided.events.extend(next.map(by_itself));
        }
        decided
    }

    /// What the experiment does by itself now.
    fn next(&self, entry: &Entry, news: News) -> Option<Next> {
        let cells = self.cells(entry);
        let asked = Asked {
            news,
            urgency: Urgency::Tick,
            is_sound: &|| !is_mismatched(entry, cells, self.now),
        };
        tick::next(entry, cells, self.now, asked)
    }

    /// Whether there is something new to look at since the last look.
    fn news(&self, entry: &Entry, looked: &mut Looks) -> News {
        let information = self.cells(entry).information;
        let news = News::since(looked.get(&entry.serial).copied(), information);
        if news == News::Some {
            looked.insert(entry.serial, information);
        }
        news
    }

    fn trips(&self, entry: &Entry, news: News) -> Vec<Trip> {
        match news {
            News::Some => guardrail::trips(entry, self.cells(entry), self.now),
            News::None => Vec::new(),
        }
    }
}
