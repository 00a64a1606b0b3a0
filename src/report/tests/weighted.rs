//! Weighted sums: what an adaptive experiment shows as of a past day.

use serde_json::json;

use super::shop::{CONVERTED, Group, Shop, row};
use super::*;
use crate::moments::Observation;

#[test]
fn few_effective_conversions_hide_the_interval_and_some_make_it_thin() {
    let past = |converted: i64| {
        let mut shop = Shop::two(&json!({}));
        shop.open(&[0.9, 0.1], true);
        shop.convert(&[
            (1, row(0), 0, 500, 20),
            (1, row(1), 0, 500, 20),
            (2, row(0), 1, 9_000, 900),
            (2, row(1), 1, 1_000, converted),
        ]);
        only(&shop.report(Some(1))).clone()
    };
    // 20 conversions of weight 2 and x of weight 10: (40 + 10x)² / (80 + 100x) of them.
    let (few, thin, enough) = (past(9), past(20), past(100));
    assert_eq!(few.caveats, [Caveat::TooFew]);
    assert!(few.relative.unwrap().low.is_none() && few.absolute.unwrap().low.is_none());
    assert!(few.p_value.is_none() && few.always_valid.is_none());
    assert_eq!(thin.caveats, [Caveat::Thin]);
    assert!(thin.relative.unwrap().low.is_some() && thin.always_valid.is_some());
    assert_eq!(enough.caveats, []);
    assert_eq!(enough.method, Method::Weighted);
}

#[test]
fn large_weights_without_a_conversion_hide_the_interval() {
    let past = |rare: i64, converted: i64| {
        let mut shop = Shop::two(&json!({}));
        shop.open(&[0.99, 0.01], true);
        shop.convert(&[
            (1, row(0), 0, 2_000, 80),
            (1, row(1), 0, 2_000, 80),
            (2, row(0), 1, 9_900, 396),
            (2, row(1), 1, rare, converted),
        ]);
        only(&shop.report(Some(1))).clone()
    };
    // 80 conversions of weight 2 are 80 effective ones, but 100 visitors of weight 100 are most of the audience.
    let unseen = past(100, 0);
    assert_eq!(unseen.caveats, [Caveat::TooFew]);
    assert!(unseen.relative.unwrap().low.is_none() && unseen.always_valid.is_none());
    let seen = past(1_500, 60);
    assert!(seen.relative.unwrap().low.is_some() && seen.always_valid.is_some());
}

#[test]
fn revenue_and_ratios_of_a_past_day_have_intervals() {
    let mut shop = Shop::two(&json!({"metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
        {"key": "orders", "event": "Order", "kind": "count", "role": "secondary"},
        {"key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders", "role": "secondary"},
    ]}));
    shop.open(&[0.9, 0.1], true);
    for (epoch, row, n, buyers) in [
        (1, row(0), 3_000, 300),
        (1, row(1), 3_000, 300),
        (2, row(0), 5_400, 540),
        (2, row(1), 600, 60),
    ] {
        for amount in [[40, 60], [50, 70]][usize::from(row.arm.0)] {
            let value = Observation {
                y: amount * 1_000_000,
                x: 1,
            };
            let with = (buyers / 2, value);
            shop.send(&Group {
                epoch,
                row,
                day: 0,
                n: n / 2,
                with,
            });
        }
    }
    let report = shop.report(Some(0));
    for (position, estimate) in [(0, 0.2), (2, 0.2)] {
        let comparison = &report.metrics[position].comparisons[0];
        assert_eq!(
            (comparison.method, &comparison.caveats),
            (Method::Weighted, &vec![])
        );
        let lift = comparison.relative.unwrap();
        close(lift.estimate, estimate);
        let (low, high) = (lift.low.unwrap(), lift.high.unwrap());
        assert!(low < 0.2 && 0.2 < high && high - low < 0.4, "{lift:?}");
        let watched = comparison.always_valid.unwrap();
        assert!(watched.relative.unwrap().low < low && high < watched.relative.unwrap().high);
        assert_eq!(low > 0.0, comparison.p_value.unwrap() < 0.05);
    }
    let aov = &report.metrics[2].variants[0];
    close(aov.mean.unwrap(), 50.0);
    // Every order is 10 off the mean: the ratio's error is that of the orders alone.
    let half = aov.interval.unwrap()[1] - 50.0;
    assert!(
        (0.5..1.0).contains(&half) && aov.std_error.is_some(),
        "{half}"
    );
}

#[test]
fn equal_weights_give_what_plain_sums_give() {
    let mut shop = Shop::two(&json!({}));
    shop.convert(&[(1, row(0), 0, 4_000, 400), (1, row(1), 0, 4_000, 440)]);
    let plain = shop.report(None);
    shop.open(&[0.9, 0.1], true);
    shop.send(&Group {
        epoch: 2,
        row: row(0),
        day: 1,
        n: 1,
        with: (0, CONVERTED),
    });
    shop.send(&Group {
        epoch: 2,
        row: row(1),
        day: 1,
        n: 1,
        with: (0, CONVERTED),
    });
    let weighted = shop.report(Some(1));
    let (plain, weighted) = (only(&plain), only(&weighted));
    assert_eq!(weighted.method, Method::Weighted);
    let near = |a: f64, b: f64| assert!((a - b).abs() < 0.01, "{a} {b}");
    near(
        plain.absolute.unwrap().low.unwrap(),
        weighted.absolute.unwrap().low.unwrap(),
    );
    near(
        plain.relative.unwrap().high.unwrap(),
        weighted.relative.unwrap().high.unwrap(),
    );
    near(plain.p_value.unwrap(), weighted.p_value.unwrap());
}
