//! What each epoch saw of some variants: the cohorts that are compared within themselves.

use std::collections::BTreeMap;

use crate::allocation::Arm;
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, PlainKey};
use crate::epoch::EpochNumber;
use crate::posterior::cohort::Cohort;

/// Visitors and conversions of the arms by epoch, in order and each in full, without the holdout.
pub(super) fn cohorts(
    cells: &Cells,
    metric: MetricIndex,
    arms: &[Arm],
) -> Vec<(EpochNumber, Cohort)> {
    let positions: BTreeMap<Arm, usize> = arms.iter().copied().zip(0..).collect();
    let mut cohorts: Vec<(EpochNumber, Cohort)> = Vec::new();
    let drawn = |key: &PlainKey| !key.row.holdout;
    for (key, moments) in cells.of_metric(metric).filter(|(key, _)| drawn(key)) {
        let Some(position) = positions.get(&key.row.arm) else {
            continue;
        };
        // Cells lie in the order of their epochs.
        if cohorts.last().is_none_or(|(epoch, _)| *epoch != key.epoch) {
            let empty = Cohort {
                visitors: vec![0.0; arms.len()],
                converted: vec![0.0; arms.len()],
                weight: 1.0,
            };
            cohorts.push((key.epoch, empty));
        }
        let Some((_, cohort)) = cohorts.last_mut() else {
            continue;
        };
        cohort.visitors[*position] = moments.n.max(0) as f64;
        cohort.converted[*position] = moments.y.max(0) as f64;
    }
    cohorts
}
