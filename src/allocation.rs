//! Allocation: the distribution over variants from which visitors are drawn, and the propensities it yields.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A variant's position in its experiment's list of all variant revisions ever; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Arm(pub u16);

/// The largest frozen inverse-propensity weight, in 1/65,536: that of a propensity of 2⁻²⁴.
const LARGEST_WEIGHT: f64 = (1_u64 << 40) as f64;
/// The least share of a live variant.
const LEAST_SHARE: f64 = 1e-6;

/// The probability with which a visitor got a variant: in (0, 1].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, ToSchema)]
pub struct Propensity(f64);

impl Propensity {
    /// A propensity, if `probability` lies in (0, 1] (a rounding error above 1 is 1).
    pub fn new(probability: f64) -> Option<Self> {
        (probability > 0.0 && probability < 1.0 + 1e-9).then(|| Self(probability.min(1.0)))
    }

    /// As a number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The inverse-propensity weight frozen with an assignment: `round(2¹⁶/e)`, in 1/65,536 (statistics R1).
    pub fn weight(self) -> u64 {
        // Squares of weights times squares of totals must fit 256 bits; no live variant has so small a share.
        let weight = (65_536.0 / self.0).round().min(LARGEST_WEIGHT);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded above"
        )]
        let weight = weight as u64;
        weight
    }
}

/// Probabilities over the live variants of an experiment: Σ = 1, each above 0. A variant that is absent is retired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation(Vec<(Arm, f64)>);

impl Allocation {
    /// Normalises positive weights to Σ = 1; weights that are not positive and finite are left out.
    pub fn normalised(weights: impl IntoIterator<Item = (Arm, f64)>) -> Self {
        let positive = |(_, weight): &(Arm, f64)| weight.is_finite() && *weight > 0.0;
        let mut weights: Vec<_> = weights.into_iter().filter(positive).collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        for (_, weight) in &mut weights {
            *weight /= total;
        }
        Self(weights)
    }

    /// Shares (Σ = 1) rounded to 10⁻⁶ (the rest goes to the largest), so that every machine gets the same weights; a
    /// live variant has 10⁻⁶ at least.
    pub fn rounded(shares: impl IntoIterator<Item = (Arm, f64)>) -> Self {
        let round = |share: f64| ((share * 1e6).round() / 1e6).max(LEAST_SHARE);
        let shares = shares.into_iter();
        let mut weights: Vec<_> = shares.map(|(arm, share)| (arm, round(share))).collect();
        let rest = 1.0 - weights.iter().map(|(_, weight)| weight).sum::<f64>();
        if let Some((_, largest)) = weights.iter_mut().max_by(|a, b| a.1.total_cmp(&b.1)) {
            *largest = ((*largest + rest) * 1e6).round() / 1e6;
        }
        Self(weights)
    }

    /// The live variants and their probabilities.
    pub fn iter(&self) -> impl Iterator<Item = (Arm, f64)> + '_ {
        self.0.iter().copied()
    }

    /// How many variants are live.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no variant is live.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The probability of a variant; `None` when it is retired.
    pub fn propensity(&self, arm: Arm) -> Option<Propensity> {
        self.0
            .iter()
            .find(|(live, _)| *live == arm)
            .and_then(|(_, weight)| Propensity::new(*weight))
    }

    /// Total variation distance to another allocation, in [0, 1].
    pub fn distance(&self, other: &Self) -> f64 {
        let weight = |of: &Self, arm: Arm| of.propensity(arm).map_or(0.0, Propensity::get);
        let here: f64 = self
            .iter()
            .map(|(arm, weight_here)| (weight_here - weight(other, arm)).abs())
            .sum();
        let only_there: f64 = other
            .iter()
            .filter(|(arm, _)| self.propensity(*arm).is_none())
            .map(|(_, w)| w)
            .sum();
        f64::midpoint(here, only_there)
    }

    /// Whether both are the same distribution (up to 10⁻⁹ in total variation).
    pub fn same(&self, other: &Self) -> bool {
        self.distance(other) < 1e-9
    }

    /// Whether both have the same live variants.
    pub fn same_arms(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(arm, _)| other.propensity(arm).is_some())
    }
}

/// Mixes `shares` (Σ = 1) with an equal share for everyone: `p = f + (1 − K·f)·share`, f = `floor_total`/K.
///
/// Additive, because clipping and renormalising changes the order of arms.
pub fn floored(shares: &[f64], floor_total: f64) -> Vec<f64> {
    let floor = floor_total / shares.len().max(1) as f64;
    let mix = |share: &f64| floor + (1.0 - floor_total) * share;
    shares.iter().map(mix).collect()
}

/// Shares of at most `most` each, what is cut off going to the others in proportion; where `most` leaves too little room
/// for all of it, the rest goes where there is room up to `highest`.
pub fn capped(mut shares: Vec<f64>, most: &[f64], highest: f64) -> Vec<f64> {
    let room: f64 = most.iter().sum();
    if room <= 1.0 {
        let rest: f64 = most.iter().map(|most| highest - most).sum();
        let spread = if rest > 0.0 { (1.0 - room) / rest } else { 0.0 };
        let filled = |most: &f64| most + spread * (highest - most);
        return most.iter().map(filled).collect();
    }
    // Each round closes a variant at least.
    let mut closed = vec![false; shares.len()];
    for _ in 0..most.len() {
        let over = |at: usize, shares: &[f64]| shares[at] >= most[at];
        let fresh: Vec<usize> = (0..most.len())
            .filter(|at| !closed[*at] && over(*at, &shares))
            .collect();
        if fresh.is_empty() {
            break;
        }
        for at in fresh {
            closed[at] = true;
            shares[at] = most[at];
        }
        let sum = |of: bool| -> f64 {
            let pairs = closed.iter().zip(&shares);
            pairs
                .filter(|(closed, _)| **closed == of)
                .map(|(_, share)| share)
                .sum()
        };
        let (taken, open) = (sum(true), sum(false));
        let count = closed.iter().filter(|closed| !**closed).count();
        for at in (0..most.len()).filter(|at| !closed[*at]) {
            shares[at] = if open > 0.0 {
                shares[at] * (1.0 - taken) / open
            } else {
                (1.0 - taken) / count as f64
            };
        }
    }
    shares
}

/// The shares of top-two Thompson sampling from P(best), Σ = 1: the best variant is drawn, and with probability
/// 1 − `leading` drawn again until another one is best. `ψ_i = a_i·(β + (1 − β)·Σ_{j≠i} a_j/(1 − a_j))` (Russo 2016).
///
/// Next to a variant that is certainly the best, the others share as they would without it; equally, if none of them has
/// any chance. Two variants with `leading` ½ always get a half each.
pub fn top_two(prob_best: &[f64], leading: f64) -> Vec<f64> {
    let others = prob_best.len().saturating_sub(1) as f64;
    if others < 1.0 {
        return prob_best.to_vec();
    }
    let total: f64 = prob_best.iter().sum();
    let mut shares: Vec<f64> = prob_best.iter().map(|best| leading * best).collect();
    for (leader, best) in prob_best.iter().enumerate() {
        // 1 − a_j without cancellation as a_j nears 1.
        let before: f64 = prob_best.iter().take(leader).sum();
        let rest = before + prob_best.iter().skip(leader + 1).sum::<f64>();
        for (arm, share) in shares
            .iter_mut()
            .enumerate()
            .filter(|(arm, _)| *arm != leader)
        {
            let second = if rest > 0.0 {
                prob_best[arm] / rest
            } else {
                1.0 / others
            };
            *share += (1.0 - leading) * best * second;
        }
    }
    shares.iter().map(|share| share / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use proptest::prelude::*;

    fn arms(weights: &[f64]) -> Vec<(Arm, f64)> {
        (0..).map(Arm).zip(weights.iter().copied()).collect()
    }

    /// The floors of `adaptive_CI`, which clip and renormalise, are another convention and not followed.
    #[test]
    fn shares_and_floors_match_the_reference() {
        for case in golden::cases(include_str!("../tests/golden/allocation.json")) {
            let prob_best = golden::flatten(&case.input["p_best"]);
            case.check("ttts_beta_half", &top_two(&prob_best, 0.5));
            case.check("ttts_beta_07", &top_two(&prob_best, 0.7));
            for floor in ["0.01", "0.05", "0.1"] {
                let total = floor.parse::<f64>().unwrap() * prob_best.len() as f64;
                let floored = floored(&prob_best, total);
                case.check(&format!("additive_floor_{floor}"), &floored);
                let rounded = Allocation::rounded(arms(&floored));
                let exact = Allocation::normalised(arms(&floored));
                assert!(rounded.distance(&exact) < 3e-6, "{}", case.name);
            }
        }
    }

    #[test]
    fn beside_a_certain_winner_the_others_share_the_second_place() {
        let close = |got: Vec<f64>, expected: &[f64]| {
            let pairs = got.iter().zip(expected);
            assert!(
                pairs
                    .clone()
                    .all(|(got, share)| (got - share).abs() < 1e-12),
                "{got:?}"
            );
        };
        close(top_two(&[1.0, 0.0, 0.0], 0.5), &[0.5, 0.25, 0.25]);
        close(top_two(&[1.0, 3e-300, 1e-300], 0.5), &[0.5, 0.375, 0.125]);
        close(top_two(&[0.9, 0.1], 0.5), &[0.5, 0.5]);
        close(top_two(&[1.0], 0.5), &[1.0]);
    }

    #[test]
    fn distance_counts_retired_variants() {
        let both = Allocation::normalised(arms(&[1.0, 1.0]));
        let one = Allocation::normalised(arms(&[1.0]));
        assert!((both.distance(&one) - 0.5).abs() < 1e-12);
        assert!(!both.same_arms(&one));
    }

    #[test]
    fn weights_are_inverse_propensities() {
        assert_eq!(Propensity::new(0.25).unwrap().weight(), 4 << 16);
        assert!(Propensity::new(0.0).is_none());
    }

    proptest! {
        #[test]
        fn top_two_shares_sum_to_one_in_the_order_of_their_chances(raw in prop::collection::vec(0.0_f64..1.0, 2..20), leading in 0.5_f64..1.0) {
            let total: f64 = raw.iter().sum();
            prop_assume!(total > 0.0);
            let prob_best: Vec<f64> = raw.iter().map(|share| share / total).collect();
            let shares = top_two(&prob_best, leading);
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for (i, j) in (1..shares.len()).map(|i| (i - 1, i)) {
                prop_assert!((shares[i] - shares[j]) * (prob_best[i] - prob_best[j]) >= -1e-12);
            }
        }

        #[test]
        fn floored_weights_sum_to_one_and_respect_the_floor(raw in prop::collection::vec(0.0_f64..1.0, 2..20), floor_total in 0.01_f64..1.0) {
            prop_assume!(raw.iter().sum::<f64>() > 0.0);
            let total: f64 = raw.iter().sum();
            let shares: Vec<_> = raw.iter().map(|share| share / total).collect();
            let allocation = Allocation::rounded(arms(&floored(&shares, floor_total)));
            prop_assert!((allocation.iter().map(|(_, w)| w).sum::<f64>() - 1.0).abs() < 1e-9);
            let floor = floor_total / shares.len() as f64;
            prop_assert!(allocation.iter().all(|(_, w)| w >= floor - 2e-5));
        }
    }
}
