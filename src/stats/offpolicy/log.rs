//! From a log's visitors and a policy to the cells that are judged, with a model of the outcomes.
//!
//! The model is each action's mean over the whole log, shrunken towards a [`Prior`]. It contains a visitor's own
//! outcome, which matters as little as one visitor among those of the action.

use std::collections::{BTreeMap, BTreeSet};

use super::Cell;
use crate::moments::Moments;
use crate::stats::Sample;

/// By how much probabilities may miss 1 together: rounding to six digits or more.
const ROUNDING: f64 = 1e-6;
/// Visitors that the model's prior is worth.
const PRIOR_VISITORS: f64 = 20.0;

/// An action in a context, by the caller's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// Where: one and the same number if the policy knows no contexts.
    pub context: u32,
    /// What.
    pub action: u32,
}

/// The probabilities of a policy's actions, which add up to 1 in every context.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy(BTreeMap<Choice, f64>);

/// The probabilities of a context do not add up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incomplete {
    /// The context.
    pub context: u32,
    /// What they add up to.
    pub sum: f64,
}

impl Policy {
    /// A policy of these probabilities, each from 0 to 1; an action that is absent is never taken.
    ///
    /// # Errors
    /// [`Incomplete`] for the first context whose probabilities miss 1 by more than 10⁻⁶.
    pub fn new(probabilities: BTreeMap<Choice, f64>) -> Result<Self, Incomplete> {
        let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
        for (choice, probability) in &probabilities {
            *sums.entry(choice.context).or_default() += probability;
        }
        let is_whole = |sum: f64| (sum - 1.0).abs() <= ROUNDING;
        match sums.into_iter().find(|(_, sum)| !is_whole(*sum)) {
            Some((context, sum)) => Err(Incomplete { context, sum }),
            None => Ok(Self(probabilities)),
        }
    }

    /// The probability of an action; `None` if the policy does not name it in that context.
    pub fn probability(&self, choice: Choice) -> Option<f64> {
        self.0.get(&choice).copied()
    }

    /// Σ probability · `of`(action) by context.
    fn expected(&self, of: impl Fn(Choice) -> f64) -> BTreeMap<u32, f64> {
        let mut sums = BTreeMap::new();
        for (choice, probability) in &self.0 {
            *sums.entry(choice.context).or_default() += probability * of(*choice);
        }
        sums
    }
}

/// What the model expects of an action before it saw any visitor of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// How many visitors that is worth; positive.
    pub visitors: f64,
    /// Their mean outcome.
    pub mean: f64,
}

impl Prior {
    /// Twenty visitors with the mean of the log, whose integers are 1/`unit`.
    pub fn of(log: &Log, unit: f64) -> Self {
        let all = log.groups.values().fold(Moments::default(), |a, b| a + *b);
        Self {
            visitors: PRIOR_VISITORS,
            mean: all.mean(unit).unwrap_or(0.0),
        }
    }
}

/// The visitors of a log, by what they got, where, and under which probability.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    /// The propensity by its bits, which order positive numbers.
    groups: BTreeMap<(Choice, u64), Moments>,
}

impl Log {
    /// Adds visitors who got an action with this positive probability.
    pub fn add(&mut self, choice: Choice, propensity: f64, outcomes: Moments) {
        *self
            .groups
            .entry((choice, propensity.to_bits()))
            .or_default() += outcomes;
    }

    /// The cells of the log under a policy, in units of `unit` integers (10⁶ for amounts, 1 for counts).
    pub fn cells(&self, policy: &Policy, prior: Prior, unit: f64) -> Vec<Cell> {
        let mut actions: BTreeMap<u32, Moments> = BTreeMap::new();
        for ((choice, _), outcomes) in &self.groups {
            *actions.entry(choice.action).or_default() += *outcomes;
        }
        let model = |choice: Choice| {
            let own = actions.get(&choice.action).copied().unwrap_or_default();
            let sum = own.y as f64 / unit + prior.visitors * prior.mean;
            sum / (own.n as f64 + prior.visitors)
        };
        let expected = policy.expected(model);
        let cell = |((choice, propensity), outcomes): (&(Choice, u64), &Moments)| Cell {
            outcomes: Sample {
                n: u64::try_from(outcomes.n).unwrap_or(0),
                mean: outcomes.mean(unit).unwrap_or(0.0),
                variance: outcomes.variance(unit).unwrap_or(0.0),
            },
            propensity: f64::from_bits(*propensity),
            target: policy.probability(*choice).unwrap_or(0.0),
            predicted: model(*choice),
            expected: expected.get(&choice.context).copied().unwrap_or(0.0),
        };
        self.groups.iter().map(cell).collect()
    }

    /// The share of the log's visitors to whom the policy would give an action that nobody in their context got.
    pub fn unsupported(&self, policy: &Policy) -> f64 {
        let (mut visitors, mut taken) = (BTreeMap::<u32, f64>::new(), BTreeSet::new());
        for ((choice, _), outcomes) in &self.groups {
            *visitors.entry(choice.context).or_default() += outcomes.n as f64;
            taken.insert(*choice);
        }
        let never = policy.expected(|choice| f64::from(u8::from(!taken.contains(&choice))));
        let share = |(context, n): (&u32, &f64)| n * never.get(context).copied().unwrap_or(0.0);
        let all: f64 = visitors.values().sum();
        visitors.iter().map(share).sum::<f64>() / all.max(1.0)
    }
}
