//! How traffic was shared over time, what the bandit believed, and why.

use crate::catalog::Entry;
use crate::catalog::metric::Role;
use crate::chart::{
    Allocation, Belief, Curve, Densities, Effect, Heading, Label, Lines, Number, Series, Shape,
    Step, Unit,
};
use crate::dashboard::number::Number as Shown;
use crate::epoch::{Cause, Epoch};
use crate::report::{MetricReport, VariantMetric};
use crate::time::{Day, Timestamp};

use super::Subject;

/// Most epochs whose receipts are listed.
const LISTED: usize = 60;
/// Most days of a picture.
const MAX_DAYS: i32 = 800;

/// The days of an experiment, as the axis of its pictures.
struct Axis<'a> {
    subject: &'a Subject<'a>,
    first: Day,
}

impl<'a> Axis<'a> {
    fn new(subject: &'a Subject<'a>) -> Option<Self> {
        let first = subject
            .entry
            .epochs
            .iter()
            .map(|epoch| epoch.opened_at)
            .min()?;
        let first = subject.zone.day(first);
        Some(Self { subject, first })
    }

    /// Days since the first one began, to the hour.
    fn place(&self, at: Timestamp) -> Number {
        let zone = self.subject.zone;
        let days = zone.day(at).0.saturating_sub(self.first.0);
        let hour = f64::from(zone.hour(at)) / 24.0;
        Number::new(f64::from(days) + hour).unwrap_or_default()
    }

    fn days(&self) -> Vec<Label> {
        let last = self.subject.zone.day(self.subject.report.as_of).0;
        let last = last.min(self.first.0.saturating_add(MAX_DAYS));
        (self.first.0..=last)
            .map(|day| Day(day).to_string().into())
            .collect()
    }
}

/// Epochs that drew visitors here: what was imported was drawn elsewhere.
fn epochs(entry: &Entry) -> impl Iterator<Item = &Epoch> {
    let own = entry.epochs.iter();
    own.filter(|epoch| epoch.cause != Cause::Imported)
}

/// Keys of all variants that ever had a share.
fn variants(entry: &Entry) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for epoch in epochs(entry) {
        for key in entry.experiment.weights(&epoch.allocation).into_keys() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    let order = |key: &String| {
        let mut live = entry.experiment.live();
        live.position(|(_, variant)| variant.key.as_str() == key)
            .unwrap_or(usize::MAX)
    };
    keys.sort_by_key(order);
    keys
}

/// The shares of new visitors over time; none where they never moved.
pub(super) fn allocation(subject: &Subject<'_>) -> Option<Allocation> {
    let axis = Axis::new(subject)?;
    let variants = variants(subject.entry);
    let listed = listed(subject.entry);
    let step = |epoch: &Epoch| {
        let weights = subject.entry.experiment.weights(&epoch.allocation);
        let share = |key: &String| weights.get(key).copied().and_then(Number::new);
        let number = epoch.number.0;
        Step {
            at: axis.place(epoch.opened_at),
            label: format!("epoch {number}").into(),
            title: format!("Epoch {number}: {}", epoch.receipt.sentence).into(),
            href: (number >= listed).then(|| format!("#epoch-{number}").into()),
            shares: variants
                .iter()
                .map(|key| share(key).unwrap_or_default())
                .collect(),
        }
    };
    let steps: Vec<Step> = epochs(subject.entry).map(step).collect();
    (steps.len() > 1).then(|| Allocation {
        heading: Heading::new("allocation", "Shares of new visitors"),
        days: axis.days(),
        until: axis.place(subject.report.as_of),
        variants: variants.iter().map(|key| key.as_str().into()).collect(),
        steps,
    })
}

/// The probability of each variant to be the best, whenever the bandit decided.
pub(super) fn chances(subject: &Subject<'_>) -> Option<Lines> {
    let entry = subject.entry;
    let axis = Axis::new(subject)?;
    let decided = epochs(entry).filter(|epoch| !epoch.receipt.beliefs.is_empty());
    let decided: Vec<&Epoch> = decided.collect();
    let believed = |epoch: &Epoch, key: &str| {
        let mut beliefs = epoch.receipt.beliefs.iter();
        let belief = beliefs.find(|belief| {
            let variant = entry.experiment.variant(belief.arm);
            variant.is_some_and(|variant| variant.key.as_str() == key)
        })?;
        Number::new(belief.prob_best)
    };
    let series = variants(entry).into_iter().map(|key| Series {
        values: decided.iter().map(|epoch| believed(epoch, &key)).collect(),
        label: key.as_str().into(),
    });
    (decided.len() > 1).then(|| Lines {
        heading: Heading::new("chances", "Probability to be the best"),
        days: axis.days(),
        times: decided
            .iter()
            .map(|epoch| axis.place(epoch.opened_at))
            .collect(),
        series: series.collect(),
        curve: Curve::Steps,
        marks: Vec::new(),
    })
}

/// Where the goal's mean of each live variant lies.
pub(super) fn densities(subject: &Subject<'_>) -> Option<Densities> {
    let report = subject.report;
    let goal = report
        .metrics
        .iter()
        .find(|metric| metric.role == Role::Goal)?;
    let is_live = |row: &&VariantMetric| {
        let mut traffic = report.variants.iter();
        let same = traffic.find(|of| {
            (&of.variant, of.revision, of.holdout) == (&row.variant, row.revision, row.holdout)
        });
        same.is_some_and(|of| of.live && !of.holdout)
    };
    let belief = |row: &VariantMetric| Belief {
        label: row.variant.as_str().into(),
        effect: row.mean.and_then(|mean| Effect::new(mean, row.interval)),
        shape: Shape::Normal {
            sd: row.std_error.and_then(Number::new).unwrap_or_default(),
        },
    };
    let known = goal
        .variants
        .iter()
        .filter(is_live)
        .filter(|row| row.std_error.is_some());
    let beliefs: Vec<Belief> = known.map(belief).collect();
    (beliefs.len() > 1).then(|| Densities {
        heading: Heading::new("densities", format!("Where the mean of {} lies", goal.key)),
        unit: unit(subject, goal),
        beliefs,
    })
}

fn unit(subject: &Subject<'_>, of: &MetricReport) -> Unit {
    let currency = subject.report.experiment.currency.as_deref();
    match (of.kind.as_str(), currency) {
        ("conversion", _) => Unit::Percent,
        ("sum", Some(currency)) => Unit::Money(currency.into()),
        _ => Unit::Plain,
    }
}

/// An epoch as it is listed.
pub(super) struct Receipt {
    pub(super) number: u32,
    pub(super) day: String,
    pub(super) why: &'static str,
    pub(super) sentence: String,
    pub(super) shares: Vec<(String, Shown)>,
}

/// The number of the first epoch that is listed.
fn listed(entry: &Entry) -> u32 {
    let all: Vec<&Epoch> = epochs(entry).collect();
    let first = all.get(all.len().saturating_sub(LISTED));
    first.map_or(0, |epoch| epoch.number.0)
}

/// The last epochs, newest first.
pub(super) fn receipts(subject: &Subject<'_>) -> Vec<Receipt> {
    let entry = subject.entry;
    let first = listed(entry);
    let listed = epochs(entry).filter(|epoch| epoch.number.0 >= first);
    let receipt = |epoch: &Epoch| Receipt {
        number: epoch.number.0,
        day: subject.zone.day(epoch.opened_at).to_string(),
        why: why(epoch.cause),
        sentence: epoch.receipt.sentence.clone(),
        shares: (entry.experiment.weights(&epoch.allocation).into_iter())
            .map(|(key, weight)| (key, Shown::share(weight)))
            .collect(),
    };
    let mut receipts: Vec<Receipt> = listed.map(receipt).collect();
    receipts.reverse();
    receipts
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Started => "started",
        Cause::Redefined => "changed by hand",
        Cause::Resumed => "resumed",
        Cause::Reallocated => "the bandit moved traffic",
        Cause::Reverted => "brought back by hand",
        Cause::Capped => "a cap was frozen",
        Cause::Imported => "imported",
    }
}
