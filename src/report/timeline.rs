//! The timeline: every comparison as of the end of each day, by one pass over the cells of the days.
//!
//! A day's cells hold what changed on it, so their running sum is the state as of each day; late rewards count on the
//! day on which they happened. All days are compared in the way that fits the whole span: where the odds moved at all,
//! by inverse weights from the first day on, so that no line changes its method on the way.

use std::collections::BTreeMap;

use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Facet};
use crate::epoch::EpochNumber;
use crate::time::Day;

use super::design::Design;
use super::figure::Reader;
use super::totals::Totals;
use super::{ComparisonReport, Question, TimelineDay, TimelineEffect, TimelineMetric, traffic};

/// The last `question.days` days.
pub(super) fn days(question: &Question<'_>, design: &Design<'_>) -> Vec<TimelineDay> {
    let counts = is_asked(question).then(|| assigned(question));
    let counts = counts.unwrap_or_default();
    let Some((first, last)) = span(question, &counts) else {
        return Vec::new();
    };
    let mut running = Running {
        design,
        counts: &counts,
        totals: Totals::default(),
        visitors: 0,
        epoch: None,
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

/// Per day the visitors, and the last epoch that drew some of them.
fn assigned(question: &Question<'_>) -> BTreeMap<Day, (i64, EpochNumber)> {
    let mut counts = BTreeMap::new();
    for (key, visitors) in &question.cells.visitors {
        let day = counts.entry(key.day).or_insert((0, key.epoch));
        day.0 += visitors.n;
        day.1 = key.epoch.max(day.1);
    }
    counts
}

/// The first and the last day to show.
fn span(question: &Question<'_>, counts: &BTreeMap<Day, (i64, EpochNumber)>) -> Option<(Day, Day)> {
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
    counts: &'a BTreeMap<Day, (i64, EpochNumber)>,
    totals: Totals,
    visitors: i64,
    epoch: Option<EpochNumber>,
}

impl Running<'_> {
    /// Counts the visitors of a day, and at first those before it; whether there were any.
    fn meet(&mut self, day: Day) -> bool {
        let is_first = self.epoch.is_none();
        let before = self.counts.range(..day).filter(|_| is_first);
        for (visitors, epoch) in before.map(|(_, count)| count).chain(self.counts.get(&day)) {
            self.visitors += visitors;
            self.epoch = Some(*epoch);
        }
        is_first || self.counts.contains_key(&day)
    }

    fn day(&mut self, day: Day) -> TimelineDay {
        self.totals.unweigh();
        let entry = self.design.entry;
        let epoch = self.epoch.and_then(|number| entry.epochs.get(number));
        TimelineDay {
            day: day.to_string(),
            visitors: u64::try_from(self.visitors).unwrap_or(0),
            weights: traffic::weights(entry, epoch),
            metrics: self.metrics(),
        }
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
