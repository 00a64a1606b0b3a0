//! One pass over the panels of several densities: how likely is each the largest, and how large is the largest?
//!
//! Distribution functions are the running integrals of the densities on the same nodes, so nothing is evaluated twice
//! and nothing outside an arm's support is evaluated at all. The cost is arms × nodes.

use super::panel::{self, Density, Rule, sigmoid};

/// The result of [`sweep`].
pub(super) struct Sweep {
    pub(super) prob_best: Vec<f64>,
    /// On the line's own scale: a probability for logits.
    pub(super) expected_max: f64,
}

impl Sweep {
    /// Divided by the sum of probabilities, which the quadrature leaves within 1e-9 of 1.
    pub(super) fn normalised(mut self) -> Self {
        let total: f64 = self.prob_best.iter().sum();
        if total > 0.0 {
            self.prob_best.iter_mut().for_each(|prob| *prob /= total);
            self.expected_max /= total;
        }
        self
    }
}

/// One pass over all panels: the densities at the nodes first, for their totals, then distribution functions and products.
pub(super) fn sweep<const M: usize>(rule: &Rule<M>, densities: &[Density], logit: bool) -> Sweep {
    let edges = panel::edges(densities);
    let panels = edges.len().saturating_sub(1);
    let mut arms: Vec<Arm<M>> = densities
        .iter()
        .map(|density| Arm::new(rule, density, &edges))
        .collect();
    let mut prob_best = vec![0.0; arms.len()];
    let mut prefix = vec![0.0; arms.len()];
    let mut expected_max = 0.0;
    for index in 0..panels {
        let (low, high) = (edges[index], edges[index + 1]);
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
        for arm in &mut arms {
            arm.advance(rule, index, half);
        }
        for node in 0..M {
            let here = best_at_node(&arms, node, &mut prefix, |arm, mass| {
                prob_best[arm] += half * rule.weights[node] * mass;
            });
            let at = middle + half * rule.nodes[node];
            let value = if logit { sigmoid(at) } else { at };
            expected_max += half * rule.weights[node] * here * value;
        }
    }
    Sweep {
        prob_best,
        expected_max,
    }
}

/// Calls `add(arm, density of "this arm is the maximum, and lies here")` for every arm; returns their sum.
fn best_at_node<const M: usize>(
    arms: &[Arm<M>],
    node: usize,
    prefix: &mut [f64],
    mut add: impl FnMut(usize, f64),
) -> f64 {
    let mut product = 1.0;
    for (arm, before) in arms.iter().zip(prefix.iter_mut()) {
        *before = product;
        product *= arm.cdf[node];
    }
    let (mut suffix, mut sum) = (1.0, 0.0);
    for (index, arm) in arms.iter().enumerate().rev() {
        let mass = arm.pdf[node] * prefix[index] * suffix;
        suffix *= arm.cdf[node];
        sum += mass;
        add(index, mass);
    }
    sum
}

/// One arm's density on the panels of its support, and where the pass over them stands.
struct Arm<const M: usize> {
    first: usize,
    density: Vec<[f64; M]>,
    total: f64,
    below: f64,
    /// Normalised density at the current panel's nodes.
    pdf: [f64; M],
    /// Distribution function at the current panel's nodes.
    cdf: [f64; M],
}

impl<const M: usize> Arm<M> {
    fn new(rule: &Rule<M>, density: &Density, edges: &[f64]) -> Self {
        let (low, high) = density.support();
        let first = edges.partition_point(|edge| *edge < low);
        let last = edges.partition_point(|edge| *edge < high);
        let mut total = 0.0;
        let nodes = |pair: &[f64]| {
            let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
            let values = rule.nodes.map(|node| density.at(middle + half * node));
            total += half * dot(&rule.weights, &values);
            values
        };
        let last = last.min(edges.len() - 1);
        let density = edges[first..=last].windows(2).map(nodes).collect();
        Self {
            first,
            density,
            total,
            below: 0.0,
            pdf: [0.0; M],
            cdf: [0.0; M],
        }
    }

    /// Moves on to a panel; panels are visited in order.
    fn advance(&mut self, rule: &Rule<M>, panel: usize, half: f64) {
        let inside = panel
            .checked_sub(self.first)
            .and_then(|index| self.density.get(index));
        let Some(values) = inside else {
            self.pdf = [0.0; M];
            self.cdf = [if panel < self.first { 0.0 } else { 1.0 }; M];
            return;
        };
        let scale = half / self.total;
        for node in 0..M {
            self.pdf[node] = values[node] / self.total;
            self.cdf[node] = self.below + scale * dot(&rule.partial[node], values);
        }
        self.below += scale * dot(&rule.weights, values);
    }
}

fn dot<const M: usize>(left: &[f64; M], right: &[f64; M]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}
