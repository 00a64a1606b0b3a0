//! The timeline: every comparison as of the end of each day, by one pass over the cells of the days.
//!
//! A day's cells hold what changed on it, so their running sum is the state as of each day; late rewards count on the
//! day on which they happened. All days are compared in the way that fits the whole span: where the odds moved at all,
//! by inverse weights from the first day on, so that no line changes its method on the way.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Facet};
use crate::epoch::EpochNumber;
use crate::time::Day;

use super::design::Design;
use super::figure::Reader;
use super::totals::Totals;
use super::{
    ComparisonReport, Question, TimelineDay, TimelineEffect, TimelineMetric, TimelineMoney,
    holdout, traffic,
};

/// The last `question.days` days.
pub(super) fn days(question: &Question<'_>, design: &Design<'_>) -> Vec<TimelineDay> {
    let counts = is_asked(question).then(|| assigned(question, design));
    let counts = counts.unwrap_or_default();
    let Some((first, last)) = span(question, &counts) else {
        return Vec::new();
    };
    let mut running = Running {
        design,
        counts: &counts,
        share: share(question, design),
        totals: Totals::default(),
        met: Met::default(),
    };
    let mut cells = question.cells.weighted.iter().peekable();
    let mut days: Vec<TimelineDay> = Vec::new();
    for day in (first.0..=last.0).map(Day) {
        let mut has_changed = running.meet(day);
        while let Some((key, change)) = cells.next_if(|(key, _)| is_by(key.facet, day)) {
            running.totals.weigh(key, *change);
            has_changed = true;
        }
        let same = days.last().filter(|_| !has_changed).cloned();
        days.push(match same {
            Some(before) => TimelineDay {
                day: day.to_string(),
                ..before
            },
            None => running.day(day),
        });
    }
    days
}

fn is_asked(question: &Question<'_>) -> bool {
    question.days > 0
}

fn is_by(facet: Facet, day: Day) -> bool {
    match facet {
        Facet::Day(of) => of <= day,
        Facet::Dimension { .. } => false,
    }
}

/// Visitors, and what drew them.
#[derive(Debug, Clone, Default)]
struct Met {
    /// All of them.
    visitors: i64,
    /// Those who were not held out while somebody could be.
    personalized: i64,
    /// The last epoch that drew some of them.
    epoch: Option<EpochNumber>,
}

/// The visitors of each day.
fn assigned(question: &Question<'_>, design: &Design<'_>) -> BTreeMap<Day, Met> {
    let mut counts: BTreeMap<Day, Met> = BTreeMap::new();
    for (key, visitors) in &question.cells.visitors {
        let day = counts.entry(key.day).or_default();
        day.visitors += visitors.n;
        let epoch = design.entry.epochs.get(key.epoch);
        let is_compared = epoch.is_some_and(|epoch| design.held_share(epoch).is_some());
        if is_compared && !design.is_held(key.row) {
            day.personalized += visitors.n;
        }
        day.epoch = day.epoch.max(Some(key.epoch));
    }
    counts
}

/// The share of the holdout, if it is the same on all days.
fn share(question: &Question<'_>, design: &Design<'_>) -> Option<f64> {
    let visited: BTreeSet<EpochNumber> = question
        .cells
        .visitors
        .keys()
        .map(|key| key.epoch)
        .collect();
    let epochs = visited.iter();
    holdout::steady(
        design,
        epochs.filter_map(|number| design.entry.epochs.get(*number)),
    )
}

/// The first and the last day to show.
fn span(question: &Question<'_>, counts: &BTreeMap<Day, Met>) -> Option<(Day, Day)> {
    let (first, _) = counts.first_key_value()?;
    let (last_visitors, _) = counts.last_key_value()?;
    let last = last_reward(question.cells).map_or(*last_visitors, |day| day.max(*last_visitors));
    let last = question.until.map_or(last, |until| until.min(last));
    let days = i32::try_from(question.days).unwrap_or(i32::MAX);
    let first = Day(last.0.saturating_sub(days - 1)).max(*first);
    (first <= last).then_some((first, last))
}

/// The last day on which anything changed.
fn last_reward(cells: &Cells) -> Option<Day> {
    let days = cells.weighted.keys().map_while(|key| match key.facet {
        Facet::Day(day) => Some(day),
        Facet::Dimension { .. } => None,
    });
    days.last()
}

/// What is known by the end of a day.
struct Running<'a> {
    design: &'a Design<'a>,
    counts: &'a BTreeMap<Day, Met>,
    /// The share of the holdout, if it never moved.
    share: Option<f64>,
    totals: Totals,
    met: Met,
}

impl Running<'_> {
    /// Counts the visitors of a day, and at first those before it; whether there were any.
    fn meet(&mut self, day: Day) -> bool {
        let is_first = self.met.epoch.is_none();
        let before = self.counts.range(..day).filter(|_| is_first);
        for met in before.map(|(_, count)| count).chain(self.counts.get(&day)) {
            self.met.visitors += met.visitors;
            self.met.personalized += met.personalized;
            self.met.epoch = met.epoch.or(self.met.epoch);
        }
        is_first || self.counts.contains_key(&day)
    }

    fn day(&mut self, day: Day) -> TimelineDay {
        self.totals.unweigh();
        let entry = self.design.entry;
        let epoch = self.met.epoch.and_then(|number| entry.epochs.get(number));
        TimelineDay {
            day: day.to_string(),
            visitors: u64::try_from(self.met.visitors).unwrap_or(0),
            weights: traffic::weights(entry, epoch),
            metrics: self.metrics(),
            earned: self.earned(),
        }
    }

    fn earned(&self) -> Vec<TimelineMoney> {
        let reader = Reader::bare(self.design, &self.totals);
        let personalized = u64::try_from(self.met.personalized).unwrap_or(0);
        let share = self.share.filter(|_| personalized > 0);
        share.map_or_else(Vec::new, |share| {
            holdout::earned(reader, share, personalized)
        })
    }

    fn metrics(&self) -> Vec<TimelineMetric> {
        let reader = Reader::bare(self.design, &self.totals);
        let metrics = &self.design.entry.experiment.metrics;
        let numbered = (0..).map(MetricIndex).zip(metrics);
        let of = |(index, metric): (MetricIndex, &crate::catalog::metric::Metric)| TimelineMetric {
            metric: metric.key.as_str().to_owned(),
            comparisons: reader.comparisons(index).map(effect).collect(),
        };
        numbered.map(of).collect()
    }
}

fn effect(of: ComparisonReport) -> TimelineEffect {
    TimelineEffect {
        variant: of.variant,
        revision: of.revision,
        absolute: of.absolute,
        relative: of.relative,
        always_valid: of.always_valid,
    }
}
