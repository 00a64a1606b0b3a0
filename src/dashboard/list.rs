//! The list of experiments: what needs somebody first, then what runs, then the rest.

use askama::Template;

use super::badge::{self, Badge, Tone};
use super::experiment::charts;
use super::number::{Number, Spanned};
use super::{Frame, Tab, render};
use crate::catalog::Entry;
use crate::catalog::experiment::Status;
use crate::chart::{self, Effect, Inline, Reach, Unit};
use crate::report::playbook::leading;
use crate::report::{Decision, Report};
use crate::time::{DAY_MS, Timestamp};

/// Which experiments are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words that all must occur in what the definition says.
    pub words: String,
    /// The status, by its name in a query.
    pub status: Option<Shown>,
}

/// The experiments of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Those that stand there and are not archived.
    Standing(Status),
    /// Those that were put away.
    Archived,
}

impl Shown {
    const ALL: [Self; 5] = [
        Self::Standing(Status::Running),
        Self::Standing(Status::Draft),
        Self::Standing(Status::Paused),
        Self::Standing(Status::Concluded),
        Self::Archived,
    ];

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shown| shown.name() == name)
    }

    fn name(self) -> String {
        self.word().to_lowercase()
    }

    fn word(self) -> &'static str {
        match self {
            Self::Standing(status) => badge::status(status, false),
            Self::Archived => badge::status(Status::Concluded, true),
        }
    }
}

impl Filter {
    /// Whether an experiment stands where it is asked for; archived ones do only if they are asked for.
    pub fn fits(&self, entry: &Entry) -> bool {
        let (archived, status) = (entry.lifecycle.archived, entry.lifecycle.status);
        match self.status {
            None => !archived,
            Some(Shown::Archived) => archived,
            Some(Shown::Standing(asked)) => !archived && status == asked,
        }
    }
}

/// An experiment in the list.
pub struct Row {
    key: String,
    name: String,
    owner: Option<String>,
    status: &'static str,
    stands: Status,
    badge: Badge,
    visitors: Number,
    days: Option<Number>,
    lead: Option<Lead>,
    /// Whether its figures may not be believed.
    is_distrusted: bool,
}

/// The goal's lift of the variant that matters most.
struct Lead {
    variant: String,
    metric: String,
    lift: Spanned,
    effect: Option<Effect>,
    status: Option<chart::Status>,
}

impl Row {
    /// An experiment, its report with the variant that was chosen, and the time.
    pub fn new(entry: &Entry, (report, winner): (&Report, Option<&str>), now: Timestamp) -> Self {
        let lifecycle = &entry.lifecycle;
        let end = match lifecycle.status {
            Status::Concluded => lifecycle.since,
            Status::Draft | Status::Running | Status::Paused => now,
        };
        let days = lifecycle.started_at.map(|start| {
            let over = (end.millis() - start.millis()) / DAY_MS;
            Number::count(u64::try_from(over).unwrap_or(0))
        });
        Self {
            key: report.experiment.key.clone(),
            name: report.experiment.name.clone(),
            owner: entry.experiment.spec.owner.clone(),
            status: badge::status(lifecycle.status, lifecycle.archived),
            stands: lifecycle.status,
            badge: badge::verdict(entry, report),
            visitors: Number::count(report.visitors),
            days,
            lead: lead(report, winner),
            is_distrusted: report.verdict.decision == Decision::Investigate,
        }
    }

    /// What needs somebody first: unhealthy ones, then decisions to take, then the rest by where they stand.
    fn order(&self) -> (bool, bool, Tone, u8, String) {
        let stands = match self.stands {
            Status::Running => 0,
            Status::Paused => 1,
            Status::Draft => 2,
            Status::Concluded => 3,
        };
        let is_open = stands < 2;
        let name = self.name.to_lowercase();
        let is_sound = !self.is_distrusted;
        (!is_open, is_sound, self.badge.tone, stands, name)
    }
}

fn lead(report: &Report, winner: Option<&str>) -> Option<Lead> {
    let (metric, with) = leading(report, winner)?;
    let headline = with.headline.and_then(|headline| headline.relative);
    let lift = headline.or(with.relative)?;
    Some(Lead {
        variant: with.variant.clone(),
        metric: metric.key.clone(),
        lift: Spanned::new(lift, Number::change),
        effect: charts::effect(lift),
        status: charts::status(metric, with),
    })
}

impl Row {
    /// The lift as a picture, on the axis that all rows share.
    fn picture(&self, reach: Reach) -> Option<Inline> {
        let lead = self.lead.as_ref().filter(|_| !self.is_distrusted)?;
        Some(Inline {
            label: lead.variant.as_str().into(),
            unit: Unit::Percent,
            reach,
            effect: lead.effect,
            status: lead.status,
        })
    }
}

#[derive(Template)]
#[template(path = "dashboard/list.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    filter: &'a Filter,
    statuses: [Tab; 5],
    is_filtered: bool,
    rows: Vec<(Row, Option<Inline>)>,
}

/// The page.
pub fn page(frame: &Frame, filter: &Filter, mut rows: Vec<Row>) -> String {
    rows.sort_by_cached_key(Row::order);
    let trusted = rows.iter().filter(|row| !row.is_distrusted);
    let reach = Reach::of(trusted.filter_map(|row| row.lead.as_ref()?.effect));
    let drawn = rows.into_iter().map(|row| {
        let picture = row.picture(reach);
        (row, picture)
    });
    render(&Page {
        frame,
        filter,
        statuses: Shown::ALL.map(|shown| Tab {
            word: shown.word().to_owned(),
            value: shown.name(),
            is_current: filter.status == Some(shown),
        }),
        is_filtered: filter.status.is_some() || !filter.words.trim().is_empty(),
        rows: drawn.collect(),
    })
}
