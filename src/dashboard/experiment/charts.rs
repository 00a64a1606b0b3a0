//! The pictures of an experiment's page.

use crate::catalog::experiment::Status as Standing;
use crate::catalog::metric::{Direction, Role};
use crate::chart::{
    self, Band, Comparison, Counts, Forest, Heading, Mark, Number, Tally, Track, Unit,
};
use crate::epoch::{Cause, Epoch};
use crate::report::{
    AlwaysValid, ComparisonReport, Effect, MetricReport, Report, TimelineDay, TimelineEffect,
    VariantTraffic,
};

use super::Subject;
use super::metrics::is_better;

/// Most rows of a forest: more are read in the tables.
const MAX_ROWS: usize = 60;
/// Most variants in one picture of lift over time.
const MAX_TRACKS: usize = 8;

/// All lifts of the metrics of a role.
pub(super) fn forest(role: Role, metrics: &[&MetricReport]) -> Option<Forest> {
    let (id, title) = match role {
        Role::Goal => ("lift-goal", "Lift of the goal"),
        Role::Secondary => ("lift-secondary", "Lift of the secondary metrics"),
        Role::Guardrail => ("lift-guardrails", "Lift of the guardrails"),
    };
    let rows = metrics.iter().flat_map(|metric| {
        let comparisons = metric.comparisons.iter();
        comparisons.map(|with| comparison(metric, with))
    });
    let rows: Vec<Comparison> = rows.take(MAX_ROWS).collect();
    (!rows.is_empty()).then(|| Forest {
        heading: Heading::new(id, title),
        unit: Unit::Percent,
        rows,
    })
}

/// Whether a comparison is decided, and for the better.
pub(in crate::dashboard) fn status(
    metric: &MetricReport,
    with: &ComparisonReport,
) -> Option<chart::Status> {
    let headline = with.headline?;
    let sure = headline.relative.or(headline.absolute);
    let sure = sure.filter(|_| headline.conclusive);
    Some(
        match sure.map(|effect| is_better(metric.direction, effect)) {
            Some(true) => chart::Status::Good,
            Some(false) => chart::Status::Bad,
            None => chart::Status::Unclear,
        },
    )
}

fn comparison(metric: &MetricReport, with: &ComparisonReport) -> Comparison {
    let shown = with.headline.and_then(|headline| headline.relative);
    let less = match metric.direction {
        Direction::Increase => "",
        Direction::Decrease => ", less is better",
    };
    Comparison {
        label: with.variant.as_str().into(),
        note: format!("{}{less}", metric.key).into(),
        effect: shown.and_then(effect),
        status: status(metric, with),
    }
}

/// An effect to draw.
pub(in crate::dashboard) fn effect(of: Effect) -> Option<chart::Effect> {
    let interval = of.low.zip(of.high).map(|(low, high)| [low, high]);
    chart::Effect::new(of.estimate, interval)
}

/// The goal's lift by day, on all data up to each, with the band that holds at every look.
pub(super) fn lift(subject: &Subject<'_>) -> Option<Band> {
    let report = subject.report;
    let goal = report
        .metrics
        .iter()
        .position(|metric| metric.role == Role::Goal)?;
    let metric = report.metrics.get(goal)?;
    let days = report.timeline.iter();
    let tracks = metric.comparisons.iter().enumerate().take(MAX_TRACKS);
    let tracks: Vec<Track> = tracks
        .map(|(at, with)| Track {
            label: with.variant.as_str().into(),
            place: row(report, with),
            effects: days
                .clone()
                .map(|day| banded(day.metrics.get(goal)?.comparisons.get(at)?))
                .collect(),
        })
        .collect();
    (!tracks.is_empty() && report.timeline.len() > 1).then(|| Band {
        heading: Heading::new(
            "lift-by-day",
            format!("Lift of {} by day, so far", metric.key),
        ),
        unit: Unit::Percent,
        days: days.clone().map(|day| day.day.as_str().into()).collect(),
        tracks,
        marks: marks(subject),
    })
}

/// Where a variant is among all of the experiment.
fn row(report: &Report, with: &ComparisonReport) -> usize {
    let is_same = |of: &VariantTraffic| of.variant == with.variant && of.revision == with.revision;
    report.variants.iter().position(is_same).unwrap_or(0)
}

fn banded(of: &TimelineEffect) -> Option<chart::Effect> {
    let band = of
        .always_valid
        .and_then(|AlwaysValid { relative, .. }| relative);
    let estimate = of.relative?.estimate;
    chart::Effect::new(estimate, band.map(|band| [band.low, band.high]))
}

/// When somebody changed what visitors meet.
fn marks(subject: &Subject<'_>) -> Vec<Mark> {
    let mark = |epoch: &Epoch| {
        let label = match epoch.cause {
            Cause::Redefined => "changed",
            Cause::Resumed => "resumed",
            Cause::Reverted => "reverted",
            Cause::Started | Cause::Reallocated | Cause::Capped | Cause::Imported => return None,
        };
        Some(Mark {
            at: place(subject, epoch)?,
            label: label.into(),
            title: epoch.receipt.sentence.as_str().into(),
        })
    };
    let entry = subject.entry;
    let marks = entry.epochs.iter().filter_map(mark);
    let ended = (entry.lifecycle.status == Standing::Concluded).then(|| {
        let day = subject.zone.day(entry.lifecycle.since).to_string();
        Some(Mark {
            at: at(subject, &day)?,
            label: "concluded".into(),
            title: "The experiment was concluded.".into(),
        })
    });
    marks.chain(ended.flatten()).collect()
}

/// The place of an epoch's beginning among the days.
fn place(subject: &Subject<'_>, epoch: &Epoch) -> Option<Number> {
    at(subject, &subject.zone.day(epoch.opened_at).to_string())
}

fn at(subject: &Subject<'_>, day: &str) -> Option<Number> {
    let mut days = subject.report.timeline.iter();
    let at = days.position(|of| of.day == day)?;
    Number::new(at as f64)
}

/// How many visitors had come by the end of each day.
pub(super) fn visitors(subject: &Subject<'_>) -> Option<Counts> {
    let timeline = &subject.report.timeline;
    let number = |day: &TimelineDay| Number::new(day.visitors as f64);
    let counts: Option<Vec<Number>> = timeline.iter().map(number).collect();
    (timeline.len() > 1).then_some(())?;
    Some(Counts {
        heading: Heading::new("visitors", "Visitors so far"),
        days: timeline.iter().map(|day| day.day.as_str().into()).collect(),
        tallies: vec![Tally {
            label: "visitors".into(),
            counts: counts?,
        }],
        marks: marks(subject),
    })
}
