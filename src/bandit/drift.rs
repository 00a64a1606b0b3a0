//! Whether what works has changed: the detector of [`crate::posterior::drift`] on the epochs of an experiment.
//!
//! A bandit closes its epoch once a day at least, so that a change has a date. After the last change that is beyond doubt
//! the search goes on for a later one. Epochs that tell contexts apart are left out: with the shares of contexts the common
//! ratios move although nothing has changed.

use super::cohorts::cohorts;
use super::maturity::Maturity;
use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::cell::Cells;
use crate::epoch::{Cause, EpochNumber};
use crate::posterior::cohort::Cohort;
use crate::posterior::drift;
use crate::time::Timestamp;

/// A change of what works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first epoch after it.
    pub since: EpochNumber,
    /// When that was opened.
    pub at: Timestamp,
    /// The Bayes factor of a change against none.
    pub evidence: f64,
}

/// The last certain change of the ratios of the live variants' conversion rates, as of now. Young visitors of a variant
/// whose conversions take longer than the others' are no change: they count by what has come.
pub fn noticed(
    entry: &Entry,
    cells: &Cells,
    (metric, now): (MetricIndex, Timestamp),
) -> Option<Change> {
    match &entry.experiment.metric(metric)?.kind {
        MetricKind::Conversion { .. } => {}
        MetricKind::Count { .. } | MetricKind::Sum { .. } | MetricKind::Ratio { .. } => {
            return None;
        }
    }
    let arms: Vec<Arm> = entry.experiment.live().map(|(arm, _)| arm).collect();
    let own = |number: EpochNumber| {
        let epoch = entry.epochs.get(number);
        epoch.is_some_and(|epoch| epoch.cause != Cause::Imported)
    };
    let by_epoch = cohorts(entry, cells, metric, &arms).into_iter();
    let by_epoch = by_epoch.filter(|((number, context), _)| context.is_none() && own(*number));
    let by_epoch = by_epoch.map(|((number, _), cohort)| (number, cohort));
    let (numbers, mut cohorts): (Vec<EpochNumber>, Vec<Cohort>) = by_epoch.unzip();
    // What the delays explain is asked only where there is something to explain.
    last_certain(arms.len(), &cohorts)?;
    let maturity = Maturity::where_different(entry, cells, (metric, now), &arms);
    for (number, cohort) in numbers.iter().zip(&mut cohorts) {
        maturity.apply(*number, &arms, cohort);
    }
    let (since, evidence) = last_certain(arms.len(), &cohorts)?;
    let since = numbers[since];
    Some(Change {
        since,
        at: entry.epochs.get(since)?.opened_at,
        evidence,
    })
}

/// The first cohort after the last certain change, and its evidence.
fn last_certain(arms: usize, cohorts: &[Cohort]) -> Option<(usize, f64)> {
    let mut last = None;
    let mut from = 0;
    while let Some(found) = drift::detect(arms, &cohorts[from..]).filter(drift::Drift::is_certain) {
        from += found.since;
        last = Some((from, found.evidence));
    }
    last
}
