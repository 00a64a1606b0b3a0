//! The posterior of the relative lift treatment / control − 1.
//!
//! For two Betas `P(θ_t ≤ r·θ_c)` is the two-arm sweep with one arm divided by r (the one that keeps its whole mass below
//! 1, so both keep their own normalisation), and a quantile is its root in ln r. For normals, and for a Beta against a
//! normal (which counts as the normal of the same mean and sd), `P(t ≤ r·c) = Φ((r·m_c − m_t) / √(s_t² + r²·s_c²))` in
//! closed form, the quantile being a root of Fieller's equation. Where a Student's t is among them it is the sweep of t
//! against r·c, and its root. The lift is relative to |control|.

use super::normal::{self, Pair};
use super::panel::{Density, Logit, RULE};
use super::student;
use super::sweep::sweep;
use super::{Posterior, best};

/// The credible interval of the lift with probability 1 − alpha, as fractions (0.1 is +10 %).
///
/// `None` where the control's mean is not distinguishable from 0: the lift is unbounded.
pub fn lift_interval(control: &Posterior, treatment: &Posterior, alpha: f64) -> Option<(f64, f64)> {
    let low = lift_quantile(control, treatment, 0.5 * alpha)?;
    let high = lift_quantile(control, treatment, 1.0 - 0.5 * alpha)?;
    Some((low, high))
}

/// The lift which the true one undercuts with this probability; `None` where it is unbounded.
pub fn lift_quantile(control: &Posterior, treatment: &Posterior, probability: f64) -> Option<f64> {
    match betas(control, treatment) {
        Some((control, treatment)) => beta_quantile(&control, &treatment, probability),
        None if has_student(control, treatment) => {
            student_quantile(control, treatment, probability)
        }
        None => normal_quantile(control, treatment, probability),
    }
}

/// The probability that the lift is at least `lift` (a fraction).
pub fn prob_lift_at_least(control: &Posterior, treatment: &Posterior, lift: f64) -> f64 {
    if let Some((control, treatment)) = betas(control, treatment) {
        return if lift <= -1.0 {
            1.0
        } else {
            1.0 - prob_ratio_below(&control, &treatment, lift.ln_1p())
        };
    }
    let ratio = 1.0 + lift * control.mean().signum();
    if has_student(control, treatment) {
        return best::prob_better(&control.times(ratio), treatment);
    }
    let margin = treatment.mean() - ratio * control.mean();
    let sd = treatment.sd().hypot(ratio * control.sd());
    if sd > 0.0 {
        normal::sf(-margin / sd)
    } else if margin >= 0.0 {
        1.0
    } else {
        0.0
    }
}

/// A Beta with what its logit density needs.
struct Rate {
    mean: f64,
    a: f64,
    density: Logit,
}

fn betas(control: &Posterior, treatment: &Posterior) -> Option<(Rate, Rate)> {
    let rate = |arm: &Posterior| match arm {
        Posterior::Beta { a, b } => Some(Rate {
            mean: arm.mean(),
            a: *a,
            density: Logit::new(*a, *b),
        }),
        Posterior::Normal { .. } | Posterior::StudentT { .. } => None,
    };
    Some((rate(control)?, rate(treatment)?))
}

/// P(treatment ≤ e^`ln_ratio` · control).
fn prob_ratio_below(control: &Rate, treatment: &Rate, ln_ratio: f64) -> f64 {
    let base_is_larger = |base: &Rate, divided: &Rate| {
        let densities = [
            Density::Beta(base.density),
            Density::Scaled {
                beta: divided.density,
                ln_factor: ln_ratio.abs(),
            },
        ];
        sweep(&RULE, &densities, true).normalised().prob_best[0]
    };
    if ln_ratio >= 0.0 {
        base_is_larger(control, treatment)
    } else {
        1.0 - base_is_larger(treatment, control)
    }
}

/// Solves P(treatment ≤ r·control) = `probability` for ln r; `None` if a lift beyond e^±600 would be needed.
fn beta_quantile(control: &Rate, treatment: &Rate, probability: f64) -> Option<f64> {
    let excess = |ln_ratio: f64| prob_ratio_below(control, treatment, ln_ratio) - probability;
    let spread = (1.0 / control.a + 1.0 / treatment.a).sqrt();
    // ln r is about normal, so the search begins where its quantile would be.
    let guess = normal::quantile(probability) * spread;
    let center = (treatment.mean / control.mean).ln() + guess.clamp(-9.0 * spread, 9.0 * spread);
    let (low, high) = bracket(excess, center, 0.25 * spread, 600.0)?;
    Some(root(excess, low, high, 1e-11 * spread.min(1.0)).exp_m1())
}

/// Two (argument, value) pairs around the root of an increasing function, searched from `center` in doubling steps that
/// start at `spread` and stay below `limit`.
fn bracket(
    function: impl Fn(f64) -> f64,
    center: f64,
    spread: f64,
    limit: f64,
) -> Option<((f64, f64), (f64, f64))> {
    let end = |direction: f64| {
        std::iter::successors(Some(spread), |reach| Some(2.0 * reach))
            .take_while(|reach| *reach < limit)
            .map(|reach| center + direction * reach)
            .map(|argument| (argument, function(argument)))
            .find(|(_, value)| direction * value >= 0.0)
    };
    Some((end(-1.0)?, end(1.0)?))
}

/// The root of an increasing function between two (argument, value) pairs: the Illinois variant of the secant method.
fn root(
    function: impl Fn(f64) -> f64,
    mut low: (f64, f64),
    mut high: (f64, f64),
    width: f64,
) -> f64 {
    let mut side = 0.0;
    for _ in 0..100 {
        if high.0 - low.0 <= width || high.1 <= low.1 {
            break;
        }
        let next = (low.0 * high.1 - high.0 * low.1) / (high.1 - low.1);
        let value = function(next);
        // As exact as the quadrature.
        if value.abs() < 1e-10 {
            return next;
        }
        // An end that stays twice in a row counts half, or the other one would creep.
        if value < 0.0 {
            low = (next, value);
            high.1 *= if side < 0.0 { 0.5 } else { 1.0 };
        } else {
            high = (next, value);
            low.1 *= if side > 0.0 { 0.5 } else { 1.0 };
        }
        side = value;
    }
    0.5 * (low.0 + high.0)
}

fn normal_quantile(control: &Posterior, treatment: &Posterior, probability: f64) -> Option<f64> {
    let sign = control.mean().signum();
    let z = sign * normal::quantile(probability);
    let (low, high) = Pair {
        treatment: treatment.mean(),
        treatment_variance: treatment.sd().powi(2),
        control: control.mean(),
        control_variance: control.sd().powi(2),
        covariance: 0.0,
    }
    .fieller(z)?;
    Some(sign * (if z < 0.0 { low } else { high } - 1.0))
}

fn has_student(control: &Posterior, treatment: &Posterior) -> bool {
    let is_student = |arm: &Posterior| match arm {
        Posterior::StudentT { .. } => true,
        Posterior::Beta { .. } | Posterior::Normal { .. } => false,
    };
    is_student(control) || is_student(treatment)
}

/// Solves P(treatment ≤ r·|control|) = `probability` for r.
///
/// As r grows without end that probability tends to P(|control| > 0), so a quantile in the rest is unbounded.
fn student_quantile(control: &Posterior, treatment: &Posterior, probability: f64) -> Option<f64> {
    let sign = control.mean().signum();
    let control = control.times(sign);
    if control.mean() <= 0.0 || prob_negative(&control) >= probability.min(1.0 - probability) {
        return None;
    }
    let excess = |ratio: f64| best::prob_better(treatment, &control.times(ratio)) - probability;
    let center = treatment.mean() / control.mean();
    let spread = treatment.sd().hypot(center * control.sd()) / control.mean();
    if spread <= 0.0 {
        return Some(center - sign);
    }
    let (low, high) = bracket(excess, center, spread, 1e12 * spread)?;
    Some(root(excess, low, high, 1e-11 * spread) - sign)
}

/// P(mean < 0) of a posterior whose mean is positive.
fn prob_negative(arm: &Posterior) -> f64 {
    match *arm {
        Posterior::Beta { .. } => 0.0,
        Posterior::Normal { mean, sd } => normal::sf(mean / sd),
        Posterior::StudentT { mean, scale, df } => student::t_sf(mean / scale, df),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use serde_json::Value;

    fn arms(input: &Value) -> Vec<Posterior> {
        let prior = |name: &str| input["prior"][name].as_f64().unwrap();
        let arm = |arm: &Value| {
            let (n, x) = (arm["n"].as_f64().unwrap(), arm["x"].as_f64().unwrap());
            Posterior::Beta {
                a: prior("a") + x,
                b: prior("b") + n - x,
            }
        };
        input["arms"].as_array().unwrap().iter().map(arm).collect()
    }

    #[test]
    fn lifts_match_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/bayes_beta.json")) {
            let arms = arms(&case.input);
            let tail = 0.5 * case.number("alpha");
            let quantiles: Vec<f64> = arms[1..]
                .iter()
                .flat_map(|arm| [tail, 0.5, 1.0 - tail].map(|q| lift_quantile(&arms[0], arm, q)))
                .map(Option::unwrap)
                .collect();
            case.check("lift_ci_median", &quantiles);
            for (index, arm) in arms[1..].iter().enumerate() {
                let interval = lift_interval(&arms[0], arm, 2.0 * tail).unwrap();
                assert_eq!(interval, (quantiles[3 * index], quantiles[3 * index + 2]));
                let at_low = prob_lift_at_least(&arms[0], arm, interval.0);
                assert!((at_low - (1.0 - tail)).abs() < 1e-9, "{}", case.name);
            }
        }
    }

    #[test]
    fn large_samples_agree_with_the_normal_form() {
        let rates = [
            Posterior::beta(100_000, 1_000_000),
            Posterior::beta(103_000, 1_000_000),
        ];
        let means = rates.map(|arm| Posterior::normal(arm.mean(), arm.sd()).unwrap());
        let exact = lift_interval(&rates[0], &rates[1], 0.05).unwrap();
        let normal = lift_interval(&means[0], &means[1], 0.05).unwrap();
        let mixed = lift_interval(&rates[0], &means[1], 0.05).unwrap();
        assert!((exact.0 - normal.0).abs() < 1e-5 && (exact.1 - normal.1).abs() < 1e-5);
        assert!((mixed.0 - normal.0).abs() < 1e-12);
        let probability = prob_lift_at_least(&means[0], &means[1], normal.1);
        assert!((probability - 0.025).abs() < 1e-9);
    }

    #[test]
    fn a_negative_control_counts_by_its_size() {
        let arm = |mean: f64| Posterior::normal(mean, 0.01).unwrap();
        let (low, high) = lift_interval(&arm(-2.0), &arm(-1.0), 0.05).unwrap();
        assert!(low < 0.5 && 0.5 < high && high - low < 0.05);
        let probability = prob_lift_at_least(&arm(-2.0), &arm(-1.0), low);
        assert!((probability - 0.975).abs() < 1e-9);
    }

    #[test]
    fn lifts_of_student_arms_hold_their_mass_and_tend_to_the_normal_ones() {
        let arm = |mean: f64, df: f64| Posterior::student_t(mean, 0.1, df).unwrap();
        for (control, treatment) in [(2.0, 3.0), (-2.0, -1.0), (2.0, -1.0), (1.5, 0.0)] {
            let few = [arm(control, 3.0), arm(treatment, 5.0)];
            let (low, high) = lift_interval(&few[0], &few[1], 0.05).unwrap();
            for (lift, probability) in [(low, 0.975), (high, 0.025)] {
                let got = prob_lift_at_least(&few[0], &few[1], lift);
                assert!((got - probability).abs() < 1e-9, "{control}, {treatment}");
            }
            let median = lift_quantile(&few[0], &few[1], 0.5).unwrap();
            assert!((median - (treatment / control.abs() - control.signum())).abs() < 1e-9);
            let many = [arm(control, 1e8), arm(treatment, 1e8)];
            let normals = [control, treatment].map(|mean| Posterior::normal(mean, 0.1).unwrap());
            let student = lift_interval(&many[0], &many[1], 0.05).unwrap();
            let normal = lift_interval(&normals[0], &normals[1], 0.05).unwrap();
            assert!((student.0 - normal.0).abs() < 1e-6 && (student.1 - normal.1).abs() < 1e-6);
            assert!(low < student.0 && student.1 < high, "t is wider");
        }
        let near_zero = Posterior::student_t(0.1, 0.1, 9.0).unwrap();
        assert_eq!(lift_interval(&near_zero, &arm(1.0, 9.0), 0.05), None);
        let known = |mean| Posterior::student_t(mean, 0.0, 9.0).unwrap();
        let (low, high) = lift_interval(&known(2.0), &known(3.0), 0.05).unwrap();
        assert!((low - 0.5).abs() < 1e-12 && (high - 0.5).abs() < 1e-12);
        assert_eq!(lift_interval(&known(0.0), &known(3.0), 0.05), None);
    }

    #[test]
    fn a_control_near_zero_has_no_lift() {
        let arm = |mean: f64, sd: f64| Posterior::normal(mean, sd).unwrap();
        assert_eq!(lift_interval(&arm(0.1, 0.1), &arm(1.0, 0.1), 0.05), None);
        assert_eq!(lift_interval(&arm(0.0, 0.0), &arm(1.0, 0.1), 0.05), None);
        let known = lift_interval(&arm(2.0, 0.0), &arm(3.0, 0.0), 0.05).unwrap();
        assert!((known.0 - 0.5).abs() < 1e-15 && (known.1 - 0.5).abs() < 1e-15);
        assert!(prob_lift_at_least(&arm(2.0, 0.0), &arm(3.0, 0.0), 0.5) >= 1.0);
        assert!(prob_lift_at_least(&arm(2.0, 0.0), &arm(3.0, 0.0), 0.6) <= 0.0);
    }
}
