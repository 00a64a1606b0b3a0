//! Reports of metrics with a covariate.

use serde_json::json;

use super::shop::{Group, Shop, row};
use super::*;
use crate::moments::Observation;

fn shop(kind: &str) -> Shop {
    Shop::two(&json!({"metrics": [
        {"key": "plain", "event": "Order", "kind": kind, "role": "goal"},
        {"key": "known", "event": "Order", "kind": kind, "covariate": {}},
    ]}))
}

/// Sends visitors of an epoch and arm; every fifth spends 0, 10, 20, 30 or 40 and spent about that before.
fn spend(shop: &mut Shop, (epoch, arm, n): (u32, u16, i64), more: i64, noise: i64) {
    for habit in 0..5 {
        for (share, off) in [(0, -1), (1, 1)] {
            let n = n / 10 + i64::from(share * n % 10 > 4);
            let (y, x) = (10 * habit + 5 + noise * off + more, 10 * habit);
            let with = Observation {
                y: y * 1_000_000,
                x: x * 1_000_000,
            };
            shop.send(&Group {
                epoch,
                row: row(arm),
                day: 0,
                n,
                with: (n, with),
            });
        }
    }
}

fn pair(report: &Report) -> [&ComparisonReport; 2] {
    [0, 1].map(|metric| &report.metrics[metric].comparisons[0])
}

fn width(effect: Option<Effect>) -> f64 {
    let effect = effect.unwrap();
    effect.high.unwrap() - effect.low.unwrap()
}

#[test]
fn a_fixed_split_loses_what_the_past_explains() {
    let mut shop = shop("sum");
    spend(&mut shop, (1, 0, 1_000), 0, 3);
    spend(&mut shop, (1, 1, 1_000), 2, 3);
    let report = shop.report(None);
    let [plain, known] = pair(&report);
    // Habits vary by 200 about their mean, the rest by 9 (and the difference of the arms is part of the rest).
    let reduction = known.variance_reduction.unwrap();
    assert!((reduction - 200.0 / 209.0).abs() < 0.002, "{reduction}");
    assert_eq!(
        (known.adjustments.as_slice(), plain.adjustments.len()),
        (&[Adjustment::Cuped][..], 0)
    );
    assert!(
        (width(known.absolute) / width(plain.absolute) - (1.0 - reduction).sqrt()).abs() < 1e-3
    );
    assert!(width(known.relative) < 0.4 * width(plain.relative));
    close(known.absolute.unwrap().estimate, 2.0);
    assert!(known.p_value.unwrap() < 1e-20 && plain.p_value.unwrap() > 1e-4);
    let watched = |of: &ComparisonReport| of.always_valid.unwrap().absolute.unwrap();
    assert!(watched(known).low > 1.0 && watched(plain).low < 0.5);
    assert_eq!(report.metrics[0].variants, report.metrics[1].variants);
    assert!(table::render(&report).contains("by Welch with CUPED"));
}

#[test]
fn moving_odds_lose_it_too() {
    let mut shop = shop("sum");
    shop.open(&[0.8, 0.2], true);
    shop.open(&[0.3, 0.7], true);
    for (epoch, control, treatment) in [(1, 500, 500), (2, 1_600, 400), (3, 600, 1_400)] {
        spend(&mut shop, (epoch, 0, control), 0, 3);
        spend(&mut shop, (epoch, 1, treatment), 2, 3);
    }
    let report = shop.report(None);
    let [plain, known] = pair(&report);
    assert_eq!((plain.method, known.method), (Method::Aipw, Method::Aipw));
    assert_eq!(
        (known.adjustments.as_slice(), plain.adjustments.len()),
        (&[Adjustment::Cuped][..], 0)
    );
    // The first epoch has no past to learn the slope from.
    assert!(
        (0.5..0.99).contains(&known.variance_reduction.unwrap()),
        "{known:?}"
    );
    for (adjusted, plain) in [
        (known.absolute, plain.absolute),
        (known.relative, plain.relative),
    ] {
        assert!(width(adjusted) < 0.75 * width(plain));
    }
    assert!((known.absolute.unwrap().estimate - 2.0).abs() < 0.1);
    let watched = |of: &ComparisonReport| of.always_valid.unwrap().absolute.unwrap();
    let range = |of: Range| of.high - of.low;
    assert!(range(watched(known)) < 0.9 * range(watched(plain)));
    assert_eq!(report.metrics[0].variants, report.metrics[1].variants);
}

#[test]
fn conversions_keep_their_odds() {
    let mut shop = shop("conversion");
    for (arm, buyers) in [(0, 300), (1, 360)] {
        for (n, y, x) in [
            (buyers, 1, 1),
            (200, 1, 0),
            (100, 0, 1),
            (400 - buyers + 300, 0, 0),
        ] {
            let with = (n, Observation { y, x });
            shop.send(&Group {
                epoch: 1,
                row: row(arm),
                day: 0,
                n,
                with,
            });
        }
    }
    let report = shop.report(None);
    let [plain, known] = pair(&report);
    assert_eq!(
        (plain.method, known.method),
        (Method::PooledZ, Method::Welch)
    );
    assert!(width(known.absolute) < width(plain.absolute));
    assert_eq!(plain.always_valid, known.always_valid);
    assert_eq!(known.adjustments, [Adjustment::Cuped]);
}

#[test]
fn few_conversions_and_a_past_without_variance_are_left_as_they_are() {
    let mut rare = shop("conversion");
    for (arm, buyers) in [(0, 10), (1, 20)] {
        rare.convert(&[(1, row(arm), 0, 500, buyers)]);
        let with = (100, Observation { y: 0, x: 1 });
        rare.send(&Group {
            epoch: 1,
            row: row(arm),
            day: 0,
            n: 100,
            with,
        });
    }
    let report = rare.report(None);
    let [plain, known] = pair(&report);
    assert_eq!(plain, known, "few conversions have Newcombe's interval");

    let mut flat = shop("sum");
    for (arm, amount) in [(0, 5), (1, 6)] {
        for (n, y) in [(500, amount * 1_000_000), (500, 0)] {
            let with = (n, Observation { y, x: 7_000_000 });
            flat.send(&Group {
                epoch: 1,
                row: row(arm),
                day: 0,
                n,
                with,
            });
        }
    }
    let report = flat.report(None);
    let [plain, known] = pair(&report);
    assert_eq!(plain, known);
}
