//! The Beta distribution at any sample size: distribution function, quantiles and credible intervals.
//!
//! `statrs` stops its continued fraction after 140 terms without a word (wrong by 1e-3 at n = 10⁶, by 0.14 at 10⁷), so
//! both functions integrate the density on the panels of `panel.rs` instead.

use super::panel::{self, Density, Logit, sigmoid};

/// P(X ≤ x) for X ~ Beta(a, b); a and b positive and finite.
pub fn cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else {
        Cumulative::new(a, b).cdf(x.ln() - (-x).ln_1p())
    }
}

/// The x with P(X ≤ x) = `probability` for X ~ Beta(a, b).
pub fn quantile(a: f64, b: f64, probability: f64) -> f64 {
    Cumulative::new(a, b).quantile(probability)
}

/// The equal-tailed credible interval of Beta(a, b): its quantiles at alpha/2 and 1 − alpha/2.
pub fn interval(a: f64, b: f64, alpha: f64) -> (f64, f64) {
    let cumulative = Cumulative::new(a, b);
    (
        cumulative.quantile(0.5 * alpha),
        cumulative.quantile(1.0 - 0.5 * alpha),
    )
}

/// A density's integral up to every panel edge.
struct Cumulative {
    density: Density,
    edges: Vec<f64>,
    /// ∫ density up to the edge of the same index.
    below: Vec<f64>,
    total: f64,
}

impl Cumulative {
    fn new(a: f64, b: f64) -> Self {
        let density = Density::Beta(Logit::new(a, b));
        let edges = panel::edges(&[density]);
        let mut total = 0.0;
        let mut below = vec![0.0];
        for pair in edges.windows(2) {
            total += panel::integral(&density, pair[0], pair[1]);
            below.push(total);
        }
        Self {
            density,
            edges,
            below,
            total,
        }
    }

    /// The probability of logits up to l.
    fn cdf(&self, l: f64) -> f64 {
        let Some(start) = self.edges.partition_point(|edge| *edge <= l).checked_sub(1) else {
            return 0.0;
        };
        if start + 1 == self.edges.len() {
            return 1.0;
        }
        let inside = panel::integral(&self.density, self.edges[start], l);
        (self.below[start] + inside) / self.total
    }

    /// Newton's method inside the panel that holds the quantile, bisecting whenever a step would leave the bracket.
    fn quantile(&self, probability: f64) -> f64 {
        let target = probability.clamp(0.0, 1.0) * self.total;
        let end = self.below.partition_point(|mass| *mass < target);
        let Some(start) = end.checked_sub(1) else {
            return 0.0;
        };
        let Some(&right) = self.edges.get(end) else {
            return 1.0;
        };
        let (mut low, mut high) = (self.edges[start], right);
        let mut l = 0.5 * (low + high);
        for _ in 0..100 {
            let excess =
                self.below[start] + panel::integral(&self.density, self.edges[start], l) - target;
            if excess > 0.0 {
                high = l;
            } else {
                low = l;
            }
            let newton = l - excess / self.density.at(l);
            let next = if low < newton && newton < high {
                newton
            } else {
                0.5 * (low + high)
            };
            let moved = (next - l).abs();
            l = next;
            if moved <= 1e-15 * l.abs().max(1e-3) {
                break;
            }
        }
        sigmoid(l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn both_functions_match_boost_up_to_ten_million() {
        for case in golden::cases(include_str!("../../tests/golden/special_functions.json")) {
            let shape = || (case.number("a"), case.number("b"));
            if case.input["f"] == "beta_cdf" {
                let (a, b) = shape();
                case.check("v", &[cdf(a, b, case.number("x"))]);
            } else if case.input["f"] == "beta_quantile" {
                let (a, b) = shape();
                case.check("v", &[quantile(a, b, case.number("q"))]);
            }
        }
    }

    #[test]
    fn the_ends_are_the_ends() {
        assert!(cdf(3.0, 4.0, -1.0) <= 0.0);
        assert!(cdf(3.0, 4.0, 2.0) >= 1.0);
        assert!(quantile(3.0, 4.0, 0.0) <= 0.0);
        assert!(quantile(3.0, 4.0, 1.0) > 0.999);
    }

    #[test]
    fn an_interval_holds_its_mass() {
        for (a, b) in [(1.0, 1.0), (1.0, 51.0), (3.5, 900.0), (1e6, 9e6)] {
            let (low, high) = interval(a, b, 0.1);
            assert!((cdf(a, b, high) - cdf(a, b, low) - 0.9).abs() < 1e-9);
        }
    }
}
