//! Reports of hand-made experiments and cells.

mod breakdowns;
mod contextual;
mod covariates;
mod crossovers;
mod guardrails;
mod holdout;
mod hostile;
mod kinds;
mod linear;
mod moving;
mod profit;
mod replay;
mod sheets;
mod shop;
mod stopped;
mod timeline;
mod verdict;
mod weighted;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::catalog::experiment::Experiment;
use crate::golden;
use crate::stats::srm::Verdict;
use shop::{Shop, held, row};

/// What holds for any report: JSON without holes that reads back as itself, and shares between 0 and 1.
fn assert_sound(report: &Report) {
    fn assert_full(value: &Value, path: &str) {
        match value {
            Value::Null => panic!("{path} is null: not finite, or an option that is written"),
            Value::Array(items) => items.iter().for_each(|item| assert_full(item, path)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    assert_full(value, &format!("{path}.{name}"));
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let json = serde_json::to_value(report).unwrap();
    assert_full(&json, "report");
    assert_eq!(&serde_json::from_value::<Report>(json).unwrap(), report);
    for metric in &report.metrics {
        assert_eq!(metric.variants.len(), report.variants.len());
        let best: f64 = metric.variants.iter().filter_map(|of| of.prob_best).sum();
        assert!(
            best.abs() < 1e-12 || (best - 1.0).abs() < 1e-9,
            "{}: {best}",
            metric.key
        );
        for bayes in metric.comparisons.iter().filter_map(|with| with.bayes) {
            assert!((0.0..=1.0).contains(&bayes.prob_better));
        }
    }
    for line in table::render(report).lines() {
        assert!(line.chars().count() <= 110, "{line}");
    }
}

fn only(report: &Report) -> &ComparisonReport {
    let [metric] = report.metrics.as_slice() else {
        panic!("one metric")
    };
    let [comparison] = metric.comparisons.as_slice() else {
        panic!("one comparison")
    };
    comparison
}

fn close(got: f64, expected: f64) {
    assert!(
        (got - expected).abs() <= 1e-9 + 1e-6 * expected.abs(),
        "{got} is not {expected}"
    );
}

#[test]
fn a_fixed_split_is_compared_in_full() {
    let mut shop = Shop::two(&json!({"name": "Hero", "currency": "EUR"}));
    shop.convert(&[(1, row(0), 0, 1_000, 50), (1, row(1), 0, 1_010, 80)]);
    let report = shop.report(None);
    assert_eq!(
        (report.visitors, report.epochs, report.adaptive),
        (2_010, 1, false)
    );
    assert_eq!(report.health.srm.verdict, Verdict::Ok);
    assert_eq!(
        report.weights,
        BTreeMap::from([("a".into(), 0.5), ("b".into(), 0.5)])
    );
    let comparison = only(&report);
    assert_eq!(
        (comparison.baseline.as_str(), comparison.method),
        ("a", Method::PooledZ)
    );
    let relative = comparison.relative.unwrap();
    close(relative.estimate, 80.0 / 1_010.0 / 0.05 - 1.0);
    assert!(relative.low.unwrap() > 0.0 && relative.high.unwrap() > relative.estimate);
    assert!((0.001..0.05).contains(&comparison.p_value.unwrap()));
    assert!(comparison.bayes.unwrap().prob_better > 0.99 && comparison.caveats.is_empty());
    assert!(report.notes.is_empty() && report.goal.is_none());
    insta::assert_snapshot!(table::render(&report));
}

#[test]
fn the_holdout_joins_the_control_and_keeps_its_row() {
    let mut shop = Shop::two(&json!({"holdout": 0.2}));
    shop.convert(&[
        (1, row(0), 0, 800, 40),
        (1, row(1), 0, 800, 60),
        (1, held(), 0, 400, 40),
    ]);
    let report = shop.report(None);
    let names: Vec<_> = report
        .variants
        .iter()
        .map(|of| (of.variant.as_str(), of.holdout))
        .collect();
    assert_eq!(names, [("a", false), ("b", false), ("a", true)]);
    for (variant, expected) in report.variants.iter().zip([0.4, 0.4, 0.2]) {
        close(variant.share.unwrap(), expected);
        close(variant.expected_share.unwrap(), expected);
    }
    let means: Vec<f64> = report.metrics[0]
        .variants
        .iter()
        .filter_map(|of| of.mean)
        .collect();
    assert_eq!(means, [0.05, 0.075, 0.1]);
    close(
        only(&report).absolute.unwrap().estimate,
        0.075 - 80.0 / 1_200.0,
    );
    assert_eq!(report.health.srm.df, 2);
    assert_eq!(only(&report).baseline_visitors, 1_200);
    assert!(table::render(&report).contains("includes the holdout"));
}

/// 90/10 at a base rate of 3 %, then 50/50 at 6 %: plain sums show a lift of 35 % that is not there (statistics R2).
#[test]
fn moving_weights_are_compared_epoch_by_epoch() {
    let mut shop = Shop::two(&json!({}));
    shop.open(&[0.9, 0.1], true);
    shop.convert(&[
        (2, row(0), 0, 9_000, 270),
        (2, row(1), 0, 1_000, 30),
        (1, row(0), 1, 5_000, 300),
        (1, row(1), 1, 5_000, 300),
    ]);
    let report = shop.report(None);
    assert!(report.adaptive && report.health.srm.verdict == Verdict::Ok);
    let comparison = only(&report);
    assert_eq!(
        (comparison.method, &comparison.caveats),
        (Method::Aipw, &vec![])
    );
    assert!(comparison.p_value.unwrap() > 0.9);
    let (relative, valid) = (
        comparison.relative.unwrap(),
        comparison.always_valid.unwrap(),
    );
    assert!(relative.estimate.abs() < 1e-9, "{relative:?}");
    let (low, high) = (relative.low.unwrap(), relative.high.unwrap());
    assert!(
        (-0.3..-0.1).contains(&low) && (0.1..0.3).contains(&high),
        "{relative:?}"
    );
    let watched = valid.relative.unwrap();
    assert!(watched.low < low && high < watched.high && valid.p_value.unwrap() > 0.9);
    assert!((0.3..0.7).contains(&comparison.bayes.unwrap().prob_better));
    assert!(report.notes.is_empty() && table::render(&report).contains("by AIPW"));
    let control = &report.metrics[0].variants[0];
    close(control.mean.unwrap(), 0.045);
    assert!(control.interval.unwrap()[0] > 0.04 && control.std_error.is_some());
    close(control.sum.unwrap(), 570.0);
    // As of a day sums per epoch are not kept: weighted means, with intervals that are as valid.
    let past = shop.report(Some(1));
    let weighted = only(&past);
    assert_eq!(
        (weighted.method, &weighted.caveats),
        (Method::Weighted, &vec![])
    );
    let (lift, watched) = (weighted.relative.unwrap(), weighted.always_valid.unwrap());
    assert!(lift.estimate.abs() < 1e-3 && weighted.p_value.unwrap() > 0.9);
    assert!((-0.3..-0.1).contains(&lift.low.unwrap()) && (0.1..0.3).contains(&lift.high.unwrap()));
    let watched_lift = watched.relative.unwrap();
    assert!(watched_lift.low < lift.low.unwrap() && lift.high.unwrap() < watched_lift.high);
    assert!(watched.absolute.unwrap().low < weighted.absolute.unwrap().low.unwrap());
    let control = &past.metrics[0].variants[0];
    assert!((control.mean.unwrap() - 0.045).abs() < 1e-4 && control.interval.unwrap()[0] > 0.04);
    assert!(past.notes.is_empty());
}

#[test]
fn the_report_as_of_the_last_day_is_the_present_one() {
    let mut shop = Shop::two(&json!({"holdout": 0.1}));
    shop.convert(&[
        (1, row(0), 10, 450, 20),
        (1, row(1), 10, 450, 30),
        (1, held(), 10, 100, 5),
    ]);
    let early = shop.report(None);
    shop.convert(&[(1, row(0), 12, 440, 25), (1, row(1), 12, 460, 33)]);
    let same = |left: &Report, right: &Report| {
        assert_eq!(left.variants, right.variants);
        let figures = |report: &Report| {
            let mut metrics = report.metrics.clone();
            scaled::apply(&mut metrics, None);
            metrics
        };
        assert_eq!(figures(left), figures(right));
    };
    same(&shop.report(Some(12)), &shop.report(None));
    same(&shop.report(Some(11)), &early);
    assert_eq!(shop.report(Some(9)).visitors, 0);
}

#[test]
fn a_retired_variant_keeps_its_comparison_and_spoils_no_other() {
    let variants = |keys: &[&str]| {
        let list = keys.iter().map(|key| json!({"key": key, "payload": key}));
        json!({"variants": list.collect::<Vec<_>>()})
    };
    let mut shop = Shop::two(&variants(&["a", "b", "c"]));
    shop.entry.epochs = Arc::default();
    shop.open(&[1.0, 1.0, 1.0], true);
    shop.convert(&[
        (1, row(0), 20, 1_000, 60),
        (1, row(1), 20, 1_000, 70),
        (1, row(2), 5, 500, 40),
        (1, row(2), 20, 500, 40),
    ]);
    let next = Shop::two(&variants(&["a", "b"])).entry.experiment.spec;
    shop.entry.experiment =
        Experiment::compile(next.as_ref().clone(), Some(&shop.entry.experiment)).unwrap();
    shop.open(&[0.5, 0.5], true);
    shop.convert(&[(2, row(0), 21, 3_000, 600), (2, row(1), 21, 3_000, 660)]);
    let report = shop.report(None);
    assert!(report.adaptive && !report.variants[2].live);
    let [other, retired] = report.metrics[0].comparisons.as_slice() else {
        panic!()
    };
    close(
        other.absolute.unwrap().estimate,
        730.0 / 4_000.0 - 660.0 / 4_000.0,
    );
    assert!(other.p_value.is_some() && other.caveats.is_empty());
    close(retired.absolute.unwrap().estimate, 0.08 - 0.06);
    // Of its 1,000 visitors and the 1,000 of the control, those of day 5 had their two weeks before it retired on day 30.
    assert_eq!(retired.caveats, [Caveat::WindowInterrupted]);
    assert_eq!(retired.interrupted, Some(0.75));
    assert_eq!(other.interrupted, None);
    assert!(retired.p_value.is_some() && retired.bayes.unwrap().prob_best.is_none());
    assert_eq!(report.weights.len(), 2);
}

#[test]
fn an_empty_experiment_and_one_without_conversions_say_so() {
    let empty = Shop::two(&json!({})).report(None);
    assert_eq!(
        (empty.visitors, empty.health.srm.verdict),
        (0, Verdict::TooFew)
    );
    assert_eq!(only(&empty).caveats, [Caveat::NoData]);
    assert!(empty.variants.iter().all(|of| of.share.is_none()));
    insta::assert_snapshot!(table::render(&empty));

    let mut shop = Shop::two(&json!({}));
    shop.convert(&[(1, row(0), 0, 100, 0), (1, row(1), 0, 100, 0)]);
    let none = shop.report(None);
    let comparison = only(&none);
    assert_eq!(
        comparison.caveats,
        [Caveat::ZeroVariance, Caveat::ControlMeanZero]
    );
    assert!(comparison.relative.is_none() && comparison.absolute.unwrap().low.is_some());
    close(comparison.bayes.unwrap().prob_better, 0.5);
}
