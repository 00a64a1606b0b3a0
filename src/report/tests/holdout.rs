//! What personalization earns: the policy against the experiment's holdout.

use serde_json::json;

use super::shop::{CONVERTED, Group, Shop, held, row};
use super::*;
use crate::cell::Row;
use crate::epoch::{Cause, Epoch};
use crate::moments::Observation;

pub(super) fn policy(report: &Report) -> (&HoldoutReport, &PolicyMetric) {
    let holdout = report.holdout.as_ref().expect("somebody is held out");
    (holdout, &holdout.metrics[0])
}

/// A shop whose experiment held out these shares in its epochs.
fn shares(shares: &[f64]) -> Shop {
    let mut shop = Shop::two(&json!({"holdout": shares[0]}));
    for share in &shares[1..] {
        shop.entry.experiment.holdout = *share;
        shop.open(&[0.5, 0.5], true);
    }
    shop
}

#[test]
fn without_a_holdout_there_is_no_block() {
    let mut shop = Shop::two(&json!({}));
    shop.convert(&[(1, row(0), 0, 800, 40), (1, row(1), 0, 800, 60)]);
    assert!(shop.report(None).holdout.is_none());
    assert!(shares(&[0.2]).report(None).holdout.is_none(), "no visitors");
}

#[test]
fn under_one_share_the_policy_is_everybody_else_whatever_the_bandit_did() {
    let mut shop = shares(&[0.2]);
    shop.open(&[0.1, 0.9], true);
    shop.convert(&[
        (1, row(0), 0, 1_600, 80),
        (1, row(1), 0, 1_600, 120),
        (1, held(), 0, 800, 40),
        (2, row(0), 1, 320, 16),
        (2, row(1), 1, 2_880, 220),
        (2, held(), 1, 800, 40),
    ]);
    let report = shop.report(None);
    assert_eq!(
        only(&report).method,
        Method::Aipw,
        "the variants' odds moved"
    );
    let (holdout, metric) = policy(&report);
    assert_eq!((holdout.held_out, holdout.personalized), (1_600, 6_400));
    assert_eq!((metric.method, &metric.caveats), (Method::PooledZ, &vec![]));
    let (control, treated) = (0.05, 436.0 / 6_400.0);
    close(metric.holdout.unwrap().mean, control);
    close(metric.policy.unwrap().mean, treated);
    let absolute = metric.absolute.unwrap();
    close(absolute.estimate, treated - control);
    let error = (control * (1.0 - control) / 1_600.0 + treated * (1.0 - treated) / 6_400.0).sqrt();
    close(
        absolute.high.unwrap(),
        treated - control + 1.959_963_984_540_054 * error,
    );
    close(metric.relative.unwrap().estimate, treated / control - 1.0);
    let valid = metric.always_valid.unwrap();
    let (watched, planned) = (valid.relative.unwrap(), metric.relative.unwrap());
    assert!(watched.low < planned.low.unwrap() && watched.high > planned.high.unwrap());
    assert!(metric.p_value.unwrap() < valid.p_value.unwrap());
    assert!(metric.per_day.is_none(), "conversions are no money");
    insta::assert_snapshot!(table::render(&report));
}

#[test]
fn where_the_share_moved_a_trend_is_not_taken_for_an_effect() {
    let mut shop = shares(&[0.5, 0.1]);
    // Everybody converts at 3 %, later at 6 %; the plain sums of the others say 5.4 % against 3.5 %.
    shop.convert(&[
        (1, held(), 0, 5_000, 150),
        (1, row(0), 0, 2_500, 75),
        (1, row(1), 0, 2_500, 75),
        (2, held(), 1, 1_000, 60),
        (2, row(0), 1, 4_500, 270),
        (2, row(1), 1, 4_500, 270),
    ]);
    let report = shop.report(None);
    let (holdout, metric) = policy(&report);
    assert_eq!((holdout.held_out, holdout.personalized), (6_000, 14_000));
    assert_eq!((metric.method, &metric.caveats), (Method::Aipw, &vec![]));
    close(metric.absolute.unwrap().estimate, 0.0);
    close(metric.holdout.unwrap().mean, 0.045);
    close(metric.policy.unwrap().mean, 0.045);
    let lift = metric.relative.unwrap();
    assert!(lift.low.unwrap() < 0.0 && lift.high.unwrap() > 0.0);
    assert!(metric.p_value.unwrap() > 0.9 && metric.always_valid.unwrap().p_value.unwrap() > 0.9);

    // As of an earlier day sums per epoch are not kept.
    let earlier = shop.report(Some(1));
    let (holdout, metric) = policy(&earlier);
    assert_eq!(holdout.held_out, 6_000);
    assert_eq!(metric.caveats, [Caveat::AdaptiveAllocation]);
    assert!(metric.absolute.is_none() && metric.always_valid.is_none());
    // The first day knows one share only.
    let first = shop.report(Some(0));
    close(policy(&first).1.absolute.unwrap().estimate, 0.0);
}

#[test]
fn times_without_a_holdout_and_imported_history_are_left_out() {
    let mut shop = shares(&[0.0, 0.2, 0.2]);
    let epochs = Arc::make_mut(&mut shop.entry.epochs);
    *epochs = crate::epoch::Epochs::new(
        epochs
            .iter()
            .cloned()
            .map(|epoch| Epoch {
                cause: if epoch.number.0 == 3 {
                    Cause::Imported
                } else {
                    epoch.cause
                },
                ..epoch
            })
            .collect(),
    );
    shop.convert(&[
        (1, row(0), 0, 1_000, 900),
        (2, row(0), 1, 400, 40),
        (2, row(1), 1, 400, 60),
        (2, held(), 1, 200, 20),
        (3, row(1), 2, 1_000, 900),
    ]);
    let report = shop.report(None);
    let (holdout, metric) = policy(&report);
    assert_eq!((holdout.held_out, holdout.personalized), (200, 800));
    assert_eq!(metric.method, Method::Aipw);
    close(metric.holdout.unwrap().mean, 0.1);
    close(metric.policy.unwrap().mean, 0.125);
    close(metric.absolute.unwrap().estimate, 0.025);
}

/// Sends visitors of a day of whom so many spend this much.
pub(super) fn spend(shop: &mut Shop, (row, day, n): (Row, i32, i64), (buyers, amount): (i64, i64)) {
    let value = Observation {
        y: amount * 1_000_000,
        x: 0,
    };
    shop.send(&Group {
        epoch: 1,
        row,
        day,
        n,
        with: (buyers, value),
    });
}

#[test]
fn a_sum_is_worth_so_much_money_per_day() {
    let mut shop = Shop::two(&json!({"holdout": 0.2, "currency": "EUR", "metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]}));
    // The first and the last of the days are not whole.
    for (day, n) in [(0, 200), (1, 1_000), (2, 1_400), (3, 100)] {
        spend(&mut shop, (row(0), day, n), (n / 10, 60));
        spend(&mut shop, (row(1), day, n), (n / 10, 80));
        spend(&mut shop, (held(), day, n / 2), (n / 20, 50));
    }
    let report = shop.report(None);
    let (holdout, metric) = policy(&report);
    close(holdout.personalized_per_day.unwrap(), 2_400.0);
    let absolute = metric.absolute.unwrap();
    close(absolute.estimate, 2.0);
    let per_day = metric.per_day.as_ref().unwrap();
    assert_eq!(per_day.currency.as_deref(), Some("EUR"));
    close(per_day.amount.estimate, 4_800.0);
    close(per_day.amount.low.unwrap(), absolute.low.unwrap() * 2_400.0);
    let watched = metric.always_valid.unwrap().absolute.unwrap();
    close(per_day.always_valid.unwrap().low, watched.low * 2_400.0);
    let earlier = shop.report(Some(2));
    close(policy(&earlier).0.personalized_per_day.unwrap(), 2_000.0);
}

#[test]
fn a_holdout_without_visitors_or_orders_says_so() {
    let mut shop = shares(&[0.01]);
    shop.convert(&[(1, row(0), 0, 50, 5), (1, row(1), 0, 50, 5)]);
    let report = shop.report(None);
    let (holdout, metric) = policy(&report);
    assert_eq!((holdout.held_out, holdout.personalized), (0, 100));
    assert_eq!(metric.caveats, [Caveat::NoData]);
    assert!(metric.absolute.is_none() && metric.holdout.is_none());
    close(metric.policy.unwrap().mean, 0.1);

    shop.send(&Group {
        epoch: 1,
        row: held(),
        day: 0,
        n: 1,
        with: (0, CONVERTED),
    });
    let report = shop.report(None);
    let (_, metric) = policy(&report);
    assert!(
        metric.caveats.contains(&Caveat::ControlMeanZero),
        "{metric:?}"
    );
}
