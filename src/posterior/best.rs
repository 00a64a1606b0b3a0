//! Which arm is best, with what probability, and what a wrong choice costs: exact, by one pass of quadrature.
//!
//! `P(arm k is best) = ∫ g_k Π_{j≠k} F_j` and `E[max] = Σ_k ∫ x g_k Π_{j≠k} F_j` with the arms' densities g and distribution
//! functions F, on the panels of every arm at once. Exact probabilities, not Monte-Carlo draws, are what makes a propensity
//! known and a decision repeatable.
//!
//! These are decision aids and no significance test: "P > .95 at any of 28 looks" fires in 46 % of A/A tests.

use super::Posterior;
use super::effect::Effect;
pub use super::lift::{lift_interval, lift_quantile, prob_lift_at_least};
use super::panel::{Density, Logit, RULE, Rule};
use super::sweep::sweep;

/// A mean known more exactly than this share of the arms' spread counts as this wide.
const POINT_WIDTH: f64 = 1e-12;

/// What a set of posteriors says about the choice between their arms; lists are in the order of the arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The probability that the arm has the largest mean; they sum to 1.
    pub prob_best: Vec<f64>,
    /// E\[max\] − mean: what choosing the arm is expected to cost per visitor; never negative.
    pub expected_loss: Vec<f64>,
    /// The expected largest mean, 0 without arms.
    pub expected_max: f64,
}

/// Evaluates the choice between arms; the larger mean is the better one.
///
/// A mean known exactly counts as one of vanishing width (1e-12 of the spread of all arms), so exact ties are shared evenly.
/// Where families meet, each Beta is replaced by the normal of the same mean and standard deviation.
pub fn evaluate(arms: &[Posterior]) -> Best {
    evaluate_with(&RULE, arms)
}

fn evaluate_with<const M: usize>(rule: &Rule<M>, arms: &[Posterior]) -> Best {
    let line = Line::new(arms);
    let sweep = sweep(rule, &line.densities, line.logit).normalised();
    let expected_max = line.origin + line.unit * sweep.expected_max;
    Best {
        expected_loss: arms
            .iter()
            .map(|arm| (expected_max - arm.mean()).max(0.0))
            .collect(),
        prob_best: sweep.prob_best,
        expected_max,
    }
}

/// The probability that the treatment's mean is larger than the control's.
pub fn prob_better(control: &Posterior, treatment: &Posterior) -> f64 {
    match difference(control, treatment) {
        Some(effect) => effect.chance_to_win(),
        None => evaluate(&[*control, *treatment]).prob_best[1],
    }
}

/// The expected loss per visitor of `chosen` where `other` could have been chosen: E\[max(other − chosen, 0)\].
pub fn loss(chosen: &Posterior, other: &Posterior) -> f64 {
    match difference(chosen, other) {
        Some(effect) => effect.risk().choose_control,
        None => evaluate(&[*chosen, *other]).expected_loss[0],
    }
}

/// The difference of two normals, which is one and needs no quadrature.
fn difference(control: &Posterior, treatment: &Posterior) -> Option<Effect> {
    match (control, treatment) {
        (Posterior::Normal { .. }, Posterior::Normal { .. }) => {
            Effect::absolute(control, treatment)
        }
        (Posterior::Beta { .. } | Posterior::Normal { .. } | Posterior::StudentT { .. }, _) => None,
    }
}

/// The arms on one line: logits if all are Betas, else (mean − origin) / unit.
struct Line {
    densities: Vec<Density>,
    logit: bool,
    origin: f64,
    unit: f64,
}

impl Line {
    fn new(arms: &[Posterior]) -> Self {
        let betas = arms.iter().map_while(|arm| match arm {
            Posterior::Beta { a, b } => Some(Density::Beta(Logit::new(*a, *b))),
            Posterior::Normal { .. } | Posterior::StudentT { .. } => None,
        });
        let densities: Vec<Density> = betas.collect();
        if densities.len() == arms.len() {
            return Self {
                densities,
                logit: true,
                origin: 0.0,
                unit: 1.0,
            };
        }
        // Where the contest is, floating point is finest: the origin is the largest mean.
        let origin = arms.iter().map(Posterior::mean).fold(f64::MIN, f64::max);
        let spread = arms
            .iter()
            .map(|arm| arm.sd().max((arm.mean() - origin).abs()))
            .fold(0.0, f64::max);
        let unit = if spread > 0.0 { spread } else { 1.0 };
        let width = |scale: f64| (scale / unit).max(POINT_WIDTH);
        let density = |arm: &Posterior| {
            let mean = (arm.mean() - origin) / unit;
            match arm {
                Posterior::Beta { .. } | Posterior::Normal { .. } => {
                    let sd = width(arm.sd());
                    Density::Normal { mean, sd }
                }
                Posterior::StudentT { scale, df, .. } => {
                    let (scale, df) = (width(*scale), *df);
                    Density::StudentT { mean, scale, df }
                }
            }
        };
        Self {
            densities: arms.iter().map(density).collect(),
            logit: false,
            origin,
            unit,
        }
    }
}

#[cfg(test)]
mod tests;
