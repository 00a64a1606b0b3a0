//! What a linear bandit draws a visitor from: attributes → features → worth of each variant → P(best) → shares.
//!
//! It is asked for every new visitor, so it is fast: four variants and eight features take a few microseconds. The shares
//! are rounded to 10⁻⁶ and logged with the assignment; nobody ever computes them again.

use serde_json::Value;

use crate::allocation::{Arm, capped, floored};
use crate::catalog::audience::{Attributes, MAX_NAME_CHARS};
use crate::epoch::Epoch;
use crate::epoch::linear::{Coefficients, Drawn, Feature, Features, Learned, MILLION, UNIT};
use crate::posterior::linear::contest::{Normal, prob_best};

/// How a visitor with these attributes is drawn; `None` under another policy.
pub fn drawn(epoch: &Epoch, attributes: &Attributes) -> Option<Drawn> {
    let linear = epoch.linear.as_ref()?;
    let features = features(&linear.features, attributes);
    let learned = linear.learned.as_ref();
    let shares = learned.map_or_else(Vec::new, |learned| shares(learned, &features));
    Some(Drawn { features, shares })
}

/// What each variant is worth to a visitor with these attributes, more being better; `None` where no linear bandit has
/// learned it.
pub fn means(epoch: &Epoch, attributes: &Attributes) -> Option<Vec<(Arm, f64)>> {
    let linear = epoch.linear.as_ref()?;
    let learned = linear.learned.as_ref()?;
    let worth = worth(learned, &features(&linear.features, attributes));
    let arms = learned.arms.iter().zip(worth);
    Some(arms.map(|(own, worth)| (own.arm, worth.mean)).collect())
}

/// A visitor's features in 1/1,024, one per column.
fn features(of: &Features, attributes: &Attributes) -> Vec<i16> {
    let mut columns = Vec::with_capacity(of.columns());
    for feature in of.iter() {
        match feature {
            Feature::Number {
                attribute,
                min,
                max,
            } => {
                let number = attributes.get(attribute).and_then(Value::as_f64);
                columns.push(number.map_or(0, |number| scaled(number, (*min, *max))));
            }
            Feature::Values { attribute, values } => {
                let given = attributes.get(attribute);
                let is = |value: &String| given.is_some_and(|given| is_text(given, value));
                let own = values.iter().position(is);
                columns.extend((0..values.len()).map(|at| if Some(at) == own { UNIT } else { 0 }));
            }
        }
    }
    columns
}

/// −1 at the least, 1 at the most.
fn scaled(number: f64, (min, max): (f64, f64)) -> i16 {
    let within = (number.clamp(min, max) - min) / (max - min);
    #[expect(clippy::cast_possible_truncation, reason = "between −1,024 and 1,024")]
    let scaled = ((2.0 * within - 1.0) * f64::from(UNIT)).round() as i16;
    scaled
}

/// Whether an attribute is this text, as [`Attributes::text`] has it.
fn is_text(given: &Value, value: &str) -> bool {
    match given {
        Value::String(text) if text.len() <= MAX_NAME_CHARS => text == value,
        Value::String(text) => text.chars().take(MAX_NAME_CHARS).eq(value.chars()),
        Value::Bool(given) => value == if *given { "true" } else { "false" },
        Value::Number(given) => given.to_string().as_str() == value,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// What each variant is worth to a visitor with these features, more being better.
pub fn worth(learned: &Learned, features: &[i16]) -> Vec<Normal> {
    let mut x = Vec::with_capacity(features.len() + 1);
    x.push(1.0_f32);
    x.extend(features.iter().map(|of| f32::from(*of) / f32::from(UNIT)));
    learned.arms.iter().map(|arm| normal(arm, &x)).collect()
}

fn normal(arm: &Coefficients, x: &[f32]) -> Normal {
    let mean: f32 = arm.mean.iter().zip(x).map(|(mean, x)| mean * x).sum();
    // xᵀLLᵀx, row by row of L.
    let mut projected = [0.0_f32; crate::epoch::linear::MAX_COLUMNS + 1];
    let mut rest = arm.factor.as_slice();
    for (at, x) in x.iter().enumerate() {
        let (row, below) = rest.split_at(rest.len().min(at + 1));
        rest = below;
        if *x != 0.0 {
            for (sum, cell) in projected.iter_mut().zip(row) {
                *sum += x * cell;
            }
        }
    }
    let variance: f32 = projected.iter().map(|of| of * of).sum();
    Normal {
        mean: f64::from(mean),
        sd: f64::from(variance.sqrt()),
    }
}

/// The shares of a visitor with these features in 1/1,000,000, by variant: they sum to a million, each at least 1.
pub fn shares(learned: &Learned, features: &[i16]) -> Vec<u32> {
    let chances = prob_best(&worth(learned, features));
    let mut shares = floored(&chances, learned.floor_total);
    let highest = learned.max_share.max(1.0 / shares.len().max(1) as f64);
    let floor = learned.floor_total / shares.len().max(1) as f64;
    let most = |arm: &Coefficients| arm.most.max(floor).min(highest);
    let over = |(share, arm): (&f64, &Coefficients)| *share > most(arm);
    if shares.iter().zip(&learned.arms).any(over) {
        let most: Vec<f64> = learned.arms.iter().map(most).collect();
        shares = capped(shares, &most, highest);
    }
    rounded(&shares)
}

/// Rounded to whole millionths; the rest goes to the largest.
fn rounded(shares: &[f64]) -> Vec<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and a million"
    )]
    let round = |share: &f64| ((share * f64::from(MILLION)).round() as u32).clamp(1, MILLION);
    let mut rounded: Vec<u32> = shares.iter().map(round).collect();
    let total: u32 = rounded.iter().sum();
    if let Some(largest) = rounded.iter_mut().max() {
        *largest = (*largest + MILLION).saturating_sub(total).max(1);
    }
    rounded
}

#[cfg(test)]
mod tests;
