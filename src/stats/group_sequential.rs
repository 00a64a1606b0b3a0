//! Planned looks: bounds that spend the error little by little (Lan & DeMets 1983), for a few looks fixed in advance.
//!
//! At look k a share t of the planned information is there, and the score S = √t·Z moves on by a normal step of
//! variance `t_k − t_{k−1}`. The bound is where the tests that no earlier look has stopped cross it with exactly the
//! probability that this look may spend. Bounds are symmetric: an experiment stops for a loss as for a gain.
//!
//! # How it is computed
//! The density of the scores that go on is carried from look to look (Armitage et al. 1969) at four Gauss–Legendre nodes
//! per standard deviation of the narrower step on either side of the look, which gives bounds to 1e-11: ten even looks in
//! about .2 ms, fifty in 3 ms. Only the positive half is kept: the other mirrors it.

use super::Interval;
use crate::posterior::{nodes, normal};

/// Most looks, and the least share of information between two of them: what keeps a plan cheap.
const MAX_LOOKS: usize = 100;
const MIN_STEP: f64 = 1e-4;
/// Below this an error rate cannot be told from none.
const MIN_ALPHA: f64 = 1e-12;
/// The least share of alpha that a look spends, so that an early look has a bound too (about 10).
const MIN_SHARE: f64 = 1e-20;
/// A normal step does not reach further than this, in standard deviations: beyond the bound of the least share.
const REACH: f64 = 13.0;

/// How much of the error rate alpha the looks until the information fraction t may spend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spending {
    /// `4 − 4Φ(z/√t)` with P(Z > z) = alpha/4: little at first, so that the last look is almost a single test.
    OBrienFleming,
    /// `alpha·ln(1 + (e − 1)t)`: about the same bound at every look.
    Pocock,
    /// `alpha·tᵏ` with a positive k.
    Power(f64),
}

impl Spending {
    fn until(self, fraction: f64, alpha: f64) -> f64 {
        match self {
            Self::OBrienFleming => {
                4.0 * normal::sf(normal::critical(0.5 * alpha) / fraction.sqrt())
            }
            Self::Pocock => alpha * ((std::f64::consts::E - 1.0) * fraction).ln_1p(),
            Self::Power(exponent) => alpha * fraction.powf(exponent),
        }
    }

    fn is_usable(self) -> bool {
        match self {
            Self::OBrienFleming | Self::Pocock => true,
            Self::Power(exponent) => exponent.is_finite() && exponent > 0.0,
        }
    }
}

/// What a look must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The look is significant beyond this many standard errors, on either side.
    pub z: f64,
    /// The probability of a false alarm at this look or before.
    pub spent: f64,
    /// The two-sided p-value of a single test at the bound: a look is significant below it.
    pub nominal_p: f64,
}

impl Bound {
    /// The repeated confidence interval of this look, `estimate ± z·std_error` (Jennison & Turnbull 1989): together the
    /// intervals of all looks cover the truth with probability 1 − alpha, whether or not one stops.
    ///
    /// `None` without a positive standard error.
    pub fn interval(&self, estimate: f64, std_error: f64) -> Option<Interval> {
        let half = self.z * std_error;
        (half > 0.0)
            .then(|| Interval::around(estimate, half))
            .flatten()
    }
}

/// The bounds of looks at these shares of the planned information, increasing and at most 1, for the rate `alpha`.
///
/// Bounds depend on their own and earlier looks only. The last look spends what is left when it is given as 1, however
/// much information there is. `None` without looks or with more than 100, where a share is less than 0.0001 above the
/// one before or above 1, and where alpha or the exponent is no usable number.
pub fn boundaries(fractions: &[f64], alpha: f64, spending: Spending) -> Option<Vec<Bound>> {
    let usable_alpha = (MIN_ALPHA..1.0).contains(&alpha);
    if !(is_plan(fractions) && usable_alpha && spending.is_usable()) {
        return None;
    }
    let mut bounds = Vec::with_capacity(fractions.len());
    let mut scores = Scores::start();
    let (mut before, mut spent) = (0.0, 0.0);
    for (look, &fraction) in fractions.iter().enumerate() {
        let step = (fraction - before).sqrt();
        let share = (spending.until(fraction, alpha) - spent).max(alpha * MIN_SHARE);
        let edge = scores.edge(step, fraction.sqrt(), share);
        if let Some(next) = fractions.get(look + 1) {
            scores = scores.after(step, edge, (next - fraction).sqrt());
        }
        spent += share;
        let z = edge / fraction.sqrt();
        bounds.push(Bound {
            z,
            spent,
            nominal_p: 2.0 * normal::sf(z),
        });
        before = fraction;
    }
    Some(bounds)
}

fn is_plan(fractions: &[f64]) -> bool {
    let mut before = 0.0;
    let increasing = fractions.iter().all(|&fraction| {
        let apart = fraction - before >= MIN_STEP;
        before = fraction;
        apart && fraction <= 1.0
    });
    increasing && (1..=MAX_LOOKS).contains(&fractions.len())
}

/// The positive half of the scores that no look has stopped.
struct Scores {
    /// Where the last look stopped.
    edge: f64,
    /// Points, ascending, with their mass.
    points: Vec<(f64, f64)>,
}

impl Scores {
    /// All at 0, half of them on either side.
    fn start() -> Self {
        Self {
            edge: 0.0,
            points: vec![(0.0, 0.5)],
        }
    }

    /// Where the scores beyond, after a step, have the probability `spend` on both sides together.
    ///
    /// Newton's method on its logarithm. That is concave, because a normal density, cut off and convolved, stays
    /// log-concave; so from a start beyond the root the method falls onto it.
    fn edge(&self, step: f64, scale: f64, spend: f64) -> f64 {
        // No more is beyond these than a test without earlier looks, and a step from the last edge, would have there.
        let critical = normal::critical(spend);
        let mut edge = (critical * scale).min(self.edge + critical * step);
        for _ in 0..100 {
            let (beyond, density) = self.beyond(edge, step);
            let change = beyond * (beyond / spend).ln() / density;
            if !change.is_finite() {
                break;
            }
            edge += change;
            if change.abs() <= 1e-12 * edge {
                break;
            }
        }
        edge
    }

    /// The probability of scores beyond ±`edge` after a step, and how fast it falls there.
    fn beyond(&self, edge: f64, step: f64) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        for (point, mass) in &self.points {
            let (near, far) = ((edge - point) / step, (edge + point) / step);
            sums.0 += mass * (normal::sf(near) + normal::sf(far));
            sums.1 += mass * (density(near) + density(far));
        }
        (2.0 * sums.0, 2.0 * sums.1 / step)
    }

    /// The scores within ±`edge` after a step, at points that are dense enough for the next step too.
    fn after(&self, step: f64, edge: f64, next: f64) -> Self {
        let points = nodes(edge, panels(edge / step.min(next)))
            .map(|(at, weight)| (at, weight * self.density(at, step)))
            .collect();
        Self { edge, points }
    }

    /// The density after a step.
    fn density(&self, at: f64, step: f64) -> f64 {
        let reach = REACH * step;
        let first = self
            .points
            .partition_point(|(point, _)| *point < at - reach);
        let near = self.points[first..].iter();
        let sum: f64 = near
            .take_while(|(point, _)| *point <= at + reach)
            .map(|(point, mass)| {
                mass * (density((at - point) / step) + density((at + point) / step))
            })
            .sum();
        sum / step
    }
}

/// One panel per two standard deviations.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of at most some thousands"
)]
fn panels(deviations: f64) -> usize {
    (0.5 * deviations).ceil().max(1.0) as usize
}

/// φ of the standard normal.
fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, flatten};
    use proptest::prelude::*;

    fn spending(name: &str) -> Spending {
        match name {
            "obf" => Spending::OBrienFleming,
            "pocock" => Spending::Pocock,
            power => Spending::Power(power.strip_prefix("power").unwrap().parse().unwrap()),
        }
    }

    #[test]
    fn bounds_match_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/group_sequential.json")) {
            let fractions = flatten(&case.input["information_fractions"]);
            let spending = spending(case.input["spending"].as_str().unwrap());
            let bounds = boundaries(&fractions, case.number("alpha"), spending).unwrap();
            let all = |of: fn(&Bound) -> f64| bounds.iter().map(of).collect::<Vec<_>>();
            case.check("z_bounds", &all(|bound| bound.z));
            case.check("cum_alpha", &all(|bound| bound.spent));
            case.check("nominal_p", &all(|bound| bound.nominal_p));
        }
    }

    #[test]
    fn one_look_is_a_plain_test() {
        for spending in [
            Spending::OBrienFleming,
            Spending::Pocock,
            Spending::Power(3.0),
        ] {
            let bounds = boundaries(&[1.0], 0.05, spending).unwrap();
            assert!((bounds[0].z - 1.959_963_984_540_054).abs() < 1e-9);
            let interval = bounds[0].interval(2.0, 0.5).unwrap();
            assert!((interval.low - (2.0 - 0.979_981_992_27)).abs() < 1e-9);
            assert_eq!(bounds[0].interval(2.0, 0.0), None);
            assert_eq!(bounds[0].interval(2.0, f64::NAN), None);
            assert_eq!(bounds[0].interval(f64::INFINITY, 1.0), None);
        }
    }

    #[test]
    fn no_plan_has_no_bounds() {
        let bounds = |fractions: &[f64]| boundaries(fractions, 0.05, Spending::Pocock);
        for fractions in [
            &[][..],
            &[0.0, 1.0],
            &[-0.5, 1.0],
            &[0.5, 0.5],
            &[0.6, 0.5],
            &[0.5, 0.500_01],
            &[0.5, 1.01],
            &[0.5, f64::NAN],
            &[f64::INFINITY],
        ] {
            assert_eq!(bounds(fractions), None, "{fractions:?}");
        }
        let daily: Vec<f64> = (1..=101).map(|look| f64::from(look) / 101.0).collect();
        assert!(bounds(&daily).is_none() && bounds(&daily[..100]).is_some());
        for alpha in [0.0, 1.0, -0.1, 1e-13, f64::NAN] {
            assert_eq!(boundaries(&[1.0], alpha, Spending::Pocock), None);
        }
        for exponent in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(boundaries(&[1.0], 0.05, Spending::Power(exponent)), None);
        }
    }

    #[test]
    fn a_look_that_may_spend_nothing_has_a_bound_out_of_reach() {
        let bounds = boundaries(&[0.001, 0.5, 1.0], 0.05, Spending::OBrienFleming).unwrap();
        assert!((9.0..12.0).contains(&bounds[0].z));
        let without = boundaries(&[0.5, 1.0], 0.05, Spending::OBrienFleming).unwrap();
        for (with, without) in bounds[1..].iter().zip(&without) {
            assert!((with.z / without.z - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn looks_close_together_are_almost_one() {
        // Reference: the same recursion with four times the nodes.
        let bounds = boundaries(&[0.3, 0.301, 0.5, 0.5005, 1.0], 0.05, Spending::Pocock).unwrap();
        let expected = [
            2.311_835_303_805,
            2.407_773_842_783,
            2.398_952_895_482,
            2.449_926_271_156,
            2.226_183_153_078,
        ];
        for (bound, expected) in bounds.iter().zip(expected) {
            assert!((bound.z - expected).abs() < 1e-9, "{bound:?}, {expected}");
        }
    }

    proptest! {
        #[test]
        fn every_plan_spends_alpha_and_no_look_more_than_its_part(
            steps in prop::collection::vec(0.02..1.0_f64, 1..12),
            alpha in prop_oneof![Just(0.05), 1e-6..0.9_f64],
            spending in prop_oneof![
                Just(Spending::OBrienFleming),
                Just(Spending::Pocock),
                (0.1..20.0_f64).prop_map(Spending::Power),
            ],
        ) {
            let total: f64 = steps.iter().sum();
            let mut fractions: Vec<f64> = steps
                .iter()
                .scan(0.0, |sum, step| {
                    *sum += step / total;
                    Some(*sum)
                })
                .collect();
            *fractions.last_mut().unwrap() = 1.0;
            let bounds = boundaries(&fractions, alpha, spending).unwrap();
            let mut before = 0.0;
            for bound in &bounds {
                prop_assert!(bound.z.is_finite() && bound.z > 0.0);
                // A look alone crosses its bound at least as often as one that others may have stopped before, and no
                // more often than all looks until then.
                prop_assert!(bound.nominal_p >= (bound.spent - before) * (1.0 - 1e-8));
                prop_assert!(bound.nominal_p <= bound.spent * (1.0 + 1e-8));
                before = bound.spent;
            }
            prop_assert!((before / alpha - 1.0).abs() < 1e-8);
        }
    }
}
