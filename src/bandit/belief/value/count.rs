//! Counts: Poisson given a rate per visitor, whose prior is a gamma distribution, compared within epochs.
//!
//! Given the events of an epoch, who brought them is multinomial, as for conversions, and its base rate cancels
//! ([`crate::posterior::cohort`]). Visitors who come again bring several events at once, so counts vary more than Poisson's
//! by a factor φ = variance/mean, taken over all variants: as many events count as one (quasi-likelihood).

use super::super::super::target::Situation;
use super::super::Modelled;
use super::sums::{self, Seen, Sums};
use super::{costs, estimates, unknown};
use crate::posterior::cohort::{self, Cohort};
use crate::posterior::hurdle::{OrderValue, PSEUDO_ORDERS, Values, pseudo_epoch};

/// A visitor may bring any number of events: so many that none is the last there could be.
const TRIALS: f64 = 1e6;

/// What the model makes of the counts.
pub(super) fn modelled(situation: Situation<'_>) -> Modelled {
    let arms = situation.arms.len();
    let epochs = sums::by_epoch(situation);
    let pooled = sums::pooled(&sums::total(&epochs, arms));
    if pooled.y <= 0.0 {
        return Modelled {
            arms: unknown(situation),
            said: " There is no event yet.".to_owned(),
            ratios: Vec::new(),
        };
    }
    let dispersion = dispersion(&pooled);
    let cohort = |epoch: &Seen| cohort(epoch, dispersion);
    let mut cohorts: Vec<Cohort> = epochs.iter().map(cohort).collect();
    cohorts.insert(0, pseudo_epoch(arms));
    let rates = cohort::posterior(arms, &cohorts);
    let (level, level_variance) = sums::level(&rates, &cohorts[1..]);
    let certain = OrderValue {
        mean: 1.0,
        variance: 0.0,
    };
    let values = Values {
        rates,
        level: level * TRIALS * dispersion,
        level_variance,
        orders: vec![certain; arms],
    };
    let said = format!(
        " Compared within epochs; {dispersion:.2} events count as one, and the prior as {PSEUDO_ORDERS}."
    );
    Modelled {
        arms: estimates(situation, &values, &costs(situation)),
        said,
        ratios: Vec::new(),
    }
}

/// How much more than Poisson's counts these vary, 1 at least.
fn dispersion(pooled: &Sums) -> f64 {
    let mean = pooled.y / pooled.n.max(1.0);
    let variance = (pooled.yy / pooled.n.max(1.0) - mean * mean).max(0.0);
    let ratio = variance / mean;
    if ratio.is_finite() {
        ratio.max(1.0)
    } else {
        1.0
    }
}

fn cohort(epoch: &Seen, dispersion: f64) -> Cohort {
    let by = |of: &dyn Fn(&Sums) -> f64| epoch.arms.iter().map(of).collect();
    Cohort {
        visitors: by(&|sum| sum.n * TRIALS),
        converted: by(&|sum| sum.y.max(0.0) / dispersion),
        weight: epoch.weight,
        reached: 1.0,
    }
}
