//! Who is known to have seen what: decisions against confirmed exposures, and where a mismatch comes from.
//!
//! Lost exposures cause most mismatches: a variant whose page breaks, or loads slowly, tells of fewer visitors. So the exposed
//! are held against the propensities of their assignments as the assigned are, and both are split by who told and at which
//! hour of the day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Question;
use super::design::{Design, Named};
use super::traffic;
use crate::catalog::spec;
use crate::cell::{Channel, Counts};
use crate::source::Source;
use crate::stats::srm::{Srm, Verdict};

/// Assigned visitors who are not known to have seen their variant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LostExposures {
    /// How many of the assigned have no exposure to their variant.
    pub visitors: u64,
    /// Their share of the assigned; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Visitors who are told to have seen another variant than theirs, be it beside their own.
    pub unlike: u64,
}

/// Visitors who were counted by one way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceSrm {
    /// Who told of the first exposure; absent for the assignments themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// How many.
    pub visitors: u64,
    /// Whether they fit.
    pub srm: Srm,
    /// The hours of the day at which they do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<HourSrm>,
}

/// Visitors of an hour of the day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HourSrm {
    /// The hour, from 0 to 23, in the time zone of the store.
    pub hour: u8,
    /// How many.
    pub visitors: u64,
    /// Whether they fit.
    pub srm: Srm,
}

/// What is known of exposures.
pub(super) struct Exposure {
    /// Assigned visitors.
    pub(super) assigned: Counts,
    /// The exposed ones; `None` where no exposures are told.
    pub(super) exposed: Option<Counts>,
    pub(super) srm: Option<Srm>,
    pub(super) lost: Option<LostExposures>,
    pub(super) by_source: Vec<SourceSrm>,
}

impl Exposure {
    pub(super) fn new(question: &Question<'_>, design: &Design<'_>) -> Self {
        let (cells, until) = (question.cells, question.until);
        let is_asked = analyses_exposed(question);
        let assigned = if is_asked {
            cells.assigned(until)
        } else {
            cells.analysed(until)
        };
        let (exposed, unlike) = (cells.exposed(until), cells.unlike(until));
        let is_told = is_asked || total(&exposed) + total(&unlike) > 0;
        let exposed = Some(exposed).filter(|_| is_told);
        let lost = exposed.as_ref().map(|exposed| {
            let all = total(&assigned);
            let visitors = all.saturating_sub(total(exposed));
            LostExposures {
                visitors,
                share: (all > 0).then(|| visitors as f64 / all as f64),
                unlike: total(&unlike),
            }
        });
        let fit = |counts| traffic::fit(question, design, (counts, is_asked));
        Self {
            srm: exposed.as_ref().map(fit),
            by_source: by_source(question, design),
            assigned,
            exposed,
            lost,
        }
    }

    /// The exposed visitors of a row.
    pub(super) fn exposed(&self, named: &Named) -> Option<u64> {
        let of = self.exposed.as_ref()?.iter();
        let own = of.filter(|((_, row), _)| *row == named.row);
        Some(own.map(|(_, visitors)| count(*visitors)).sum())
    }
}

/// Whether the experiment analyses the exposed alone.
pub(super) fn analyses_exposed(question: &Question<'_>) -> bool {
    question.entry.experiment.spec.exposure == spec::Exposure::Exposed
}

fn count(visitors: i64) -> u64 {
    u64::try_from(visitors).unwrap_or(0)
}

fn total(counts: &Counts) -> u64 {
    counts.values().map(|visitors| count(*visitors)).sum()
}

/// Hours are kept for the present only, and not by context or feature.
fn by_source(question: &Question<'_>, design: &Design<'_>) -> Vec<SourceSrm> {
    if question.until.is_some() {
        return Vec::new();
    }
    let mut channels: BTreeMap<Channel, BTreeMap<u8, Counts>> = BTreeMap::new();
    for (key, tally) in &question.cells.hours {
        let hours = channels.entry(key.channel).or_default();
        let counts = hours.entry(key.hour).or_default();
        *counts.entry((key.epoch, key.row)).or_insert(0) += tally.n;
    }
    let fit = |counts: &Counts| traffic::fit(question, design, (counts, false));
    let split = |(channel, hours): (Channel, BTreeMap<u8, Counts>)| {
        let mut all = Counts::new();
        for (place, visitors) in hours.values().flatten() {
            *all.entry(*place).or_insert(0) += visitors;
        }
        let of_hour = |(hour, counts): (&u8, &Counts)| HourSrm {
            hour: *hour,
            visitors: total(counts),
            srm: fit(counts),
        };
        let hours = hours.iter().map(of_hour);
        SourceSrm {
            source: match channel {
                Channel::Assignment => None,
                Channel::Exposure(source) => Some(source),
            },
            visitors: total(&all),
            srm: fit(&all),
            hours: hours
                .filter(|hour| hour.srm.verdict == Verdict::Mismatch)
                .collect(),
        }
    };
    channels.into_iter().map(split).collect()
}
