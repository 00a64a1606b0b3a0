//! What a bandit believes: which variant is best with what probability, by its model.

use std::collections::BTreeMap;

use super::{memory, name};
use crate::allocation::Arm;
use crate::catalog::Entry;
use crate::catalog::experiment::{Bandit, Model};
use crate::cell::Cells;
use crate::epoch::EpochNumber;
use crate::posterior::cohort::{self, Cohort};
use crate::posterior::discount::Remembered;
use crate::posterior::{Posterior, best};
use crate::time::Timestamp;

/// Conversions per variant from which a normal stands for the posterior of log rates (statistics R10).
const MIN_CONVERSIONS: usize = 20;

/// Visitors and conversions by live variant.
type Counts = BTreeMap<Arm, (u64, u64)>;

/// The probability of each live variant to be the best, and what that rests on.
pub(super) struct Belief {
    pub(super) prob_best: Vec<f64>,
    pub(super) receipt: String,
}

/// What the model of the bandit makes of the cells; the older the lighter, if it forgets.
pub(super) fn belief(
    entry: &Entry,
    bandit: &Bandit,
    cells: &Cells,
    counts: &Counts,
    now: Timestamp,
) -> Belief {
    let known = bandit
        .half_life
        .map(|half_life| memory::remembered(&entry.epochs, cells, bandit.metric, half_life, now));
    let remembered = |arm: &Arm| {
        let known = known.as_ref()?;
        Some(known.get(arm).copied().unwrap_or_default())
    };
    let conversions = |(arm, (_, x)): (&Arm, &(u64, u64))| {
        remembered(arm).map_or(*x as f64, |known| known.conversions)
    };
    let total: f64 = counts.iter().map(conversions).sum();
    let enough = MIN_CONVERSIONS * counts.len();
    let (is_pooled, model) = match bandit.model {
        Model::Pooled => (true, " All epochs count as one sample.".to_owned()),
        Model::Cohort if total < enough as f64 => (
            true,
            format!(" Up to {enough} conversions all epochs count as one sample."),
        ),
        Model::Cohort => (false, " Compared within epochs.".to_owned()),
    };
    let prob_best = if is_pooled {
        pooled(counts, remembered)
    } else {
        let cohorts = cohorts(entry, bandit, cells, counts, now);
        cohort::posterior(counts.len(), &cohorts).prob_best()
    };
    let said = |((arm, (n, x)), prob): ((&Arm, &(u64, u64)), &f64)| {
        let now = remembered(arm).map_or_else(String::new, |known| {
            format!(" (now {:.1}/{:.1})", known.conversions, known.trials)
        });
        let (key, percent) = (name(&entry.experiment, *arm), prob * 100.0);
        format!("{key} {x}/{n}{now}, best with {percent:.1} %")
    };
    let facts: Vec<String> = counts.iter().zip(&prob_best).map(said).collect();
    let receipt = format!("Conversions per visitor: {}.{model}", facts.join("; "));
    Belief { prob_best, receipt }
}

/// By the Beta posteriors of all epochs together.
fn pooled(counts: &Counts, remembered: impl Fn(&Arm) -> Option<Remembered>) -> Vec<f64> {
    let posterior = |(arm, (n, x)): (&Arm, &(u64, u64))| {
        remembered(arm).map_or_else(|| Posterior::beta(*x, *n), |known| known.posterior())
    };
    let posteriors: Vec<Posterior> = counts.iter().map(posterior).collect();
    best::evaluate(&posteriors).prob_best
}

/// What each epoch saw of the live variants, without the holdout.
fn cohorts(
    entry: &Entry,
    bandit: &Bandit,
    cells: &Cells,
    counts: &Counts,
    now: Timestamp,
) -> Vec<Cohort> {
    let weights = bandit
        .half_life
        .map(|half_life| memory::weights(&entry.epochs, half_life, now));
    let weight = |epoch: &EpochNumber| {
        let weights = weights.as_ref()?;
        weights.get(epoch).copied()
    };
    let positions: BTreeMap<Arm, usize> = counts.keys().copied().zip(0..).collect();
    let mut cohorts: BTreeMap<EpochNumber, Cohort> = BTreeMap::new();
    let own = |key: &crate::cell::PlainKey| key.metric == bandit.metric && !key.row.holdout;
    for (key, moments) in cells.plain.iter().filter(|(key, _)| own(key)) {
        let Some(position) = positions.get(&key.row.arm) else {
            continue;
        };
        let cohort = cohorts.entry(key.epoch).or_insert_with(|| Cohort {
            visitors: vec![0.0; counts.len()],
            converted: vec![0.0; counts.len()],
            weight: weight(&key.epoch).unwrap_or(1.0),
        });
        cohort.visitors[*position] = moments.n.max(0) as f64;
        cohort.converted[*position] = moments.y.max(0) as f64;
    }
    cohorts.into_values().collect()
}
