//! What the data say about an arm's mean: prior ⊕ sufficient statistics, computed on demand and never stored.
//!
//! A conversion rate has a Beta posterior under the uniform prior Beta(1, 1). A mean per visitor has Student's t of a
//! normal-inverse-gamma model ([`nig`]), or where only its standard error is known the normal of a flat prior: by the
//! central limit theorem both stay consistent for any distribution of revenue, where a log-normal model converged to the
//! wrong arm; [`hurdle`] takes a visitor's revenue apart. What follows from a set of posteriors is in [`best`]. Where the
//! level of all rates moves, [`cohort`] has the posterior of their ratios; [`level`] says whether it does, and mixes both
//! answers ([`mixture`]). [`contextual`] has that of ratios by context, [`linear`] that of values that go with features of
//! visitors, and [`drift`] says whether ratios have changed, too.

pub mod best;
pub mod beta;
mod cholesky;
pub mod cohort;
pub mod contextual;
pub mod delay;
pub mod discount;
pub mod drift;
pub mod effect;
pub mod hurdle;
mod lattice;
pub mod level;
mod lift;
pub mod linear;
pub mod mixture;
pub mod nig;
pub mod normal;
mod panel;
pub mod stratified;
pub mod student;
mod sweep;

pub(crate) use panel::nodes;

/// The posterior distribution of one arm's mean per visitor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Posterior {
    /// Beta(a, b) of a conversion rate; both positive and finite.
    Beta {
        /// 1 + converted visitors.
        a: f64,
        /// 1 + visitors who did not convert.
        b: f64,
    },
    /// Normal, of any mean.
    Normal {
        /// The arm's mean.
        mean: f64,
        /// Its standard error; 0 is a mean known exactly.
        sd: f64,
    },
    /// mean + scale · T with Student's T, of a mean whose variance is estimated, too.
    StudentT {
        /// The arm's mean.
        mean: f64,
        /// The scale; 0 is a mean known exactly.
        scale: f64,
        /// Degrees of freedom, above 2: mean and variance exist.
        df: f64,
    },
}

impl Posterior {
    /// The posterior of a conversion rate after so many trials, under Beta(1, 1).
    pub fn beta(conversions: u64, trials: u64) -> Self {
        Self::Beta {
            a: 1.0 + conversions as f64,
            b: 1.0 + trials.saturating_sub(conversions) as f64,
        }
    }

    /// The posterior of a mean under a flat prior. `None` without a finite mean and standard error: a flat prior alone is
    /// no distribution.
    pub fn normal(mean: f64, std_error: f64) -> Option<Self> {
        (mean.is_finite() && std_error.is_finite() && std_error >= 0.0).then_some(Self::Normal {
            mean,
            sd: std_error,
        })
    }

    /// The posterior of a mean and an unknown variance. `None` without finite figures, or with two degrees of freedom or
    /// fewer: the variance would be infinite.
    pub fn student_t(mean: f64, scale: f64, df: f64) -> Option<Self> {
        let is_proper = mean.is_finite() && scale.is_finite() && scale >= 0.0 && df.is_finite();
        (is_proper && df > 2.0).then_some(Self::StudentT { mean, scale, df })
    }

    /// The posterior of `factor` times the mean; a Beta's as the normal of the same mean and standard deviation.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        match *self {
            Self::Beta { .. } => Self::Normal {
                mean: factor * self.mean(),
                sd: factor.abs() * self.sd(),
            },
            Self::Normal { mean, sd } => Self::Normal {
                mean: factor * mean,
                sd: factor.abs() * sd,
            },
            Self::StudentT { mean, scale, df } => Self::StudentT {
                mean: factor * mean,
                scale: factor.abs() * scale,
                df,
            },
        }
    }

    /// The posterior of the mean less a constant; a Beta's as the normal of the same standard deviation.
    #[must_use]
    pub fn less(&self, by: f64) -> Self {
        match *self {
            Self::Beta { .. } | Self::Normal { .. } => Self::Normal {
                mean: self.mean() - by,
                sd: self.sd(),
            },
            Self::StudentT { mean, scale, df } => Self::StudentT {
                mean: mean - by,
                scale,
                df,
            },
        }
    }

    /// The posterior of what is larger where the mean is smaller: of one less a Beta's rate, of any other mean's negative.
    #[must_use]
    pub fn opposite(&self) -> Self {
        match *self {
            Self::Beta { a, b } => Self::Beta { a: b, b: a },
            Self::Normal { .. } | Self::StudentT { .. } => self.times(-1.0),
        }
    }

    /// The posterior mean.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Beta { a, b } => a / (a + b),
            Self::Normal { mean, .. } | Self::StudentT { mean, .. } => *mean,
        }
    }

    /// The posterior standard deviation.
    pub fn sd(&self) -> f64 {
        match self {
            Self::Beta { a, b } => (a * b / (a + b + 1.0)).sqrt() / (a + b),
            Self::Normal { sd, .. } => *sd,
            Self::StudentT { scale, df, .. } => scale * (df / (df - 2.0)).sqrt(),
        }
    }

    /// The equal-tailed credible interval with probability 1 − alpha.
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        match self {
            Self::Beta { a, b } => beta::interval(*a, *b, alpha),
            Self::Normal { mean, sd } => {
                let half = normal::critical(alpha) * sd;
                (mean - half, mean + half)
            }
            Self::StudentT { mean, scale, df } => {
                let half = student::t_critical(alpha, *df) * scale;
                (mean - half, mean + half)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_is_one_success_and_one_failure() {
        assert_eq!(Posterior::beta(3, 10), Posterior::Beta { a: 4.0, b: 8.0 });
        assert!((Posterior::beta(0, 0).mean() - 0.5).abs() < 1e-15);
        assert!((Posterior::beta(0, 0).sd() - (1.0_f64 / 12.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_flat_prior_alone_is_no_posterior() {
        assert_eq!(Posterior::normal(f64::NAN, 1.0), None);
        assert_eq!(Posterior::normal(1.0, f64::INFINITY), None);
        assert_eq!(Posterior::normal(1.0, -1.0), None);
        let known = Posterior::normal(1.0, 0.0).unwrap();
        assert!((known.interval(0.05).1 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn intervals_of_both_families_agree_on_large_samples() {
        let rate = Posterior::beta(100_000, 1_000_000);
        let mean = Posterior::normal(rate.mean(), rate.sd()).unwrap();
        let (exact, approximate) = (rate.interval(0.05), mean.interval(0.05));
        assert!((exact.0 - approximate.0).abs() < 1e-5 * exact.0);
        assert!((exact.1 - approximate.1).abs() < 1e-5 * exact.1);
    }
}
