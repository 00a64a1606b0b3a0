//! How many visitors a test needs, and what it can see: sample size, power and the smallest detectable lift.
//!
//! Normal approximation with unpooled variances (statistics §13): a lift L of the control's mean m is the difference
//! δ = L·m, the standard error of a pair is `√(v_c/n_c + v_t/n_t)`, and a two-sided test at α finds δ with probability
//! Φ(δ/SE − z) + Φ(−δ/SE − z), where P(|Z| > z) = α. Only the first term is used to solve for visitors or for δ. The
//! variance of a share moves with its mean, p(1 − p); that of any other mean is taken to stay.
//!
//! All of this is for one look at the end. Whoever watches and stops at the first significant day needs the always-valid
//! interval, which is about 1.55 times as wide, so [`ALWAYS_VALID`] = 2.4 times the visitors; a few planned looks with
//! O'Brien–Fleming bounds cost 3 to 10 % more visitors.

use crate::posterior::normal;

/// Visitors of an always-valid analysis per visitor of a test with one look: its width ratio squared.
pub const ALWAYS_VALID: f64 = 2.4;

/// What the control is believed to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baseline {
    /// A share of visitors.
    Proportion(f64),
    /// A mean per visitor, or a ratio with the standard deviation of one visitor's part in it.
    Mean {
        /// The mean.
        mean: f64,
        /// The standard deviation between visitors.
        sd: f64,
    },
}

impl Baseline {
    /// The control's mean.
    pub fn mean(self) -> f64 {
        match self {
            Self::Proportion(rate) => rate,
            Self::Mean { mean, .. } => mean,
        }
    }

    /// The variance between visitors under a relative lift.
    fn variance(self, lift: f64) -> f64 {
        match self {
            Self::Proportion(rate) => {
                let lifted = (rate * (1.0 + lift)).clamp(0.0, 1.0);
                lifted * (1.0 - lifted)
            }
            Self::Mean { sd, .. } => sd * sd,
        }
    }
}

/// The visitors of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// On the control.
    pub control: f64,
    /// On the treatment.
    pub treatment: f64,
}

/// What a test promises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    /// The probability of a false alarm, both sides together.
    pub alpha: f64,
    /// The probability of finding what is there.
    pub power: f64,
}

impl Promise {
    /// How many standard errors a difference must have: z of α/2 and of the power.
    fn distance(self) -> f64 {
        normal::critical(self.alpha) + normal::quantile(self.power)
    }
}

/// Control visitors that a test needs to find a lift, with `ratio` treatment visitors per control visitor.
///
/// `None` where no number is enough: a lift or baseline of zero.
pub fn visitors(baseline: Baseline, lift: f64, promise: Promise, ratio: f64) -> Option<f64> {
    let difference = baseline.mean() * lift;
    let variance = baseline.variance(0.0) + baseline.variance(lift) / ratio;
    let needed = (promise.distance() / difference).powi(2) * variance;
    needed.is_finite().then_some(needed)
}

/// The probability that a test at `alpha` finds a lift; 0 where an arm has no visitors or nothing differs.
pub fn power(baseline: Baseline, lift: f64, alpha: f64, pair: Pair) -> f64 {
    let spread = baseline.variance(0.0) / pair.control + baseline.variance(lift) / pair.treatment;
    let distance = (baseline.mean() * lift).abs() / spread.sqrt();
    let critical = normal::critical(alpha);
    if distance > 0.0 {
        normal::sf(critical - distance) + normal::sf(critical + distance)
    } else {
        0.0
    }
}

/// The smallest relative lift that a test finds, by the variance of the baseline.
///
/// `None` without visitors or where the baseline is zero.
pub fn detectable(baseline: Baseline, promise: Promise, pair: Pair) -> Option<f64> {
    let variance = baseline.variance(0.0);
    let error = (variance / pair.control + variance / pair.treatment).sqrt();
    let lift = promise.distance() * error / baseline.mean().abs();
    lift.is_finite().then_some(lift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn sizes_power_and_detectable_lifts_match_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/power.json")) {
            let (lift, ratio) = (case.number("rel_lift"), case.number("ratio_t_over_c"));
            let promise = Promise {
                alpha: case.number("alpha"),
                power: case.number("power"),
            };
            let pair = |control: f64| Pair {
                control,
                treatment: control * ratio,
            };
            if case.input["kind"] == "mean" {
                let (mean, sd) = (case.number("mean"), case.number("sd"));
                let baseline = Baseline::Mean { mean, sd };
                let needed = visitors(baseline, lift, promise, ratio).unwrap();
                case.check("n_per_arm", &[needed]);
                case.check("n_per_arm_ceil", &[needed.ceil()]);
                let seen = detectable(baseline, promise, pair(needed.ceil())).unwrap();
                case.check("mde_rel_at_n", &[seen]);
                continue;
            }
            let baseline = Baseline::Proportion(case.number("baseline"));
            let needed = visitors(baseline, lift, promise, ratio).unwrap();
            case.check("n_control_unpooled", &[needed]);
            case.check("n_control_ceil", &[needed.ceil()]);
            let reached = power(baseline, lift, promise.alpha, pair(needed.ceil()));
            case.check("power_at_n", &[reached]);
            let asked = pair(case.number("n_control_for_mde"));
            let seen = detectable(baseline, promise, asked).unwrap();
            case.check("mde_rel_baseline_var", &[seen]);
            case.check("mde_abs_baseline_var", &[seen * baseline.mean()]);
            // The pooled variance, as in the test of the report, asks for nearly the same number.
            let pooled = case.numbers("n_control_pooled")[0];
            assert!((needed / pooled - 1.0).abs() < 0.013, "{}", case.name);
        }
    }

    #[test]
    fn what_can_not_be_found_needs_no_number() {
        let promise = Promise {
            alpha: 0.05,
            power: 0.8,
        };
        let nobody = Pair {
            control: 0.0,
            treatment: 0.0,
        };
        let rate = Baseline::Proportion(0.1);
        assert_eq!(visitors(rate, 0.0, promise, 1.0), None);
        assert_eq!(visitors(Baseline::Proportion(0.0), 0.1, promise, 1.0), None);
        assert_eq!(detectable(rate, promise, nobody), None);
        assert!(power(rate, 0.1, 0.05, nobody) <= 0.0 && power(rate, 0.0, 0.05, nobody) <= 0.0);
        let constant = Baseline::Mean { mean: 0.0, sd: 0.0 };
        assert!(power(constant, 0.1, 0.05, nobody) <= 0.0);
        // A loss of 10 % is as far away as a gain of 10 %.
        let mean = Baseline::Mean { mean: 2.0, sd: 5.0 };
        assert_eq!(
            visitors(mean, -0.1, promise, 1.0),
            visitors(mean, 0.1, promise, 1.0)
        );
    }
}
