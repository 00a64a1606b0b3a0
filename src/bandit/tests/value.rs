//! Bandits on revenue, counts and ratios, on what is to decrease, and on what variants cost.

use super::promotion::times;
use super::*;
use crate::moments::Orders;

/// Micro-units of an amount.
const UNIT: i64 = 1_000_000;

/// A running bandit on the metric `value` of this kind.
fn running(metric: serde_json::Value, change: impl FnOnce(&mut serde_json::Value)) -> Entry {
    let entry = entry(|spec| {
        let metrics = spec["metrics"].as_array_mut().unwrap();
        metrics.push(metric);
        metrics[1]["key"] = "value".into();
        spec["allocation"]["metric"] = "value".into();
        change(spec);
    });
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

fn revenue() -> serde_json::Value {
    serde_json::json!({ "event": "Bought", "kind": "sum" })
}

/// Adds visitors of whom each of the groups brought the same.
fn add(cells: &mut Cells, (epoch, arm): (u32, u16), groups: &[(u64, Observation)]) {
    let row = Row {
        arm: Arm(arm),
        holdout: false,
    };
    let key = PlainKey {
        epoch: EpochNumber(epoch),
        row,
        metric: MetricIndex(1),
    };
    for (n, of) in groups {
        *cells.plain.entry(key).or_default() += times(*n, Moments::of(*of));
        let orders = (0..*n).fold(Orders::default(), |sum, _| sum + Orders::of(of.y));
        *cells.orders.entry(key).or_default() += orders;
        cells.information += n;
    }
}

fn brought(y: i64, x: i64) -> Observation {
    Observation { y, x }
}

/// Visitors of whom half of those with an order spend half of the mean, and the others half as much again.
fn shop(cells: &mut Cells, at: (u32, u16), (visitors, orders, mean): (u64, u64, i64)) {
    let half = mean * UNIT / 2;
    let groups = [
        (visitors - orders, brought(0, 0)),
        (orders / 2, brought(half, 0)),
        (orders - orders / 2, brought(3 * half, 0)),
    ];
    add(cells, at, &groups);
}

fn epoch_of(entry: &Entry, cells: &Cells) -> Epoch {
    match reallocate(entry, cells, at(61), Urgency::Forced) {
        Proposal::Open(epoch) => epoch,
        Proposal::Keep(why) => panic!("{why}"),
    }
}

#[test]
fn revenue_counts_and_not_the_rate_alone() {
    // b has more orders of much less, c fewer of more.
    for model in ["hurdle", "normal"] {
        let entry = running(revenue(), |spec| {
            spec["allocation"]["model"] = model.into();
        });
        let mut cells = Cells::default();
        shop(&mut cells, (1, 0), (30_000, 900, 60));
        shop(&mut cells, (1, 1), (30_000, 1_080, 40));
        shop(&mut cells, (1, 2), (30_000, 800, 84));
        let epoch = epoch_of(&entry, &cells);
        assert!(weights(&epoch)[2] > 0.93, "{model}: {epoch:?}");
        let belief = &epoch.receipt.beliefs[2];
        assert!((belief.total - 67_200.0).abs() < 1e-6, "{belief:?}");
        assert!((belief.mean - 2.24).abs() < 0.1, "{belief:?}");
    }
}

#[test]
fn a_promotion_does_not_mislead_a_bandit_on_revenue() {
    // b is the better by a sixth in either epoch, but a had most visitors while all rates were tripled.
    let mut cells = Cells::default();
    shop(&mut cells, (1, 0), (2_000, 60, 60));
    shop(&mut cells, (1, 1), (28_000, 980, 60));
    shop(&mut cells, (1, 2), (2_000, 58, 60));
    shop(&mut cells, (2, 0), (28_000, 2_520, 60));
    shop(&mut cells, (2, 1), (2_000, 210, 60));
    shop(&mut cells, (2, 2), (2_000, 174, 60));
    let share = |model: &str| {
        let entry = running(revenue(), |spec| {
            spec["allocation"]["model"] = model.into();
        });
        weights(&epoch_of(&entry, &cells))[1]
    };
    assert!(share("hurdle") > 0.8, "{}", share("hurdle"));
    assert!(share("normal") < 0.1, "{}", share("normal"));
}

#[test]
fn a_cost_makes_the_cheaper_of_equal_variants_win() {
    let entry = running(revenue(), |spec| {
        spec["variants"][0]["cost"] = 0.30.into();
        spec["variants"][2]["cost"] = 0.30.into();
    });
    let mut cells = Cells::default();
    for arm in 0..3 {
        shop(&mut cells, (1, arm), (60_000, 1_800, 60));
    }
    let epoch = epoch_of(&entry, &cells);
    assert!(weights(&epoch)[1] > 0.9, "{epoch:?}");
    let mean = |arm: usize| epoch.receipt.beliefs[arm].mean;
    assert!((mean(1) - mean(0) - 0.30).abs() < 1e-9, "{epoch:?}");
    assert!((mean(1) - 1.8).abs() < 0.02, "{epoch:?}");
    let said = &epoch.receipt.sentence;
    assert!(said.contains("subtracted: 0.30, 0.00, 0.30"), "{said}");
}

#[test]
fn a_bandit_makes_less_of_what_is_to_decrease() {
    let decrease = |mut metric: serde_json::Value| {
        metric["direction"] = "decrease".into();
        metric
    };
    let mut bounces = Cells::default();
    for (arm, n) in [(0, 1_000), (1, 800), (2, 1_000)] {
        add(
            &mut bounces,
            (1, arm),
            &[(n, brought(1, 0)), (10_000 - n, brought(0, 0))],
        );
    }
    let conversion = || decrease(serde_json::json!({ "event": "Bounced", "kind": "conversion" }));
    for model in ["pooled", "cohort"] {
        let entry = running(conversion(), |spec| {
            spec["allocation"]["model"] = model.into();
        });
        let epoch = epoch_of(&entry, &bounces);
        assert!(weights(&epoch)[1] > 0.9, "{model}: {epoch:?}");
    }
    let count = decrease(serde_json::json!({ "event": "Bounced", "kind": "count" }));
    let epoch = epoch_of(&running(count, |_| ()), &bounces);
    assert!(weights(&epoch)[1] > 0.9, "{epoch:?}");
    let refunds = decrease(serde_json::json!({ "event": "Refunded", "kind": "sum" }));
    let mut cells = Cells::default();
    for (arm, mean) in [(0, 60), (1, 60), (2, 40)] {
        shop(&mut cells, (1, arm), (10_000, 300, mean));
    }
    let epoch = epoch_of(&running(refunds, |_| ()), &cells);
    assert!(weights(&epoch)[2] > 0.9, "{epoch:?}");
    assert!(epoch.receipt.sentence.contains("Less is better"));
}

#[test]
fn events_that_come_in_bunches_count_for_less() {
    let views = || serde_json::json!({ "event": "Viewed", "kind": "count" });
    // 1,000, 1,100 and 1,000 events of 10,000 visitors each: one by one, or 20 per visitor.
    let share = |bunch: u64| {
        let mut cells = Cells::default();
        for (arm, events) in [(0, 1_000), (1, 1_100), (2, 1_000)] {
            let with = events / bunch;
            let each = brought(i64::try_from(bunch).unwrap(), 0);
            add(
                &mut cells,
                (1, arm),
                &[(with, each), (10_000 - with, brought(0, 0))],
            );
        }
        let epoch = epoch_of(&running(views(), |_| ()), &cells);
        let mean = epoch.receipt.beliefs[1].mean;
        assert!((mean - 0.11).abs() < 0.008, "{mean}");
        weights(&epoch)[1]
    };
    assert!(
        share(1) > 0.9 && share(20) < 0.65,
        "{} {}",
        share(1),
        share(20)
    );
}

#[test]
fn a_ratio_is_compared_by_the_delta_method() {
    let entry = running(
        serde_json::json!({ "kind": "ratio", "numerator": "spent", "denominator": "orders" }),
        |spec| {
            let metrics = spec["metrics"].as_array_mut().unwrap();
            for (key, kind) in [("spent", "sum"), ("orders", "count")] {
                metrics.push(serde_json::json!({ "key": key, "event": "Bought", "kind": kind }));
            }
        },
    );
    // b has fewer orders, each worth a tenth more.
    let mut cells = Cells::default();
    for (arm, orders, value) in [(0, 1_000, 50), (1, 800, 55), (2, 1_000, 50)] {
        let of = |share: i64| brought(share * value * UNIT / 10, 1);
        let groups = [
            (5_000 - orders, brought(0, 0)),
            (orders / 2, of(7)),
            (orders / 2, of(13)),
        ];
        add(&mut cells, (1, arm), &groups);
    }
    let epoch = epoch_of(&entry, &cells);
    assert!(weights(&epoch)[1] > 0.9, "{epoch:?}");
    let belief = &epoch.receipt.beliefs[1];
    assert!((belief.mean - 54.8).abs() < 0.3, "{belief:?}");
}

#[test]
fn nobody_starves_before_there_is_an_order() {
    for model in ["hurdle", "normal"] {
        let entry = running(revenue(), |spec| {
            spec["allocation"]["model"] = model.into();
            spec["allocation"]["floor_total"] = 0.into();
        });
        let share = |orders: [u64; 3]| {
            let mut cells = Cells::default();
            for (arm, orders) in (0..).zip(orders) {
                shop(&mut cells, (1, arm), (200, orders, 60));
            }
            match reallocate(&entry, &cells, at(61), Urgency::Forced) {
                Proposal::Open(epoch) => weights(&epoch),
                Proposal::Keep(_) => weights(entry.epoch().unwrap()),
            }
        };
        assert!(share([0, 0, 0]).iter().all(|share| *share > 0.3));
        let shares = share([4, 0, 6]);
        assert!(shares[1] > 0.05, "{model}: {shares:?}");
    }
}

#[test]
fn old_revenue_counts_less_under_a_half_life() {
    const DAY: i64 = 86_400;
    let entry = running(revenue(), |spec| {
        spec["allocation"]["half_life"] = "2d".into();
    });
    let mut cells = Cells::default();
    for (arm, mean) in [(0, 60), (1, 80), (2, 60)] {
        shop(&mut cells, (1, arm), (10_000, 300, mean));
    }
    let share = |days| match reallocate(&entry, &cells, at(days * DAY), Urgency::Forced) {
        Proposal::Open(epoch) => weights(&epoch)[1],
        Proposal::Keep(why) => panic!("{why}"),
    };
    assert!(
        share(1) > 0.9 && share(40) < 0.5,
        "{} {}",
        share(1),
        share(40)
    );
}

#[test]
fn the_cap_of_orders_is_frozen_once_by_their_mean() {
    let entry = running(revenue(), |_| ());
    let mut cells = Cells::default();
    for (arm, mean) in [(0, 60), (1, 60), (2, 60)] {
        shop(&mut cells, (1, arm), (1_000, 30, mean));
    }
    assert_eq!(epoch_of(&entry, &cells).order_cap(1), None);
    shop(&mut cells, (1, 1), (200, 20, 60));
    let epoch = epoch_of(&entry, &cells);
    assert_eq!(epoch.order_cap(1), Some(480 * UNIT));
    assert_eq!(epoch.order_cap(0), None);
    let entry = opened(entry, epoch);
    shop(&mut cells, (2, 1), (1_000, 80, 600));
    assert_eq!(epoch_of(&entry, &cells).order_cap(1), Some(480 * UNIT));
}
