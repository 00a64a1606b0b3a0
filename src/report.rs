//! Report: what an experiment shows, as one value that the API, the command line and the dashboard all print.
//!
//! [`report`] is pure: definition, epochs and cells in, [`Report`] out. Its cost grows with the number of cells, never
//! with visitors.
//!
//! # Which visitors are compared
//!
//! A variant is compared with the control over the eras in which both were live, and its lift comes from sums that may
//! be added only where the odds of the two never moved (statistics R2; between two variants, what a third one gets does
//! not matter). The experiment's holdout is served control by the same draw, so it joins the control's side of every
//! comparison (R4); it keeps a row of its own. Where holding out changed the odds and the draw itself did not, the
//! control is taken without it.
//!
//! Where the odds moved, plain sums are wrong even in sign, so means, lifts and their intervals come from the epochs by
//! AIPW, which drift cannot fool. As of an earlier day, and by dimension, sums per epoch are not kept: there, visitors are
//! weighted by their inverse propensity (R1), which is as valid and less exact. The control's mean then includes the
//! holdout, because the weights are those of being served control at all. Posteriors shrink the data to their
//! effective size (Kish); they are decision aids.
//!
//! # What the past explains
//!
//! A metric with a covariate is compared after what the visitors did before their assignment is taken out: by CUPED under a
//! fixed split, by a plug-in that follows the covariate under AIPW. Estimates stay unbiased and intervals get narrower;
//! `adjustments` and `variance_reduction` say so. Rows of variants, posteriors, and the odds of conversions are without it.
//!
//! # What is left after costs
//!
//! Sums are net of what variants cost per visitor; a variant's row has the `cost`, and `adjustments` say so.
//!
//! # What holds while one watches
//!
//! `p_value` and the intervals beside it are for one planned look. [`AlwaysValid`] holds at every look and for all
//! variants together, so it is what people are shown first (R3).
//!
//! # How many orders a lift rests on
//!
//! The interval of a lift needs 25 orders in the smaller arm, and 50 to be relied on. A conversion metric counts its
//! own; any other metric uses the experiment's conversion metric on the same event (for a ratio, the denominator's event)
//! if there is one, else Kish's (Σy)² / Σy², a lower bound of the number of visitors with anything at all.

pub mod csv;
pub mod guardrail;
pub mod playbook;
pub mod table;
pub mod xlsx;

mod adaptive;
mod adjusted;
mod always;
mod bayes;
mod breakdown;
mod capping;
mod cost;
mod crossovers;
mod delay;
mod design;
mod exposure;
mod figure;
mod freshness;
mod headline;
mod holdout;
mod interaction;
mod interrupted;
mod lines;
mod looks;
mod metrics;
mod multiplicity;
mod profit;
mod ripe;
mod scaled;
mod shape;
mod timeline;
mod totals;
mod traffic;
mod verdict;
mod weighted;

pub use breakdown::dimensions;
pub(crate) use breakdown::{dimension_position, dimension_value};
pub use cost::variant_costs;
pub use delay::{DelayReport, VariantDelay};
pub use exposure::{HourSrm, LostExposures, SourceSrm};
pub use freshness::{Arriving, Freshness};
pub use headline::{Evidence, Headline, Shown, View};
pub use looks::Looks;
pub use profit::Costs;
pub use scaled::Scaled;
pub use shape::*;
pub use traffic::is_mismatched;
pub use verdict::{Decision, Reason, ReasonCode, Verdict};

use std::collections::BTreeSet;

use crate::bandit::drift::noticed;
use crate::catalog::Entry;
use crate::cell::Cells;
use crate::stats::Caveat;
use crate::time::{Day, Timestamp};
use design::Design;
use totals::Totals;
use traffic::Traffic;

/// Intervals have confidence 1 − this.
const ALPHA: f64 = 0.05;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The experiment.
    pub entry: &'a Entry,
    /// Its cells.
    pub cells: &'a Cells,
    /// The moment the report describes.
    pub as_of: Timestamp,
    /// The day of `as_of`.
    pub today: Day,
    /// The last day that counts; `None` is everything so far.
    pub until: Option<Day>,
    /// Which way the evidence is shown; `None` is the one that fits how the experiment was run.
    pub view: Option<View>,
    /// The dimensions to break the metrics down by, of those that [`dimensions`] names. Breakdowns are kept for the
    /// present only: with `until` there is none.
    pub dimensions: &'a [&'a str],
    /// How many of the last days the timeline has.
    pub days: u32,
    /// What personalization costs, for the global holdout.
    pub costs: Option<Costs<'a>>,
}

impl<'a> Question<'a> {
    /// Everything so far, as of a moment of a day, in the view that fits.
    pub fn present(entry: &'a Entry, cells: &'a Cells, (as_of, today): (Timestamp, Day)) -> Self {
        Self {
            entry,
            cells,
            as_of,
            today,
            until: None,
            view: None,
            dimensions: &[],
            days: 0,
            costs: None,
        }
    }

    /// Visitors per day of late; `None` while no day is over.
    fn per_day(&self) -> Option<f64> {
        self.cells.per_day(Some(self.today), |_| true)
    }
}

/// Computes a report.
pub fn report(question: &Question<'_>) -> Report {
    let entry = question.entry;
    let analysed = question.cells.analysed(question.until);
    let design = Design::new(entry, question.as_of, &analysed)
        .with_delays(question.cells, delay::end(question));
    let totals = Totals::asked(question);
    let exposure = exposure::Exposure::new(question, &design);
    let traffic = Traffic::new(question, &design, &exposure);
    let mut metrics = compared(question, &design, &totals);
    let planned = planned_view(entry);
    let looks = shown(question, &design, &mut metrics, planned);
    let unequal = crossovers::are_unequal(question, &design, &exposure.assigned);
    let health = health(question, &traffic, (exposure, unequal));
    let champion = bayes::champion(&design, &totals);
    let verdict = verdict::verdict(&verdict::Facts {
        question,
        health: &health,
        variants: &traffic.variants,
        metrics: &metrics,
        looks: looks.as_ref(),
        champion: champion.as_ref(),
    });
    let view = question.view.unwrap_or(planned);
    if view != planned {
        shown(question, &design, &mut metrics, view);
    }
    let breakdowns = breakdown::all(question, &design, view);
    let holdout = holdout::report(question, &design, &totals);
    Report {
        experiment: about(entry),
        as_of: question.as_of,
        verdict,
        shown: view.into(),
        visitors: traffic.visitors,
        visitors_per_day: question.per_day(),
        epochs: entry.epochs.len(),
        adaptive: design.adaptive,
        weights: traffic::weights(entry, entry.epoch()),
        variants: traffic.variants,
        health,
        goal: bayes::goal(&design, &totals),
        notes: notes(&metrics, &breakdowns, holdout.as_ref()),
        metrics,
        looks,
        champion,
        holdout,
        breakdowns,
        timeline: timeline::days(question, &design),
    }
}

/// The metrics, with what is to be said against them.
fn compared(question: &Question<'_>, design: &Design<'_>, totals: &Totals) -> Vec<MetricReport> {
    let mut metrics = metrics::all(design, totals);
    multiplicity::metrics(&mut metrics);
    interrupted::apply(question, design, &mut metrics);
    delay::apply(question, design, &mut metrics);
    metrics
}

fn health(
    question: &Question<'_>,
    traffic: &Traffic,
    (exposure, joined_unequally): (exposure::Exposure, bool),
) -> Health {
    Health {
        srm: traffic.srm,
        crossovers: traffic.variants.iter().map(|of| of.crossovers).sum(),
        joined_unequally,
        exposed_srm: exposure.srm,
        lost_exposures: exposure.lost,
        srm_by_source: exposure.by_source,
        freshness: freshness::freshness(question),
        drift: drift(question),
    }
}

/// A change of the goal's rates relative to each other; past days are not kept by epoch.
fn drift(question: &Question<'_>) -> Option<DriftReport> {
    let goal = question.entry.experiment.goal_metric()?;
    let asked = (goal, question.as_of);
    let is_present = question.until.is_none();
    let change = is_present.then(|| noticed(question.entry, question.cells, asked))??;
    Some(DriftReport {
        since: change.at,
        evidence: change.evidence,
    })
}

/// The view that fits how the experiment was run (statistics R3).
fn planned_view(entry: &Entry) -> View {
    match entry.experiment.spec.looks {
        Some(_) => View::PlannedLooks,
        None => View::AlwaysValid,
    }
}

/// Shows the metrics in a view, with what that comes to.
fn shown(
    question: &Question<'_>,
    design: &Design<'_>,
    metrics: &mut [MetricReport],
    view: View,
) -> Option<Looks> {
    headline::apply(metrics, view, ALPHA);
    let looks = match view {
        View::PlannedLooks => looks::apply(question, design, metrics),
        View::AlwaysValid | View::OneLook | View::Msprt | View::Bayes => None,
    };
    let per_day = question.per_day();
    scaled::apply(metrics, per_day);
    looks
}

fn about(entry: &Entry) -> About {
    let experiment = &entry.experiment;
    let spec = &experiment.spec;
    About {
        key: spec.key.clone(),
        name: spec.name.clone().unwrap_or_else(|| spec.key.clone()),
        status: entry.lifecycle.status,
        version: experiment.version,
        policy: experiment.policy.name().to_owned(),
        started_at: entry.lifecycle.started_at,
        currency: spec.currency.clone(),
        hypothesis: spec.hypothesis.clone(),
    }
}

fn notes(
    metrics: &[MetricReport],
    breakdowns: &[Breakdown],
    holdout: Option<&HoldoutReport>,
) -> Vec<Note> {
    let of_policy = holdout.into_iter().flat_map(|holdout| &holdout.metrics);
    let parts = breakdowns.iter().flat_map(|breakdown| &breakdown.values);
    let caveats: BTreeSet<Caveat> = metrics
        .iter()
        .chain(parts.flat_map(|value| &value.metrics))
        .flat_map(|metric| &metric.comparisons)
        .flat_map(|comparison| comparison.caveats.iter().copied())
        .chain(of_policy.flat_map(|metric| metric.caveats.iter().copied()))
        .collect();
    let note = |code: Caveat| Note {
        code,
        text: code.explain().to_owned(),
    };
    caveats.into_iter().map(note).collect()
}

#[cfg(test)]
mod tests;
