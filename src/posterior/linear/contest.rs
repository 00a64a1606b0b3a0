//! P(best) of a few independent normals, fast enough to be asked for every visitor.
//!
//! Two are one normal difference. For more, `P_k = ∫ f_k Π_{j≠k} F_j` by a Gauss rule of four nodes on panels that follow
//! every normal's own scale, with distribution functions and densities from a table. Only where somebody can be the largest
//! does anything count: that is above the highest of all lower ends. Within 1e-5 of [`crate::posterior::best`], which has
//! nine digits and takes twenty times as long.

use std::sync::LazyLock;

use crate::posterior::normal::table::TABLE;
use crate::posterior::panel::Rule;

/// A normal ends so many standard deviations from its mean: beyond lies 3e-7 of it.
const REACH: f64 = 5.0;
/// Panel edges on either side of a mean, in standard deviations.
const LADDER: [f64; 4] = [0.9, 1.9, 3.0, 4.4];
/// A mean known more exactly than this share of all normals' spread counts as this wide.
const POINT_WIDTH: f64 = 1e-9;

const NODES: usize = 4;

static RULE: LazyLock<Rule<NODES>> = LazyLock::new(Rule::new);

/// The normal of what a variant is worth to a visitor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
}

/// A normal that may be the largest, with its place among all.
#[derive(Clone, Copy)]
struct Rival {
    at: usize,
    mean: f64,
    per_sd: f64,
}

/// The probability of each to be the largest; they sum to 1.
pub fn prob_best(normals: &[Normal]) -> Vec<f64> {
    let least = POINT_WIDTH * spread(normals);
    let sd = |of: &Normal| of.sd.max(least);
    if let [one, other] = normals {
        let wide = sd(one).hypot(sd(other));
        let below = TABLE.cdf((one.mean - other.mean) / wide);
        return vec![below, 1.0 - below];
    }
    let end = |direction: f64| {
        let ends = normals.iter();
        let ends = ends.map(|of| of.mean + direction * REACH * sd(of));
        ends.fold(f64::NEG_INFINITY, f64::max)
    };
    let (low, high) = (end(-1.0), end(1.0));
    let mut rivals: Vec<Rival> = Vec::with_capacity(normals.len());
    let mut edges: Vec<f64> = Vec::with_capacity((2 * LADDER.len() + 1) * normals.len() + 2);
    edges.extend([low, high]);
    for (at, of) in normals.iter().enumerate() {
        let sd = sd(of);
        if of.mean + REACH * sd <= low {
            continue;
        }
        rivals.push(Rival {
            at,
            mean: of.mean,
            per_sd: sd.recip(),
        });
        let steps = LADDER.into_iter().flat_map(|step| [-step, step]);
        let own = steps
            .chain([0.0])
            .map(|step| of.mean + step * sd)
            .filter(|edge| (low..high).contains(edge));
        edges.extend(own);
    }
    edges.sort_unstable_by(f64::total_cmp);
    let mut chances = vec![0.0; normals.len()];
    match rivals.as_slice() {
        [only] => chances[only.at] = 1.0,
        _ => integrate(&rivals, &edges, &mut chances),
    }
    chances
}

/// The largest distance or standard deviation; 1 if all are the same.
fn spread(normals: &[Normal]) -> f64 {
    let fold = |from: f64, by: fn(f64, f64) -> f64| normals.iter().map(|of| of.mean).fold(from, by);
    let range = fold(f64::MIN, f64::max) - fold(f64::MAX, f64::min);
    let widest = normals.iter().map(|of| of.sd).fold(range, f64::max);
    if widest > 0.0 { widest } else { 1.0 }
}

/// The chances of rivals on panels between ascending edges.
fn integrate(rivals: &[Rival], edges: &[f64], chances: &mut [f64]) {
    let (mut slopes, mut total) = (vec![0.0; rivals.len()], 0.0);
    for panel in edges.windows(2) {
        let [low, high] = *panel else { continue };
        let half = 0.5 * (high - low);
        if half <= 0.0 {
            continue;
        }
        for (node, weight) in RULE.nodes.iter().zip(&RULE.weights) {
            let x = low + half * (1.0 + node);
            let mut below = half * weight;
            for (slope, rival) in slopes.iter_mut().zip(rivals) {
                let (cdf, density) = TABLE.both((x - rival.mean) * rival.per_sd);
                below *= cdf;
                // No node lies below a rival's lower end, so its F is above 2e-7.
                *slope = density * rival.per_sd / cdf;
            }
            for (slope, rival) in slopes.iter().zip(rivals) {
                chances[rival.at] += below * slope;
            }
        }
    }
    for chance in chances.iter() {
        total += chance;
    }
    for chance in chances.iter_mut() {
        *chance /= total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posterior::{Posterior, best};
    use proptest::prelude::*;

    fn exact(normals: &[Normal]) -> Vec<f64> {
        let arms: Vec<Posterior> = normals
            .iter()
            .map(|of| Posterior::normal(of.mean, of.sd).unwrap())
            .collect();
        best::evaluate(&arms).prob_best
    }

    fn normals() -> impl Strategy<Value = Vec<Normal>> {
        let normal = (-3.0_f64..3.0, -4.0_f64..1.0);
        let normal = normal.prop_map(|(mean, log)| Normal {
            mean,
            sd: 10_f64.powf(log),
        });
        prop::collection::vec(normal, 2..12)
    }

    proptest! {
        #[test]
        fn chances_are_within_1e_5_of_the_exact_ones(normals in normals()) {
            let (got, expected) = (prob_best(&normals), exact(&normals));
            prop_assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (got, expected) in got.iter().zip(&expected) {
                prop_assert!((got - expected).abs() < 1e-5, "{got} {expected} {normals:?}");
            }
        }
    }

    #[test]
    fn equals_share_evenly_however_well_they_are_known() {
        for sd in [0.0, 1e-12, 1.0] {
            for arms in [2, 3, 20] {
                let chances = prob_best(&vec![Normal { mean: 0.04, sd }; arms]);
                for chance in chances {
                    assert!((chance - 1.0 / arms as f64).abs() < 1e-6, "{sd} {chance}");
                }
            }
        }
        assert_eq!(prob_best(&[Normal { mean: 1.0, sd: 0.1 }]), [1.0]);
        let known = |mean| Normal { mean, sd: 0.0 };
        let chances = prob_best(&[known(1.0), known(2.0), known(1.5)]);
        assert!((chances[1] - 1.0).abs() < 1e-12);
    }
}
