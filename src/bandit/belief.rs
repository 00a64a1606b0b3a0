//! What a bandit believes: which variant is best with what probability, by the model of its metric.

mod rate;

use super::name;
use super::target::Situation;
use crate::allocation::Propensity;
use crate::epoch::receipt;

/// What the bandit believes, and what that rests on.
pub(super) struct Belief {
    /// By live variant.
    pub(super) arms: Vec<receipt::Belief>,
    /// In plain sentences.
    pub(super) said: String,
}

/// What a model says.
struct Modelled {
    /// Posterior mean and standard deviation, and the probability to be the best, by live variant.
    arms: Vec<Estimate>,
    /// What is to be said about the model.
    said: String,
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    mean: f64,
    sd: f64,
    prob_best: f64,
}

/// What the model of the bandit makes of the cells; the older the lighter, if it forgets.
pub(super) fn belief(situation: Situation<'_>) -> Belief {
    let Modelled { arms, said } = rate::modelled(situation);
    let (experiment, current) = (&situation.entry.experiment, situation.entry.epoch());
    let before = |arm| current.and_then(|epoch| epoch.allocation.propensity(arm));
    let pairs = situation.arms.iter().zip(&arms);
    let arms: Vec<receipt::Belief> = pairs
        .map(|(seen, estimate)| receipt::Belief {
            arm: seen.arm,
            visitors: seen.visitors(),
            total: seen.total() as f64,
            mean: estimate.mean,
            sd: estimate.sd,
            prob_best: estimate.prob_best,
            before: before(seen.arm).map_or(0.0, Propensity::get),
        })
        .collect();
    let fact = |of: &receipt::Belief| {
        let key = name(experiment, of.arm);
        let percent = of.prob_best * 100.0;
        let (x, n) = (of.total, of.visitors);
        format!("{key} {x}/{n}, best with {percent:.1} %")
    };
    let facts: Vec<String> = arms.iter().map(fact).collect();
    let said = format!("Conversions per visitor: {}.{said}", facts.join("; "));
    Belief { arms, said }
}
