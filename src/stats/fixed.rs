//! Two arms under a fixed split: the absolute difference with its test, and the relative lift.
//!
//! Proportions: pooled z test with a Wald interval, or Newcombe's hybrid Wilson interval (1998, method 10) where counts are
//! small, which also works for arms without any conversion. Means: Welch's t test and interval.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lift::{self, Terms};
use super::special::{t_critical, t_sf};
use super::{Caveat, Interval, Kind, Sample, wilson};
use crate::posterior::normal;

/// Conversions, or visitors without one, below which either arm makes a Wald interval unreliable.
const SMALL_COUNT: f64 = 30.0;

/// How the absolute difference was tested and its interval made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Welch's t test and interval.
    Welch,
    /// Pooled z test, Wald interval.
    PooledZ,
    /// Pooled z test, Newcombe interval.
    PooledZNewcombe,
    /// z test and interval of two ratios by the delta method.
    Ratio,
}

/// A figure with its uncertainty; the caveats of the result it stands in say why a part is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    /// The point estimate.
    pub estimate: f64,
    /// Its standard error, positive.
    #[schema(required)]
    pub std_error: Option<f64>,
    /// Its interval with confidence 1 − alpha.
    #[schema(required)]
    pub interval: Option<Interval>,
}

impl Estimate {
    /// With a z interval; without error and interval unless the error is positive. `None` for no finite estimate.
    pub(super) fn by_z(estimate: f64, std_error: f64, alpha: f64) -> Option<Self> {
        let std_error = positive(std_error);
        estimate.is_finite().then(|| Self {
            estimate,
            std_error,
            interval: std_error
                .and_then(|error| Interval::around(estimate, normal::critical(alpha) * error)),
        })
    }
}

/// A treatment against a control. All figures are finite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How `absolute` and `p_value` were made.
    pub method: Method,
    /// Treatment − control, in units of the metric.
    pub absolute: Option<Estimate>,
    /// (Treatment − control) / |control|, as a fraction.
    pub relative: Option<Estimate>,
    /// Two-sided p-value of no absolute difference.
    pub p_value: Option<f64>,
    /// What is missing, and why.
    pub caveats: Vec<Caveat>,
}

/// The test of the absolute difference.
struct Test {
    method: Method,
    std_error: f64,
    interval: Option<Interval>,
    p_value: Option<f64>,
    /// Half-width of an interval in standard errors; `None` without a standard error.
    critical: Option<f64>,
    caveat: Option<Caveat>,
}

/// Compares two arms of a fixed split at confidence 1 − `alpha`.
///
/// `events` is the number of orders in the arm with fewer of them; a lift interval needs 25, and 50 to be relied on.
/// Without it a proportion counts its conversions, and a mean is shown however few orders it has.
pub fn compare(
    control: &Sample,
    treatment: &Sample,
    kind: Kind,
    alpha: f64,
    events: Option<u64>,
) -> Comparison {
    let test = if control.is_usable() && treatment.is_usable() {
        match kind {
            Kind::Proportion => pooled_z(control, treatment, alpha),
            Kind::Mean => welch(control, treatment, alpha),
            Kind::Ratio => delta_z(control, treatment, alpha),
        }
    } else {
        return no_data(kind);
    };
    let mut caveats = Vec::from_iter(test.caveat);
    let terms = Terms {
        critical: test.critical,
        events: events.or(match kind {
            Kind::Proportion => Some(successes(control).min(successes(treatment))),
            Kind::Mean | Kind::Ratio => None,
        }),
    };
    let estimate = treatment.mean - control.mean;
    Comparison {
        method: test.method,
        absolute: estimate.is_finite().then_some(Estimate {
            estimate,
            std_error: positive(test.std_error),
            interval: test.interval,
        }),
        relative: lift::relative(control, treatment, terms, &mut caveats),
        p_value: test.p_value.filter(|p| p.is_finite()),
        caveats,
    }
}

fn no_data(kind: Kind) -> Comparison {
    Comparison {
        method: match kind {
            Kind::Proportion => Method::PooledZNewcombe,
            Kind::Mean => Method::Welch,
            Kind::Ratio => Method::Ratio,
        },
        absolute: None,
        relative: None,
        p_value: None,
        caveats: vec![Caveat::NoData],
    }
}

fn positive(value: f64) -> Option<f64> {
    (value > 0.0 && value.is_finite()).then_some(value)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of n visitors: between 0 and n, and a cast saturates"
)]
fn successes(sample: &Sample) -> u64 {
    (sample.mean * sample.n as f64).round() as u64
}

/// `z = (p_t − p_c) / √(p(1 − p)(1/n_c + 1/n_t))` with the pooled p.
fn pooled_z(control: &Sample, treatment: &Sample, alpha: f64) -> Test {
    let (visitors_c, visitors_t) = (control.n as f64, treatment.n as f64);
    let pooled =
        (control.mean * visitors_c + treatment.mean * visitors_t) / (visitors_c + visitors_t);
    let error = (pooled * (1.0 - pooled) * (1.0 / visitors_c + 1.0 / visitors_t)).sqrt();
    let difference = treatment.mean - control.mean;
    let small = [control, treatment].iter().any(|arm| {
        let count = arm.mean.min(1.0 - arm.mean) * arm.n as f64;
        count < SMALL_COUNT
    });
    let (method, interval) = if small {
        (Method::PooledZNewcombe, newcombe(control, treatment, alpha))
    } else {
        (Method::PooledZ, wald(control, treatment, alpha))
    };
    let varies = error > 0.0;
    Test {
        method,
        std_error: unpooled_error(control, treatment),
        interval,
        p_value: Some(if varies {
            2.0 * normal::sf((difference / error).abs())
        } else {
            1.0
        }),
        critical: varies.then(|| normal::critical(alpha)),
        caveat: (!varies).then_some(Caveat::ZeroVariance),
    }
}

fn unpooled_error(control: &Sample, treatment: &Sample) -> f64 {
    (control.variance_of_mean() + treatment.variance_of_mean()).sqrt()
}

fn wald(control: &Sample, treatment: &Sample, alpha: f64) -> Option<Interval> {
    Interval::around(
        treatment.mean - control.mean,
        normal::critical(alpha) * unpooled_error(control, treatment),
    )
}

/// `d − √((p_t − l_t)² + (u_c − p_c)²)` and `d + √((u_t − p_t)² + (p_c − l_c)²)` with each arm's Wilson interval (l, u).
fn newcombe(control: &Sample, treatment: &Sample, alpha: f64) -> Option<Interval> {
    let of = |arm: &Sample| wilson(arm.mean, arm.n as f64, alpha);
    let (of_c, of_t) = of(control).zip(of(treatment))?;
    let difference = treatment.mean - control.mean;
    Interval::new(
        difference - (treatment.mean - of_t.low).hypot(of_c.high - control.mean),
        difference + (of_t.high - treatment.mean).hypot(control.mean - of_c.low),
    )
}

/// `t = (m_t − m_c) / √(a + b)`, `df = (a + b)² / (a²/(n_c − 1) + b²/(n_t − 1))` with the variances a, b of the means.
fn welch(control: &Sample, treatment: &Sample, alpha: f64) -> Test {
    let (a, b) = (control.variance_of_mean(), treatment.variance_of_mean());
    let share = a / (a + b);
    let df = (share * share / (control.n as f64 - 1.0)
        + (1.0 - share) * (1.0 - share) / (treatment.n as f64 - 1.0))
        .recip();
    unpooled(control, treatment, Method::Welch, |z| {
        (t_critical(alpha, df), t_sf(z, df))
    })
}

/// The z test of two ratios, whose variances are already asymptotic.
fn delta_z(control: &Sample, treatment: &Sample, alpha: f64) -> Test {
    unpooled(control, treatment, Method::Ratio, |z| {
        (normal::critical(alpha), normal::sf(z))
    })
}

/// The test by the unpooled error; `tail` gives the critical value and the one-sided p-value of a distance in errors.
fn unpooled(
    control: &Sample,
    treatment: &Sample,
    method: Method,
    tail: impl Fn(f64) -> (f64, f64),
) -> Test {
    let difference = treatment.mean - control.mean;
    let error = unpooled_error(control, treatment);
    let untested = |caveat, p_value| Test {
        method,
        std_error: 0.0,
        interval: None,
        p_value,
        critical: None,
        caveat: Some(caveat),
    };
    if control.n < 2 || treatment.n < 2 {
        return untested(Caveat::TooFew, None);
    }
    if positive(error).is_none() {
        // Two constants: equal ones show no difference, and for unequal ones there is nothing to judge chance by.
        let equal = difference.abs() <= 0.0;
        return untested(Caveat::ZeroVariance, equal.then_some(1.0));
    }
    let (critical, beyond) = tail((difference / error).abs());
    Test {
        method,
        std_error: error,
        interval: Interval::around(difference, critical * error),
        p_value: Some(2.0 * beyond),
        critical: Some(critical),
        caveat: None,
    }
}

#[cfg(test)]
pub(super) mod tests;
