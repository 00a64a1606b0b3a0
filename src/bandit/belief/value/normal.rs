//! Any mean per visitor, by the normal-inverse-gamma model; of a ratio, the mean of its linearised values.
//!
//! A ratio R = Σy/Σx moves by the mean of z = y − R₀·x over that of x, R₀ being the ratio of all variants together: the
//! delta method. All epochs count as one sample, so a base rate that moves misleads it (see [`super`]).

use super::super::super::target::Situation;
use super::super::{Estimate, Modelled, sign};
use super::sums::{self, Sums};
use super::{costs, said_of, unknown};
use crate::catalog::metric::MetricKind;
use crate::posterior::hurdle::PSEUDO_ORDERS;
use crate::posterior::nig::Nig;
use crate::posterior::{Posterior, best};

/// What the model makes of the sums.
pub(super) fn modelled(situation: Situation<'_>) -> Modelled {
    let metric = situation.entry.experiment.metric(situation.bandit.metric);
    let sums = sums::total(&sums::by_epoch(situation), situation.arms.len());
    let means = match metric.map(|metric| &metric.kind) {
        Some(MetricKind::Ratio { .. }) => ratios(&sums),
        Some(MetricKind::Sum { .. }) => posteriors(&sums.iter().map(capped).collect::<Vec<_>>()),
        Some(MetricKind::Conversion { .. } | MetricKind::Count { .. }) | None => {
            let own = |sum: &Sums| Sample::of(sum.n, sum.y, sum.yy);
            posteriors(&sums.iter().map(own).collect::<Vec<_>>())
        }
    };
    let Some(means) = means else {
        return Modelled {
            arms: unknown(situation),
            said: " Nothing varies yet.".to_owned(),
            ratios: Vec::new(),
        };
    };
    let (sign, costs) = (sign(situation), costs(situation));
    let net: Vec<Posterior> = means.iter().map(|mean| mean.times(sign)).collect();
    let net: Vec<Posterior> = net.iter().zip(&costs).map(|(of, c)| of.less(*c)).collect();
    let chances = best::evaluate(&net).prob_best;
    let estimate = |(of, prob_best): (&Posterior, f64)| Estimate {
        mean: sign * of.mean(),
        sd: of.sd(),
        prob_best,
    };
    Modelled {
        arms: net.iter().zip(chances).map(estimate).collect(),
        said: " All epochs count as one sample.".to_owned() + &said_of(&costs),
        ratios: Vec::new(),
    }
}

/// Values per visitor: how many, their sum and that of their squares.
#[derive(Clone, Copy)]
struct Sample {
    n: f64,
    y: f64,
    yy: f64,
}

impl Sample {
    fn of(n: f64, y: f64, yy: f64) -> Self {
        Self { n, y, yy }
    }

    fn mean(self) -> f64 {
        if self.n > 0.0 { self.y / self.n } else { 0.0 }
    }

    /// Σ of squares about the mean.
    fn squares(self) -> f64 {
        (self.yy - self.y * self.mean()).max(0.0)
    }
}

/// Revenue with each visitor's orders capped; who bought nothing brought nothing.
fn capped(sum: &Sums) -> Sample {
    Sample::of(sum.n, sum.spent.total, sum.spent.squares)
}

/// The posterior of each mean, whose prior is worth [`PSEUDO_ORDERS`] orders: E\[y²\]/E\[y\]² visitors each.
fn posteriors(arms: &[Sample]) -> Option<Vec<Posterior>> {
    let pooled = pooled(arms);
    let visitors = pooled.n * pooled.yy / (pooled.y * pooled.y);
    updated(arms, pooled, PSEUDO_ORDERS * visitors)
}

fn pooled(arms: &[Sample]) -> Sample {
    let sum = |of: fn(&Sample) -> f64| arms.iter().map(of).sum();
    Sample::of(sum(|arm| arm.n), sum(|arm| arm.y), sum(|arm| arm.yy))
}

fn updated(arms: &[Sample], pooled: Sample, prior_visitors: f64) -> Option<Vec<Posterior>> {
    let variance = pooled.squares() / (pooled.n - 1.0).max(1.0);
    let prior = Nig::pooled(pooled.mean(), variance, prior_visitors)?;
    let posterior = |arm: &Sample| prior.updated(arm.n, arm.mean(), arm.squares()).mean();
    arms.iter().map(posterior).collect()
}

/// The posterior of each ratio.
fn ratios(arms: &[Sums]) -> Option<Vec<Posterior>> {
    let all = sums::pooled(arms);
    let (common, size) = (all.y / all.x, all.x / all.n);
    if !common.is_finite() || !size.is_finite() || size <= 0.0 {
        return None;
    }
    let linearised = |sum: &Sums| {
        let y = sum.y - common * sum.x;
        let yy = sum.yy - 2.0 * common * sum.xy + common * common * sum.xx;
        Sample::of(sum.n, y, yy.max(0.0))
    };
    let values: Vec<Sample> = arms.iter().map(linearised).collect();
    // A prior of as many visitors as have PSEUDO_ORDERS of what is below the line.
    let prior = PSEUDO_ORDERS * all.n * all.xx / (all.x * all.x);
    let moved = updated(&values, pooled(&values), prior)?;
    let ratio = |(of, sum): (&Posterior, &Sums)| {
        let own = (prior * size + sum.x) / (prior + sum.n);
        of.times(1.0 / own).less(-common)
    };
    Some(moved.iter().zip(arms).map(ratio).collect())
}
