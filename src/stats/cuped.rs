//! CUPED (Deng, Xu, Kohavi & Walker 2013): takes out of a metric what the visitors' own past already explains.
//!
//! With a covariate x from before the assignment, `Y − θ(x − x̄)` has the same difference between arms as Y and less
//! variance: 1 − ρ² of it at `θ = Cov(y, x)/Var(x)`. θ and x̄ come from all arms stacked, so every pair of arms is
//! adjusted alike. An adjusted arm is a [`Sample`] like any other: [`super::compare`] and
//! [`super::sequence::Sequence::fixed`] take it as [`Kind::Mean`](super::Kind::Mean), whatever the metric.
//!
//! x̄ moves the adjusted means of all arms together by an error of its own, of variance θ²·Var(x)/N. It cancels in a
//! difference, and up to (1 − R)² in a ratio R of two arms.

use super::{Estimate, Sample};
use crate::moments::Moments;

/// Moments per visitor of a value y with its covariate x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Joint {
    /// Visitors.
    pub n: u64,
    /// Mean of y.
    pub value: f64,
    /// Mean of x.
    pub covariate: f64,
    /// Unbiased variance of y between visitors.
    pub value_variance: f64,
    /// Unbiased variance of x between visitors.
    pub covariate_variance: f64,
    /// Unbiased covariance of y and x.
    pub covariance: f64,
}

impl Joint {
    /// From sums whose x is the covariate, y and x counted in so many integers per unit.
    ///
    /// The moments of several arms added give the arms stacked. `None` for fewer than two visitors.
    pub fn of(moments: &Moments, unit_y: f64, unit_x: f64) -> Option<Self> {
        Some(Self {
            n: u64::try_from(moments.n).ok()?,
            value: moments.mean(unit_y)?,
            covariate: moments.x as f64 / moments.n as f64 / unit_x,
            value_variance: moments.variance(unit_y)?,
            covariate_variance: moments.variance_x(unit_x)?,
            covariance: moments.covariance(unit_x, unit_y)?,
        })
    }
}

/// What is taken from every visitor: θ(x − x̄).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// How much y moves with x.
    pub theta: f64,
    /// The mean of x over all arms.
    pub center: f64,
}

impl Adjustment {
    /// From all arms stacked. Without variance of x nothing is taken: θ is 0.
    pub fn of(all: &Joint) -> Self {
        let theta = all.covariance / all.covariate_variance;
        Self {
            theta: if theta.is_finite() { theta } else { 0.0 },
            center: all.covariate,
        }
    }

    /// The arm as it would be with an average past: mean `ȳ − θ(x̄_arm − x̄)`, variance
    /// `Var(y) + θ²·Var(x) − 2θ·Cov(y, x)`.
    pub fn sample(&self, arm: &Joint) -> Sample {
        let theta = self.theta;
        let variance =
            arm.value_variance + theta * (theta * arm.covariate_variance - 2.0 * arm.covariance);
        Sample {
            n: arm.n,
            mean: arm.value - theta * (arm.covariate - self.center),
            variance: variance.max(0.0),
        }
    }

    /// The share of a difference's variance that the adjustment takes away; negative where it adds some.
    ///
    /// `None` where the values do not vary.
    pub fn reduction(&self, control: &Joint, treatment: &Joint) -> Option<f64> {
        let plain = per_visitor(control.value_variance, control.n)
            + per_visitor(treatment.value_variance, treatment.n);
        let adjusted =
            self.sample(control).variance_of_mean() + self.sample(treatment).variance_of_mean();
        let share = 1.0 - adjusted / plain;
        share.is_finite().then_some(share)
    }

    /// The adjusted difference relative to the control's plain mean, by the delta method. With R the ratio of the plain
    /// means and `v_t` the variance of the treatment's adjusted mean, its variance is
    /// `[v_t + (R²·Var(y_c) − 2Rθ·Cov(y_c, x_c) + θ²·Var(x_c))/n_c] / ȳ_c²`. This is the figure that GrowthBook shows.
    ///
    /// `None` where the control is at zero.
    pub fn lift(&self, control: &Joint, treatment: &Joint, alpha: f64) -> Option<Estimate> {
        let (base, ratio) = (control.value.abs(), treatment.value / control.value);
        let (adjusted_c, adjusted_t) = (self.sample(control), self.sample(treatment));
        let estimate = (adjusted_t.mean - adjusted_c.mean) / base;
        let spread = ratio
            * (ratio * control.value_variance - 2.0 * self.theta * control.covariance)
            + self.theta * self.theta * control.covariate_variance;
        let variance = adjusted_t.variance_of_mean() + per_visitor(spread.max(0.0), control.n);
        Estimate::by_z(estimate, variance.sqrt() / base, alpha)
    }
}

fn per_visitor(variance: f64, n: u64) -> f64 {
    variance / n.max(1) as f64
}

#[cfg(test)]
mod tests;
