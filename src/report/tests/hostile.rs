//! Data that break statistics: whatever comes, a report has figures or says why not, and never a number that is none.

use serde_json::json;

use super::shop::{Group, Shop, TODAY, now, row};
use super::*;
use crate::moments::Observation;

/// Visitors, those with a value, and the value, of the control and the treatment.
type Groups = [(i64, i64, i64); 2];

/// Two variants with every kind of metric.
fn shop() -> Shop {
    Shop::two(
        &json!({"currency": "EUR", "dimensions": ["device"], "metrics": [
            {"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"},
            {"key": "revenue", "event": "Order", "kind": "sum", "covariate": {}},
            {"key": "orders", "event": "Order", "kind": "count"},
            {"key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders"},
            {"key": "refunds", "event": "Refund", "kind": "conversion", "role": "guardrail", "limit": 0.1, "direction": "decrease"},
        ]}),
    )
}

/// Visitors of both variants, of whom some have a value.
fn send(shop: &mut Shop, epoch: u32, groups: Groups) {
    for (arm, (n, count, y)) in (0..).zip(groups) {
        let with = (count, Observation { y, x: y.signum() });
        shop.send(&Group {
            epoch,
            row: row(arm),
            day: 25,
            n,
            with,
        });
    }
}

/// The report in all views, with all that may be asked for; it is sound, and what it leaves out it explains.
fn holds(name: &str, shop: &Shop) {
    for view in View::ALL
        .into_iter()
        .filter(|view| *view != View::PlannedLooks)
    {
        let report = report(&Question {
            view: Some(view),
            dimensions: &["device", "visitor_type"],
            days: 60,
            ..Question::present(&shop.entry, &shop.cells, (now(), TODAY))
        });
        assert_sound(&report);
        assert!(!report.verdict.headline.is_empty(), "{name}");
        for with in report.metrics.iter().flat_map(|metric| &metric.comparisons) {
            let has_interval = with.absolute.is_some_and(|effect| effect.low.is_some());
            assert!(has_interval || !with.caveats.is_empty(), "{name}: {with:?}");
        }
    }
}

#[test]
fn odd_data_are_reported_soundly() {
    let cases: [(&str, Groups); 9] = [
        ("nobody", [(0, 0, 0), (0, 0, 0)]),
        ("one visitor", [(1, 1, 1), (0, 0, 0)]),
        ("one visitor each", [(1, 1, 1), (1, 0, 0)]),
        ("no conversions", [(500, 0, 0), (500, 0, 0)]),
        ("everybody converted", [(500, 500, 1), (500, 500, 1)]),
        (
            "identical amounts",
            [(500, 500, 7_000_000), (500, 500, 7_000_000)],
        ),
        ("a single refund", [(500, 1, -5_000_000), (500, 0, 0)]),
        ("no traffic", [(500, 60, 1), (0, 0, 0)]),
        (
            "only refunds",
            [(400, 200, -1_000_000), (400, 210, -1_000_000)],
        ),
    ];
    for (name, groups) in cases {
        let mut fixed = shop();
        send(&mut fixed, 1, groups);
        holds(name, &fixed);
        // The same under odds that moved.
        let mut moved = shop();
        moved.open(&[0.9, 0.1], true);
        send(&mut moved, 1, groups);
        send(&mut moved, 2, groups);
        holds(name, &moved);
    }
}

#[test]
fn amounts_of_a_billion_keep_their_cents() {
    let billion = 1_000_000_000_000_000_i64;
    for is_moved in [false, true] {
        let mut shop = Shop::two(&json!({"metrics": [
            {"key": "revenue", "event": "Order", "kind": "sum", "role": "goal"},
        ]}));
        if is_moved {
            shop.open(&[0.9, 0.1], true);
        }
        for epoch in 1..=1 + u32::from(is_moved) {
            for (arm, more) in [(0, 0), (1, 100_000)] {
                for step in 0..10 {
                    let y = billion - 10_000_000 + more + step * 1_000_000;
                    let with = (100, Observation { y, x: 0 });
                    shop.send(&Group {
                        epoch,
                        row: row(arm),
                        day: 25,
                        n: 100,
                        with,
                    });
                }
            }
        }
        holds("a billion", &shop);
        let report = shop.report(None);
        let revenue = report.metrics[0].comparisons[0].absolute.unwrap();
        let (low, high) = (revenue.low.unwrap(), revenue.high.unwrap());
        assert!(
            low < 0.1 && 0.1 < high && (revenue.estimate - 0.1).abs() < 0.2,
            "{revenue:?}"
        );
        // The standard error is about 0.13. Where the odds moved, the first epoch has no plug-in mean yet, so that its
        // visitors count with their whole amounts: right on average, and very wide.
        assert!(is_moved || high - low < 1.0, "{revenue:?}");
    }
}

#[test]
fn propensities_that_do_not_match_the_traffic_are_an_alarm() {
    let mut shop = shop();
    shop.open(&[0.9, 0.1], true);
    send(&mut shop, 1, [(2_000, 100, 1), (2_000, 100, 1)]);
    send(&mut shop, 2, [(2_000, 100, 1), (2_000, 100, 1)]);
    holds("mismatch", &shop);
    assert_eq!(shop.report(None).verdict.decision, Decision::Investigate);
}

#[test]
fn twenty_variants_and_two_hundred_metrics_are_reported() {
    let variants: Vec<Value> = (0..20).map(|of| json!({"key": format!("v{of}")})).collect();
    let metric = |of: usize| {
        let role = if of == 0 { "goal" } else { "secondary" };
        json!({"key": format!("m{of}"), "event": "Order", "kind": "conversion", "role": role})
    };
    let metrics: Vec<Value> = (0..200).map(metric).collect();
    let mut shop = Shop::new(&json!({
        "key": "many", "status": "running", "variants": variants, "metrics": metrics,
    }));
    shop.open(&[1.0; 20], true);
    let groups: Vec<_> = (0..20)
        .map(|arm| (1, row(arm), 25, 60, 20 + i64::from(arm % 3)))
        .collect();
    shop.convert(&groups);
    let report = shop.report(None);
    assert_eq!((report.variants.len(), report.metrics.len()), (20, 200));
    assert_eq!(report.metrics[199].comparisons.len(), 19);
    assert!(report.metrics[199].comparisons[18].p_value.is_some());
}
