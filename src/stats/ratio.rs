//! A ratio of totals per visitor, such as revenue per order: the delta method over visitors, not orders.
//!
//! Conditioning on the denominator happens after assignment, so a ratio may move because its denominator does.

use super::{Interval, Sample};
use crate::moments::Moments;
use crate::posterior::normal::{self, Pair};

/// The coefficient of variation of the denominator's mean above which the delta method is not good enough.
const NOISY: f64 = 0.3;

/// Moments per visitor of one arm: m above the line, d below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Visitors.
    pub n: u64,
    /// Mean of m.
    pub numerator: f64,
    /// Mean of d.
    pub denominator: f64,
    /// Variance of m between visitors.
    pub numerator_variance: f64,
    /// Variance of d between visitors.
    pub denominator_variance: f64,
    /// Covariance of m and d.
    pub covariance: f64,
}

impl Ratio {
    /// From sums of m over y and d over x, counted in so many integers per unit. `None` for fewer than two visitors.
    pub fn of(moments: &Moments, above: f64, below: f64) -> Option<Self> {
        Some(Self {
            n: u64::try_from(moments.n).ok()?,
            numerator: moments.mean(above)?,
            denominator: moments.x as f64 / moments.n as f64 / below,
            numerator_variance: moments.variance(above)?,
            denominator_variance: moments.variance_x(below)?,
            covariance: moments.covariance(below, above)?,
        })
    }

    /// R = m/d with the variance that makes √(variance / n) its standard error:
    /// `Var(m)/d² + Var(d)·m²/d⁴ − 2·Cov(m, d)·m/d³`. `None` where the denominator is zero.
    pub fn sample(&self) -> Option<Sample> {
        let ratio = self.numerator / self.denominator;
        let spread = self.numerator_variance + self.denominator_variance * ratio * ratio
            - 2.0 * self.covariance * ratio;
        let variance = (spread / (self.denominator * self.denominator)).max(0.0);
        let sample = Sample {
            n: self.n,
            mean: ratio,
            variance,
        };
        sample.is_usable().then_some(sample)
    }

    /// Whether the denominator's mean is too uncertain for the delta method.
    pub fn is_noisy(&self) -> bool {
        let variance = self.denominator_variance / self.n.max(1) as f64;
        variance.sqrt() > NOISY * self.denominator.abs()
    }

    /// The interval of the ratio: by its standard error, or Fieller's where the denominator is noisy.
    ///
    /// `None` where the denominator cannot be told from 0, or where nothing varies.
    pub fn interval(&self, alpha: f64) -> Option<Interval> {
        let (sample, z) = (self.sample()?, normal::critical(alpha));
        if sample.n < 2 || sample.variance <= 0.0 {
            return None;
        }
        if !self.is_noisy() {
            return Interval::around(sample.mean, z * sample.variance_of_mean().sqrt());
        }
        let visitors = self.n as f64;
        let means = Pair {
            treatment: self.numerator,
            treatment_variance: self.numerator_variance / visitors,
            control: self.denominator,
            control_variance: self.denominator_variance / visitors,
            covariance: self.covariance / visitors,
        };
        let (low, high) = means.fieller(z)?;
        Interval::new(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::stats::{Kind, compare};
    use serde_json::Value;

    fn ratio(sums: &Value) -> Ratio {
        let number = |field: &str| sums[field].as_f64().unwrap();
        let n = number("n");
        let (m, d) = (number("num_sum") / n, number("den_sum") / n);
        let moment = |second: &str, a: f64, b: f64| (number(second) - n * a * b) / (n - 1.0);
        Ratio {
            n: sums["n"].as_u64().unwrap(),
            numerator: m,
            denominator: d,
            numerator_variance: moment("num_sumsq", m, m),
            denominator_variance: moment("den_sumsq", d, d),
            covariance: moment("num_den", m, d),
        }
    }

    #[test]
    fn the_delta_method_matches_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/ratio_metric.json")) {
            let (control, treatment) = (
                ratio(&case.input["control"]),
                ratio(&case.input["treatment"]),
            );
            let (Some(control), Some(treatment)) = (control.sample(), treatment.sample()) else {
                assert!(case.numbers("diff").is_empty(), "{}", case.name);
                continue;
            };
            case.check("var_c", &[control.variance]);
            case.check("var_t", &[treatment.variance]);
            let result = compare(
                &control,
                &treatment,
                Kind::Ratio,
                case.number("alpha"),
                None,
            );
            let (absolute, relative) = (result.absolute.unwrap(), result.relative.unwrap());
            let interval = absolute.interval.unwrap();
            case.check("diff", &[absolute.estimate]);
            case.check("se", &[absolute.std_error.unwrap()]);
            case.check("ci_z", &[interval.low, interval.high]);
            case.check("p_value_z", &[result.p_value.unwrap()]);
            case.check("lift", &[relative.estimate]);
            case.check("se_lift", &[relative.std_error.unwrap()]);
        }
    }

    #[test]
    fn a_noisy_denominator_gets_a_skewed_interval_and_a_zero_one_none() {
        let noisy = Ratio {
            n: 100,
            numerator: 5.0,
            denominator: 0.08,
            numerator_variance: 300.0,
            denominator_variance: 0.08 * 0.92,
            covariance: 4.0,
        };
        assert!(noisy.is_noisy());
        let (mean, interval) = (noisy.sample().unwrap().mean, noisy.interval(0.05).unwrap());
        assert!(interval.high - mean > mean - interval.low);
        let nobody = Ratio {
            numerator: 0.0,
            denominator: 0.0,
            ..noisy
        };
        assert_eq!((nobody.sample(), nobody.interval(0.05)), (None, None));
    }
}
