//! Conversions as an e-process: the rate ratio of two variants, judged from the converted visitors alone.
//!
//! A visitor who converted, being in one of two variants, is in the treatment with probability πρ/(πρ + 1 − π), where π is
//! the logged share of the treatment among the two and ρ the ratio of the rates. The base rate cancels: neither a common
//! trend nor moving propensities matter, and no floor on them is needed. Lindon & Malek 2022 for constant π.
//!
//! The evidence against a ratio is the likelihood mixed over ln ρ ~ N(0, ¼²), over the likelihood of that ratio. It is
//! exact for 0/1 outcomes whose ratio is constant.
//!
//! Harm is looked for on one side only: there the mixture is the half of the normal on that side. Against ρ = 1 it is at
//! most 1 in the mean under any ratio on the other side too, so watching it raises a false alarm with a probability of at
//! most α; as a bound it covers any one ratio.

use super::super::Interval;
use super::Side;

/// Standard deviation of ln ρ in the mixture.
pub const SPREAD: f64 = 0.25;
/// Ratios beyond e^±this are not told apart.
const FAR: f64 = 30.0;
/// Quadrature nodes on either side of the mode, and their distance in standard deviations.
const NODES: i32 = 20;
const STEP: f64 = 0.5;
/// Half a peak is integrated so many widths about its mode, or where it is cut, so many e-foldings.
const NEAR: f64 = 12.0;
const CUT: f64 = 25.0;

/// Conversions of two variants where the odds of being served one or the other were constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// The treatment's share of the two propensities.
    pub share: f64,
    /// Converted visitors of the treatment.
    pub treatment: f64,
    /// Converted visitors of the control.
    pub control: f64,
}

/// The evidence about the ratio of two conversion rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    cells: Vec<Cell>,
    treatment: f64,
    control: f64,
    /// `Σ s_t·ln π + s_c·ln(1 − π)`.
    constant: f64,
    /// ln of the mixed likelihood.
    mixture: f64,
}

impl Odds {
    /// From the cells, those without conversions being no evidence; `None` without any conversion.
    pub fn new(cells: impl IntoIterator<Item = Cell>) -> Option<Self> {
        let mut odds = Self {
            cells: Vec::new(),
            treatment: 0.0,
            control: 0.0,
            constant: 0.0,
            mixture: 0.0,
        };
        let within = |cell: &Cell| 0.0 < cell.share && cell.share < 1.0;
        for cell in cells.into_iter().filter(within) {
            if cell.treatment + cell.control > 0.0 {
                odds.treatment += cell.treatment;
                odds.control += cell.control;
                odds.constant +=
                    cell.treatment * cell.share.ln() + cell.control * (-cell.share).ln_1p();
                odds.cells.push(cell);
            }
        }
        if odds.cells.is_empty() {
            return None;
        }
        odds.mixture = odds.mixed();
        Some(odds)
    }

    /// The p-value of equal rates, valid at any time.
    pub fn p_value(&self) -> f64 {
        (self.log_likelihood(0.0) - self.mixture).exp().min(1.0)
    }

    /// The interval of the lift ρ − 1, valid at any time; `None` where it has no upper end.
    pub fn lift(&self, alpha: f64) -> Option<Interval> {
        let limit = self.mixture + alpha.ln();
        if self.control <= 0.0 {
            return None;
        }
        let center = self.mode(0.0);
        let low = if self.treatment > 0.0 {
            self.bound(center, -1.0, limit)?.exp_m1()
        } else {
            -1.0
        };
        Interval::new(low, self.bound(center, 1.0, limit)?.exp_m1())
    }

    /// What the lift is at least ([`Side::Above`]) or at most (`Below`), valid at any time; `None` without a bound.
    pub fn lift_beyond(&self, side: Side, alpha: f64) -> Option<f64> {
        match side {
            Side::Above => self.floor(alpha).map(f64::exp_m1),
            Side::Below => Some((-self.turned().floor(alpha)?).exp_m1()),
        }
    }

    /// What ln ρ is at least, by the mixture over positive values.
    fn floor(&self, alpha: f64) -> Option<f64> {
        let limit = self.mixed_above() + alpha.ln();
        let center = self.mode(0.0);
        (self.treatment > 0.0).then(|| self.bound(center, -1.0, limit))?
    }

    /// Treatment and control exchanged.
    fn turned(&self) -> Self {
        let turned = |cell: &Cell| Cell {
            share: 1.0 - cell.share,
            treatment: cell.control,
            control: cell.treatment,
        };
        Self {
            cells: self.cells.iter().map(turned).collect(),
            treatment: self.control,
            control: self.treatment,
            ..*self
        }
    }

    /// ln of the likelihood mixed over the positive half of the normal. With θ = w·ln(1 + eˢ), w being the width of the
    /// peak, the integrand is smooth and vanishes at both ends, so that the trapezoid rule stays exact at the edge.
    fn mixed_above(&self) -> f64 {
        let precision = 1.0 / (SPREAD * SPREAD);
        let mode = self.mode(precision).max(0.0);
        let (slope, curvature) = self.slope(mode);
        let slope = slope - precision * mode;
        let width = 1.0 / (curvature + precision + slope * slope).sqrt();
        let (center, density) = (
            mode / width,
            (2.0 * STEP * width / SPREAD).ln() - 0.5 * std::f64::consts::TAU.ln(),
        );
        let (first, last) = if center > NEAR {
            (center - NEAR, center + NEAR)
        } else {
            (-CUT, center + CUT)
        };
        let nodes = (0..)
            .map(|node| first + STEP * f64::from(node))
            .take_while(|s| *s <= last);
        self.mixed_over(nodes.map(|s| {
            let growth = s.max(0.0) + (-s.abs()).exp().ln_1p();
            let theta = width * growth;
            let jacobian = s.min(0.0) - (-s.abs()).exp().ln_1p();
            (theta, density + jacobian - 0.5 * precision * theta * theta)
        }))
    }

    /// The log likelihood of θ = ln ρ.
    fn log_likelihood(&self, theta: f64) -> f64 {
        let factor = theta.exp_m1();
        let term = |cell: &Cell| (cell.treatment + cell.control) * (cell.share * factor).ln_1p();
        let norm: f64 = self.cells.iter().map(term).sum();
        self.constant + self.treatment * theta - norm
    }

    /// Its slope, and minus its curvature.
    fn slope(&self, theta: f64) -> (f64, f64) {
        let ratio = theta.exp();
        let (mut expected, mut variance) = (0.0, 0.0);
        for cell in &self.cells {
            let share = cell.share * ratio / (cell.share * ratio + 1.0 - cell.share);
            let count = cell.treatment + cell.control;
            expected += count * share;
            variance += count * share * (1.0 - share);
        }
        (self.treatment - expected, variance)
    }

    /// The θ of the highest likelihood under a normal prior of this precision, by safeguarded Newton steps.
    fn mode(&self, precision: f64) -> f64 {
        let (mut low, mut high, mut theta) = (-FAR, FAR, 0.0);
        for _ in 0..200 {
            let (slope, curvature) = self.slope(theta);
            let slope = slope - precision * theta;
            if slope > 0.0 {
                low = theta;
            } else {
                high = theta;
            }
            let next = theta + slope / (curvature + precision);
            let next = if low < next && next < high {
                next
            } else {
                0.5 * (low + high)
            };
            if (next - theta).abs() <= 1e-10 {
                return next;
            }
            theta = next;
        }
        theta
    }

    /// ln ∫ likelihood·prior by the trapezoid rule about the mode, exact to 1e-12 for so smooth a peak.
    fn mixed(&self) -> f64 {
        let precision = 1.0 / (SPREAD * SPREAD);
        let mode = self.mode(precision);
        let width = STEP / (self.slope(mode).1 + precision).sqrt();
        let density = (width / SPREAD).ln() - 0.5 * std::f64::consts::TAU.ln();
        self.mixed_over((-NODES..=NODES).map(|node| {
            let theta = mode + f64::from(node) * width;
            (theta, density - 0.5 * precision * theta * theta)
        }))
    }

    /// ln Σ weight·likelihood over nodes θ with the logarithms of their weights.
    fn mixed_over(&self, nodes: impl Iterator<Item = (f64, f64)>) -> f64 {
        let terms: Vec<f64> = nodes
            .map(|(theta, weight)| weight + self.log_likelihood(theta))
            .collect();
        let highest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = terms.iter().map(|term| (term - highest).exp()).sum();
        highest + sum.ln()
    }

    /// Where the log likelihood falls to a limit: outwards from the center until it is below, then Newton steps, which
    /// stay outside because it is concave. `None` if it never falls so far.
    fn bound(&self, center: f64, direction: f64, limit: f64) -> Option<f64> {
        let mut distance = 1.0 / self.slope(center).1.sqrt().max(1.0);
        let mut theta = center + direction * distance;
        while self.log_likelihood(theta) > limit {
            distance *= 1.5;
            theta = center + direction * distance;
            if theta.abs() > FAR {
                return None;
            }
        }
        for _ in 0..100 {
            let step = (limit - self.log_likelihood(theta)) / self.slope(theta).0;
            theta += step;
            if step.abs() <= 1e-12 {
                break;
            }
        }
        theta.is_finite().then_some(theta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, Case};

    fn evidence(case: &Case) -> Odds {
        let cell = |cell: &serde_json::Value| {
            let number = |field: &str| cell[field].as_f64().unwrap();
            Cell {
                share: number("pi"),
                treatment: number("conv_t"),
                control: number("conv_c"),
            }
        };
        Odds::new(case.input["cells"].as_array().unwrap().iter().map(cell)).unwrap()
    }

    #[test]
    fn a_grid_matches_the_reference() {
        let text = include_str!("../../../tests/golden/eprocess_conversion_odds.json");
        for case in golden::cases(text) {
            let grid = |field: &str| case.input["grid"][field].as_f64().unwrap();
            let (low, high) = (grid("lo").ln(), grid("hi").ln());
            let odds = evidence(&case);
            let nodes = (0..201).map(|node| {
                let theta = low + (high - low) * f64::from(node) / 200.0;
                (theta, -grid("J").ln())
            });
            let odds = Odds {
                mixture: odds.mixed_over(nodes),
                ..odds
            };
            case.check("loglik_at_1", &[odds.log_likelihood(0.0)]);
            case.check("log_mixture", &[odds.mixture]);
            case.check("log_e_rho1", &[odds.mixture - odds.log_likelihood(0.0)]);
            case.check("p_single", &[odds.p_value()]);
            case.check("rho_mle", &[odds.mode(0.0).exp()]);
            let lift = odds.lift(case.number("alpha")).unwrap();
            case.check("lift_ci", &[lift.low, lift.high]);
        }
    }

    /// The trapezoid rule about the mode against one a hundred times as fine over the whole prior.
    #[test]
    fn the_mixture_is_integrated() {
        for (treatment, control) in [
            (0.0, 1.0),
            (3.0, 0.0),
            (40.0, 10.0),
            (1e4, 1.2e4),
            (1e6, 3e5),
        ] {
            let cell = |share| Cell {
                share,
                treatment,
                control,
            };
            let odds = Odds::new([cell(0.5), cell(0.05)]).unwrap();
            let fine = odds.mixed_over((-600_000..=600_000).map(|node| {
                let (theta, width) = (f64::from(node) * 1e-5, 1e-5 / SPREAD);
                let density = width.ln() - 0.5 * std::f64::consts::TAU.ln();
                (theta, density - 0.5 * (theta / SPREAD).powi(2))
            }));
            assert!(
                (odds.mixture - fine).abs() < 1e-9 * fine.abs().max(1.0),
                "{} {fine}",
                odds.mixture
            );
        }
    }

    /// The same for half the prior, whose edge may cut the peak.
    #[test]
    fn half_the_mixture_is_integrated() {
        for (treatment, control) in [
            (0.0, 1.0),
            (3.0, 0.0),
            (40.0, 40.0),
            (300.0, 900.0),
            (1e4, 1.0e4),
            (1e6, 3e5),
        ] {
            let cell = |share| Cell {
                share,
                treatment,
                control,
            };
            let odds = Odds::new([cell(0.5), cell(0.05)]).unwrap();
            let fine = odds.mixed_over((1..=1_200_000).map(|node| {
                let (theta, width) = ((f64::from(node) - 0.5) * 5e-6, 5e-6 / SPREAD);
                let density = (2.0 * width).ln() - 0.5 * std::f64::consts::TAU.ln();
                (theta, density - 0.5 * (theta / SPREAD).powi(2))
            }));
            let got = odds.mixed_above();
            assert!(
                (got - fine).abs() < 1e-6,
                "{treatment} {control}: {got} {fine}"
            );
        }
    }

    #[test]
    fn one_side_is_the_mirror_of_the_other() {
        let odds = |treatment, control| {
            Odds::new([Cell {
                share: 0.4,
                treatment,
                control,
            }])
            .unwrap()
        };
        let harmful = odds(300.0, 200.0);
        let (both, above) = (
            harmful.lift(0.05).unwrap(),
            harmful.lift_beyond(Side::Above, 0.05).unwrap(),
        );
        let below = harmful.lift_beyond(Side::Below, 0.05).unwrap();
        let estimate = 300.0 / 0.4 / (200.0 / 0.6) - 1.0;
        assert!(both.low < above && above < estimate && estimate < below);
        let mirrored = harmful.turned().lift_beyond(Side::Below, 0.05).unwrap();
        assert!(((1.0 + mirrored) * (1.0 + above) - 1.0).abs() < 1e-9);
        assert_eq!(odds(0.0, 9.0).lift_beyond(Side::Above, 0.05), None);
        let none = odds(60.0, 0.0).lift_beyond(Side::Above, 0.05).unwrap();
        assert!((0.5..10.0).contains(&none), "{none}");
    }

    #[test]
    fn ends_that_do_not_exist_are_absent() {
        let cell = |treatment, control| Cell {
            share: 0.5,
            treatment,
            control,
        };
        assert_eq!(Odds::new([cell(0.0, 0.0)]), None);
        assert_eq!(
            Odds::new([Cell {
                share: 1.0,
                ..cell(5.0, 0.0)
            }]),
            None
        );
        assert_eq!(Odds::new([cell(9.0, 0.0)]).unwrap().lift(0.05), None);
        let none = Odds::new([cell(0.0, 30.0)]).unwrap();
        assert!(
            none.lift(0.05)
                .is_some_and(|lift| lift.low <= -1.0 && lift.high < 0.0)
        );
        let even = Odds::new([cell(200.0, 200.0)]).unwrap();
        let lift = even.lift(0.05).unwrap();
        assert!(lift.low < -0.15 && 0.15 < lift.high && even.p_value() >= 1.0);
        let clear = Odds::new([cell(300.0, 200.0)]).unwrap();
        assert!(clear.p_value() < 0.01 && clear.lift(0.05).unwrap().low > 0.0);
    }
}
