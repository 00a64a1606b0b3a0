//! Plan: what an experiment's traffic can decide, before it starts or while it runs.
//!
//! [`plan`] is pure: definition, own cells if there are any, and a target in; [`Plan`] out. It plans for one two-sided
//! look at 5 % that finds the target lift of the goal metric with a probability of 80 % ([`power`](crate::stats::power)).
//! Each of the K − 1 variants is held against the control at 5 % / (K − 1), and the slowest of these comparisons sets the
//! time. The holdout is served control and counts on the control's side, as in the report.
//!
//! What is not given is taken from the experiment itself: the baseline from its control, traffic from its last 28 whole
//! days, and visitors that are already there count. The traffic shares are those of now, or of the definition before the
//! start; a bandit will move them, which a note says.

mod design;
mod given;
mod own;
mod shape;
pub mod table;
mod words;

pub use shape::*;

use crate::catalog::Entry;
use crate::catalog::experiment::Experiment;
use crate::catalog::metric::Metric;
use crate::cell::Cells;
use crate::stats::power::{ALWAYS_VALID, Baseline, Promise};
use crate::time::{Day, Timestamp};
use design::{Design, whole};

/// False alarms of a report, all variants together.
const ALPHA: f64 = 0.05;
/// How surely the target is found.
const POWER: f64 = 0.8;
/// The days ahead that a plan looks at.
const HORIZONS: [u32; 3] = [14, 28, 56];
/// Longest time that is worth a number: ten years.
const MAX_DAYS: u32 = 3_650;

/// What is to be planned, as far as it is given.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ask {
    /// The relative lift to find, such as 0.05; absent is that of the experiment's goal.
    pub lift: Option<f64>,
    /// Visitors of its audience per day, all variants together.
    pub visitors_per_day: Option<f64>,
    /// The control's mean of the goal metric: a rate for a conversion.
    pub baseline: Option<f64>,
    /// The standard deviation between visitors, for a metric that is no conversion.
    pub sd: Option<f64>,
    /// By when it should be decided, in days from now; absent is the experiment's `ends` or `goal.by`.
    pub days: Option<u32>,
}

/// An experiment that has visitors of its own.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// Where it stands.
    pub entry: &'a Entry,
    /// Its cells.
    pub cells: &'a Cells,
    /// The present day, which is not over.
    pub today: Day,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The definition.
    pub experiment: &'a Experiment,
    /// Its own data, if it has any.
    pub own: Option<Own<'a>>,
    /// The present.
    pub now: Timestamp,
    /// The target.
    pub ask: Ask,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A figure is impossible.
    #[error("{field} {detail}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What would be possible.
        detail: String,
    },
    /// A figure is neither given nor known.
    #[error("{field} {detail}")]
    Missing {
        /// Which.
        field: &'static str,
        /// Why it is not known.
        detail: String,
    },
    /// There is nothing to compare.
    #[error("{0}")]
    Nothing(&'static str),
}

/// Plans an experiment.
///
/// # Errors
/// [`PlanError`].
pub fn plan(question: &Question<'_>) -> Result<Plan, PlanError> {
    let experiment = question.experiment;
    let goal = experiment.goal_metric();
    let Some((goal, metric)) = goal.and_then(|goal| Some((goal, experiment.metric(goal)?))) else {
        let nothing = "The experiment has no goal metric, so there is nothing to plan for.";
        return Err(PlanError::Nothing(nothing));
    };
    let sides = design::sides(question);
    if sides.len() < 2 {
        let alone = "The experiment has one variant, so there is nothing to compare.";
        return Err(PlanError::Nothing(alone));
    }
    let (baseline, baseline_from) = given::baseline(question, goal, metric)?;
    let lift = given::lift(question, goal, baseline)?;
    let (per_day, traffic_from) = given::traffic(question)?;
    let deadline = given::deadline(question)?;
    let design = Design {
        promise: Promise {
            alpha: ALPHA / (sides.len() - 1) as f64,
            power: POWER,
        },
        sides,
        baseline,
        lift,
        per_day,
    };
    let mut plan = drawn(&design, experiment, metric, deadline);
    (plan.baseline_from, plan.traffic_from) = (baseline_from, traffic_from);
    plan.sentence = words::sentence(&plan);
    plan.notes = words::notes(&plan, question, metric);
    Ok(plan)
}

/// The figures of a plan, without words.
fn drawn(design: &Design, experiment: &Experiment, metric: &Metric, deadline: Option<u32>) -> Plan {
    let (needed, days) = (design.needed(), design.days(1.0));
    let deadline = deadline.map(|days| design.horizon(days));
    Plan {
        experiment: experiment.key.as_str().to_owned(),
        metric: metric.key.as_str().to_owned(),
        kind: metric.kind.name().to_owned(),
        lift: design.lift,
        alpha: design.promise.alpha,
        power: design.promise.power,
        baseline: design.baseline.mean(),
        sd: match design.baseline {
            Baseline::Proportion(_) => None,
            Baseline::Mean { sd, .. } => Some(sd),
        },
        baseline_from: Origin::Given,
        visitors_per_day: design.per_day,
        traffic_from: Origin::Given,
        visitors: whole(needed),
        variants: design.variants(experiment, needed),
        days,
        days_when_watched: design.days(ALWAYS_VALID),
        now: design.horizon(0),
        horizons: HORIZONS.map(|days| design.horizon(days)).to_vec(),
        outlook: outlook(days, deadline),
        deadline,
        sentence: String::new(),
        notes: Vec::new(),
    }
}

fn outlook(days: Option<u32>, deadline: Option<Horizon>) -> Outlook {
    let last = HORIZONS.into_iter().max().unwrap_or(0);
    let limit = deadline.map_or(last, |deadline| deadline.days);
    match days {
        Some(0) => Outlook::Enough,
        Some(days) if days <= limit => Outlook::InTime,
        Some(_) | None => Outlook::TooSlow,
    }
}

#[cfg(test)]
mod tests;
