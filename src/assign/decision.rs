//! What a decision is, why it was taken, and the steps on the way to it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::allocation::{Arm, Propensity};
use crate::catalog::audience::Undecided;
use crate::epoch::EpochNumber;
use crate::epoch::linear::Drawn;

/// Why the visitor got what they got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DecisionReason)]
pub enum Reason {
    /// The request forced the variant; never counted.
    Forced,
    /// Draft, outside the schedule, paused for harm, or paused and new.
    Inactive,
    /// Concluded: the winner.
    Concluded,
    /// A crawler; never recorded.
    Bot,
    /// The visitor does not allow more; never recorded.
    NoConsent,
    /// The experiment's unit is the session and the request names none.
    NoSession,
    /// Held out of all personalization.
    GlobalHoldout,
    /// The assignment the unit already had.
    Sticky,
    /// The unit's variant was retired; served anew, counted nowhere new.
    Reassigned,
    /// Outside the experiment's slot of its layer.
    Layer,
    /// The audience does not match, or can not be evaluated.
    Audience,
    /// Outside the ramp.
    Traffic,
    /// Held out of the experiment.
    Holdout,
    /// Drawn from a fixed split.
    Split,
    /// Drawn from a bandit's allocation.
    Bandit,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::Forced,
        Self::Inactive,
        Self::Concluded,
        Self::Bot,
        Self::NoConsent,
        Self::NoSession,
        Self::GlobalHoldout,
        Self::Sticky,
        Self::Reassigned,
        Self::Layer,
        Self::Audience,
        Self::Traffic,
        Self::Holdout,
        Self::Split,
        Self::Bandit,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::Inactive => "inactive",
            Self::Concluded => "concluded",
            Self::Bot => "bot",
            Self::NoConsent => "no_consent",
            Self::NoSession => "no_session",
            Self::GlobalHoldout => "global_holdout",
            Self::Sticky => "sticky",
            Self::Reassigned => "reassigned",
            Self::Layer => "layer",
            Self::Audience => "audience",
            Self::Traffic => "traffic",
            Self::Holdout => "holdout",
            Self::Split => "split",
            Self::Bandit => "bandit",
        }
    }
}

/// The answer for one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The variant to show.
    pub arm: Arm,
    /// Why.
    pub reason: Reason,
    /// The epoch under which it was drawn; `None` outside the experiment.
    pub epoch: Option<EpochNumber>,
    /// The probability with which it was drawn.
    pub propensity: Option<Propensity>,
    /// Whether held out on control.
    pub holdout: bool,
    /// Whether this is a new assignment, to be recorded before it is answered.
    pub is_new: bool,
    /// Of a new one under a linear policy, features and shares, to be recorded with it.
    pub drawn: Option<Box<Drawn>>,
}

/// One step of the pipeline, for those who ask why.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Step {
    /// The rule.
    pub rule: Reason,
    /// Whether it ended the pipeline.
    pub matched: bool,
    /// What it compared.
    pub detail: String,
}

/// Collects what happened on the way to a decision; costs nothing when nobody asked for steps.
#[derive(Debug, Default)]
pub struct Trace {
    /// The steps, when asked for.
    pub steps: Option<Vec<Step>>,
    /// Why the audience could not be evaluated.
    pub undecided: Option<Undecided>,
}

impl Trace {
    pub(super) fn step(
        &mut self,
        rule: Reason,
        matched: bool,
        detail: impl FnOnce() -> String,
    ) -> bool {
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                rule,
                matched,
                detail: detail(),
            });
        }
        matched
    }
}
