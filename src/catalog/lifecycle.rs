//! Where an experiment stands, and how it got there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Source;
use super::experiment::Status;
use super::metric::OnTrip;
use super::takeaway::Takeaway;
use crate::allocation::Arm;
use crate::id::MetricKey;
use crate::time::Timestamp;

/// Where an experiment stands: the last of its definition and the transitions since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Draft, running, paused or concluded.
    pub status: Status,
    /// Since when; being archived is no status.
    pub since: Timestamp,
    /// When it first ran.
    pub started_at: Option<Timestamp>,
    /// What it was concluded with.
    pub conclusion: Option<Conclusion>,
    /// The times during which it was concluded or halted, when visitors lost their variant: what happened then counts
    /// nowhere, even if it starts again (statistics R14).
    pub frozen: Vec<Frozen>,
    /// The guardrails that tripped, oldest first.
    pub trips: Vec<Trip>,
    /// Whether a guardrail paused it: until somebody starts it again, everybody gets control.
    pub halted: bool,
    /// Whether it is archived: served as unknown, kept for reports.
    pub archived: bool,
    /// Where the definition comes from.
    pub source: Source,
    /// What was learned.
    pub takeaway: Option<Takeaway>,
    /// Per dimension, the values seen so far that are kept apart, in order of appearance.
    pub seen: Vec<Vec<String>>,
}

/// A guardrail that tripped: a variant does more harm to a metric than its limit allows, and not by chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    /// The metric.
    pub metric: MetricKey,
    /// The variant.
    pub arm: Arm,
    /// The relative harm, as estimated then; what it is at least, where the control was at zero.
    pub harm: f64,
    /// What it is at least, however often one looks (statistics R16).
    pub low: f64,
    /// What followed.
    pub action: OnTrip,
    /// The same in plain words, with numbers.
    pub receipt: String,
    /// When.
    pub at: Timestamp,
}

/// A time during which an experiment was concluded or halted: after `from`, up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// When it ended.
    pub from: Timestamp,
    /// When it started again; `None` if it has not.
    pub until: Option<Timestamp>,
}

impl Frozen {
    /// Whether something that happened at this time counts nowhere.
    pub fn covers(&self, at: Timestamp) -> bool {
        at > self.from && self.until.is_none_or(|until| at <= until)
    }
}

impl Lifecycle {
    /// Of a draft that was just defined.
    pub fn draft(source: Source, at: Timestamp) -> Self {
        Self {
            status: Status::Draft,
            since: at,
            started_at: None,
            conclusion: None,
            frozen: Vec::new(),
            trips: Vec::new(),
            halted: false,
            archived: false,
            source,
            takeaway: None,
            seen: Vec::new(),
        }
    }

    /// Moves to another status; concluding and halting freeze the comparison, and leaving those thaws it.
    pub fn enter(&mut self, status: Status, at: Timestamp) {
        if status == self.status {
            return;
        }
        self.conclusion = None;
        self.halted = false;
        if let Some(frozen) = self.frozen.last_mut() {
            frozen.until = frozen.until.or(Some(at));
        }
        if status == Status::Concluded {
            self.freeze(at);
        }
        if status == Status::Running {
            self.started_at = self.started_at.or(Some(at));
        }
        self.status = status;
        self.since = at;
    }

    /// Moves to the status that a definition asks for; one that a guardrail halted runs again only when somebody starts
    /// it, since a file that says "running" said so before the harm was known.
    pub fn follow(&mut self, status: Status, at: Timestamp) {
        if !(self.halted && status == Status::Running) {
            self.enter(status, at);
        }
    }

    /// Takes a trip down, and pauses for harm if that is its action.
    pub fn trip(&mut self, trip: Trip) {
        if trip.action == OnTrip::Pause && !self.halted {
            self.enter(Status::Paused, trip.at);
            self.halted = true;
            self.freeze(trip.at);
        }
        self.trips.push(trip);
    }

    /// The harm of a variant to a metric that is known: estimated at its last trip, 0 before the first.
    ///
    /// Whoever lets the experiment run on accepts so much; a trip needs evidence of more.
    pub fn known_harm(&self, metric: &MetricKey, arm: Arm) -> f64 {
        let same = |trip: &&Trip| trip.metric == *metric && trip.arm == arm;
        self.trips
            .iter()
            .rev()
            .find(same)
            .map_or(0.0, |trip| trip.harm)
    }

    /// The trip that halted it.
    pub fn halted_by(&self) -> Option<&Trip> {
        let mut trips = self.trips.iter();
        trips.find(|trip| self.halted && trip.action == OnTrip::Pause && trip.at >= self.since)
    }

    /// Since when it has been searching: it first ran, or was started again after its comparison was frozen.
    pub fn searching_since(&self) -> Option<Timestamp> {
        let thawed = self.frozen.last().and_then(|frozen| frozen.until);
        thawed.or(self.started_at)
    }

    fn freeze(&mut self, from: Timestamp) {
        self.frozen.push(Frozen { from, until: None });
    }
}

/// What can be done to an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// Started or resumed.
    Start,
    /// Paused by hand; sticky visitors keep their variant.
    Pause,
    /// Decided.
    Conclude(Conclusion),
    /// Put away: no longer served, kept for reports.
    Archive,
}

/// How an experiment was concluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// The variant to serve; `None` is control.
    pub winner: Option<Arm>,
    /// To whom.
    pub scope: Scope,
    /// Why, in one sentence with numbers, where a bandit ended by itself.
    pub reason: Option<String>,
}

/// Who is served the winner of a concluded experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// New visitors; the others keep their variant.
    New,
    /// Everybody.
    Everyone,
}
