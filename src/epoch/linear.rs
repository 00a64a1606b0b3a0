//! What a linear bandit's epoch draws from: the features of visitors, and what it believes each variant makes of them.
//!
//! A visitor's features are whole numbers, kept with the assignment, and so are the shares that the variant was drawn from.
//! So sums over visitors are exact, and a propensity can be told for ever without computing it again.

use serde::{Deserialize, Serialize};

use crate::allocation::Arm;

/// The value 1 of a feature, as it is kept.
pub const UNIT: i16 = 1_024;
/// A share of all traffic, as it is kept.
pub const MILLION: u32 = 1_000_000;
/// Most columns that features make, besides the intercept.
pub const MAX_COLUMNS: usize = 24;
/// Most variants of an experiment with a linear bandit.
pub const MAX_VARIANTS: usize = 20;
/// Most coefficients of all variants together, intercepts among them.
pub const MAX_COEFFICIENTS: usize = 256;

/// What is known of a visitor, as columns of numbers between −1 and 1; the intercept is not among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Features(Vec<Feature>);

/// One or more columns made of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Feature {
    /// A number: −1 at `min` or below, 1 at `max` or above, 0 in the middle and for visitors without one.
    Number {
        /// The attribute.
        attribute: String,
        /// The least that is told apart.
        min: f64,
        /// The most that is told apart, above `min`.
        max: f64,
    },
    /// A column per value: 1 for visitors who have it. Any other value, and none, is 0 in all of them.
    Values {
        /// The attribute.
        attribute: String,
        /// The values.
        values: Vec<String>,
    },
}

impl Features {
    /// In the order of their columns.
    pub fn new(features: Vec<Feature>) -> Self {
        Self(features)
    }

    /// In the order of their columns.
    pub fn iter(&self) -> impl Iterator<Item = &Feature> {
        self.0.iter()
    }

    /// The names of the columns: an attribute, or "device=mobile".
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for feature in &self.0 {
            match feature {
                Feature::Number { attribute, .. } => names.push(attribute.clone()),
                Feature::Values { attribute, values } => {
                    names.extend(values.iter().map(|value| format!("{attribute}={value}")));
                }
            }
        }
        names
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.0.iter().map(Feature::columns).sum()
    }
}

impl Feature {
    /// How many columns it makes.
    pub fn columns(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Values { values, .. } => values.len(),
        }
    }
}

/// How a visitor was drawn under a linear bandit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Drawn {
    /// The visitor's features in 1/1,024, one per column.
    pub features: Vec<i16>,
    /// The shares of the epoch's live variants in 1/1,000,000, in the order of its allocation. Empty where the variant was
    /// drawn from that allocation itself.
    pub shares: Vec<u32>,
}

/// What an epoch of a linear bandit reads of visitors and draws them from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// What it knows of visitors.
    pub features: Features,
    /// The position of its metric in the experiment's list.
    pub metric: u16,
    /// What it has learned; `None` draws all visitors from the epoch's allocation.
    pub learned: Option<Learned>,
}

/// What visitors are drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// One per live variant, in the order of the epoch's allocation.
    pub arms: Vec<Coefficients>,
    /// Exploration shared by all variants.
    pub floor_total: f64,
    /// Most that any variant gets, at least 1/K.
    pub max_share: f64,
    /// The features of the average visitor so far, whose shares are the epoch's allocation.
    pub average: Vec<i16>,
}

/// The posterior of a variant's coefficients: a normal. The first is the intercept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// The variant.
    pub arm: Arm,
    /// What it gets at most, at least the floor: less than `max_share` while it is new.
    pub most: f64,
    /// The means, in the metric's units, more being better.
    pub mean: Vec<f32>,
    /// The rows of the lower triangular L with L·Lᵀ = the covariance, one after the other.
    pub factor: Vec<f32>,
}

impl Coefficients {
    /// Mean and standard deviation of each coefficient, the intercept first.
    pub fn each(&self) -> Vec<(f64, f64)> {
        let mut rest = self.factor.as_slice();
        let mut each = Vec::with_capacity(self.mean.len());
        for (at, mean) in self.mean.iter().enumerate() {
            let (row, below) = rest.split_at(rest.len().min(at + 1));
            rest = below;
            let variance: f64 = row.iter().map(|of| f64::from(*of).powi(2)).sum();
            each.push((f64::from(*mean), variance.sqrt()));
        }
        each
    }
}

impl Linear {
    /// One that has learned nothing.
    pub fn new(features: Features, metric: u16) -> Self {
        Self {
            features,
            metric,
            learned: None,
        }
    }

    /// Whether both read the same of visitors and learn from the same metric.
    pub fn is_like(&self, other: &Self) -> bool {
        self.features == other.features && self.metric == other.metric
    }
}
