//! Figures of many runs.

use serde::Serialize;

use super::reference::Rule;
use super::scenario::Scenario;
use super::{Course, Decided, Outcome, Point, Run, best};

/// What the runs of a scenario came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The scenario.
    pub scenario: String,
    /// Runs.
    pub runs: usize,
    /// Visitors of each run.
    pub visitors: u64,
    /// The references, then the policies in the order of the scenario.
    pub policies: Vec<PolicySummary>,
}

/// A mean or a ratio of means, with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The figure.
    pub value: f64,
    /// Its standard error; absent with a single run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
}

/// What a policy or a reference came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicySummary {
    /// Its name.
    pub policy: String,
    /// Whether it is a reference.
    pub reference: bool,
    /// Mean regret.
    pub regret: Ratio,
    /// Regret as a multiple of the even split's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_uniform: Option<Ratio>,
    /// Regret as a multiple of that of exact Thompson sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_thompson: Option<Ratio>,
    /// Regret as a multiple of that of the policy that it is set against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Comparison>,
    /// Share of visitors, over all runs, for whom the policy believes in the best variant at the end.
    pub right: Ratio,
    /// Visitors after the last change until half of the traffic is on the new best variant, over all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_after: Option<u64>,
    /// The same for 80 % of the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_after: Option<u64>,
    /// How the policy ended by itself, if it ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopSummary>,
    /// What its report said; absent for references.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportSummary>,
    /// Mean curve over the runs.
    pub curve: Vec<MeanPoint>,
}

/// A comparison of regrets, run by run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The other policy or reference.
    pub policy: String,
    /// Regret as a multiple of its regret.
    pub ratio: Ratio,
}

/// How a policy ended by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StopSummary {
    /// Share of runs in which it did.
    pub stopped: Ratio,
    /// Mean days until then.
    pub days: Ratio,
    /// Share of these runs that ended with the best variant.
    pub right: Ratio,
}

/// What the reports of a policy said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportSummary {
    /// Share of the intervals for one planned look, shown at the end, that cover the true lift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Ratio>,
    /// Intervals per run that were shown.
    pub shown: f64,
    /// Share of runs in which an always-valid interval ever excluded the true lift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Ratio>,
    /// Share of runs with a verdict to stop.
    pub decided: Ratio,
    /// Mean days until the verdict, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Ratio>,
    /// Share of these verdicts that are about the best variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_right: Option<Ratio>,
    /// Mean number of epochs.
    pub epochs: f64,
}

/// A point of a mean curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanPoint {
    /// Visitors so far.
    pub visitors: u64,
    /// Mean regret so far.
    pub regret: f64,
    /// Mean share of traffic on the best variant since the last point.
    pub best: f64,
}

/// The courses of a policy or reference over all runs.
struct Played<'a> {
    name: &'a str,
    courses: Vec<&'a Course>,
}

/// Makes figures of runs, which were all played from the scenario.
pub fn summary(scenario: &Scenario, runs: &[Run]) -> Summary {
    let rules = Rule::of(scenario).enumerate();
    let references = rules.map(|(at, rule)| {
        let courses = runs.iter().filter_map(|run| run.references.get(at));
        (rule.name(), courses.collect())
    });
    let candidates = scenario.policies.iter().enumerate();
    let tried = candidates.map(|(at, candidate)| {
        let outcomes = runs.iter().filter_map(|run| run.policies.get(at));
        let courses = outcomes.map(|outcome| &outcome.course).collect();
        (candidate.name.as_str(), courses)
    });
    let all = references.chain(tried);
    let all: Vec<Played<'_>> = all
        .map(|(name, courses)| Played { name, courses })
        .collect();
    let mut policies: Vec<PolicySummary> = all.iter().map(|of| costs(scenario, of, &all)).collect();
    let tried = policies.iter_mut().skip(Rule::of(scenario).count());
    for (at, (of, candidate)) in tried.zip(&scenario.policies).enumerate() {
        let outcomes: Vec<&Outcome> = runs.iter().filter_map(|run| run.policies.get(at)).collect();
        of.reference = false;
        of.stop = stopped(scenario, &outcomes);
        of.report = Some(reported(scenario, &outcomes));
        of.against = candidate.against.as_deref().and_then(|name| {
            let courses = outcomes.iter().map(|outcome| &outcome.course).collect();
            let ratio = to(&Played { name, courses }, name, &all)?;
            let policy = name.to_owned();
            Some(Comparison { policy, ratio })
        });
    }
    Summary {
        scenario: scenario.name.clone(),
        runs: runs.len(),
        visitors: scenario.traffic.visitors,
        policies,
    }
}

/// Regret as a multiple of that of another one.
fn to(of: &Played<'_>, other: &str, all: &[Played<'_>]) -> Option<Ratio> {
    let other = all.iter().find(|played| played.name == other)?;
    ratio(&regrets(&of.courses), &regrets(&other.courses))
}

/// What a policy or reference cost.
fn costs(scenario: &Scenario, of: &Played<'_>, all: &[Played<'_>]) -> PolicySummary {
    let best = best_at_end(scenario);
    let groups = scenario.truth.groups();
    let right = |course: &&Course| -> f64 {
        let choices = course.choices.iter().zip(&best).zip(&groups);
        let right = choices.filter(|((choice, best), _)| choice == best);
        right.map(|(_, (_, share))| share).sum()
    };
    let right: Vec<f64> = of.courses.iter().map(right).collect();
    let curve = curve(&of.courses);
    let change = scenario.truth.changes.last().map(|change| change.at);
    let reached = |share: f64| {
        let change = change?;
        let after = |point: &&MeanPoint| point.visitors > change && point.best >= share;
        let first = curve.iter().find(after)?;
        Some(first.visitors - change)
    };
    PolicySummary {
        policy: of.name.to_owned(),
        reference: true,
        regret: mean(&regrets(&of.courses)),
        to_uniform: to(of, Rule::Uniform.name(), all),
        to_thompson: to(of, Rule::Thompson.name(), all),
        against: None,
        right: mean(&right),
        half_after: reached(0.5),
        most_after: reached(0.8),
        stop: None,
        report: None,
        curve,
    }
}

fn regrets(courses: &[&Course]) -> Vec<f64> {
    courses.iter().map(|course| course.regret).collect()
}

/// By segment, position of the variant that is best for its last visitor.
fn best_at_end(scenario: &Scenario) -> Vec<usize> {
    let last = scenario.traffic.visitors.saturating_sub(1);
    let groups = scenario.truth.groups().into_iter();
    let rate = |segment, variant| scenario.truth.base_rate(variant, last, segment);
    groups
        .map(|(segment, _)| best_by(scenario, |variant| rate(segment, variant)))
        .collect()
}

/// Position of the variant that is best at the end where all visitors get the same.
fn best_for_all(scenario: &Scenario) -> usize {
    let last = scenario.traffic.visitors.saturating_sub(1);
    best_by(scenario, |variant| scenario.truth.mean_rate(variant, last))
}

fn best_by(scenario: &Scenario, rate: impl Fn(usize) -> f64) -> usize {
    let worth = scenario.truth.worth(&scenario.objective);
    let rewards = worth.iter().enumerate();
    best(rewards.map(|(variant, worth)| scenario.objective.sign * rate(variant) * worth))
}

fn stopped(scenario: &Scenario, outcomes: &[&Outcome]) -> Option<StopSummary> {
    let stopped = outcomes.iter().map(|outcome| outcome.stopped);
    let (all, days, right) = ended(scenario, stopped);
    Some(StopSummary {
        stopped: all,
        days: days?,
        right: right?,
    })
}

/// Of the ends of searches: the share of runs with one, and for these the mean days and the share that is right.
fn ended(
    scenario: &Scenario,
    ends: impl Iterator<Item = Option<Decided>> + Clone,
) -> (Ratio, Option<Ratio>, Option<Ratio>) {
    let best = best_for_all(scenario);
    let days: Vec<f64> = ends.clone().flatten().map(|end| end.days).collect();
    let right = ends.clone().flatten().map(|end| end.variant == Some(best));
    let right = (!days.is_empty()).then(|| share(right));
    let mean_days = (!days.is_empty()).then(|| mean(&days));
    (share(ends.map(|end| end.is_some())), mean_days, right)
}

fn reported(scenario: &Scenario, outcomes: &[&Outcome]) -> ReportSummary {
    let runs = outcomes.len().max(1) as f64;
    let covered = || {
        outcomes
            .iter()
            .flat_map(|outcome| outcome.covered.iter().copied())
    };
    let shown = covered().count() as f64;
    let excluded: Vec<bool> = outcomes
        .iter()
        .filter_map(|outcome| outcome.excluded)
        .collect();
    let ends = outcomes.iter().map(|outcome| outcome.decided);
    let (decided, days, decided_right) = ended(scenario, ends);
    let some = |shares: &[bool]| (!shares.is_empty()).then(|| share(shares.iter().copied()));
    ReportSummary {
        coverage: clustered(outcomes),
        shown: shown / runs,
        excluded: some(&excluded),
        decided,
        days,
        decided_right,
        epochs: outcomes
            .iter()
            .map(|outcome| outcome.epochs.len() as f64)
            .sum::<f64>()
            / runs,
    }
}

/// The share of intervals that cover, with a standard error that knows that those of a run go together.
fn clustered(outcomes: &[&Outcome]) -> Option<Ratio> {
    let count = |keep: bool| {
        let of = move |outcome: &&Outcome| {
            let covered = outcome.covered.iter().filter(|covers| **covers || keep);
            covered.count() as f64
        };
        outcomes.iter().map(of).collect::<Vec<f64>>()
    };
    ratio(&count(false), &count(true))
}

fn mean(values: &[f64]) -> Ratio {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Ratio {
        value: mean,
        std_error: (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt()),
    }
}

fn share(of: impl Iterator<Item = bool>) -> Ratio {
    let values: Vec<f64> = of.map(|is| if is { 1.0 } else { 0.0 }).collect();
    mean(&values)
}

/// Mean over mean of pairs, with the standard error of the delta method: that of `x − r·y`, over the mean of y.
fn ratio(above: &[f64], below: &[f64]) -> Option<Ratio> {
    let (x, y) = (mean(above).value, mean(below).value);
    let rest: Vec<f64> = above
        .iter()
        .zip(below)
        .map(|(a, b)| a - x / y * b)
        .collect();
    (y > 0.0).then(|| Ratio {
        value: x / y,
        std_error: mean(&rest).std_error.map(|error| error / y),
    })
}

/// The mean curve; all courses have their points at the same visitors.
fn curve(courses: &[&Course]) -> Vec<MeanPoint> {
    let points = courses.iter().map(|course| course.curve.len()).min();
    let at = |index: usize| {
        let of = |read: fn(&Point) -> f64| {
            let values = courses.iter().filter_map(|course| course.curve.get(index));
            values.map(read).sum::<f64>() / courses.len().max(1) as f64
        };
        let visitors = courses.first()?.curve.get(index)?.visitors;
        Some(MeanPoint {
            visitors,
            regret: of(|point| point.regret),
            best: of(|point| point.best),
        })
    };
    (0..points.unwrap_or(0)).filter_map(at).collect()
}
