//! Whether data still arrive: a tracker that fell silent must not read as visitors who stopped buying.
//!
//! Days with data are compared with what the days before them brought: at a steady rate, silence through days in which 20
//! were expected has a probability of e⁻²⁰. The present day counts as soon as something came.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Question;
use crate::catalog::experiment::Status;
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Facet};
use crate::stats::kish;
use crate::time::{DAY_MS, Day};

/// How many must be missing before silence is no chance.
const MISSED: f64 = 20.0;

/// How long ago data arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Freshness {
    /// Whole days without a new visitor; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_without_visitors: Option<u32>,
    /// Whole days without a reward for the goal; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_without_rewards: Option<u32>,
    /// What it means.
    pub verdict: Arriving,
}

/// Whether data arrive as they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arriving {
    /// They do, or none are due.
    Ok,
    /// No visitors, though there used to be.
    NoVisitors,
    /// Visitors, but no rewards, though there used to be.
    NoRewards,
}

/// How many arrived, and on which days.
#[derive(Default)]
struct Stream {
    count: f64,
    days: Option<(Day, Day)>,
}

impl Stream {
    fn add(&mut self, day: Day, count: f64) {
        self.count += count;
        let (first, last) = self.days.unwrap_or((day, day));
        self.days = Some((first.min(day), last.max(day)));
    }

    /// Whole days of silence before today.
    fn silent(&self, today: Day) -> Option<u32> {
        let (_, last) = self.days?;
        Some(u32::try_from(today.0 - last.0 - 1).unwrap_or(0))
    }

    /// Whether so many days without it are no chance.
    fn has_stopped(&self, silent: Option<u32>) -> bool {
        let Some(((first, last), silent)) = self.days.zip(silent) else {
            return false;
        };
        let per_day = self.count / f64::from(last.0 - first.0 + 1);
        per_day * f64::from(silent) >= MISSED
    }
}

/// Whether data still arrive.
pub(super) fn freshness(question: &Question<'_>) -> Freshness {
    let entry = question.entry;
    let (mut visitors, mut rewards) = (Stream::default(), Stream::default());
    for (key, count) in &question.cells.visitors {
        visitors.add(key.day, count.n as f64);
    }
    if let Some(goal) = entry.experiment.goal_metric() {
        for (day, events) in rewarded(question.cells, goal) {
            rewards.add(day, events);
        }
    }
    let today = question.today;
    let is_due = is_due(question);
    // Nothing was due before it last began to run.
    let running = question.as_of.millis() - entry.lifecycle.since.millis();
    let running = u32::try_from(running / DAY_MS).unwrap_or(0);
    let stopped = |stream: &Stream| {
        let silent = stream.silent(today).map(|silent| silent.min(running));
        stream.has_stopped(silent)
    };
    let verdict = match (stopped(&visitors), stopped(&rewards)) {
        _ if !is_due => Arriving::Ok,
        (true, _) => Arriving::NoVisitors,
        (false, true) => Arriving::NoRewards,
        (false, false) => Arriving::Ok,
    };
    Freshness {
        days_without_visitors: visitors.silent(today),
        days_without_rewards: rewards.silent(today),
        verdict,
    }
}

/// Whether visitors and rewards are to be expected now.
fn is_due(question: &Question<'_>) -> bool {
    let entry = question.entry;
    let is_over = entry
        .experiment
        .schedule
        .ends
        .is_some_and(|ends| question.as_of >= ends);
    entry.lifecycle.status == Status::Running && question.until.is_none() && !is_over
}

/// The days on which a metric changed, with how many visitors' worth of it.
fn rewarded(cells: &Cells, goal: MetricIndex) -> impl Iterator<Item = (Day, f64)> {
    cells.weighted.iter().filter_map(move |(key, change)| {
        let Facet::Day(day) = key.facet else {
            return None;
        };
        let is_reward = key.metric == goal && change.wy != 0;
        // Kish's number of rewards of about the same size.
        let count = kish(change.wy as f64, change.wwyy.as_f64().abs());
        is_reward.then_some((day, count))
    })
}
