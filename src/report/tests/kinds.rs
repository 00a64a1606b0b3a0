//! Kinds and roles of metrics, breakdowns, goals, and an experiment of full size.

use super::shop::times;
use super::*;
use crate::catalog::metric::{MetricIndex, Role};
use crate::cell::{PlainKey, Row, VisitorsKey};
use crate::epoch::EpochNumber;
use crate::moments::{Moments, Observation, Visitors};

/// 100 variants, 20 metrics, every variant with visitors.
fn full_size() -> Report {
    let variants: Vec<Value> = (0..100)
        .map(|arm| json!({"key": format!("v{arm}"), "payload": arm}))
        .collect();
    let metrics: Vec<Value> = (0..20)
        .map(|index| {
            json!({"key": format!("m{index}"), "event": "Order", "kind": "conversion",
                "role": if index == 0 { "goal" } else { "secondary" }})
        })
        .collect();
    let mut shop = Shop::two(&json!({"control": "v0", "variants": variants, "metrics": metrics}));
    shop.entry.epochs = Arc::default();
    shop.open(&[1.0; 100], true);
    for arm in 0..100 {
        shop.convert(&[(1, row(arm), 0, 100, i64::from(arm))]);
    }
    shop.report(None)
}

#[test]
fn an_experiment_of_full_size() {
    let report = full_size();
    assert_eq!((report.variants.len(), report.metrics.len()), (100, 20));
    let best = &report.metrics[19].variants;
    assert!(best[99].prob_best > best[90].prob_best);
    assert_eq!(report.metrics[0].comparisons.len(), 99);

    let rendered = csv::render(&report);
    let mut reader = ::csv::Reader::from_reader(rendered.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 100 * 20);
    let header = reader.headers().unwrap();
    let cell = |line: usize, name: &str| {
        let position = header.iter().position(|column| column == name).unwrap();
        rows[line].get(position).unwrap()
    };
    assert_eq!(
        (cell(0, "variant"), cell(0, "baseline"), cell(0, "caveats")),
        ("v0", "", "")
    );
    assert_eq!(
        (cell(99, "variant"), cell(99, "baseline"), cell(99, "mean")),
        ("v99", "v0", "0.99")
    );
    assert_eq!(cell(1_999, "metric"), "m19");
}

fn revenue() -> Value {
    json!([
        {"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"},
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "secondary"},
        {"key": "orders", "event": "Order", "kind": "count", "role": "secondary"},
        {"key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders", "role": "secondary"},
    ])
}

/// `n` visitors, of whom `buyers` spend `spent` in one order each.
fn buy(shop: &mut Shop, row: Row, n: i64, (buyers, spent): (i64, i64)) {
    let values = [1, spent, 1, spent];
    for (metric, y) in (0..).map(MetricIndex).zip(values) {
        let x = i64::from(metric == MetricIndex(3));
        let plain = times(buyers, || Moments::of(Observation { y, x }))
            + times(n - buyers, || Moments::of(Observation::default()));
        let epoch = EpochNumber(1);
        shop.cells
            .plain
            .insert(PlainKey { metric, epoch, row }, plain);
    }
    let key = VisitorsKey {
        epoch: EpochNumber(1),
        day: Day(0),
        row,
    };
    shop.cells.visitors.insert(key, Visitors::all(n));
}

#[test]
fn every_kind_has_its_method_and_the_orders_of_its_event() {
    let mut shop = Shop::two(&json!({"metrics": revenue()}));
    buy(&mut shop, row(0), 1_000, (60, 50_000_000));
    buy(&mut shop, row(1), 1_000, (70, 60_000_000));
    let report = shop.report(None);
    let methods: Vec<Method> = report
        .metrics
        .iter()
        .map(|of| of.comparisons[0].method)
        .collect();
    assert_eq!(
        methods,
        [Method::PooledZ, Method::Welch, Method::Welch, Method::Ratio]
    );
    let means: Vec<f64> = report
        .metrics
        .iter()
        .filter_map(|of| of.variants[1].mean)
        .collect();
    for (got, expected) in means.iter().zip([0.07, 4.2, 0.07, 60.0]) {
        close(*got, expected);
    }
    close(report.metrics[1].variants[0].sum.unwrap(), 3_000.0);
    // Every order has the same amount, so the ratio of each arm is known exactly and nothing can be tested.
    assert_eq!(
        report.metrics[3].comparisons[0].caveats,
        [Caveat::ZeroVariance]
    );

    buy(&mut shop, row(0), 1_000, (20, 50_000_000));
    let few = shop.report(None);
    for metric in &few.metrics[..3] {
        let comparison = &metric.comparisons[0];
        assert!(comparison.relative.unwrap().low.is_none(), "{}", metric.key);
        assert!(comparison.caveats.contains(&Caveat::TooFew));
        assert!(comparison.p_value.is_some());
    }
    buy(&mut shop, row(0), 1_000, (0, 0));
    let nothing = &shop.report(None).metrics[3].comparisons[0];
    assert_eq!(
        (nothing.absolute, nothing.caveats.as_slice()),
        (None, [Caveat::TooFew].as_slice())
    );
}

#[test]
fn a_guardrail_counts_harm_in_its_own_direction() {
    let metrics = |direction: &str| {
        json!({"metrics": [
            {"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"},
            {"key": "refund", "event": "Refund", "kind": "conversion", "role": "guardrail",
             "direction": direction, "limit": 0.1},
        ]})
    };
    for (direction, harm, status) in [
        ("decrease", 0.5, GuardrailStatus::AtRisk),
        ("increase", -0.5, GuardrailStatus::Ok),
    ] {
        let mut shop = Shop::two(&metrics(direction));
        shop.convert(&[(1, row(0), 0, 1_000, 60), (1, row(1), 0, 1_000, 90)]);
        let report = shop.report(None);
        let [goal, guardrail] = report.metrics.as_slice() else {
            panic!()
        };
        assert_eq!(
            (goal.comparisons[0].harm, goal.comparisons[0].status),
            (None, None)
        );
        let comparison = &guardrail.comparisons[0];
        close(comparison.harm.unwrap().estimate.unwrap(), harm);
        assert_eq!(
            (comparison.status, guardrail.limit),
            (Some(status), Some(0.1))
        );
        close(comparison.relative.unwrap().estimate, 0.5);
        let better = comparison.bayes.unwrap().prob_better;
        assert_eq!(better > 0.5, direction == "increase", "{better}");
        assert_eq!(
            table::render(&report).contains("worse than the control"),
            harm > 0.0
        );
    }
}

#[test]
fn a_goal_is_reached_with_a_probability_by_the_likeliest_variant() {
    let goal = json!({"goal": {"metric": "purchase", "lift": 0.1, "by": "2026-06-01"}});
    let mut shop = Shop::two(&goal);
    let early = shop.report(None).goal.unwrap();
    assert_eq!((early.variant, early.prob_reached), (None, None));
    shop.convert(&[(1, row(0), 0, 1_000, 100), (1, row(1), 0, 1_000, 200)]);
    let reached = shop.report(None).goal.unwrap();
    assert_eq!(reached.variant.as_deref(), Some("b"));
    assert!(reached.prob_reached.unwrap() > 0.99);
}

#[test]
fn history_without_propensities_is_marked() {
    let mut shop = Shop::two(&json!({}));
    shop.open(&[0.5, 0.5], false);
    shop.convert(&[(2, row(0), 0, 1_000, 60), (2, row(1), 0, 1_000, 90)]);
    let report = shop.report(None);
    assert_eq!(only(&report).caveats, [Caveat::PropensityUnknown]);
    assert_eq!(report.notes[0].text, Caveat::PropensityUnknown.explain());
}

/// A holdout that is introduced changes the odds of being served control, but not of the draw.
#[test]
fn a_changed_holdout_leaves_the_draw_comparable() {
    let mut shop = Shop::two(&json!({}));
    shop.convert(&[(1, row(0), 0, 500, 30), (1, row(1), 0, 500, 40)]);
    shop.entry.experiment.holdout = 0.2;
    shop.open(&[0.5, 0.5], true);
    shop.convert(&[
        (2, row(0), 1, 400, 40),
        (2, row(1), 1, 400, 50),
        (2, held(), 1, 200, 100),
    ]);
    let report = shop.report(None);
    assert!(report.adaptive && report.health.srm.verdict == Verdict::Ok);
    let comparison = only(&report);
    close(comparison.absolute.unwrap().estimate, 20.0 / 900.0);
    assert!(comparison.p_value.is_some() && comparison.caveats.is_empty());
    assert_eq!(comparison.baseline_visitors, 900);
    // Past days have weighted sums only, and those are of everybody who was served control.
    let past = shop.report(Some(1));
    assert_eq!(only(&past).method, Method::Weighted);
    assert_eq!(only(&past).baseline_visitors, 1_100);
    let past = &past.metrics[0].variants;
    assert!(past[0].mean.unwrap() > 0.08 && past[2].mean == Some(0.5));
}

/// Three variants and a metric of each role; every metric has the same counts, so the same p-values. Even days are phones.
fn families() -> Report {
    let metric = |key: &str, role: &str| json!({"key": key, "event": "Order", "kind": "conversion", "role": role});
    let mut shop = Shop::two(&json!({
        "variants": [{"key": "a", "payload": 1}, {"key": "b", "payload": 2}, {"key": "c", "payload": 3}],
        "metrics": [
            metric("goal", "goal"), metric("x", "secondary"), metric("y", "secondary"), metric("safe", "guardrail"),
        ],
        "dimensions": ["device"],
    }));
    shop.entry.lifecycle.seen = vec![vec!["phone".into()]];
    shop.entry.epochs = Arc::default();
    shop.open(&[1.0; 3], true);
    for day in [0, 1] {
        shop.convert(&[
            (1, row(0), day, 500, 25),
            (1, row(1), day, 500, 31),
            (1, row(2), day, 500, 40),
        ]);
    }
    shop.ask(None, &["device"], 0)
}

#[test]
fn p_values_are_adjusted_by_family() {
    let report = families();
    let p = |of: &MetricReport| -> Vec<f64> {
        let with = of.comparisons.iter();
        with.filter_map(|with| with.p_value).collect()
    };
    let adjusted = |of: &MetricReport| -> Vec<f64> {
        let with = of.comparisons.iter();
        with.filter_map(|with| with.p_adjusted).collect()
    };
    let (weak, strong) = (p(&report.metrics[0])[0], p(&report.metrics[0])[1]);
    assert!(strong < 0.01 && weak > 0.2);
    // Holm: the smaller twice, the larger once. Two equal ones among four are as good as one among two.
    let twice: Vec<Vec<f64>> = report.metrics.iter().map(adjusted).collect();
    let expected = [weak, 2.0 * strong];
    assert_eq!(
        twice,
        [&expected[..], &expected[..], &expected[..], &[weak, strong]]
    );
    // A value of the dimension is one of 2 · 3 equal ones among 12; its guardrail stays as it is.
    let breakdown = &report.breakdowns[0];
    for metric in &breakdown.values[0].metrics {
        let factor = if metric.role == Role::Guardrail {
            1.0
        } else {
            2.0
        };
        close(adjusted(metric)[1], factor * p(metric)[1]);
    }
    let text = table::render(&report);
    assert!(
        text.contains("adjusted") && text.contains("(Holm)"),
        "{text}"
    );
    let header = csv::render(&report);
    assert!(
        header
            .lines()
            .next()
            .unwrap()
            .contains(",p_value,p_adjusted,")
    );
    let one = Shop::two(&json!({})).report(None);
    assert!(!table::render(&one).contains("adjusted"));
}

#[test]
fn a_variant_without_an_order_is_behind_but_not_certain() {
    let mut shop = Shop::two(&json!({"metrics": revenue()}));
    buy(&mut shop, row(0), 200, (6, 50_000_000));
    buy(&mut shop, row(1), 100, (0, 50_000_000));
    let report = shop.report(None);
    let bayes = report.metrics[1].comparisons[0].bayes.as_ref().unwrap();
    let behind = bayes.prob_better;
    assert!(behind > 0.01 && behind < 0.15, "{behind}");
    assert!(bayes.expected_loss.unwrap() > 0.5);
    let control = report.metrics[1].variants[0].prob_best.unwrap();
    assert!((control + behind - 1.0).abs() < 1e-6);

    // Where nothing varies at all there is nothing to believe.
    buy(&mut shop, row(0), 200, (0, 0));
    assert!(shop.report(None).metrics[1].comparisons[0].bayes.is_none());
}

/// Two variants, the second of which costs so much, over two epochs of other odds where `moves`.
fn costing(cost: f64, moves: bool) -> Report {
    let variants = json!([{"key": "a"}, {"key": "b", "payload": 1, "cost": cost}]);
    let mut shop = Shop::two(&json!({"metrics": revenue(), "variants": variants}));
    buy(&mut shop, row(0), 1_000, (60, 50_000_000));
    buy(&mut shop, row(1), 1_000, (70, 60_000_000));
    if moves {
        shop.open(&[0.9, 0.1], true);
        let first = |key: &&PlainKey| key.epoch == EpochNumber(1);
        let known: Vec<PlainKey> = shop.cells.plain.keys().filter(first).copied().collect();
        for key in known {
            let moments = shop.cells.plain[&key];
            let epoch = EpochNumber(2);
            shop.cells.plain.insert(PlainKey { epoch, ..key }, moments);
        }
        let visitors: Vec<VisitorsKey> = shop.cells.visitors.keys().copied().collect();
        for key in visitors {
            let epoch = EpochNumber(2);
            let n = shop.cells.visitors[&key];
            shop.cells.visitors.insert(VisitorsKey { epoch, ..key }, n);
        }
    }
    shop.report(None)
}

/// 60 of 1,000 spend 50, which is 3.00 a visitor; 70 spend 60, which is 4.20 and 3.50 after a gift of 0.70. What visitors
/// vary by stays (150,000 − 9,000)/999 = 141.14 and (252,000 − 17,640)/999 = 234.59.
#[test]
fn sums_are_net_of_what_a_variant_costs() {
    let report = costing(0.7, false);
    let [purchase, revenue, orders, aov] = report.metrics.as_slice() else {
        panic!("four metrics")
    };
    let of = &revenue.comparisons[0];
    close(revenue.variants[1].sum.unwrap(), 4_200.0);
    close(revenue.variants[1].cost.unwrap(), 0.7);
    close(revenue.variants[1].mean.unwrap(), 3.5);
    close(of.absolute.unwrap().estimate, 0.5);
    close(of.relative.unwrap().estimate, 1.0 / 6.0);
    close(of.std_error.unwrap(), 0.375_735_735_735_735_7_f64.sqrt());
    assert_eq!(of.adjustments, [Adjustment::Cost]);
    assert_eq!((of.orders, revenue.variants[0].cost), (Some(60.0), None));
    for (metric, estimate) in [(purchase, 0.01), (orders, 0.01), (aov, 10.0)] {
        let of = &metric.comparisons[0];
        close(of.absolute.unwrap().estimate, estimate);
        assert!(of.adjustments.is_empty() && metric.variants[1].cost.is_none());
    }
}

#[test]
fn a_cost_moves_the_difference_and_nothing_else_where_odds_moved() {
    let [gross, net] = [0.0, 0.7].map(|cost| costing(cost, true).metrics.swap_remove(1));
    let of = |metric: &MetricReport| metric.comparisons[0].clone();
    let (before, after) = (of(&gross), of(&net));
    assert_eq!((before.method, after.method), (Method::Aipw, Method::Aipw));
    let (wide, moved) = (before.absolute.unwrap(), after.absolute.unwrap());
    close(moved.estimate, wide.estimate - 0.7);
    close(moved.low.unwrap(), wide.low.unwrap() - 0.7);
    close(moved.high.unwrap(), wide.high.unwrap() - 0.7);
    assert_eq!(
        (before.std_error, before.orders),
        (after.std_error, after.orders)
    );
    close(
        net.variants[1].mean.unwrap(),
        gross.variants[1].mean.unwrap() - 0.7,
    );
    assert_eq!(net.variants[0], {
        let mut control = gross.variants[0].clone();
        control.prob_best = net.variants[0].prob_best;
        control
    });
}
