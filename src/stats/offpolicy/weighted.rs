//! A policy judged by sums that are weighted by inverse propensities: where the odds moved, and plain sums by choice and
//! propensity are not kept.
//!
//! With w = π·v, v the inverse propensity, every figure is a function of `n`, `Σv`, `Σv²`, `Σvy`, `Σv²y` and `Σv²y²` by choice,
//! since π is the same within one. Weights are kept in 1/65,536, so figures are exact to 10⁻⁵ of the weights. Only the largest
//! weight is not among the sums: it is at most the inverse of the smallest propensity, and at most `√Σv²`.

use std::collections::BTreeMap;

use super::log::{Choice, Model, Policy, unsupported};
use super::{Evaluation, Group, Modelled, Refusal, judged};
use crate::moments::Weighted;

/// Weights are kept in this part of one.
const UNIT: f64 = 65_536.0;

/// The visitors of a log, by what they got and where, weighted by the inverses of their propensities.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeightedLog {
    groups: BTreeMap<Choice, Weighing>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Weighing {
    sums: Weighted,
    /// The largest inverse of a propensity, or a bound of it.
    largest: f64,
}

/// The visitors of a choice under the judged policy: sums of their weights w and outcomes y.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Weighed {
    n: u64,
    w: f64,
    ww: f64,
    wy: f64,
    wwy: f64,
    wwyy: f64,
    largest: f64,
    model: Modelled,
}

impl WeightedLog {
    /// Adds visitors who got an action, none of whose inverse propensities is above `largest`.
    pub fn add(&mut self, choice: Choice, sums: Weighted, largest: f64) {
        let group = self.groups.entry(choice).or_default();
        group.sums += sums;
        group.largest = group.largest.max(largest);
    }

    /// Visitors by context.
    pub fn contexts(&self) -> BTreeMap<u32, i64> {
        let mut visitors = BTreeMap::new();
        for (choice, group) in &self.groups {
            *visitors.entry(choice.context).or_default() += group.sums.n;
        }
        visitors
    }

    /// Judges a policy as [`super::evaluate`] does, with a model of the outcomes of the same visitors, whose mean is `logged`;
    /// `unit` integers are 1.
    ///
    /// # Errors
    /// [`Refusal`] where the log tells too little.
    pub fn evaluate(
        &self,
        policy: &Policy,
        (model, logged): (&Model, f64),
        unit: f64,
        alpha: f64,
    ) -> Result<Evaluation, Refusal> {
        let expected = policy.expected(|choice| model.mean(choice));
        let weighed = |(choice, group): (&Choice, &Weighing)| {
            let of = Modelled {
                predicted: model.mean(*choice),
                expected: expected.get(&choice.context).copied().unwrap_or(0.0),
            };
            Weighed::new(group, policy.probability(*choice).unwrap_or(0.0), unit, of)
        };
        let groups: Vec<Weighed> = self.groups.iter().map(weighed).collect();
        judged(&groups, |_| logged, alpha)
    }

    /// The share of visitors to whom the policy would give an action that nobody in their context got.
    pub fn unsupported(&self, policy: &Policy) -> f64 {
        let groups = self.groups.iter();
        unsupported(
            policy,
            groups.map(|(choice, group)| (*choice, group.sums.n)),
        )
    }
}

impl Weighed {
    fn new(group: &Weighing, target: f64, unit: f64, model: Modelled) -> Self {
        let (sums, once) = (&group.sums, target / UNIT);
        let twice = once * once;
        let ww = twice * sums.ww as f64;
        Self {
            n: u64::try_from(sums.n).unwrap_or(0),
            w: once * sums.w as f64,
            ww,
            wy: once * (sums.wy as f64 / unit),
            wwy: twice * (sums.wwy.as_f64() / unit),
            wwyy: twice * (sums.wwyy.as_f64() / unit / unit),
            largest: (target * group.largest).min(ww.sqrt()),
            model,
        }
    }
}

impl Group for Weighed {
    fn visitors(&self) -> u64 {
        self.n
    }

    fn largest(&self) -> f64 {
        self.largest
    }

    fn weights(&self, largest: f64) -> [f64; 2] {
        [self.w / largest, self.ww / largest / largest]
    }

    fn beyond(&self, predicted: f64) -> f64 {
        self.wy - predicted * self.w
    }

    fn squares(&self, constant: f64, predicted: f64) -> f64 {
        let own = self.wwyy - predicted * (2.0 * self.wwy - predicted * self.ww);
        let mixed = 2.0 * constant * self.beyond(predicted);
        (self.n as f64 * constant * constant + mixed + own).max(0.0)
    }

    fn model(&self) -> Modelled {
        self.model
    }

    fn is_usable(&self) -> bool {
        let sums = [self.w, self.ww, self.wy, self.wwy, self.wwyy];
        sums.iter().all(|sum| sum.is_finite()) && self.w >= 0.0
    }
}
