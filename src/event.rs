//! Events: the vocabulary of the log. Whatever happened is one of these; all state is folded from them.
//!
//! An event is written once it has an effect: retries and duplicates are answered but not logged again. The binary
//! encoding is postcard under the version byte of the frame (`log`), so a variant is only ever added at the end.

pub mod exposure;
pub mod kind;

use serde::{Deserialize, Serialize};

use crate::allocation::{Allocation, Arm, Propensity};
use crate::bandit::tick::Next;
use crate::catalog::history::Author;
use crate::catalog::takeaway::Takeaway;
use crate::catalog::{Source, Transition, Trip};
use crate::epoch::linear::Drawn;
use crate::epoch::{Epoch, EpochNumber};
use crate::id::{EventId, EventName, ExperimentKey, GroupId, SessionId, VisitorId, VisitorKey};
use crate::key::{Key, KeyId};
use crate::profile::{Consent, Told};
use crate::time::Timestamp;

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The log began: always the first event of the first frame, and nowhere else.
    Founded(Founded),
    /// An experiment got a new version of its definition.
    Defined(Defined),
    /// An experiment was started, paused, concluded or archived.
    Transitioned(Transitioned),
    /// An epoch was opened.
    Opened {
        /// The experiment.
        experiment: ExperimentKey,
        /// The epoch.
        epoch: Epoch,
    },
    /// A visitor was assigned a variant, or a place in or outside the global holdout.
    Assigned(Assigned),
    /// An assignment of another system, or of the past, was imported.
    Imported(Imported),
    /// The shop sent an event about a visitor.
    Tracked(Tracked),
    /// A guardrail of an experiment tripped.
    Tripped {
        /// The experiment.
        experiment: ExperimentKey,
        /// The trip.
        trip: Trip,
    },
    /// Two ids turned out to be one person's.
    Aliased(Aliased),
    /// An API key was made.
    KeyCreated(Box<Key>),
    /// An API key was revoked.
    KeyRevoked {
        /// The key.
        id: KeyId,
        /// When.
        at: Timestamp,
    },
    /// Who asked for the definitions, transitions, epochs and keys that follow, to the next of these or the end of the
    /// frame. What stands behind none happened by itself.
    Asked(Author),
    /// The shop told who a visitor is.
    Profiled(Profiled),
    /// What was learned from an experiment was written down.
    Learned(Learned),
    /// A visitor said what is allowed.
    Consented(Consented),
    /// A visitor is to be forgotten.
    Erased(Erased),
}

/// What is fixed for the life of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founded {
    /// Seed of the keyed hashes that name visitors and events in the store.
    pub seed: u64,
    /// IANA name of the time zone in which days are counted.
    pub zone: String,
}

/// A definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defined {
    /// The definition in canonical JSON.
    pub definition: String,
    /// Where it comes from.
    pub source: Source,
    /// Whether edited payloads change nothing that matters, so that variants keep their data.
    pub cosmetic: bool,
    /// When.
    pub at: Timestamp,
}

/// A change of an experiment's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitioned {
    /// The experiment.
    pub experiment: ExperimentKey,
    /// What was done.
    pub transition: Transition,
    /// When.
    pub at: Timestamp,
}

/// What was learned from an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The experiment.
    pub experiment: ExperimentKey,
    /// What was learned.
    pub takeaway: Takeaway,
    /// When it was written down.
    pub at: Timestamp,
}

/// An assignment made by this server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// The visitor.
    pub visitor: VisitorId,
    /// The session, when it is the experiment's unit.
    pub session: Option<SessionId>,
    /// The experiment.
    pub experiment: ExperimentKey,
    /// The variant.
    pub arm: Arm,
    /// Whether the unit was held out (and so served control).
    pub holdout: bool,
    /// The epoch under which it was drawn.
    pub epoch: EpochNumber,
    /// The probability with which the variant was drawn.
    pub propensity: Propensity,
    /// When.
    pub at: Timestamp,
    /// The visitor's values of the experiment's dimensions.
    pub dimensions: Vec<Option<String>>,
    /// Features and shares, under a linear policy.
    pub drawn: Option<Box<Drawn>>,
}

/// An assignment made elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// The visitor.
    pub visitor: VisitorId,
    /// The experiment.
    pub experiment: ExperimentKey,
    /// The variant.
    pub arm: Arm,
    /// The allocation under which it was drawn; `None`: the configured weights are assumed.
    pub allocation: Option<Allocation>,
    /// The other system's epoch number.
    pub label: Option<u64>,
    /// When.
    pub at: Timestamp,
    /// The visitor's values of the experiment's dimensions.
    pub dimensions: Vec<Option<String>>,
}

/// An event of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// The visitor.
    pub visitor: VisitorId,
    /// Its id, unique per visitor.
    pub id: EventId,
    /// Its name.
    pub name: EventName,
    /// When it happened.
    pub at: Timestamp,
    /// Its properties: a JSON object as text, or empty.
    pub properties: String,
    /// By which way it came in.
    pub source: crate::source::Source,
}

/// What is known of a visitor, or of a group the visitor belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiled {
    /// The visitor.
    pub visitor: VisitorId,
    /// Its id, unique per visitor and kind.
    pub id: EventId,
    /// The group that the traits are of; `None`: the visitor.
    pub group: Option<GroupId>,
    /// The traits.
    pub traits: Told,
    /// When they were so.
    pub at: Timestamp,
    /// By which way it came in.
    pub source: crate::source::Source,
}

/// What a visitor allows. It does not name whom: of a visitor who denies nothing else is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consented {
    /// The visitor.
    pub visitor: VisitorKey,
    /// What is allowed.
    pub state: Consent,
    /// When that was said.
    pub at: Timestamp,
}

/// That a visitor is to be forgotten. It does not name whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The visitor.
    pub visitor: VisitorKey,
    /// Whether also what the visitor added to experiments is taken out.
    pub retract: bool,
}

/// Two ids of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aliased {
    /// The one, such as a browser's before the login.
    pub visitor: VisitorId,
    /// The other, by which the person is known from now on.
    pub to: VisitorId,
}

impl Event {
    /// Whether what decisions need of a visitor's record may have changed.
    pub fn concerns_decisions(&self) -> bool {
        match self {
            Self::Tracked(tracked) => exposure::may_expose(tracked.name.as_str()),
            Self::Founded(_)
            | Self::Defined(_)
            | Self::Transitioned(_)
            | Self::Opened { .. }
            | Self::Assigned(_)
            | Self::Imported(_)
            | Self::Aliased(_)
            | Self::Consented(_)
            | Self::Erased(_)
            | Self::Tripped { .. } => true,
            Self::KeyCreated(_)
            | Self::KeyRevoked { .. }
            | Self::Asked(_)
            | Self::Profiled(_)
            | Self::Learned(_) => false,
        }
    }

    /// What an experiment does by itself.
    pub fn by_itself(experiment: ExperimentKey, next: Next, at: Timestamp) -> Self {
        match next {
            Next::Conclude(conclusion) => Self::Transitioned(Transitioned {
                experiment,
                transition: Transition::Conclude(conclusion),
                at,
            }),
            Next::Open(epoch) => Self::Opened { experiment, epoch },
        }
    }
}

/// Name of the event that takes an order back: wholly, or by the amount it names.
pub const REFUND: &str = "Order Refunded";
/// Name of the event that takes an order back wholly, whatever it names.
pub const CANCELLATION: &str = "Order Cancelled";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_round_trips() {
        let event = Event::Tracked(Tracked {
            visitor: VisitorId::parse("v").unwrap(),
            id: EventId::parse("1").unwrap(),
            name: EventName::parse("Order Completed").unwrap(),
            at: Timestamp::parse("2026-11-22T00:00:00Z").unwrap(),
            properties: r#"{"revenue":1}"#.into(),
            source: crate::source::Source::Segment,
        });
        let bytes = postcard::to_stdvec(&event).unwrap();
        assert_eq!(postcard::from_bytes::<Event>(&bytes).unwrap(), event);
        assert_eq!(bytes[0], 6, "the number of a variant never changes");
    }
}
