//! The verdict: what to do, in one sentence that a marketer reads and a statistician signs (statistics R7).
//!
//! It rests on the default headline alone, whatever other view was asked for. Nothing is shipped before the shortest
//! duration of the definition and 25 orders in each of the two arms, unless it does harm; nothing is shipped while the
//! visitors whose windows are closed say the opposite, or while a guardrail is at risk. Where the headline can not decide,
//! value remaining can: once no other variant is likely to be better than the champion by more than 1 %, and the interval
//! would not decide within 90 days either, waiting is not worth it. That is no claim that one is better, since as such it
//! would name a false winner in 40 % of A/A tests.

mod case;
mod time;
mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Champion, ComparisonReport, Headline, Health, Looks, MetricReport, Question, VariantTraffic,
};
use crate::catalog::metric::{Direction, Role};
use crate::stats::{Caveat, srm};
use case::Case;

/// Orders of the smaller arm that a claim needs.
const MIN_ORDERS: f64 = 25.0;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Give the variant to everybody.
    Ship,
    /// Go back to the control.
    RollBack,
    /// Wait.
    KeepRunning,
    /// Stop: there is no measurable difference, or none that the plan could find.
    StopFutile,
    /// Find out what is wrong before believing anything.
    Investigate,
    /// Nothing happened yet.
    NotStarted,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// No visitors yet.
    NoVisitors,
    /// There is one variant only, or nothing is measured.
    NothingToCompare,
    /// The visitors per variant do not fit the propensities.
    SampleRatio,
    /// Data stopped arriving.
    Stale,
    /// The shortest duration is not over.
    MinDays,
    /// Fewer than 25 orders in an arm.
    TooFew,
    /// The interval of the goal lies above no difference.
    Better,
    /// The interval of the goal lies below no difference.
    Worse,
    /// The interval includes no difference.
    Undecided,
    /// The visitors whose windows are closed say the opposite.
    ImmatureDisagrees,
    /// Visitors have not had their time to convert, and not all variants are known to take equally long.
    ConversionsPending,
    /// A guardrail is at or beyond its limit.
    Guardrail,
    /// No other variant is likely to be better by more than 1 %.
    NoValueRemaining,
    /// The next planned look is still to come.
    LookAhead,
    /// All planned looks were taken.
    LooksOver,
    /// The variants' rates have changed relative to each other.
    Drift,
    /// What it comes to in money.
    Money,
    /// It was concluded, or is paused.
    NotRunning,
}

/// One reason, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = VerdictReason)]
pub struct Reason {
    /// Its code.
    pub code: ReasonCode,
    /// One sentence.
    pub text: String,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// The variant it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What is found and what to do, in plain words with numbers.
    pub headline: String,
    /// Why, the most important first.
    pub reasons: Vec<Reason>,
    /// About how many more days decide it if the effect is what it seems; absent where that is more than 90, or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_left: Option<u32>,
}

/// What a verdict rests on.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) health: &'a Health,
    pub(super) variants: &'a [VariantTraffic],
    pub(super) metrics: &'a [MetricReport],
    pub(super) looks: Option<&'a Looks>,
    pub(super) champion: Option<&'a Champion>,
}

/// A live variant against the control.
#[derive(Clone, Copy)]
struct Rival<'a> {
    with: &'a ComparisonReport,
    headline: Option<Headline>,
    /// The lift in the good direction.
    gain: f64,
}

impl Rival<'_> {
    fn is_conclusive(&self) -> bool {
        self.headline.is_some_and(|headline| headline.conclusive)
    }

    fn has_orders(&self) -> bool {
        self.with.orders.is_some_and(|orders| orders >= MIN_ORDERS)
    }

    fn is_better(&self) -> bool {
        self.is_conclusive() && self.gain > 0.0 && self.has_orders()
    }

    fn is_worse(&self) -> bool {
        self.is_conclusive() && self.gain < 0.0
    }

    /// Whether only visitors who have had their time to convert count.
    fn is_pending(&self) -> bool {
        self.with.caveats.contains(&Caveat::ConversionsPending)
    }

    /// Whether the visitors whose windows are closed say the opposite.
    fn is_contradicted(&self) -> bool {
        let mature = self.with.mature.map(|mature| mature.estimate);
        let lift = self.with.relative.map(|lift| lift.estimate);
        mature
            .zip(lift)
            .is_some_and(|(mature, lift)| mature * lift < 0.0)
    }
}

/// What to do.
pub(super) fn verdict(facts: &Facts<'_>) -> Verdict {
    if facts.variants.iter().all(|of| of.visitors == 0) {
        let text = "No visitor has been assigned yet.";
        return Verdict::plain(Decision::NotStarted, ReasonCode::NoVisitors, text);
    }
    let Some(goal) = facts.goal() else {
        return nothing_to_compare();
    };
    if let Some(distrust) = facts.distrust() {
        return distrust;
    }
    let rivals = facts.rivals(goal);
    let Some(lead) = rivals
        .iter()
        .max_by(|a, b| a.gain.total_cmp(&b.gain))
        .copied()
    else {
        return nothing_to_compare();
    };
    let case = Case {
        facts,
        goal,
        rivals: &rivals,
    };
    let verdict = case.decided(lead);
    case.closed(verdict)
}

fn nothing_to_compare() -> Verdict {
    let text = "There is nothing to compare: one variant, or no goal metric.";
    Verdict::plain(Decision::KeepRunning, ReasonCode::NothingToCompare, text)
}

impl Verdict {
    fn plain(decision: Decision, code: ReasonCode, text: &str) -> Self {
        Self {
            decision,
            variant: None,
            headline: text.to_owned(),
            reasons: vec![Reason {
                code,
                text: text.to_owned(),
            }],
            days_left: None,
        }
    }
}

impl<'a> Facts<'a> {
    fn goal(&self) -> Option<&'a MetricReport> {
        self.metrics.iter().find(|metric| metric.role == Role::Goal)
    }

    /// Why nothing of it may be believed.
    fn distrust(&self) -> Option<Verdict> {
        let is_exposed = super::exposure::analyses_exposed(self.question);
        let exposed = self.health.exposed_srm.filter(|_| is_exposed);
        let (code, text) = if self.health.srm.verdict == srm::Verdict::Mismatch {
            (ReasonCode::SampleRatio, words::mismatch(self.variants))
        } else if exposed.is_some_and(|srm| srm.verdict == srm::Verdict::Mismatch) {
            let text = words::lost_exposures(self.variants);
            (ReasonCode::SampleRatio, text)
        } else {
            let text = words::silence(&self.health.freshness)?;
            (ReasonCode::Stale, text)
        };
        let mut verdict = Verdict::plain(Decision::Investigate, code, &text);
        verdict.headline = format!("Do not trust these figures: {text}");
        Some(verdict)
    }

    fn rivals(&self, goal: &'a MetricReport) -> Vec<Rival<'a>> {
        let is_live = |with: &&ComparisonReport| {
            let mut rows = self.variants.iter();
            let same = |row: &&VariantTraffic| {
                row.variant == with.variant && row.revision == with.revision && !row.holdout
            };
            rows.find(same).is_some_and(|row| row.live)
        };
        let rival = |with: &'a ComparisonReport| {
            let relative = with.headline.and_then(|headline| headline.relative);
            let effect = relative.or(with.relative).or(with.absolute);
            let sign = match goal.direction {
                Direction::Increase => 1.0,
                Direction::Decrease => -1.0,
            };
            Rival {
                with,
                headline: with.headline,
                gain: effect.map_or(0.0, |effect| sign * effect.estimate),
            }
        };
        goal.comparisons.iter().filter(is_live).map(rival).collect()
    }

    /// Whole days since the first visitor.
    fn days(&self) -> u32 {
        let first = self.question.cells.first_day();
        let over = first.map_or(0, |first| self.question.today.0 - first.0);
        u32::try_from(over).unwrap_or(0)
    }

    /// Days until the shortest duration is over.
    fn early(&self) -> Option<u32> {
        let min_days = self.question.entry.experiment.spec.min_days;
        Some(min_days.saturating_sub(self.days())).filter(|days| *days > 0)
    }
}
