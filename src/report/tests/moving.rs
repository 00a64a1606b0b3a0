//! Reports of pairs whose odds moved.

use serde_json::json;

use super::shop::{CONVERTED, Group, Shop, held, row};
use super::*;
use crate::cell::Row;
use crate::moments::Observation;

/// Visitors of an epoch and row of whom so many each have one of these amounts, in units.
fn spend(shop: &mut Shop, (epoch, row, n): (u32, Row, i64), buyers: i64, amounts: [i64; 2]) {
    let groups = [
        (n - 2 * buyers, 0),
        (buyers, amounts[0]),
        (buyers, amounts[1]),
    ];
    for (n, amount) in groups {
        let y = amount * 1_000_000;
        let with = (
            n,
            Observation {
                y,
                x: i64::from(amount != 0),
            },
        );
        shop.send(&Group {
            epoch,
            row,
            day: 0,
            n,
            with,
        });
    }
}

#[test]
fn revenue_and_ratios_have_intervals_of_both_kinds() {
    let mut shop = Shop::two(&json!({"metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
        {"key": "orders", "event": "Order", "kind": "count", "role": "secondary"},
        {"key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders", "role": "secondary"},
    ]}));
    shop.open(&[0.9, 0.1], true);
    spend(&mut shop, (1, row(0), 3_000), 150, [40, 60]);
    spend(&mut shop, (1, row(1), 3_000), 150, [50, 70]);
    spend(&mut shop, (2, row(0), 5_400), 270, [40, 60]);
    spend(&mut shop, (2, row(1), 600), 30, [50, 70]);
    let report = shop.report(None);
    // The same share of visitors buys everywhere, and the treatment's buyers spend a fifth more.
    for position in [0, 2] {
        let comparison = &report.metrics[position].comparisons[0];
        let key = &report.metrics[position].key;
        assert_eq!(
            (comparison.method, &comparison.caveats),
            (Method::Aipw, &vec![]),
            "{key}"
        );
        let (relative, valid) = (
            comparison.relative.unwrap(),
            comparison.always_valid.unwrap(),
        );
        assert!(
            (relative.estimate - 0.2).abs() < 0.02,
            "{key}: {relative:?}"
        );
        let (low, high) = (relative.low.unwrap(), relative.high.unwrap());
        assert!(low < 0.2 && 0.2 < high);
        let watched = valid.relative.unwrap();
        assert!(
            watched.low < low && high < watched.high,
            "{key}: {watched:?}"
        );
        let (absolute, watched) = (comparison.absolute.unwrap(), valid.absolute.unwrap());
        assert!(watched.low < absolute.low.unwrap() && absolute.high.unwrap() < watched.high);
        // A difference, a lift and their p-value agree about zero.
        assert_eq!(low > 0.0, comparison.p_value.unwrap() < 0.05, "{key}");
        assert_eq!(watched.low > 0.0, valid.p_value.unwrap() < 0.05, "{key}");
    }
    let aov = &report.metrics[2];
    assert!((aov.variants[0].mean.unwrap() - 50.0).abs() < 1e-6);
    assert!((aov.variants[1].mean.unwrap() - 60.0).abs() < 1e-6);
    // Amounts of either arm vary by 10 about their mean: orders decide the error, not visitors.
    let interval = aov.variants[0].interval.unwrap();
    assert!((0.2..1.0).contains(&(interval[1] - 50.0)), "{interval:?}");
}

#[test]
fn a_starved_variant_has_no_interval_and_its_odds_still_count() {
    let mut shop = Shop::two(&json!({}));
    shop.open(&[0.95, 0.05], true);
    shop.convert(&[
        (1, row(0), 0, 100, 5),
        (1, row(1), 0, 100, 6),
        (2, row(0), 1, 1_900, 95),
        (2, row(1), 1, 100, 6),
    ]);
    let report = shop.report(None);
    let comparison = only(&report);
    assert_eq!(
        (comparison.method, &comparison.caveats),
        (Method::Aipw, &vec![Caveat::TooFew])
    );
    assert!(comparison.relative.unwrap().low.is_none() && comparison.p_value.is_none());
    let watched = comparison.always_valid.unwrap();
    assert!(watched.absolute.is_none() && watched.p_value.unwrap() > 0.5);
    assert!(watched.relative.unwrap().low < 0.0 && watched.relative.unwrap().high > 0.5);
}

/// Served control by being held out or by the draw: one arm with the propensity h + (1 − h)·e (R4).
#[test]
fn the_holdout_steadies_a_starved_control() {
    let interval = |holdout: f64, groups: &[(u32, Row, i32, i64, i64)]| {
        let mut shop = Shop::two(&json!({"holdout": holdout}));
        shop.open(&[0.05, 0.95], true);
        shop.convert(groups);
        let report = shop.report(None);
        assert_eq!(report.health.srm.verdict, Verdict::Ok);
        assert!(report.health.srm.e_value.unwrap() < 1.0);
        let comparison = only(&report);
        assert_eq!(comparison.method, Method::Aipw);
        comparison.absolute.unwrap()
    };
    let starved = interval(
        0.0,
        &[
            (1, row(0), 0, 500, 50),
            (1, row(1), 0, 500, 60),
            (2, row(0), 1, 450, 45),
            (2, row(1), 1, 8_550, 1_026),
        ],
    );
    let steadied = interval(
        0.1,
        &[
            (1, row(0), 0, 450, 45),
            (1, row(1), 0, 450, 54),
            (1, held(), 0, 100, 10),
            (2, row(0), 1, 405, 41),
            (2, row(1), 1, 7_695, 923),
            (2, held(), 1, 900, 90),
        ],
    );
    let width = |of: Effect| of.high.unwrap() - of.low.unwrap();
    assert!((starved.estimate - 0.02).abs() < 0.001 && (steadied.estimate - 0.02).abs() < 0.001);
    assert!(
        width(steadied) < 0.7 * width(starved),
        "{steadied:?} {starved:?}"
    );
}

/// Nothing, everything, and one visitor: no figure that is not finite (every report is checked for that).
#[test]
fn bad_data_have_words_instead_of_figures() {
    let report = |groups: &[(u32, Row, i32, i64, i64)]| {
        let mut shop = Shop::two(&json!({}));
        shop.open(&[0.9, 0.1], true);
        shop.convert(groups);
        only(&shop.report(None)).clone()
    };
    let none = report(&[
        (1, row(0), 0, 50, 0),
        (1, row(1), 0, 50, 0),
        (2, row(0), 1, 90, 0),
        (2, row(1), 1, 10, 0),
    ]);
    assert!(none.caveats.contains(&Caveat::ControlMeanZero) && none.always_valid.is_none());
    let all = report(&[
        (1, row(0), 0, 50, 50),
        (1, row(1), 0, 50, 50),
        (2, row(0), 1, 90, 90),
        (2, row(1), 1, 10, 10),
    ]);
    assert!(all.always_valid.unwrap().p_value.unwrap() >= 0.9);
    let one = report(&[(1, row(0), 0, 1, 1), (2, row(0), 1, 1, 0)]);
    assert_eq!(one.caveats, [Caveat::NoData]);
    let mut shop = Shop::two(&json!({"metrics": [
        {"key": "paid", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]}));
    shop.open(&[0.9, 0.1], true);
    for (epoch, row, n) in [
        (1, row(0), 50),
        (1, row(1), 50),
        (2, row(0), 90),
        (2, row(1), 10),
    ] {
        let with = (
            n,
            Observation {
                y: 999_999_999_000_000,
                ..CONVERTED
            },
        );
        shop.send(&Group {
            epoch,
            row,
            day: 0,
            n,
            with,
        });
    }
    assert_eq!(only(&shop.report(None)).method, Method::Aipw);
}
