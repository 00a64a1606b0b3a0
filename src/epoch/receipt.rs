//! Receipts: why an epoch opened with the weights it has, with every number that led to them.

use serde::{Deserialize, Serialize};

use crate::allocation::Arm;

/// Why an epoch opened with the weights it has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// The same in plain sentences.
    pub sentence: String,
    /// What a bandit knew and believed of each live variant; empty where none decided.
    pub beliefs: Vec<Belief>,
}

/// What a bandit knew and believed of a variant when it decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// The variant.
    pub arm: Arm,
    /// Visitors drawn so far, without the holdout.
    pub visitors: u64,
    /// What they brought in all, in the metric's units.
    pub total: f64,
    /// The posterior mean per visitor: of the rate or the value, or under a model of ratios of its level over the
    /// variants' geometric mean.
    pub mean: f64,
    /// The posterior standard deviation of the mean.
    pub sd: f64,
    /// The probability to be the best.
    pub prob_best: f64,
    /// Its weight in the epoch before; 0 if it was not live.
    pub before: f64,
}

impl From<String> for Receipt {
    fn from(sentence: String) -> Self {
        Self {
            sentence,
            beliefs: Vec::new(),
        }
    }
}

impl From<&str> for Receipt {
    fn from(sentence: &str) -> Self {
        sentence.to_owned().into()
    }
}
