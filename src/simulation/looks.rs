//! What people see who read the report while the policy runs.

use super::Decided;
use super::scenario::Scenario;
use super::trial::start;
use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::cell::Cells;
use crate::report::{ComparisonReport, Decision, Effect, Question, Range, Report, report};
use crate::time::{DAY_MS, Timestamp, Zone};

/// The readings of a run's report.
#[derive(Debug, Clone)]
pub(super) struct Looks {
    metric: usize,
    every: u64,
    done: u64,
    /// The true relative lift of each variant; empty where lifts change.
    lifts: Vec<f64>,
    excluded: Option<bool>,
    decided: Option<Decided>,
}

impl Looks {
    pub(super) fn new(scenario: &Scenario, entry: &Entry) -> Self {
        let truth = &scenario.truth;
        let worth = truth.worth(&scenario.objective);
        let mean = |variant: usize| truth.mean_rate(variant, 0) * worth[variant];
        let control = mean(usize::from(entry.experiment.control.0));
        let lifts = (0..worth.len()).map(|variant| mean(variant) / control - 1.0);
        let is_known = truth.is_steady() && control > 0.0;
        let looks = scenario.traffic.looks;
        Self {
            metric: usize::from(scenario.objective.metric.0),
            every: scenario
                .traffic
                .visitors
                .checked_div(looks)
                .unwrap_or(u64::MAX)
                .max(1),
            done: 0,
            lifts: lifts.filter(|_| is_known).collect(),
            excluded: None,
            decided: None,
        }
    }

    /// Whether a look is due after so many visitors.
    pub(super) fn is_due(&mut self, visitors: u64) -> bool {
        let due = visitors / self.every;
        let is_new = due > self.done;
        self.done = due;
        is_new
    }

    /// Reads the report.
    pub(super) fn look(&mut self, entry: &Entry, cells: &Cells, now: Timestamp) {
        let report = asked(entry, cells, now);
        for (truth, with) in self.truths(entry, &report) {
            let range = with.always_valid.and_then(|of| of.relative);
            let excludes = |range: Range| truth < range.low || range.high < truth;
            if let Some(range) = range {
                *self.excluded.get_or_insert(false) |= excludes(range);
            }
        }
        let verdict = &report.verdict;
        let variant = verdict
            .variant
            .as_deref()
            .and_then(|key| entry.experiment.arm(key));
        let stop = match verdict.decision {
            Decision::Ship | Decision::StopFutile => Some(variant),
            Decision::RollBack => Some(Some(entry.experiment.control)),
            Decision::KeepRunning | Decision::Investigate | Decision::NotStarted => None,
        };
        if let Some(variant) = stop.filter(|_| self.decided.is_none()) {
            self.decided = Some(decided(now, variant));
        }
    }

    /// Per comparison with an interval for one planned look, whether it covers the true lift.
    pub(super) fn coverage(&self, entry: &Entry, cells: &Cells, now: Timestamp) -> Vec<bool> {
        if self.lifts.is_empty() {
            return Vec::new();
        }
        let report = asked(entry, cells, now);
        let covers = |(truth, with): (f64, &ComparisonReport)| {
            let Effect { low, high, .. } = with.relative?;
            Some(low? <= truth && truth <= high?)
        };
        self.truths(entry, &report)
            .into_iter()
            .filter_map(covers)
            .collect()
    }

    /// The comparisons of the objective, each with its true lift.
    fn truths<'r>(&self, entry: &Entry, report: &'r Report) -> Vec<(f64, &'r ComparisonReport)> {
        let comparisons = report.metrics.get(self.metric).map(|of| &of.comparisons);
        let known = |with: &'r ComparisonReport| {
            let arm = entry.experiment.arm(&with.variant)?;
            Some((*self.lifts.get(usize::from(arm.0))?, with))
        };
        comparisons
            .into_iter()
            .flatten()
            .filter_map(known)
            .collect()
    }

    pub(super) fn excluded(&self) -> Option<bool> {
        self.excluded
    }

    pub(super) fn decided(&self) -> Option<Decided> {
        self.decided
    }
}

/// The end of a search now, for a variant.
pub(super) fn decided(now: Timestamp, variant: Option<Arm>) -> Decided {
    Decided {
        days: (now.millis() - start().millis()) as f64 / DAY_MS as f64,
        variant: variant.map(|arm| usize::from(arm.0)),
    }
}

fn asked(entry: &Entry, cells: &Cells, now: Timestamp) -> Report {
    let today = Zone::utc().day(now);
    report(&Question::present(entry, cells, (now, today)))
}
