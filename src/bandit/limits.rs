//! What limits the shares that a bandit's belief asks for: floor, caps of single variants, `max_share`, `max_step`.
//!
//! They apply in this order, so that the last one always holds. A cap never goes below the floor, and what it cuts off
//! goes to the others in proportion. Where the caps of single variants leave too little room for all traffic, they yield
//! to `max_share`. `max_step` moves the allocation in force towards what all others ask for, so no variant that is
//! brought down, for harm either, comes down faster.

#[cfg(test)]
mod tests;

use crate::allocation::{Allocation, Arm, Propensity, capped, floored};
use crate::catalog::experiment::Bandit;

/// What a bandit may do with traffic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Exploration shared by all variants.
    pub(super) floor_total: f64,
    /// Most that a variant gets, at least 1/K.
    pub(super) max_share: f64,
    /// Most that an epoch moves, in total variation.
    pub(super) max_step: f64,
}

/// What a variant would get, and at most gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Claim {
    /// The variant.
    pub(super) arm: Arm,
    /// Its share by belief and rule; they sum to 1.
    pub(super) share: f64,
    /// What it gets at most; 0 holds it at the floor, 1 is no limit of its own.
    pub(super) most: f64,
}

impl Limits {
    pub(super) fn of(bandit: &Bandit) -> Self {
        Self {
            floor_total: bandit.floor_total,
            max_share: bandit.max_share.unwrap_or(1.0),
            max_step: bandit.max_step.unwrap_or(1.0),
        }
    }

    /// The floor of each of so many variants.
    pub(super) fn floor(&self, variants: usize) -> f64 {
        self.floor_total / variants.max(1) as f64
    }

    /// The allocation that the claims come to. `current` is the allocation in force where its step counts: with other
    /// live variants there is nothing to step from.
    pub(super) fn applied(&self, claims: &[Claim], current: Option<&Allocation>) -> Allocation {
        let floor = self.floor(claims.len());
        let shares: Vec<f64> = claims.iter().map(|claim| claim.share).collect();
        let highest = self.max_share.max(1.0 / claims.len().max(1) as f64);
        let most: Vec<f64> = claims
            .iter()
            .map(|claim| claim.most.max(floor).min(highest))
            .collect();
        let shares = capped(floored(&shares, self.floor_total), &most, highest);
        let arms = claims.iter().map(|claim| claim.arm);
        let wanted = Allocation::rounded(arms.zip(shares));
        match current.filter(|current| current.same_arms(&wanted)) {
            Some(current) => self.stepped(current, wanted),
            None => wanted,
        }
    }

    /// As far towards what is wanted as an epoch may go.
    fn stepped(&self, current: &Allocation, wanted: Allocation) -> Allocation {
        let distance = current.distance(&wanted);
        if distance <= self.max_step {
            return wanted;
        }
        let pace = self.max_step / distance;
        let moved = |(arm, target): (Arm, f64)| {
            let from = current.propensity(arm).map_or(0.0, Propensity::get);
            (arm, from + pace * (target - from))
        };
        Allocation::rounded(wanted.iter().map(moved))
    }
}
