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

    /// Whether the policy says what it does in a context.
    pub fn knows(&self, context: u32) -> bool {
        self.0.keys().any(|choice| choice.context == context)
    }

    /// The actions that it takes in some context.
    pub fn actions(&self) -> BTreeSet<u32> {
        let taken = self.0.iter().filter(|(_, probability)| **probability > 0.0);
        taken.map(|(choice, _)| choice.action).collect()
    }

    /// Σ probability · `of`(action) by context.
    pub(super) fn expected(&self, of: impl Fn(Choice) -> f64) -> BTreeMap<u32, f64> {
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
        Self {
            visitors: PRIOR_VISITORS,
            mean: log.mean(unit).unwrap_or(0.0),
        }
    }
}

/// What each action is expected to earn, wherever it is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    prior: Prior,
    unit: f64,
    actions: BTreeMap<u32, Moments>,
}

impl Model {
    pub(super) fn mean(&self, choice: Choice) -> f64 {
        let own = self.actions.get(&choice.action).copied();
        let own = own.unwrap_or_default();
        let sum = own.y as f64 / self.unit + self.prior.visitors * self.prior.mean;
        sum / (own.n as f64 + self.prior.visitors)
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

    /// The mean outcome, in units of `unit` integers (10⁶ for amounts, 1 for counts); `None` without visitors.
    pub fn mean(&self, unit: f64) -> Option<f64> {
        let all = self.groups.values().fold(Moments::default(), |a, b| a + *b);
        all.mean(unit)
    }

    /// The means of the log's actions, shrunken towards the prior; `unit` as in [`Log::mean`].
    pub fn model(&self, prior: Prior, unit: f64) -> Model {
        let mut actions: BTreeMap<u32, Moments> = BTreeMap::new();
        for ((choice, _), outcomes) in &self.groups {
            *actions.entry(choice.action).or_default() += *outcomes;
        }
        Model {
            prior,
            unit,
            actions,
        }
    }

    /// The cells of the log under a policy; `unit` as in [`Log::mean`].
    pub fn cells(&self, policy: &Policy, prior: Prior, unit: f64) -> Vec<Cell> {
        let model = self.model(prior, unit);
        let expected = policy.expected(|choice| model.mean(choice));
        let cell = |((choice, propensity), outcomes): (&(Choice, u64), &Moments)| Cell {
            outcomes: Sample {
                n: u64::try_from(outcomes.n).unwrap_or(0),
                mean: outcomes.mean(unit).unwrap_or(0.0),
                variance: outcomes.variance(unit).unwrap_or(0.0),
            },
            propensity: f64::from_bits(*propensity),
            target: policy.probability(*choice).unwrap_or(0.0),
            predicted: model.mean(*choice),
            expected: expected.get(&choice.context).copied().unwrap_or(0.0),
        };
        self.groups.iter().map(cell).collect()
    }

    /// The share of the log's visitors to whom the policy would give an action that nobody in their context got.
    pub fn unsupported(&self, policy: &Policy) -> f64 {
        let groups = self.groups.iter();
        unsupported(
            policy,
            groups.map(|((choice, _), outcomes)| (*choice, outcomes.n)),
        )
    }
}

/// The share of visitors to whom the policy would give an action that none of them in their context got.
pub(super) fn unsupported(policy: &Policy, groups: impl Iterator<Item = (Choice, i64)>) -> f64 {
    let (mut visitors, mut taken) = (BTreeMap::<u32, f64>::new(), BTreeSet::new());
    for (choice, n) in groups.filter(|(_, n)| *n > 0) {
        *visitors.entry(choice.context).or_default() += n as f64;
        taken.insert(choice);
    }
    let never = policy.expected(|choice| f64::from(u8::from(!taken.contains(&choice))));
    let share = |(context, n): (&u32, &f64)| n * never.get(context).copied().unwrap_or(0.0);
    let all: f64 = visitors.values().sum();
    visitors.iter().map(share).sum::<f64>() / all.max(1.0)
}
