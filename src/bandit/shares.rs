//! From the variants' probabilities to be the best to their shares of traffic.

use crate::allocation::top_two;
use crate::catalog::experiment::Rule;

/// Share of top-two sampling that goes to the likely best; near the best choice whatever the truth (Russo 2016).
const LEADING: f64 = 0.5;

/// The shares by the rule, Σ = 1, and what is to be said about it.
pub(super) fn shares(rule: Rule, prob_best: &[f64]) -> (Vec<f64>, &'static str) {
    match rule {
        Rule::Thompson => (prob_best.to_vec(), ""),
        Rule::TopTwo => (
            top_two(prob_best, LEADING),
            " Half of the traffic goes to the likely best, half to its challengers.",
        ),
        Rule::Greedy => (
            greedy(prob_best),
            " All but epsilon goes to the likely best.",
        ),
    }
}

/// Everything for the likely best, the first of equals.
fn greedy(prob_best: &[f64]) -> Vec<f64> {
    let best = prob_best.iter().copied().fold(0.0, f64::max);
    let leader = prob_best.iter().position(|chance| *chance >= best);
    let share = |arm| if Some(arm) == leader { 1.0 } else { 0.0 };
    (0..prob_best.len()).map(share).collect()
}
