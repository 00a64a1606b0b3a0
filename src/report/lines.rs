//! A report as lines of typed cells: the one definition of the columns that CSV and spreadsheets have.
//!
//! A line is about a metric of a variant, of all visitors, of those with one value of a dimension, or as of a day; or about a
//! metric of the policy against the holdout. What a line does not have is a blank cell.

mod columns;

use super::{
    Breakdown, BreakdownValue, ComparisonReport, DelayReport, Effect, Interaction, MetricReport,
    PolicyMetric, Report, TimelineDay, TimelineEffect, VariantDelay, VariantMetric, VariantTraffic,
};
use crate::catalog::metric::{Direction, Role};
use crate::time::Timestamp;
pub(super) use columns::*;

/// A value in a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Blank,
    /// A text, as somebody wrote it.
    Text(String),
    /// A day, such as 2026-12-24.
    Day(String),
    /// A moment.
    Time(Timestamp),
    /// How many.
    Count(u64),
    /// A figure in units of a metric, or without one.
    Number(f64),
    /// A fraction that people read as percent.
    Share(f64),
    /// Yes or no.
    Flag(bool),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A closed set's name, as in JSON.
    pub(super) fn code(value: &impl serde::Serialize) -> Self {
        let json = serde_json::to_value(value);
        let name = json.as_ref().ok().and_then(serde_json::Value::as_str);
        name.map_or(Self::Blank, Self::text)
    }

    pub(super) fn number(value: Option<f64>) -> Self {
        value.map_or(Self::Blank, Self::Number)
    }

    pub(super) fn share(value: Option<f64>) -> Self {
        value.map_or(Self::Blank, Self::Share)
    }

    pub(super) fn count(value: Option<u64>) -> Self {
        value.map_or(Self::Blank, Self::Count)
    }

    pub(super) fn flag(value: Option<bool>) -> Self {
        value.map_or(Self::Blank, Self::Flag)
    }
}

/// A column: its name, and what it says of a line.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) of: fn(&Line<'_>) -> Cell,
}

/// Which part of a report a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Metrics,
    Breakdowns,
    Timeline,
    Holdout,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Breakdowns => "breakdowns",
            Self::Timeline => "timeline",
            Self::Holdout => "holdout",
        }
    }
}

/// What a metric is.
#[derive(Clone, Copy)]
struct Measured<'a> {
    key: &'a str,
    kind: &'a str,
    role: Role,
    direction: Direction,
    limit: Option<f64>,
    cap: Option<f64>,
    delays: Option<&'a DelayReport>,
}

impl<'a> Measured<'a> {
    fn of(metric: &'a MetricReport) -> Self {
        Self {
            key: &metric.key,
            kind: &metric.kind,
            role: metric.role,
            direction: metric.direction,
            limit: metric.limit,
            cap: metric.cap,
            delays: metric.delays.as_ref(),
        }
    }

    fn of_policy(metric: &'a PolicyMetric) -> Self {
        Self {
            key: &metric.key,
            kind: &metric.kind,
            role: metric.role,
            direction: metric.direction,
            limit: None,
            cap: None,
            delays: None,
        }
    }
}

/// Which visitors of a variant.
#[derive(Clone, Copy, PartialEq)]
struct Place<'a> {
    variant: &'a str,
    revision: Option<u16>,
    holdout: bool,
}

/// One line.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    report: &'a Report,
    pub(super) section: Section,
    day: Option<&'a TimelineDay>,
    facet: Option<(&'a Breakdown, &'a BreakdownValue)>,
    metric: Option<Measured<'a>>,
    place: Option<Place<'a>>,
    of: Option<&'a VariantMetric>,
    pub(super) with: Option<&'a ComparisonReport>,
    moment: Option<&'a TimelineEffect>,
    policy: Option<&'a PolicyMetric>,
    /// The row of the variant's visitors; a breakdown and a day do not keep them apart.
    traffic: Option<&'a VariantTraffic>,
    interaction: Option<&'a Interaction>,
}

/// All lines of a report, section by section.
pub(super) fn lines(report: &Report) -> impl Iterator<Item = Line<'_>> {
    let whole = report.metrics.iter();
    let whole = whole.flat_map(|metric| of_metric(Line::new(report, Section::Metrics), metric));
    let facets = report.breakdowns.iter().flat_map(move |breakdown| {
        let values = breakdown.values.iter();
        values.flat_map(move |value| {
            let line = Line {
                facet: Some((breakdown, value)),
                ..Line::new(report, Section::Breakdowns)
            };
            let metrics = value.metrics.iter();
            metrics.flat_map(move |metric| of_metric(line, metric))
        })
    });
    let days = report.timeline.iter();
    let days = days.flat_map(move |day| of_day(report, day));
    let policy = report.holdout.iter().flat_map(|holdout| &holdout.metrics);
    let policy = policy.map(move |metric| Line {
        metric: Some(Measured::of_policy(metric)),
        policy: Some(metric),
        ..Line::new(report, Section::Holdout)
    });
    whole.chain(facets).chain(days).chain(policy)
}

/// A line for each row of variants; it is about no metric.
pub(super) fn traffic(report: &Report) -> impl Iterator<Item = Line<'_>> {
    report.variants.iter().map(move |of| Line {
        place: Some(Place {
            variant: &of.variant,
            revision: of.revision,
            holdout: of.holdout,
        }),
        traffic: Some(of),
        ..Line::new(report, Section::Metrics)
    })
}

fn of_metric<'a>(line: Line<'a>, metric: &'a MetricReport) -> impl Iterator<Item = Line<'a>> {
    metric.variants.iter().map(move |of| {
        let same = |with: &&ComparisonReport| {
            with.variant == of.variant && with.revision == of.revision && !of.holdout
        };
        let line = Line {
            metric: Some(Measured::of(metric)),
            place: Some(Place {
                variant: &of.variant,
                revision: of.revision,
                holdout: of.holdout,
            }),
            of: Some(of),
            with: metric.comparisons.iter().find(same),
            ..line
        };
        Line {
            traffic: line.of_visitors(),
            interaction: line.tested(),
            ..line
        }
    })
}

/// The weights of a day, then what was known of each metric.
fn of_day<'a>(report: &'a Report, day: &'a TimelineDay) -> impl Iterator<Item = Line<'a>> {
    let line = Line {
        day: Some(day),
        ..Line::new(report, Section::Timeline)
    };
    let place = |variant, revision| {
        Some(Place {
            variant,
            revision,
            holdout: false,
        })
    };
    let weights = day.weights.keys().map(move |variant| Line {
        place: place(variant, None),
        ..line
    });
    let metrics = day.metrics.iter().flat_map(move |of| {
        let mut defined = report.metrics.iter();
        let metric = defined.find(|metric| metric.key == of.metric);
        of.comparisons.iter().map(move |moment| Line {
            metric: metric.map(Measured::of),
            place: place(&moment.variant, moment.revision),
            moment: Some(moment),
            ..line
        })
    });
    weights.chain(metrics)
}

impl<'a> Line<'a> {
    fn new(report: &'a Report, section: Section) -> Self {
        Self {
            report,
            section,
            day: None,
            facet: None,
            metric: None,
            place: None,
            of: None,
            with: None,
            moment: None,
            policy: None,
            traffic: None,
            interaction: None,
        }
    }

    /// Its cells under some columns.
    pub(super) fn cells(&self, columns: &[&[Column]]) -> Vec<Cell> {
        let columns = columns.iter().flat_map(|group| group.iter());
        columns.map(|column| (column.of)(self)).collect()
    }

    fn of_visitors(&self) -> Option<&'a VariantTraffic> {
        let place = self.place.filter(|_| self.section == Section::Metrics)?;
        let same = |row: &&VariantTraffic| {
            (row.variant.as_str(), row.revision, row.holdout)
                == (place.variant, place.revision, place.holdout)
        };
        self.report.variants.iter().find(same)
    }

    fn absolute(&self) -> Option<Effect> {
        let with = self.with.and_then(|with| with.absolute);
        let moment = self.moment.and_then(|moment| moment.absolute);
        with.or(moment)
            .or(self.policy.and_then(|policy| policy.absolute))
    }

    fn relative(&self) -> Option<Effect> {
        let with = self.with.and_then(|with| with.relative);
        let moment = self.moment.and_then(|moment| moment.relative);
        with.or(moment)
            .or(self.policy.and_then(|policy| policy.relative))
    }

    /// What holds at every look.
    fn valid(&self) -> Option<super::AlwaysValid> {
        let with = self.with.and_then(|with| with.always_valid);
        let moment = self.moment.and_then(|moment| moment.always_valid);
        with.or(moment)
            .or(self.policy.and_then(|policy| policy.always_valid))
    }

    /// The test of its lift over the values of its dimension.
    fn tested(&self) -> Option<&'a Interaction> {
        let ((breakdown, _), place) = self.facet.zip(self.place)?;
        let (metric, _) = self.metric.zip(self.with)?;
        breakdown.interactions.iter().find(|of| {
            (of.metric.as_str(), of.variant.as_str(), of.revision)
                == (metric.key, place.variant, place.revision)
        })
    }

    fn delay(&self) -> Option<&'a VariantDelay> {
        let place = self.place.filter(|place| !place.holdout)?;
        let delays = self.metric?.delays.filter(|_| self.of.is_some())?;
        delays
            .variants
            .iter()
            .find(|of| (of.variant.as_str(), of.revision) == (place.variant, place.revision))
    }

    /// A figure in units of the line's metric: shares of visitors are fractions.
    fn in_units(&self, value: Option<f64>) -> Cell {
        let is_share = self
            .metric
            .is_some_and(|metric| metric.kind == "conversion");
        if is_share {
            Cell::share(value)
        } else {
            Cell::number(value)
        }
    }
}
