//! What an experiment does by itself when time has passed: its search ends, a cap is frozen, or an epoch opens. The engine
//! asks on every tick, a simulation after every batch.

use super::stop::stop;
use super::{Proposal, Urgency, caps, reallocate};
use crate::catalog::{Conclusion, Entry};
use crate::cell::Cells;
use crate::epoch::Epoch;
use crate::time::Timestamp;

/// Whether enough was learned since the last look: what is valid at any look need not be looked at every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// 1 % more is known.
    Some,
    /// Little but time has passed.
    None,
}

impl News {
    /// By the information now, and that at the last look.
    pub fn since(last: Option<u64>, information: u64) -> Self {
        if last.is_none_or(|last| information > last + last / 100) {
            Self::Some
        } else {
            Self::None
        }
    }
}

/// What happens next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The search ends.
    Conclude(Conclusion),
    /// An epoch opens, for a cap or because the policy moves traffic.
    Open(Epoch),
}

/// How the question is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Whether enough was learned for an end.
    pub news: News,
    /// Whether the rules for the moment of an epoch apply.
    pub urgency: Urgency,
    /// Whether the visitors per variant fit their propensities; where they do not, nothing is concluded from them.
    pub is_sound: &'a dyn Fn() -> bool,
}

/// What happens now; `None` if all goes on as it is. The end comes first, and a cap before the policy, which would open an
/// epoch without it.
pub fn next(entry: &Entry, cells: &Cells, now: Timestamp, asked: Asked<'_>) -> Option<Next> {
    let conclusion = stop(entry, cells, now, asked.news).filter(|_| (asked.is_sound)());
    if let Some(conclusion) = conclusion {
        return Some(Next::Conclude(conclusion));
    }
    let wanted = || match reallocate(entry, cells, now, asked.urgency) {
        Proposal::Open(epoch) => Some(epoch),
        Proposal::Keep(_) => None,
    };
    caps::freeze(entry, cells, now)
        .or_else(wanted)
        .map(Next::Open)
}
