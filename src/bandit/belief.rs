//! What a bandit believes: which variant is best with what probability, by the model of its metric.

mod rate;
mod value;

use super::name;
use super::target::Situation;
use crate::allocation::{Allocation, Propensity};
use crate::catalog::experiment::Model;
use crate::catalog::metric::Direction;
use crate::epoch::receipt;
use crate::posterior::cohort::LogRates;
use crate::posterior::{Posterior, best};

/// What the bandit believes, and what that rests on.
pub(super) struct Belief {
    /// By live variant.
    pub(super) arms: Vec<receipt::Belief>,
    /// In plain sentences.
    pub(super) said: String,
    /// The joint posteriors of the logarithms with their probabilities, more being better; none where the variants are
    /// independent.
    ratios: Vec<(f64, LogRates)>,
    /// What means are multiplied by so that more is better.
    sign: f64,
}

impl Belief {
    /// The probability that no variant is better than this one by more than such a share: that to be the best with its
    /// logarithm raised by ln(1 + share) (value remaining, Scott 2010; statistics R7). By the joint posterior of the
    /// logarithms where the model has one, else as if they were independent normals; never less than that to be the
    /// best. `None` where a mean is not positive.
    pub(super) fn prob_near_best(&self, champion: usize, share: f64) -> Option<f64> {
        let raised = share.ln_1p();
        let near = if self.ratios.is_empty() {
            let log = |(at, of): (usize, &receipt::Belief)| {
                let raised = if at == champion { raised } else { 0.0 };
                let log = (of.mean > 0.0).then(|| of.mean.ln())?;
                Posterior::normal(self.sign * log + raised, of.sd / of.mean)
            };
            let logs = self.arms.iter().enumerate().map(log);
            best::evaluate(&logs.collect::<Option<Vec<_>>>()?).prob_best
        } else {
            let mut near = vec![0.0; self.arms.len()];
            for (probability, rates) in &self.ratios {
                let mut rates = rates.clone();
                *rates.mean.get_mut(champion)? += raised;
                for (sum, best) in near.iter_mut().zip(rates.prob_best()) {
                    *sum += probability * best;
                }
            }
            near
        };
        let best = self.arms.get(champion)?.prob_best;
        near.get(champion).map(|near| near.max(best))
    }
}

/// What a model says.
struct Modelled {
    /// Posterior mean and standard deviation, and the probability to be the best, by live variant.
    arms: Vec<Estimate>,
    /// What is to be said about the model.
    said: String,
    /// The joint posteriors of the logarithms with their probabilities, more being better, where the variants' are not
    /// independent.
    ratios: Vec<(f64, LogRates)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    pub(super) mean: f64,
    pub(super) sd: f64,
    pub(super) prob_best: f64,
}

/// What the model of the bandit makes of the cells; the older the lighter, if it forgets.
pub(super) fn belief(situation: Situation<'_>) -> Belief {
    let Modelled { arms, said, ratios } = match situation.bandit.model {
        Model::Pooled | Model::Cohort => rate::modelled(situation),
        Model::Hurdle => value::hurdle(situation),
        Model::Gamma => value::gamma(situation),
        Model::Normal => value::normal(situation),
    };
    let before = situation.entry.epoch().map(|epoch| &epoch.allocation);
    let arms = believed(situation, &arms, before);
    Belief {
        said: format!("{}{said}", facts(situation, &arms)),
        arms,
        ratios,
        sign: sign(situation),
    }
}

/// What the ratios of rates come to by live variant, with the chances to be the best.
pub(super) fn estimates(rates: &LogRates, chances: &[f64]) -> Vec<Estimate> {
    let estimate = |(arm, prob_best): (usize, &f64)| {
        let ratio = rates.mean[arm].exp();
        Estimate {
            mean: ratio,
            sd: ratio * rates.covariance[arm][arm].sqrt(),
            prob_best: *prob_best,
        }
    };
    chances.iter().enumerate().map(estimate).collect()
}

/// Evidence and estimates for the receipt, by live variant.
pub(super) fn believed(
    situation: Situation<'_>,
    estimates: &[Estimate],
    before: Option<&Allocation>,
) -> Vec<receipt::Belief> {
    let metric = situation.entry.experiment.metric(situation.bandit.metric);
    let unit = metric.map_or(1.0, |metric| metric.kind.unit());
    let before = |arm| before.and_then(|allocation| allocation.propensity(arm));
    let pairs = situation.arms.iter().zip(estimates);
    pairs
        .map(|(seen, estimate)| receipt::Belief {
            arm: seen.arm,
            visitors: seen.visitors(),
            total: seen.total() as f64 / unit,
            mean: estimate.mean,
            sd: estimate.sd,
            prob_best: estimate.prob_best,
            before: before(seen.arm).map_or(0.0, Propensity::get),
        })
        .collect()
}

/// The same in a plain sentence.
pub(super) fn facts(situation: Situation<'_>, arms: &[receipt::Belief]) -> String {
    let fact = |of: &receipt::Belief| {
        let key = name(&situation.entry.experiment, of.arm);
        let percent = of.prob_best * 100.0;
        let (x, n) = (of.total, of.visitors);
        format!("{key} {x}/{n}, best with {percent:.1} %")
    };
    let facts: Vec<String> = arms.iter().map(fact).collect();
    let what = match situation.bandit.model {
        Model::Pooled | Model::Cohort => "Conversions per visitor",
        Model::Hurdle | Model::Gamma | Model::Normal => "Total per visitors",
    };
    let least = match direction(situation) {
        Direction::Increase => "",
        Direction::Decrease => " Less is better.",
    };
    format!("{what}: {}.{least}", facts.join("; "))
}

/// Which direction of the bandit's metric is good.
fn direction(situation: Situation<'_>) -> Direction {
    let metric = situation.entry.experiment.metric(situation.bandit.metric);
    metric.map_or(Direction::Increase, |metric| metric.direction)
}

/// What the metric is multiplied by so that more is better.
pub(super) fn sign(situation: Situation<'_>) -> f64 {
    match direction(situation) {
        Direction::Increase => 1.0,
        Direction::Decrease => -1.0,
    }
}
