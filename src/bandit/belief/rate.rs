//! Conversion rates: pooled over all epochs, or compared within them.

use std::collections::BTreeMap;

use super::super::target::{Evidence, Situation};
use super::super::{cohorts, memory};
use super::{Estimate, Modelled};
use crate::allocation::Arm;
use crate::catalog::experiment::Model;
use crate::epoch::EpochNumber;
use crate::posterior::cohort::{self, Cohort};
use crate::posterior::discount::Remembered;
use crate::posterior::{Posterior, best};

/// Conversions per variant from which a normal stands for the posterior of log rates (statistics R10).
const MIN_CONVERSIONS: usize = 20;

/// What is remembered of each variant, where the bandit forgets.
type Memory = Option<BTreeMap<Arm, Remembered>>;

/// What the model makes of the conversions.
pub(super) fn modelled(situation: Situation<'_>) -> Modelled {
    let memory = memory::remembered(situation);
    let conversions = |seen: &Evidence| match &memory {
        Some(memory) => memory.get(&seen.arm).map_or(0.0, |known| known.conversions),
        None => seen.total() as f64,
    };
    let total: f64 = situation.arms.iter().map(conversions).sum();
    let enough = MIN_CONVERSIONS * situation.arms.len();
    let (is_pooled, model) = match situation.bandit.model {
        Model::Pooled => (true, " All epochs count as one sample.".to_owned()),
        Model::Cohort if total < enough as f64 => (
            true,
            format!(" Up to {enough} conversions all epochs count as one sample."),
        ),
        Model::Cohort => (false, " Compared within epochs.".to_owned()),
    };
    let arms = if is_pooled {
        pooled(situation, &memory)
    } else {
        within_epochs(situation)
    };
    let said = model + &still_known(situation, &memory);
    Modelled { arms, said }
}

/// What is left of the counts, where the bandit forgets.
fn still_known(situation: Situation<'_>, memory: &Memory) -> String {
    let Some(memory) = memory else {
        return String::new();
    };
    let known = |seen: &Evidence| {
        let known = memory.get(&seen.arm).copied().unwrap_or_default();
        format!("{:.1}/{:.1}", known.conversions, known.trials)
    };
    let known: Vec<String> = situation.arms.iter().map(known).collect();
    format!(" Of that still counts: {}.", known.join(", "))
}

/// By the Beta posteriors of all epochs together.
fn pooled(situation: Situation<'_>, memory: &Memory) -> Vec<Estimate> {
    let posterior = |seen: &Evidence| {
        let Some(memory) = memory else {
            let conversions = u64::try_from(seen.total()).unwrap_or(0);
            return Posterior::beta(conversions, seen.visitors());
        };
        let known = memory.get(&seen.arm).copied().unwrap_or_default();
        known.posterior()
    };
    let posteriors: Vec<Posterior> = situation.arms.iter().map(posterior).collect();
    let chances = best::evaluate(&posteriors).prob_best;
    let estimate = |(posterior, prob_best): (&Posterior, f64)| Estimate {
        mean: posterior.mean(),
        sd: posterior.sd(),
        prob_best,
    };
    posteriors.iter().zip(chances).map(estimate).collect()
}

/// By the posterior of the ratios of rates.
fn within_epochs(situation: Situation<'_>) -> Vec<Estimate> {
    let rates = cohort::posterior(situation.arms.len(), &cohorts(situation));
    let estimate = |(arm, prob_best): (usize, f64)| {
        let ratio = rates.mean[arm].exp();
        Estimate {
            mean: ratio,
            sd: ratio * rates.covariance[arm][arm].sqrt(),
            prob_best,
        }
    };
    let chances = rates.prob_best().into_iter().enumerate();
    chances.map(estimate).collect()
}

/// What each epoch saw of the live variants, the older the lighter.
fn cohorts(situation: Situation<'_>) -> Vec<Cohort> {
    let weights = memory::weights(situation);
    let weight = |epoch: &EpochNumber| {
        let weights = weights.as_ref()?;
        weights.get(epoch).copied()
    };
    let arms: Vec<Arm> = situation.arms.iter().map(|seen| seen.arm).collect();
    let cohorts = cohorts::cohorts(situation.cells, situation.bandit.metric, &arms);
    let weighed = |(epoch, cohort)| Cohort {
        weight: weight(&epoch).unwrap_or(1.0),
        ..cohort
    };
    cohorts.into_iter().map(weighed).collect()
}
