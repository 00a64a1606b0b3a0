//! Do effects differ between segments, or is it chance? Cochran's Q (1954), the test behind a breakdown.
//!
//! Some segment of twenty always looks special. If the effect is the same everywhere, the estimates `d_i` with variances
//! `v_i` lie around their pooled value by `Q = Σ (d_i − d̄)²/v_i`, which is χ² with k − 1 degrees of freedom.

use super::special::chi2_sf;

/// The effect that was seen in one segment, on any scale on which a common effect would be equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The estimate.
    pub estimate: f64,
    /// The variance of the estimate: its standard error squared.
    pub variance: f64,
}

impl Effect {
    fn is_usable(&self) -> bool {
        self.estimate.is_finite() && self.variance.is_finite() && self.variance > 0.0
    }
}

/// The test that all segments have the same effect. All figures are finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heterogeneity {
    /// Segments with an estimate and a variance.
    pub segments: usize,
    /// The common effect: the mean of the estimates by the inverses of their variances.
    pub pooled: f64,
    /// Cochran's Q.
    pub q: f64,
    /// P(Q at least this large) if the effects are equal.
    pub p_value: f64,
    /// I², the share of the spread between estimates that chance does not explain: `(Q − df)/Q`, at least 0 (Higgins &
    /// Thompson 2002).
    pub i_squared: f64,
}

/// Tests whether the effects of segments without common visitors differ.
///
/// Segments without a finite estimate or a positive variance are left out. `None` where fewer than two remain, and
/// where the figures are beyond a float's range.
pub fn heterogeneity(effects: &[Effect]) -> Option<Heterogeneity> {
    let usable = || effects.iter().filter(|effect| effect.is_usable());
    let segments = usable().count();
    if segments < 2 {
        return None;
    }
    // Weights relative to the largest, and estimates relative to its own, keep their digits and do not overflow.
    let best = usable().min_by(|a, b| a.variance.total_cmp(&b.variance))?;
    let weight = |effect: &Effect| best.variance / effect.variance;
    let total: f64 = usable().map(weight).sum();
    let shift: f64 = usable()
        .map(|effect| weight(effect) * (effect.estimate - best.estimate))
        .sum::<f64>()
        / total;
    let scale = best.variance.sqrt();
    let q: f64 = usable()
        .map(|effect| {
            let distance = (effect.estimate - best.estimate - shift) / scale;
            weight(effect) * distance * distance
        })
        .sum();
    let df = segments - 1;
    let pooled = best.estimate + shift;
    (q.is_finite() && pooled.is_finite()).then(|| Heterogeneity {
        segments,
        pooled,
        q,
        p_value: chi2_sf(q, df),
        i_squared: if q > 0.0 {
            (1.0 - df as f64 / q).max(0.0)
        } else {
            0.0
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, flatten};
    use proptest::prelude::*;

    fn effects(estimates: &[f64], variances: &[f64]) -> Vec<Effect> {
        let pairs = estimates.iter().zip(variances);
        pairs
            .map(|(&estimate, &variance)| Effect { estimate, variance })
            .collect()
    }

    #[test]
    fn q_and_its_tail_match_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/heterogeneity.json")) {
            let estimates = flatten(&case.input["estimates"]);
            let variances = flatten(&case.input["variances"]);
            let tested = heterogeneity(&effects(&estimates, &variances)).unwrap();
            case.check("pooled", &[tested.pooled]);
            case.check("q", &[tested.q]);
            case.check("p_value", &[tested.p_value]);
            case.check("i_squared", &[tested.i_squared]);
        }
    }

    #[test]
    fn fewer_than_two_usable_segments_can_not_differ() {
        assert_eq!(heterogeneity(&[]), None);
        assert_eq!(heterogeneity(&effects(&[1.0], &[1.0])), None);
        let (estimates, variances) = ([1.0, 2.0, f64::NAN, 4.0], [1.0, 0.0, 1.0, f64::INFINITY]);
        assert_eq!(heterogeneity(&effects(&estimates, &variances)), None);
        let more = heterogeneity(&effects(&[1.0, 2.0, 3.0], &[1.0, 0.0, 1.0])).unwrap();
        assert_eq!(
            Some(more),
            heterogeneity(&effects(&[1.0, 3.0], &[1.0, 1.0]))
        );
        assert_eq!(heterogeneity(&effects(&[1e300, -1e300], &[1.0, 1.0])), None);
    }

    #[test]
    fn equal_effects_are_homogeneous() {
        let tested = heterogeneity(&effects(&[0.3; 4], &[1.0, 2.0, 1e-6, 1e6])).unwrap();
        assert!(tested.q < 1e-20 && tested.p_value > 0.999_999 && tested.i_squared <= 0.0);
        assert!((tested.pooled - 0.3).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn shift_and_scale_do_not_matter(
            segments in prop::collection::vec((-10.0..10.0_f64, 0.01..100.0_f64), 2..12),
            shift in -1e3..1e3_f64,
            scale in 1e-3..1e3_f64,
        ) {
            let of = |shift: f64, scale: f64| {
                let moved = segments.iter().map(|&(estimate, variance)| Effect {
                    estimate: (estimate + shift) * scale,
                    variance: variance * scale * scale,
                });
                heterogeneity(&moved.collect::<Vec<_>>()).unwrap()
            };
            let (plain, moved) = (of(0.0, 1.0), of(shift, scale));
            prop_assert!((plain.q - moved.q).abs() <= 1e-8 * (1.0 + plain.q));
            prop_assert!((plain.p_value - moved.p_value).abs() <= 1e-8);
            prop_assert!((0.0..=1.0).contains(&moved.p_value) && (0.0..1.0).contains(&moved.i_squared));
        }

        #[test]
        fn any_numbers_give_finite_figures_or_none(
            segments in prop::collection::vec((any::<f64>(), any::<f64>()), 0..6)
        ) {
            let effects: Vec<Effect> = segments
                .iter()
                .map(|&(estimate, variance)| Effect { estimate, variance })
                .collect();
            if let Some(tested) = heterogeneity(&effects) {
                prop_assert!(tested.q.is_finite() && tested.pooled.is_finite());
                prop_assert!((0.0..=1.0).contains(&tested.p_value));
                prop_assert!((0.0..=1.0).contains(&tested.i_squared));
            }
        }
    }
}
