//! The weights that a row was drawn with.

use std::collections::HashMap;

use super::super::error::{Code, Problem};
use crate::allocation::{Allocation, Arm};

/// Reads an allocation: probabilities that sum to 1 and give the row's own variant a chance.
pub(super) fn allocation(
    weights: &HashMap<String, f64>,
    arm: Arm,
    arm_of: impl Fn(&str) -> Option<Arm>,
) -> Result<Allocation, Problem> {
    let invalid = |detail: String| Problem::at(Code::InvalidField, "allocation", detail);
    let mut arms = Vec::with_capacity(weights.len());
    for (key, weight) in weights {
        let arm =
            arm_of(key).ok_or_else(|| invalid(format!("names the unknown variant {key:?}")))?;
        if !(0.0..=1.0).contains(weight) {
            return Err(invalid(format!(
                "gives {key:?} {weight}, which is no probability"
            )));
        }
        arms.push((arm, *weight));
    }
    let total: f64 = arms.iter().map(|(_, weight)| weight).sum();
    if (total - 1.0).abs() > 1e-3 {
        return Err(invalid(format!("sums to {total}, not to 1")));
    }
    arms.sort_unstable_by_key(|(arm, _)| *arm);
    let allocation = Allocation::normalised(arms);
    if allocation.propensity(arm).is_none() {
        return Err(invalid("gives the row's own variant no chance".into()));
    }
    Ok(allocation)
}
