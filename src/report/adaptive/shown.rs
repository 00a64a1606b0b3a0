//! What is shown of a pair whose odds moved.

use crate::posterior::normal::{self, Pair};
use crate::report::{ALPHA, ComparisonReport, Effect, Method};
use crate::stats::adaptive::Scored;
use crate::stats::{Caveat, Interval};

use super::{MIN_EVENTS, THIN_EVENTS};

/// Means of a pair under moving odds, gated by effective events.
pub(in crate::report) struct Shown {
    pub(in crate::report) method: Method,
    /// The means whose difference is shown.
    pub(in crate::report) difference: Scored,
    /// The means whose ratio is shown, and tested.
    pub(in crate::report) lift: Scored,
    /// Effective events of the pair.
    pub(in crate::report) events: f64,
    /// Whether a ratio's denominator is too uncertain to linearise.
    pub(in crate::report) is_noisy: bool,
}

impl Shown {
    /// The comparison for one planned look; what is left out is explained.
    pub(in crate::report) fn compared(&self, blank: ComparisonReport) -> ComparisonReport {
        let critical = normal::critical(ALPHA);
        let mut caveats = Vec::new();
        let is_open = self.events >= MIN_EVENTS && !self.is_noisy;
        if !is_open {
            caveats.push(Caveat::TooFew);
        } else if self.events < THIN_EVENTS {
            caveats.push(Caveat::Thin);
        }
        let (difference, error) = contrast(&self.difference.means);
        if error.is_none() {
            caveats.push(Caveat::ZeroVariance);
        }
        let (low, high) = self.difference.differences(critical);
        let is_shown = error.is_some() && is_open;
        let means = &self.lift.means;
        let (weighted, weighted_error) = contrast(means);
        let lift = weighted / means.control.abs();
        let interval = self.lift_interval(critical);
        if !lift.is_finite() {
            caveats.push(Caveat::ControlMeanZero);
        } else if interval.is_none() && is_open {
            caveats.push(Caveat::LiftUnbounded);
        }
        let interval = interval.filter(|_| is_shown);
        let z = weighted_error.and_then(|_| self.lift.z());
        let p_value = z.filter(|_| is_open).map(|z| 2.0 * normal::sf(z.abs()));
        ComparisonReport {
            method: self.method,
            absolute: Some(Effect {
                estimate: difference,
                low: is_shown.then_some(low),
                high: is_shown.then_some(high),
            }),
            relative: lift.is_finite().then_some(Effect {
                estimate: lift,
                low: interval.map(|interval| interval.low),
                high: interval.map(|interval| interval.high),
            }),
            std_error: error,
            p_value,
            caveats,
            ..blank
        }
    }

    /// The interval of the lift relative to |control|.
    fn lift_interval(&self, critical: f64) -> Option<Interval> {
        let (low, high) = self.lift.ratios(critical)?;
        Some(if self.lift.means.control > 0.0 {
            Interval {
                low: low - 1.0,
                high: high - 1.0,
            }
        } else {
            Interval {
                low: 1.0 - high,
                high: 1.0 - low,
            }
        })
    }
}

/// Treatment − control, and its standard error if anything varies.
pub(super) fn contrast(means: &Pair) -> (f64, Option<f64>) {
    let variance = means.treatment_variance + means.control_variance - 2.0 * means.covariance;
    let error = variance.max(0.0).sqrt();
    (
        means.treatment - means.control,
        (error > 0.0 && error.is_finite()).then_some(error),
    )
}
