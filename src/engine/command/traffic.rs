//! Commands that move traffic: the tick, a reallocation, a return to earlier weights.

use super::{CommandError, Decided, Done, Looks, State};
use crate::bandit::{self, Proposal, Urgency};
use crate::catalog::metric::OnTrip;
use crate::catalog::{Entry, Trip};
use crate::epoch::{Epoch, EpochNumber};
use crate::event::Event;
use crate::id::ExperimentKey;
use crate::report::guardrail;

impl State<'_> {
    /// The guardrails that trip, and the epochs that running policies want to open now.
    pub(super) fn tick(&self) -> Decided {
        let mut decided = Decided::default();
        for entry in self.catalog.iter().filter(|entry| entry.is_running()) {
            let trips = self.trips(entry, &mut decided.looked);
            let pauses = trips.iter().any(|trip| trip.action == OnTrip::Pause);
            let experiment = &entry.experiment.key;
            decided
                .events
                .extend(trips.into_iter().map(|trip| Event::Tripped {
                    experiment: experiment.clone(),
                    trip,
                }));
            if let Some(epoch) = self.opening(entry).filter(|_| !pauses) {
                decided.events.push(Event::Opened {
                    experiment: experiment.clone(),
                    epoch,
                });
            }
        }
        decided
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

    /// The guardrails that trip, if 1 % was learned since the last look: what is valid at any look need not be looked at
    /// every time.
    fn trips(&self, entry: &Entry, looked: &mut Looks) -> Vec<Trip> {
        let cells = self.cells(entry);
        let learned = |last: &u64| cells.information > last + last / 100;
        if !self.looked.get(&entry.serial).is_none_or(learned) {
            return Vec::new();
        }
        looked.insert(entry.serial, cells.information);
        guardrail::trips(entry, cells, self.now)
    }

    pub(super) fn reallocate(&self, key: &ExperimentKey) -> Result<Decided, CommandError> {
        let entry = self.entry(key)?;
        let cells = self.cells(entry);
        Ok(
            match bandit::reallocate(entry, cells, self.now, Urgency::Forced) {
                Proposal::Open(epoch) => {
                    let opened = Event::Opened {
                        experiment: key.clone(),
                        epoch,
                    };
                    Decided {
                        events: vec![opened],
                        ..Decided::default()
                    }
                }
                Proposal::Keep(note) => Decided {
                    done: Done { note: Some(note) },
                    ..Decided::default()
                },
            },
        )
    }

    /// Opens an epoch with the weights of an earlier one.
    pub(super) fn revert(
        &self,
        key: &ExperimentKey,
        to: EpochNumber,
    ) -> Result<Decided, CommandError> {
        let entry = self.entry(key)?;
        let epoch = bandit::revert::revert(entry, self.cells(entry), to, self.now)?;
        Ok(Decided {
            events: vec![Event::Opened {
                experiment: key.clone(),
                epoch,
            }],
            ..Decided::default()
        })
    }
}
