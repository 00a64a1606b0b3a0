//! The playbook: the tactic behind each experiment, what came of it, and what was learned; to be searched.
//!
//! Results are those of the experiment's [`Report`], so a playbook never says anything that the report does not.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ComparisonReport, Decision, Effect, MetricReport, Report};
use crate::catalog::experiment::Status;
use crate::catalog::metric::{Direction, Role};
use crate::catalog::{Entry, Scope};
use crate::time::Timestamp;

/// An experiment as an entry of the playbook. What is not known is absent.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Play {
    /// Its key.
    pub key: String,
    /// Its name; the key if it has none.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// Whether it was put away.
    pub archived: bool,
    /// How traffic is allocated.
    pub policy: String,
    /// When it first ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was concluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
    /// What was tried, and why.
    pub tactic: Tactic,
    /// What came of it.
    pub result: PlayResult,
    /// The variant that was chosen; absent while it is not concluded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    /// To whom the winner is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takeaway: Option<String>,
    /// Whether it is concluded and nobody has said what was learned.
    pub needs_takeaway: bool,
}

/// What was tried, and why: the fields of the definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tactic {
    /// What was believed to happen, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<String>,
    /// Who was eligible; absent is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Where visitors met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touchpoint: Option<String>,
    /// What they were shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The goal metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it is looked at again: a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// The keys of the variants in force, the control first.
    pub variants: Vec<String>,
}

/// What came of an experiment, as its report says now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlayResult {
    /// What to do.
    pub decision: Decision,
    /// What was found, in one sentence.
    pub headline: String,
    /// Visitors assigned.
    pub visitors: u64,
    /// The goal metric of the winner, else of the variant that the verdict is about, else of the one that seems best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift: Option<PlayLift>,
}

/// A variant against the control in the goal metric: the headline of the report's comparison.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlayLift {
    /// The metric.
    pub metric: String,
    /// The variant.
    pub variant: String,
    /// (Variant − control) / |control|, as a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative: Option<Effect>,
    /// Variant − control, in units of the metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Effect>,
    /// Whether the interval excludes that there is no difference.
    pub conclusive: bool,
}

/// What the playbook says of an experiment with this report.
pub fn play(entry: &Entry, report: &Report) -> Play {
    let lifecycle = &entry.lifecycle;
    let is_concluded = lifecycle.status == Status::Concluded;
    let conclusion = lifecycle.conclusion.as_ref();
    let winner = is_concluded.then(|| {
        let arm = conclusion.and_then(|of| of.winner);
        entry
            .experiment
            .label(arm.unwrap_or(entry.experiment.control))
    });
    let winner = winner.flatten();
    let takeaway = lifecycle.takeaway.as_ref();
    Play {
        key: report.experiment.key.clone(),
        name: report.experiment.name.clone(),
        status: lifecycle.status,
        archived: lifecycle.archived,
        policy: report.experiment.policy.clone(),
        started_at: lifecycle.started_at,
        concluded_at: is_concluded.then_some(lifecycle.since),
        tactic: tactic(entry),
        result: PlayResult {
            decision: report.verdict.decision,
            headline: report.verdict.headline.clone(),
            visitors: report.visitors,
            lift: lift(report, winner.as_deref()),
        },
        winner,
        scope: conclusion.map(|of| of.scope),
        takeaway: takeaway.map(|of| of.as_str().to_owned()),
        needs_takeaway: is_concluded && takeaway.is_none(),
    }
}

fn tactic(entry: &Entry) -> Tactic {
    let spec = &entry.experiment.spec;
    let metrics = &entry.experiment.metrics;
    let goal = metrics.iter().find(|metric| metric.role == Role::Goal);
    let control = entry.experiment.control;
    let mut variants: Vec<_> = entry.experiment.live().collect();
    variants.sort_by_key(|(arm, _)| *arm != control);
    Tactic {
        hypothesis: spec.hypothesis.clone(),
        audience: spec.audience.clone(),
        touchpoint: spec.touchpoint.clone(),
        content: spec.content.clone(),
        metric: goal.map(|metric| metric.key.to_string()),
        owner: spec.owner.clone(),
        review: spec.review.clone(),
        variants: variants.iter().map(|(_, of)| of.key.to_string()).collect(),
    }
}

/// The goal and, of its comparisons, that of the winner, else of the variant that the verdict is about, else of the one that
/// seems best.
pub fn leading<'r>(
    report: &'r Report,
    winner: Option<&str>,
) -> Option<(&'r MetricReport, &'r ComparisonReport)> {
    let mut metrics = report.metrics.iter();
    let goal = metrics.find(|metric| metric.role == Role::Goal)?;
    let sign = match goal.direction {
        Direction::Increase => 1.0,
        Direction::Decrease => -1.0,
    };
    let gain = |with: &ComparisonReport| {
        let effect = with.relative.or(with.absolute);
        effect.map_or(f64::NEG_INFINITY, |effect| sign * effect.estimate)
    };
    let named = |name: Option<&str>| {
        let mut all = goal.comparisons.iter().rev();
        all.find(|with| Some(with.variant.as_str()) == name)
    };
    let all = goal.comparisons.iter();
    let best = || all.max_by(|a, b| gain(a).total_cmp(&gain(b)));
    let of_verdict = || named(report.verdict.variant.as_deref());
    let with = named(winner).or_else(of_verdict).or_else(best)?;
    Some((goal, with))
}

fn lift(report: &Report, winner: Option<&str>) -> Option<PlayLift> {
    let (goal, with) = leading(report, winner)?;
    let headline = with.headline;
    Some(PlayLift {
        metric: goal.key.clone(),
        variant: with.variant.clone(),
        relative: headline.map_or(with.relative, |of| of.relative),
        absolute: headline.map_or(with.absolute, |of| of.absolute),
        conclusive: headline.is_some_and(|of| of.conclusive),
    })
}

/// The words of a search, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(Vec<String>);

impl Search {
    /// The words of a text; none of them accepts everything.
    pub fn new(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_lowercase).collect())
    }

    /// Whether every word stands somewhere in what the playbook says of an experiment, or in what its variants show.
    pub fn accepts(&self, play: &Play, entry: &Entry) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let of = &play.tactic;
        let optional = [
            &of.hypothesis,
            &of.audience,
            &of.touchpoint,
            &of.content,
            &of.metric,
            &of.owner,
            &of.review,
            &play.winner,
            &play.takeaway,
        ];
        let texts = [&play.key, &play.name, &play.policy, &play.result.headline];
        let texts = texts.into_iter().chain(optional.into_iter().flatten());
        let payloads = entry.experiment.live().map(|(_, of)| of.payload.as_ref());
        let all = texts.map(String::as_str).chain(payloads);
        let variants = of.variants.iter().map(String::as_str);
        let text: Vec<&str> = all.chain(variants).collect();
        let text = text.join("\n").to_lowercase();
        self.0.iter().all(|word| text.contains(word))
    }
}
