//! Windows cut short: visitors who had less time to convert than their metric gives (statistics R14).
//!
//! Concluding or halting an experiment freezes its comparisons, and retiring a variant ends its own: who was assigned less
//! than a window before is counted to date. Both arms are cut at the same moment, so it hides effects that take time, and
//! favours none. Visitors are kept by the day, so the share is that of the days.

use super::design::{Design, Pairing};
use super::{MetricReport, Question};
use crate::catalog::metric::Metric;
use crate::epoch::{Cause, Epoch};
use crate::stats::Caveat;
use crate::time::{DAY_MS, Day, Timestamp};

/// Gives every comparison the share of its visitors whose window was cut, with the caveat.
pub(super) fn apply(question: &Question<'_>, design: &Design<'_>, metrics: &mut [MetricReport]) {
    for (metric, of) in metrics.iter_mut().zip(&design.entry.experiment.metrics) {
        for (with, pairing) in metric.comparisons.iter_mut().zip(&design.pairings) {
            let cuts = cuts(design, pairing);
            with.interrupted = share(question, design, pairing, &days(question, of, &cuts));
            if with.interrupted.is_some() {
                with.caveats.push(Caveat::WindowInterrupted);
            }
        }
    }
}

/// The moments at which visitors of a pair lost their variant.
fn cuts(design: &Design<'_>, pairing: &Pairing) -> Vec<Timestamp> {
    let entry = design.entry;
    let is_shared = |epoch: &&Epoch| pairing.eras.contains(&epoch.era);
    let last = entry.epochs.iter().rev().find(is_shared);
    let after = last.and_then(|last| {
        let mut later = entry
            .epochs
            .iter()
            .filter(|epoch| epoch.number > last.number);
        later.find(|epoch| epoch.cause != Cause::Imported)
    });
    let frozen = entry.lifecycle.frozen.iter().map(|frozen| frozen.from);
    frozen.chain(after.map(|epoch| epoch.opened_at)).collect()
}

/// The days of assignment whose windows a cut falls into, first and last.
fn days(question: &Question<'_>, metric: &Metric, cuts: &[Timestamp]) -> Vec<(Day, Day)> {
    let day = |at: Timestamp| {
        let ago = (question.as_of.millis() - at.millis()).div_euclid(DAY_MS);
        Day(question
            .today
            .0
            .saturating_sub(i32::try_from(ago).unwrap_or(i32::MAX)))
    };
    let of = |cut: &Timestamp| (day(cut.minus(metric.window)), day(*cut));
    cuts.iter()
        .filter(|cut| **cut <= question.as_of)
        .map(of)
        .collect()
}

/// The share of a pair's visitors who were assigned on these days; `None` without any.
fn share(
    question: &Question<'_>,
    design: &Design<'_>,
    pairing: &Pairing,
    days: &[(Day, Day)],
) -> Option<f64> {
    let arms = [design.control(), pairing.named.row.arm];
    let (mut cut, mut all) = (0, 0);
    let counted = question.cells.visitors.iter().filter(|(key, _)| {
        let era = design.entry.epochs.get(key.epoch).map(|epoch| epoch.era);
        let is_met = era.is_some_and(|era| pairing.eras.contains(&era));
        is_met && arms.contains(&key.row.arm) && question.until.is_none_or(|until| key.day <= until)
    });
    for (key, visitors) in counted {
        all += visitors.n;
        if days
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&key.day))
        {
            cut += visitors.n;
        }
    }
    (cut > 0 && all > 0).then(|| cut as f64 / all as f64)
}
