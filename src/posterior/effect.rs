//! The posterior of one effect, a difference or a relative lift, as a normal: all its figures in closed form.
//!
//! The large-sample model of GrowthBook's `EffectBayesianABTest` (gbstats 0.8), with either a flat or a normal prior.

use super::Posterior;
use super::normal;

/// A normal belief about an effect; more is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The expected effect.
    pub mean: f64,
    /// Its standard deviation; positive.
    pub sd: f64,
}

/// What each choice is expected to cost, in the effect's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risk {
    /// E\[max(effect, 0)\]: of staying with the control.
    pub choose_control: f64,
    /// E\[max(−effect, 0)\]: of choosing the treatment.
    pub choose_treatment: f64,
}

impl Effect {
    /// The difference of two means; `None` where both are known exactly.
    pub fn absolute(control: &Posterior, treatment: &Posterior) -> Option<Self> {
        Self::new(
            treatment.mean() - control.mean(),
            treatment.sd().hypot(control.sd()),
        )
    }

    /// The difference relative to |control| by the delta method, as a fraction; `None` where the control's mean is 0.
    pub fn relative(control: &Posterior, treatment: &Posterior) -> Option<Self> {
        let base = control.mean().abs();
        let ratio = treatment.mean() / base;
        Self::new(
            (treatment.mean() - control.mean()) / base,
            treatment.sd().hypot(ratio * control.sd()) / base,
        )
    }

    fn new(mean: f64, sd: f64) -> Option<Self> {
        (mean.is_finite() && sd.is_finite() && sd > 0.0).then_some(Self { mean, sd })
    }

    /// The belief of somebody who expected an effect of N(`mean`, `variance`), variance > 0: means weighted by precision.
    #[must_use]
    pub fn with_prior(self, mean: f64, variance: f64) -> Self {
        let (own, prior) = ((self.sd * self.sd).recip(), variance.recip());
        Self {
            mean: (own * self.mean + prior * mean) / (own + prior),
            sd: (own + prior).sqrt().recip(),
        }
    }

    /// The probability of an effect above 0.
    pub fn chance_to_win(&self) -> f64 {
        normal::sf(-self.mean / self.sd)
    }

    /// The interval with probability 1 − alpha.
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        let half = normal::critical(alpha) * self.sd;
        (self.mean - half, self.mean + half)
    }

    /// What each choice costs: s·φ(z) ± mean·Φ(±z) with z = mean/s.
    pub fn risk(&self) -> Risk {
        let z = self.mean / self.sd;
        let peak = self.sd * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        Risk {
            choose_control: (peak + self.mean * normal::sf(-z)).max(0.0),
            choose_treatment: (peak - self.mean * normal::sf(z)).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use serde_json::Value;

    fn arm(arm: &Value) -> Posterior {
        let number = |name: &str| arm[name].as_f64().unwrap();
        let (n, sum) = (number("n"), number("sum"));
        let variance = (number("sumsq") - sum * sum / n) / (n - 1.0);
        Posterior::normal(sum / n, (variance / n).sqrt()).unwrap()
    }

    #[test]
    fn every_figure_matches_growthbook() {
        for case in golden::cases(include_str!("../../tests/golden/bayes_normal.json")) {
            let arms: Vec<Posterior> = golden_arms(&case.input);
            for test in case.expected["growthbook"].as_array().unwrap() {
                let index = usize::try_from(test["arm"].as_u64().unwrap()).unwrap();
                let (control, treatment) = (&arms[0], &arms[index]);
                let flat = match test["difference_type"].as_str().unwrap() {
                    "absolute" => Effect::absolute(control, treatment),
                    _ => Effect::relative(control, treatment),
                }
                .unwrap();
                let prior = |name: &str| test["prior"][name].as_f64().unwrap();
                let effect = if test["prior"]["proper"] == true {
                    flat.with_prior(prior("mean"), prior("variance"))
                } else {
                    flat
                };
                let part = case.part(test);
                part.check("chance_to_win", &[effect.chance_to_win()]);
                part.check("expected", &[effect.mean]);
                let (low, high) = effect.interval(case.number("alpha"));
                part.check("ci", &[low, high]);
                let risk = effect.risk();
                part.check("risk_choose_control", &[risk.choose_control]);
                part.check("risk_choose_treatment", &[risk.choose_treatment]);
            }
        }
    }

    fn golden_arms(input: &Value) -> Vec<Posterior> {
        input["arms"].as_array().unwrap().iter().map(arm).collect()
    }

    #[test]
    fn what_cannot_be_told_is_absent() {
        let known = |mean| Posterior::normal(mean, 0.0).unwrap();
        assert_eq!(Effect::absolute(&known(1.0), &known(2.0)), None);
        let wide = Posterior::normal(1.0, 0.5).unwrap();
        assert_eq!(Effect::relative(&known(0.0), &wide), None);
    }
}
