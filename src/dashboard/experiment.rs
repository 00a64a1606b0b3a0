//! The page of an experiment: the verdict, whether to believe it, the figures to read first, every metric, how it went on,
//! and what was set.

mod bandit;
mod cards;
pub(super) mod charts;
mod history;
pub mod metrics;
mod settings;

use askama::Template;

use super::badge::{self, Badge};
use super::health::{self, Alarm};
use super::{Frame, Tab, render};
use crate::allocation::Arm;
use crate::catalog::experiment::{Policy, Status, Variant};
use crate::catalog::{Entry, Source};
use crate::chart::{Allocation, Band, Counts, Densities, Lines, Number, Progress};
use crate::key::ring::Keyring;
use crate::report::table::cells;
use crate::report::{BreakdownValue, MetricReport, Report};
use crate::time::Zone;
use bandit::Receipt;
use cards::{Card, Value};
use history::Change;
use metrics::{Difference, Group};
use settings::Share;

/// What is shown of an experiment.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The experiment.
    pub entry: &'a Entry,
    /// Its report, with the breakdowns and days that are to be shown.
    pub report: &'a Report,
    /// How differences are shown.
    pub difference: Difference,
    /// The dimension of the breakdown that is shown.
    pub dimension: Option<&'a str>,
    /// The dimensions there are.
    pub dimensions: &'a [&'a str],
    /// In which days are counted.
    pub zone: &'a Zone,
    /// The keys of those who changed it.
    pub keys: &'a Keyring,
    /// Links to its variants, for a reader who may make such.
    pub looks: &'a [Look],
}

/// A link that shows a variant to whoever follows it.
#[derive(Debug, Clone)]
pub struct Look {
    /// The variant.
    pub variant: String,
    /// What is added to the address of a page.
    pub query: String,
}

#[derive(Template)]
#[template(path = "dashboard/experiment.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    subject: Subject<'a>,
    badge: Badge,
    alarms: Vec<Alarm>,
    cards: Vec<Card>,
    groups: Vec<Group>,
    lift: Option<Band>,
    densities: Option<Densities>,
    allocation: Option<Allocation>,
    chances: Option<Lines>,
    receipts: Vec<Receipt>,
    goal: Option<Goal>,
    shares: Vec<Share>,
    visitors: Option<Counts>,
    facts: Vec<(&'static str, String)>,
    /// The live variants, and the one that the verdict is about.
    variants: Vec<Tab>,
    history: Vec<Change>,
    /// The ways of showing differences.
    differences: [Tab; 3],
    /// The dimensions, after none.
    dimensions: Vec<Tab>,
}

/// How likely the goal is reached.
struct Goal {
    sentence: String,
    progress: Progress,
}

/// Metrics of the visitors with one value of a dimension.
struct Facet<'a> {
    value: &'a str,
    /// What is added to the name of a metric, so that no two tables are called the same.
    label: String,
    groups: Vec<Group>,
}

/// The page.
pub fn page(frame: &Frame, subject: Subject<'_>) -> String {
    let (entry, report) = (subject.entry, subject.report);
    render(&Page {
        frame,
        subject,
        badge: badge::verdict(entry, report),
        alarms: health::alarms(entry, report),
        cards: cards::cards(report),
        groups: groups(subject, &report.metrics),
        lift: charts::lift(&subject),
        densities: bandit::densities(&subject),
        allocation: bandit::allocation(&subject),
        chances: bandit::chances(&subject),
        receipts: bandit::receipts(&subject),
        goal: goal(report),
        shares: settings::shares(report),
        visitors: charts::visitors(&subject),
        facts: settings::facts(entry),
        variants: variants(subject),
        history: history::changes(entry, subject.keys),
        differences: Difference::ALL.map(|difference| Tab {
            word: difference.word().to_owned(),
            value: subject.address(difference, subject.dimension) + "#metrics",
            is_current: subject.difference == difference,
        }),
        dimensions: if frame.document.is_some() && subject.dimension.is_none() {
            Vec::new()
        } else {
            dimensions(subject)
        },
    })
}

fn variants(subject: Subject<'_>) -> Vec<Tab> {
    let about = subject.report.verdict.variant.as_deref();
    let tab = |(_, variant): (Arm, &Variant)| Tab {
        word: variant.key.to_string(),
        value: variant.key.to_string(),
        is_current: about == Some(variant.key.as_str()),
    };
    subject.entry.experiment.live().map(tab).collect()
}

fn dimensions(subject: Subject<'_>) -> Vec<Tab> {
    let known = subject.dimensions.iter().copied().map(Some);
    let all = if subject.dimensions.is_empty() {
        None
    } else {
        Some(None)
    };
    let tab = |dimension: Option<&str>| Tab {
        word: dimension.unwrap_or("None").to_owned(),
        value: subject.address(subject.difference, dimension) + "#breakdown",
        is_current: subject.dimension == dimension,
    };
    all.into_iter().chain(known).map(tab).collect()
}

/// The query of a page with differences shown in this way, broken down by a dimension.
pub fn query(difference: Difference, dimension: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("show", difference.name());
    if let Some(dimension) = dimension {
        query.append_pair("by", dimension);
    }
    query.finish()
}

impl Subject<'_> {
    /// The page, with differences shown in this way, broken down by a dimension.
    fn address(&self, difference: Difference, dimension: Option<&str>) -> String {
        let key = &self.entry.experiment.key;
        format!("/experiments/{key}?{}", query(difference, dimension))
    }
}

fn goal(report: &Report) -> Option<Goal> {
    let goal = report.goal.as_ref()?;
    let chance = goal.prob_reached?;
    let (target, by) = (cells::signed_percent(goal.target_lift), goal.by.to_string());
    let variant = goal.variant.as_deref().unwrap_or("a variant");
    let sentence = format!(
        "The goal is a lift of {target} of {} by {}. That {variant} has reached it has a probability of {}.",
        goal.metric,
        health::day(&by),
        cells::probability(chance)
    );
    Some(Goal {
        progress: Progress {
            label: sentence.as_str().into(),
            part: Number::new(chance)?,
            notches: Vec::new(),
        },
        sentence,
    })
}

fn groups(subject: Subject<'_>, of: &[MetricReport]) -> Vec<Group> {
    metrics::groups(subject.report, of, subject.difference)
}

impl Page<'_> {
    fn key(&self) -> &str {
        &self.subject.report.experiment.key
    }

    /// The page as one file.
    fn report_address(&self) -> String {
        let query = query(self.subject.difference, self.subject.dimension);
        format!("/experiments/{}/report.html?{query}", self.key())
    }

    fn status(&self) -> &'static str {
        let lifecycle = &self.subject.entry.lifecycle;
        badge::status(lifecycle.status, lifecycle.archived)
    }

    fn version(&self) -> u32 {
        self.subject.entry.experiment.version
    }

    fn can_start(&self) -> bool {
        match self.subject.entry.lifecycle.status {
            Status::Draft | Status::Paused => !self.subject.entry.lifecycle.archived,
            Status::Running | Status::Concluded => false,
        }
    }

    fn can_pause(&self) -> bool {
        self.subject.entry.is_running()
    }

    fn can_conclude(&self) -> bool {
        let entry = self.subject.entry;
        let was_started = entry.lifecycle.started_at.is_some();
        was_started && entry.lifecycle.status != Status::Concluded && !entry.lifecycle.archived
    }

    fn can_archive(&self) -> bool {
        !self.subject.entry.is_running() && !self.subject.entry.lifecycle.archived
    }

    fn can_reallocate(&self) -> bool {
        let is_bandit = match self.subject.entry.experiment.policy {
            Policy::Fixed => false,
            Policy::Bandit(_) => true,
        };
        is_bandit && self.subject.entry.is_running()
    }

    fn is_editable(&self) -> bool {
        let lifecycle = &self.subject.entry.lifecycle;
        lifecycle.source == Source::Api
            && lifecycle.status != Status::Concluded
            && !lifecycle.archived
    }

    fn facet<'v>(&self, value: &'v BreakdownValue) -> Facet<'v> {
        Facet {
            label: format!(", {}", value.value),
            value: &value.value,
            groups: groups(self.subject, &value.metrics),
        }
    }

    fn facets(&self) -> Vec<Facet<'_>> {
        let breakdowns = self.subject.report.breakdowns.iter();
        let values = breakdowns.flat_map(|breakdown| &breakdown.values);
        values.map(|value| self.facet(value)).collect()
    }
}
