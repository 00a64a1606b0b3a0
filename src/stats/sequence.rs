//! Intervals and p-values that stay valid however often one looks, and whenever one stops.
//!
//! [`Sequence`] is the asymptotic confidence sequence (Waudby-Smith et al. 2021) of a contrast of means: of a fixed split,
//! by AIPW, or weighted by inverse propensities. A lift r is tested by the mean of `ψ_r = G_t − (1 + r)·G_c`, so that difference and lift agree about 0.
//! Conversions have a tighter sequence without any floor on the propensities: [`odds`].
//!
//! # One side
//! Harm is looked for on one side only ([`Side`]). There the mixture is the half of the normal on that side,
//! `e = 2/√(x + 1)·exp(y²/2)·Φ(y)` with x = ρ²·V and y = z·√(x/(x + 1)): of at most 1 in the mean as long as there is no
//! effect on that side, so it passes 1/α with a probability of at most α (Ville). By Φ(y) ≥ 1 − exp(−y²/2) it does where
//! `y² = 2·ln(1 + √(x + 1)/(2α))`, the one-sided boundary of Waudby-Smith et al.; a little wider than two sides at 2α.
//!
//! # What is tuned
//! The boundary is tightest at [`PLANNED`] visitors. Its scale is the variance per visitor; under moving propensities one
//! that was stored, that of the first epochs alone, or that of an even split, so that the scale stands still once the first
//! interval is shown.

pub mod bounded;
pub mod msprt;
pub mod odds;

use super::adaptive::scored::edge;
use super::adaptive::{Contrast, Scored};
use super::{Interval, Sample};
use crate::posterior::normal::Pair;

/// The number of visitors at which intervals are tightest.
pub const PLANNED: f64 = 10_000.0;
/// The search for a bound converges long before.
const MAX_STEPS: usize = 100;

/// `ρ²·n` of the boundary that is about tightest at n visitors: `−2 ln α + ln(1 − 2 ln α)`.
pub fn tuning(alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    twice + twice.ln_1p()
}

/// `ρ²·n` of the boundary that is exactly tightest at n visitors: `−W₋₁(−α²/e) − 1`.
pub fn tuning_exact(alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    // With u = −W₋₁(−α²/e): u = 1 − 2 ln α + ln u, a contraction.
    let root = (0..100).fold(1.0 + twice, |u: f64, _| 1.0 + twice + u.ln());
    root - 1.0
}

/// Half-width in standard errors: `√(2(x + 1)/x · ln(√(x + 1)/α))` at the information x = ρ²·V.
pub fn critical(information: f64, alpha: f64) -> f64 {
    let grown = information + 1.0;
    (2.0 * grown / information * (0.5 * information.ln_1p() - alpha.ln())).sqrt()
}

/// The same on one side: `√(2(x + 1)/x · ln(1 + √(x + 1)/(2α)))`.
pub fn critical_one_sided(information: f64, alpha: f64) -> f64 {
    let grown = information + 1.0;
    let odds = grown.sqrt() / (2.0 * alpha);
    (2.0 * grown / information * odds.ln_1p()).sqrt()
}

/// A side of no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// More than none.
    Above,
    /// Less than none.
    Below,
}

/// How wide: α, and whether it is spent on one side.
#[derive(Debug, Clone, Copy)]
struct Level {
    alpha: f64,
    one_sided: bool,
}

impl Level {
    fn both(alpha: f64) -> Self {
        Self {
            alpha,
            one_sided: false,
        }
    }

    /// The boundary is tuned to the tail it leaves on either side.
    fn tuning(self) -> f64 {
        tuning(if self.one_sided {
            2.0 * self.alpha
        } else {
            self.alpha
        })
    }

    fn critical(self, information: f64) -> f64 {
        if self.one_sided {
            critical_one_sided(information, self.alpha)
        } else {
            critical(information, self.alpha)
        }
    }
}

/// The smallest α at which the sequence excludes an estimate that is z standard errors away:
/// `√(x + 1)·exp(−x·z²/(2(x + 1)))`, at most 1.
pub fn p_value(information: f64, z: f64) -> f64 {
    let exponent = information * z * z / (2.0 * (information + 1.0));
    (0.5 * information.ln_1p() - exponent).exp().min(1.0)
}

/// A contrast of two means as a confidence sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequence {
    means: Scored,
    /// The means of the visitors that set the scale.
    scale: Pair,
    /// Visitors of all, times the squared weight per visitor of `scale` over that of all.
    visitors: f64,
    /// The number of visitors at which it is tightest.
    planned: f64,
}

impl Sequence {
    /// Of two arms under a fixed split.
    pub fn fixed(control: &Sample, treatment: &Sample) -> Self {
        let means = Pair {
            treatment: treatment.mean,
            treatment_variance: treatment.variance_of_mean(),
            control: control.mean,
            control_variance: control.variance_of_mean(),
            covariance: 0.0,
        };
        Self {
            means: means.into(),
            scale: means,
            visitors: (control.n + treatment.n) as f64,
            planned: PLANNED,
        }
    }

    /// By AIPW; `first` are the epochs that set the scale. `None` without visitors.
    pub fn adaptive(all: &Contrast, first: &Contrast) -> Option<Self> {
        Some(Self {
            means: all.means()?.into(),
            scale: first.means()?,
            visitors: (all.weight / first.weight).powi(2) * first.visitors,
            planned: PLANNED,
        })
    }

    /// By AIPW with [`super::adaptive::Weights::Common`], the scale being a stored `variance` per visitor: that of `h·ψ_r` is
    /// `variance·((1 − share) + r²·share)` for arms that vary alike, where `share` is the treatment's share of the two
    /// propensities. `None` without visitors.
    pub fn anchored(all: &Contrast, variance: f64, share: f64) -> Option<Self> {
        Some(Self {
            means: all.means()?.into(),
            scale: Pair {
                treatment: 0.0,
                treatment_variance: variance * (1.0 - share),
                control: 0.0,
                control_variance: variance * share,
                covariance: 0.0,
            },
            visitors: all.weight * all.weight,
            planned: PLANNED,
        })
    }

    /// Of means weighted by inverse propensities, about so many visitors in all; `even` has the variances per visitor
    /// that set the scale.
    pub fn weighted(means: Pair, even: Pair, visitors: f64) -> Self {
        Self {
            means: means.into(),
            scale: even,
            visitors: visitors * visitors,
            planned: PLANNED,
        }
    }

    /// The same about other means: where the values were counted from, what they were linearised at, or how their
    /// variances go with them.
    #[must_use]
    pub fn at(self, means: impl Into<Scored>) -> Self {
        Self {
            means: means.into(),
            ..self
        }
    }

    /// The interval of treatment − control; `None` where nothing varies.
    pub fn absolute(&self, alpha: f64) -> Option<Interval> {
        let level = Level::both(alpha);
        let (seen, half) = (self.means.deviation(1.0, 0.0), self.half_width(level)?);
        if self.means.is_plain() {
            return Interval::around(seen, half);
        }
        let end = |half| edge(|none| self.excess((1.0, none), level), seen, half);
        Interval::new(end(-half)?, end(half)?)
    }

    /// The interval of (treatment − control) / |control|; `None` where the control cannot be told from 0.
    pub fn relative(&self, alpha: f64) -> Option<Interval> {
        let level = Level::both(alpha);
        let (low, high) = (self.bound(false, level)?, self.bound(true, level)?);
        if self.means.means.control > 0.0 {
            Interval::new(low - 1.0, high - 1.0)
        } else {
            Interval::new(1.0 - high, 1.0 - low)
        }
    }

    /// What the lift is at least ([`Side::Above`]) or at most (`Below`); `None` where the control cannot be told from 0.
    pub fn lift_beyond(&self, side: Side, alpha: f64) -> Option<f64> {
        let control = self.means.means.control;
        let ratio = self.means.means.treatment / control;
        let is_high = match side {
            Side::Above => control < 0.0,
            Side::Below => control > 0.0,
        };
        let level = Level {
            alpha,
            one_sided: true,
        };
        let bound = ratio.is_finite().then(|| self.bound(is_high, level))??;
        Some((bound - 1.0) * control.signum())
    }

    /// The p-value of no difference, valid at any time; `None` where nothing varies.
    pub fn p_value(&self, alpha: f64) -> Option<f64> {
        let variance = self.means.variance(1.0, 0.0);
        let z = self.means.deviation(1.0, 0.0) / variance.sqrt();
        let p = p_value(self.information(1.0, variance, Level::both(alpha)), z);
        (variance > 0.0 && p.is_finite()).then_some(p)
    }

    /// ρ²·V of ψ with this ratio, where the mean of ψ has such a variance.
    fn information(&self, ratio: f64, of_mean: f64, level: Level) -> f64 {
        let visitors = self.visitors * of_mean / variance(&self.scale, ratio);
        level.tuning() * visitors / self.planned
    }

    /// Half the width of the interval of the difference at what was seen.
    fn half_width(&self, level: Level) -> Option<f64> {
        let variance = variance(&self.means.means, 1.0);
        let half = level.critical(self.information(1.0, variance, level)) * variance.sqrt();
        (half > 0.0 && half.is_finite()).then_some(half)
    }

    /// By how much treatment = ratio · control + difference is excluded, in squares; negative if it is not.
    fn excess(&self, (ratio, difference): (f64, f64), level: Level) -> f64 {
        let deviation = self.means.deviation(ratio, difference);
        let variance = self.means.variance(ratio, difference);
        if variance <= 0.0 {
            return deviation * deviation;
        }
        let critical = level.critical(self.information(ratio, variance, level));
        deviation * deviation - critical * critical * variance
    }

    /// Where the sequence begins to exclude a ratio.
    fn bound(&self, is_high: bool, level: Level) -> Option<f64> {
        let plain = self.plain_bound(is_high, level)?;
        if self.means.is_plain() {
            return Some(plain);
        }
        let seen = self.means.means.treatment / self.means.means.control;
        edge(|ratio| self.excess((ratio, 0.0), level), seen, plain - seen)
    }

    /// The same for variances that stay: a root of Fieller's equation, whose critical value depends a little on the ratio
    /// itself; not at all under a fixed split.
    fn plain_bound(&self, is_high: bool, level: Level) -> Option<f64> {
        let means = &self.means.means;
        let mut ratio = means.treatment / means.control;
        for _ in 0..MAX_STEPS {
            let variance = variance(means, ratio);
            let critical = level.critical(self.information(ratio, variance, level));
            let (low, high) = means.fieller(critical)?;
            let next = if is_high { high } else { low };
            let step = (next - ratio).abs();
            ratio = next;
            if step <= 1e-13 * (1.0 + ratio.abs()) {
                break;
            }
        }
        Some(ratio)
    }
}

/// The variance of the mean of ψ with this ratio.
fn variance(means: &Pair, ratio: f64) -> f64 {
    let variance = means.treatment_variance - 2.0 * ratio * means.covariance
        + ratio * ratio * means.control_variance;
    variance.max(0.0)
}

#[cfg(test)]
mod tests;
