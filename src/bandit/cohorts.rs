//! What each epoch saw of some variants: the cohorts that are compared within themselves. Where an epoch tells contexts
//! apart, each of them is a cohort, because there the chances of the variants depend on the context. Epochs that drew every
//! visitor by features have none.

use std::collections::BTreeMap;

use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Row};
use crate::epoch::context::ContextCell;
use crate::epoch::{Epoch, EpochNumber};
use crate::moments::Moments;
use crate::posterior::cohort::Cohort;

/// Visitors for whom the variants had the same chances.
pub(super) type Part = (EpochNumber, Option<ContextCell>);

/// What was seen of a metric, in the order of the epochs without contexts, then of those with them; visitors whose part is
/// not kept are left out.
pub(super) fn parts(
    entry: &Entry,
    cells: &Cells,
    metric: MetricIndex,
) -> impl Iterator<Item = (Part, Row, Moments)> {
    let is_whole = |number: EpochNumber| {
        let epoch = entry.epochs.get(number);
        epoch.is_none_or(Epoch::is_uniform)
    };
    let whole = cells
        .of_metric(metric)
        .filter(move |(key, _)| is_whole(key.epoch))
        .map(|(key, moments)| ((key.epoch, None), key.row, *moments));
    let parted = cells
        .by_context(metric)
        .map(|(key, moments)| ((key.epoch, Some(key.context)), key.row, *moments));
    whole.chain(parted)
}

/// Visitors and conversions of the arms by part, each in full, without the holdout.
pub(super) fn cohorts(
    entry: &Entry,
    cells: &Cells,
    metric: MetricIndex,
    arms: &[Arm],
) -> Vec<(Part, Cohort)> {
    let positions: BTreeMap<Arm, usize> = arms.iter().copied().zip(0..).collect();
    let mut cohorts: Vec<(Part, Cohort)> = Vec::new();
    for (part, row, moments) in parts(entry, cells, metric).filter(|(_, row, _)| !row.holdout) {
        let Some(position) = positions.get(&row.arm) else {
            continue;
        };
        // The rows of a part lie together.
        if cohorts.last().is_none_or(|(last, _)| *last != part) {
            let empty = Cohort {
                visitors: vec![0.0; arms.len()],
                converted: vec![0.0; arms.len()],
                weight: 1.0,
                reached: 1.0,
            };
            cohorts.push((part, empty));
        }
        let Some((_, cohort)) = cohorts.last_mut() else {
            continue;
        };
        cohort.visitors[*position] = moments.n.max(0) as f64;
        cohort.converted[*position] = moments.y.max(0) as f64;
    }
    cohorts
}
