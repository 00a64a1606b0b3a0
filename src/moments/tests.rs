//! Moments are a group, and what they say is what their observations say.

use super::*;
use proptest::prelude::*;

fn observation() -> impl Strategy<Value = Observation> {
    let amount = -1_000_000_000_000_000_i64..=1_000_000_000_000_000;
    (amount.clone(), amount).prop_map(|(y, x)| Observation { y, x })
}

proptest! {
    #[test]
    fn moments_are_a_group(all in prop::collection::vec((observation(), 1_u64..1 << 36), 1..40), cut in 0_usize..40) {
        let cut = cut.min(all.len());
        let plain = |part: &[(Observation, u64)]| {
            part.iter().fold(Moments::default(), |sum, (o, _)| sum + Moments::of(*o))
        };
        let weighted = |part: &[(Observation, u64)]| {
            part.iter().fold(Weighted::default(), |sum, (o, w)| sum + Weighted::of(*w, *o))
        };
        let (left, right) = all.split_at(cut);
        prop_assert_eq!(plain(left) + plain(right), plain(&all));
        prop_assert_eq!(weighted(right) + weighted(left), weighted(&all));
        prop_assert_eq!(plain(&all) - plain(right), plain(left));
        prop_assert!((weighted(&all) + -weighted(&all)).is_zero());
        let bytes = postcard::to_stdvec(&weighted(&all)).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Weighted>(&bytes).unwrap(), weighted(&all));
    }

    #[test]
    fn moments_about_a_pivot_are_those_of_the_differences(all in prop::collection::vec((-9_000_i64..9_000, -9_000_i64..9_000), 0..20), a in -9_000_i64..9_000, b in -9_000_i64..9_000) {
        let sum = |by: (i64, i64)| all.iter().fold(Moments::default(), |sum, (y, x)| {
            sum + Moments::of(Observation { y: y - by.0, x: x - by.1 })
        });
        prop_assert_eq!(sum((0, 0)).about(Observation { y: a, x: b }), sum((a, b)));
    }

    #[test]
    fn values_less_a_constant_are_those_of_the_differences(all in prop::collection::vec((observation(), 1_u64..1 << 36), 0..20), by in -9_000_000_000_i64..9_000_000_000) {
        let sum = |by: i64| all.iter().fold(Weighted::default(), |sum, (o, w)| {
            sum + Weighted::of(*w, Observation { y: o.y - by, ..*o })
        });
        prop_assert_eq!(sum(0).less(by), sum(by));
    }

    #[test]
    fn equal_weights_give_the_plain_moments_back(all in prop::collection::vec(observation(), 1..40), w in 1_u64..1 << 36) {
        let plain = all.iter().fold(Moments::default(), |sum, o| sum + Moments::of(*o));
        let weighted = all.iter().fold(Weighted::default(), |sum, o| sum + Weighted::of(w, *o));
        prop_assert_eq!(weighted.unweighted(), Some(plain));
    }
}

#[test]
fn unequal_weights_have_no_plain_moments() {
    let one = Observation { y: 1, x: 0 };
    assert_eq!(
        (Weighted::of(2, one) + Weighted::of(3, one)).unweighted(),
        None
    );
}

#[test]
fn variance_survives_a_mean_far_above_the_spread() {
    let values = [
        1_000_000_000_000_000_i64,
        1_000_000_000_000_001,
        1_000_000_000_000_002,
    ];
    let sum = values.iter().fold(Moments::default(), |sum, y| {
        sum + Moments::of(Observation { y: *y, x: 0 })
    });
    assert_eq!(sum.variance(1.0), Some(1.0));
}
