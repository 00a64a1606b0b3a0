//! Figures of many runs.

use serde::Serialize;

use super::scenario::Scenario;
use super::{Course, Outcome, Point, Run, best};

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
    /// Share of runs that believe in the best variant at the end.
    pub right: Ratio,
    /// Visitors after the last change until half of the traffic is on the new best variant, over all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_after: Option<u64>,
    /// The same for 80 % of the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_after: Option<u64>,
    /// What its report said; absent for references.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportSummary>,
    /// Mean curve over the runs.
    pub curve: Vec<MeanPoint>,
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

/// Makes figures of runs, which were all played from the scenario.
pub fn summary(scenario: &Scenario, runs: &[Run]) -> Summary {
    let mut policies = Vec::new();
    let uniform: Vec<&Course> = runs.iter().map(|run| &run.uniform).collect();
    let thompson: Option<Vec<&Course>> = runs.iter().map(|run| run.thompson.as_ref()).collect();
    let thompson = thompson.filter(|courses| !courses.is_empty());
    let references = [("uniform", Some(&uniform)), ("exact TS", thompson.as_ref())];
    let to = (uniform.as_slice(), thompson.as_deref());
    for (name, courses) in references {
        if let Some(courses) = courses {
            policies.push(of(scenario, name, courses, to));
        }
    }
    for (at, candidate) in scenario.policies.iter().enumerate() {
        let outcomes: Vec<&Outcome> = runs.iter().filter_map(|run| run.policies.get(at)).collect();
        let courses: Vec<&Course> = outcomes.iter().map(|outcome| &outcome.course).collect();
        policies.push(PolicySummary {
            reference: false,
            report: Some(reported(scenario, &outcomes)),
            ..of(scenario, &candidate.name, &courses, to)
        });
    }
    Summary {
        scenario: scenario.name.clone(),
        runs: runs.len(),
        visitors: scenario.traffic.visitors,
        policies,
    }
}

fn of(
    scenario: &Scenario,
    name: &str,
    courses: &[&Course],
    (uniform, thompson): (&[&Course], Option<&[&Course]>),
) -> PolicySummary {
    let regrets = regrets(courses);
    let right = best_at_end(scenario);
    let curve = curve(courses);
    let change = scenario.truth.changes.last().map(|change| change.at);
    let reached = |share: f64| {
        let change = change?;
        let after = |point: &&MeanPoint| point.visitors > change && point.best >= share;
        let first = curve.iter().find(after)?;
        Some(first.visitors - change)
    };
    PolicySummary {
        policy: name.to_owned(),
        reference: true,
        regret: mean(&regrets),
        to_uniform: ratio(&regrets, &self::regrets(uniform)),
        to_thompson: thompson.and_then(|courses| ratio(&regrets, &self::regrets(courses))),
        right: share(courses.iter().map(|course| course.choice == right)),
        half_after: reached(0.5),
        most_after: reached(0.8),
        report: None,
        curve,
    }
}

fn regrets(courses: &[&Course]) -> Vec<f64> {
    courses.iter().map(|course| course.regret).collect()
}

/// Position of the variant that is best for the last visitor.
fn best_at_end(scenario: &Scenario) -> usize {
    let last = scenario.traffic.visitors.saturating_sub(1);
    let worth = scenario.truth.worth(&scenario.objective);
    let rewards = worth.iter().enumerate().map(|(variant, worth)| {
        scenario.objective.sign * scenario.truth.base_rate(variant, last) * worth
    });
    best(rewards)
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
    let days: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| outcome.decided_after)
        .collect();
    let right = best_at_end(scenario);
    let decided = outcomes
        .iter()
        .filter(|outcome| outcome.decided_after.is_some());
    let chosen: Vec<bool> = decided
        .map(|outcome| outcome.decided_for == Some(right))
        .collect();
    let some = |shares: &[bool]| (!shares.is_empty()).then(|| share(shares.iter().copied()));
    ReportSummary {
        coverage: clustered(outcomes),
        shown: shown / runs,
        excluded: some(&excluded),
        decided: share(
            outcomes
                .iter()
                .map(|outcome| outcome.decided_after.is_some()),
        ),
        days: (!days.is_empty()).then(|| mean(&days)),
        decided_right: some(&chosen),
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
