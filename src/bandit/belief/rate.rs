//! Conversion rates: pooled over all epochs, or compared within them.

use std::collections::BTreeMap;

use super::super::cohorts;
use super::super::maturity::{self, Maturity};
use super::super::memory;
use super::super::target::{Evidence, Situation};
use super::{Estimate, Modelled, direction, estimates, sign};
use crate::allocation::Arm;
use crate::catalog::experiment::Model;
use crate::catalog::metric::Direction;
use crate::cell::PlainKey;
use crate::epoch::context::ContextCell;
use crate::posterior::cohort::Cohorts;
use crate::posterior::discount::Remembered;
use crate::posterior::level::{self, Levelled};
use crate::posterior::{Posterior, best};

/// Conversions per variant from which a normal stands for the posterior of log rates (statistics R10).
const MIN_CONVERSIONS: usize = 20;

/// What is remembered of each variant, where the bandit forgets.
type Memory = Option<BTreeMap<Arm, Remembered>>;

/// What the model makes of the conversions, by the delays that were learned.
pub(super) fn modelled(situation: Situation<'_>) -> Modelled {
    let Some(learned) = maturity::learned(situation) else {
        return matured(situation, &Maturity::default());
    };
    let scenarios = learned.scenarios.iter();
    let parts = scenarios.map(|(probability, of)| (*probability, matured(situation, of)));
    let mixed = parts.reduce(|(before, mixed), (probability, part)| {
        let total = before + probability;
        (total, mixed.mixed(part, probability / total))
    });
    let mut modelled = mixed.map_or_else(
        || matured(situation, &Maturity::default()),
        |(_, mixed)| mixed,
    );
    modelled.said += &learned.said;
    modelled
}

impl Modelled {
    /// A mixture that is the other with this probability.
    fn mixed(mut self, other: Self, probability: f64) -> Self {
        for (estimate, other) in self.arms.iter_mut().zip(other.arms) {
            *estimate = estimate.mixed(other, probability);
        }
        for (share, _) in &mut self.ratios {
            *share *= 1.0 - probability;
        }
        let ratios = other.ratios.into_iter();
        self.ratios
            .extend(ratios.map(|(share, rates)| (share * probability, rates)));
        self
    }
}

impl Estimate {
    /// A mixture that is the other with this probability.
    fn mixed(self, other: Self, probability: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * probability;
        let between = probability * (1.0 - probability) * (self.mean - other.mean).powi(2);
        Self {
            mean: mix(self.mean, other.mean),
            sd: (mix(self.sd.powi(2), other.sd.powi(2)) + between).sqrt(),
            prob_best: mix(self.prob_best, other.prob_best),
        }
    }
}

/// What the model makes of the conversions, if trials count like this.
fn matured(situation: Situation<'_>, maturity: &Maturity) -> Modelled {
    let memory = memory::remembered(situation, maturity);
    let conversions = |seen: &Evidence| match &memory {
        Some(memory) => memory.get(&seen.arm).map_or(0.0, |known| known.conversions),
        None => seen.total() as f64,
    };
    let total: f64 = situation.arms.iter().map(conversions).sum();
    let enough = MIN_CONVERSIONS * situation.arms.len();
    let as_one = |said: String| Modelled {
        arms: pooled(situation, &memory, maturity),
        said,
        ratios: Vec::new(),
    };
    let mut modelled = match situation.bandit.model {
        Model::Pooled => as_one(" All epochs count as one sample.".to_owned()),
        Model::Cohort if total < enough as f64 => as_one(format!(
            " Up to {enough} conversions all epochs count as one sample."
        )),
        Model::Cohort | Model::Hurdle | Model::Gamma | Model::Normal => {
            by_epochs(situation, maturity)
        }
    };
    modelled.said += &still_known(situation, &memory);
    modelled
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
fn pooled(situation: Situation<'_>, memory: &Memory, maturity: &Maturity) -> Vec<Estimate> {
    let exposures = exposures(situation, maturity);
    let scale = room(situation, &exposures);
    let posterior = |seen: &Evidence| {
        let (conversions, trials) = if let Some(memory) = memory {
            let known = memory.get(&seen.arm).copied().unwrap_or_default();
            (known.conversions, known.trials)
        } else {
            let exposure = exposures.get(&seen.arm).copied().unwrap_or(0.0);
            (seen.total() as f64, scale * exposure)
        };
        Posterior::Beta {
            a: 1.0 + conversions,
            b: 1.0 + (trials - conversions).max(0.0),
        }
    };
    let posteriors: Vec<Posterior> = situation.arms.iter().map(posterior).collect();
    let wanted: Vec<Posterior> = match direction(situation) {
        Direction::Increase => posteriors.clone(),
        Direction::Decrease => posteriors.iter().map(Posterior::opposite).collect(),
    };
    let chances = best::evaluate(&wanted).prob_best;
    let estimate = |(posterior, prob_best): (&Posterior, f64)| Estimate {
        mean: posterior.mean(),
        sd: posterior.sd(),
        prob_best,
    };
    posteriors.iter().zip(chances).map(estimate).collect()
}

/// What all exposures are multiplied by, so that each has room for its conversions: right after the start a curve may
/// expect fewer than have come, and a rate near 1 would tell variants apart that are not known apart.
fn room(situation: Situation<'_>, exposures: &BTreeMap<Arm, f64>) -> f64 {
    let wanted = |seen: &Evidence| {
        let least = (2.0 * seen.total() as f64).min(seen.visitors() as f64);
        let exposure = exposures
            .get(&seen.arm)
            .filter(|exposure| **exposure > 0.0)?;
        Some(least / exposure)
    };
    situation.arms.iter().filter_map(wanted).fold(1.0, f64::max)
}

/// How many trials of each variant have shown what they come to.
fn exposures(situation: Situation<'_>, maturity: &Maturity) -> BTreeMap<Arm, f64> {
    let metric = situation.bandit.metric;
    let drawn = |key: &PlainKey| !key.row.holdout;
    let mut exposures = BTreeMap::new();
    let cells = situation.cells.of_metric(metric);
    for (key, moments) in cells.filter(|(key, _)| drawn(key)) {
        let share = maturity.share(key.epoch, key.row.arm);
        *exposures.entry(key.row.arm).or_insert(0.0) += moments.n.max(0) as f64 * share;
    }
    exposures
}

/// By the posterior of the ratios of rates, whether levels stay or move.
fn by_epochs(situation: Situation<'_>, maturity: &Maturity) -> Modelled {
    let contexts = contexts(situation, maturity);
    let Levelled { rates, steady } = level::posterior(situation.arms.len(), &contexts);
    let ratios = rates.times(sign(situation));
    Modelled {
        arms: estimates(&rates.moments(), &ratios.prob_best()),
        said: format!(
            " Compared within epochs; their level stays with {:.0} %, and then all count as one sample.",
            steady * 100.0
        ),
        ratios: ratios.into_parts(),
    }
}

/// What each epoch saw of the live variants, the older the lighter, by context. Its visitors count relative to those of the
/// most mature variant: only their ratio matters, and conversions never exceed them.
fn contexts(situation: Situation<'_>, maturity: &Maturity) -> Vec<Cohorts> {
    let weight = memory::weights(situation);
    let arms: Vec<Arm> = situation.arms.iter().map(|seen| seen.arm).collect();
    let (entry, metric) = (situation.entry, situation.bandit.metric);
    let mut contexts: BTreeMap<Option<ContextCell>, Cohorts> = BTreeMap::new();
    for ((epoch, context), mut cohort) in cohorts::cohorts(entry, situation.cells, metric, &arms) {
        maturity.apply(epoch, &arms, &mut cohort);
        cohort.weight = weight(epoch);
        contexts.entry(context).or_default().insert(epoch.0, cohort);
    }
    contexts.into_values().collect()
}
