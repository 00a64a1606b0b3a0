//! The hurdle model on orders made by hand.

use proptest::prelude::*;

use super::*;
use crate::posterior::cohort;

fn spent(amounts: &[f64]) -> Spent {
    Spent {
        orders: amounts.len() as f64,
        total: amounts.iter().sum(),
        squares: amounts.iter().map(|y| y * y).sum(),
    }
}

/// The values of arms with so many visitors each, all in one epoch.
fn values(visitors: f64, arms: &[Spent]) -> Values {
    let epoch = Cohort {
        visitors: vec![visitors; arms.len()],
        converted: arms.iter().map(|arm| arm.orders).collect(),
        weight: 1.0,
        reached: 1.0,
    };
    Values {
        rates: cohort::posterior(arms.len(), &[pseudo_epoch(arms.len()), epoch]),
        level: 0.03,
        level_variance: 0.001,
        orders: order_values(arms).unwrap(),
    }
}

/// Orders of two sizes: `n` of each.
fn mixed(n: u32, small: f64, large: f64) -> Spent {
    let n = f64::from(n);
    Spent {
        orders: 2.0 * n,
        total: n * (small + large),
        squares: n * (small * small + large * large),
    }
}

#[test]
fn an_order_value_is_shrunk_by_forty_orders_and_its_variance_pooled() {
    let arms = [spent(&[10.0, 30.0]), spent(&[20.0, 40.0]), spent(&[])];
    let values = order_values(&arms).unwrap();
    // The common mean is 25; within arms the squares are 200 + 200 with 2 degrees of freedom, and 625 of the prior.
    let variance = (625.0 + 400.0) / 3.0;
    assert!((values[0].mean - (40.0 * 25.0 + 40.0) / 42.0).abs() < 1e-12);
    assert!((values[0].variance - variance / 42.0).abs() < 1e-12);
    assert!((values[2].mean - 25.0).abs() < 1e-12);
    assert!((values[2].variance - variance / 40.0).abs() < 1e-12);
    assert_eq!(order_values(&[spent(&[]), spent(&[])]), None);
}

#[test]
fn an_arm_without_an_order_or_with_equal_ones_is_not_certain() {
    let arms = [spent(&[50.0; 3]), spent(&[]), spent(&[50.0; 5])];
    let chances = values(100.0, &arms).prob_best(1.0, &[0.0; 3]);
    assert!(chances.iter().all(|chance| *chance > 0.1), "{chances:?}");
    assert!(
        chances[2] > chances[0] && chances[0] > chances[1],
        "{chances:?}"
    );
}

#[test]
fn many_more_orders_can_not_outweigh_smaller_ones() {
    // 20 % more orders of half the value.
    let arms = [mixed(500, 40.0, 80.0), mixed(600, 20.0, 40.0)];
    let chances = values(30_000.0, &arms).prob_best(1.0, &[0.0; 2]);
    assert!(chances[0] > 0.999, "{chances:?}");
    let least = values(30_000.0, &arms).prob_best(-1.0, &[0.0; 2]);
    assert!((least[1] - chances[0]).abs() < 1e-9, "{least:?}");
}

#[test]
fn a_cost_is_subtracted_from_the_value_per_visitor() {
    // Equal arms bring 1.80 per visitor; a cost of 0.20 decides, one that both have does not.
    let arms = [mixed(2_000, 40.0, 80.0), mixed(2_000, 40.0, 80.0)];
    let of = |costs: [f64; 2]| values(133_333.0, &arms).prob_best(1.0, &costs);
    assert!(of([0.0, 0.2])[0] > 0.99);
    assert!((of([0.2, 0.2])[0] - 0.5).abs() < 1e-9);
    let joint = values(133_333.0, &arms).per_visitor();
    assert!((joint.mean[0] - 1.8).abs() < 1e-6, "{joint:?}");
}

#[test]
fn refunds_may_leave_less_than_nothing() {
    let arms = [spent(&[-20.0; 200]), spent(&[30.0; 200])];
    let chances = values(10_000.0, &arms).prob_best(1.0, &[0.0; 2]);
    assert!(chances[1] > 0.999, "{chances:?}");
}

#[test]
fn both_scales_agree_where_the_arms_are_well_known() {
    let arms = [mixed(2_000, 40.0, 80.0), mixed(2_050, 40.0, 81.0)];
    let values = values(140_000.0, &arms);
    let logarithms = values.logarithms().prob_best();
    let linear = values.per_visitor().prob_best();
    assert!(
        (logarithms[0] - linear[0]).abs() < 2e-3,
        "{logarithms:?} {linear:?}"
    );
}

prop_compose! {
    fn arm()(n in 1_u32..500, small in 1.0_f64..50.0, large in 50.0_f64..500.0) -> Spent {
        mixed(n, small, large)
    }
}

fn close(left: &[f64], right: &[f64]) -> bool {
    left.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn chances_sum_to_one_whatever_the_currency_and_the_order(arms in prop::collection::vec(arm(), 2..5), cost in 0.0_f64..0.5) {
        let mut costs = vec![0.0; arms.len()];
        costs[0] = cost;
        let chances = values(20_000.0, &arms).prob_best(1.0, &costs);
        prop_assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let dearer: Vec<Spent> = arms.iter().map(|arm| Spent {
            orders: arm.orders,
            total: arm.total * 10.0,
            squares: arm.squares * 100.0,
        }).collect();
        let scaled: Vec<f64> = costs.iter().map(|cost| cost * 10.0).collect();
        prop_assert!(close(&values(20_000.0, &dearer).prob_best(1.0, &scaled), &chances));
        let (mut turned, mut turned_costs) = (arms.clone(), costs.clone());
        turned.rotate_left(1);
        turned_costs.rotate_left(1);
        let mut expected = chances.clone();
        expected.rotate_left(1);
        prop_assert!(close(&values(20_000.0, &turned).prob_best(1.0, &turned_costs), &expected));
    }
}
