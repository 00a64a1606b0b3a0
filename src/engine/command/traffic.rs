//! Commands that move traffic: a reallocation, a return to earlier weights.

use super::{CommandError, Decided, Done, State};
use crate::bandit::{self, Proposal, Urgency};
use crate::epoch::EpochNumber;
use crate::event::Event;
use crate::id::ExperimentKey;

impl State<'_> {
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
