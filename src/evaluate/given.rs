//! The policy as it is asked about, and as it is judged: names become positions.

use std::collections::BTreeMap;

use super::{Cause, EvaluateError, Question};
use crate::cell::OTHER;
use crate::report::{dimension_position, dimension_value, dimensions};
use crate::stats::offpolicy::log::{Choice, Policy};

/// The only context of a policy that knows none.
pub(super) const EVERYWHERE: u32 = 0;

/// A probability of the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Where it stands, for messages.
    pub place: String,
    /// The variant's key.
    pub arm: String,
    /// With which probability it is given.
    pub probability: f64,
    /// The value of the dimension that the policy goes by, as reports name it.
    pub context: Option<String>,
}

/// The policy with positions of variants and values.
pub(super) struct Asked {
    /// Position of the dimension it goes by.
    pub(super) dimension: Option<u8>,
    pub(super) policy: Policy,
}

impl Asked {
    /// # Errors
    /// The first mistake.
    pub(super) fn new(question: &Question<'_>) -> Result<Self, EvaluateError> {
        let dimension = question
            .context
            .map(|name| dimension(question, name))
            .transpose()?;
        let mut contexts = Contexts::new(question, dimension);
        let mut probabilities = BTreeMap::new();
        for share in question.policy {
            let choice = Choice {
                context: contexts.of(share)?,
                action: arm(question, share)?,
            };
            let invalid =
                |detail: &str| EvaluateError::at(Cause::InvalidPolicy, &share.place, detail);
            if !(0.0..=1.0).contains(&share.probability) {
                return Err(invalid("is no probability from 0 to 1"));
            }
            if probabilities.insert(choice, share.probability).is_some() {
                return Err(invalid("has its probability already"));
            }
        }
        if probabilities.is_empty() {
            let detail = "gives no probabilities";
            return Err(EvaluateError::at(Cause::InvalidPolicy, "policy", detail));
        }
        let policy = Policy::new(probabilities).map_err(|found| {
            let place = contexts.name(found.context);
            let place = place.map_or_else(String::new, |name| format!(" in the context {name:?}"));
            let detail = format!(
                "has probabilities that add up to {}{place}, not to 1",
                found.sum
            );
            EvaluateError::at(Cause::InvalidPolicy, "policy", detail)
        })?;
        Ok(Self { dimension, policy })
    }
}

fn dimension(question: &Question<'_>, name: &str) -> Result<u8, EvaluateError> {
    dimension_position(question.entry, name).ok_or_else(|| {
        let known = dimensions(question.entry).join(", ");
        let detail = format!("{name:?} is none of the experiment's dimensions: {known}");
        EvaluateError::at(Cause::UnknownDimension, "context", detail)
    })
}

fn arm(question: &Question<'_>, share: &Share) -> Result<u32, EvaluateError> {
    let experiment = &question.entry.experiment;
    let arm = experiment.arm(&share.arm).map(|arm| u32::from(arm.0));
    arm.ok_or_else(|| {
        let live = experiment.live();
        let known: Vec<&str> = live.map(|(_, variant)| variant.key.as_str()).collect();
        let detail = format!(
            "names {:?}, which is none of the live variants: {}",
            share.arm,
            known.join(", ")
        );
        EvaluateError::at(Cause::UnknownVariant, &share.place, detail)
    })
}

/// Numbers of contexts: the positions of a dimension's values, and beyond them numbers for values without visitors.
struct Contexts {
    is_asked: bool,
    numbers: BTreeMap<String, u32>,
}

impl Contexts {
    fn new(question: &Question<'_>, dimension: Option<u8>) -> Self {
        let mut numbers = BTreeMap::new();
        // From the last to the first: of equal names, the value that comes first has it.
        for value in (0..=OTHER).rev() {
            let label = dimension.and_then(|of| dimension_value(question.entry, of, value));
            if let Some(label) = label {
                numbers.insert(label, u32::from(value));
            }
        }
        Self {
            is_asked: dimension.is_some(),
            numbers,
        }
    }

    fn of(&mut self, share: &Share) -> Result<u32, EvaluateError> {
        let invalid = |detail| EvaluateError::at(Cause::InvalidPolicy, &share.place, detail);
        match (&share.context, self.is_asked) {
            (None, false) => Ok(EVERYWHERE),
            (None, true) => Err(invalid("names no value of the context")),
            (Some(_), false) => Err(invalid(
                "names a value, but \"context\" names no dimension it is of",
            )),
            (Some(name), true) => {
                let next = u32::from(OTHER) + 1 + u32::try_from(self.numbers.len()).unwrap_or(0);
                Ok(*self.numbers.entry(name.clone()).or_insert(next))
            }
        }
    }

    fn name(&self, number: u32) -> Option<&str> {
        let mut all = self.numbers.iter();
        all.find(|(_, of)| **of == number)
            .map(|(name, _)| name.as_str())
    }
}
