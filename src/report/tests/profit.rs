//! What personalization costs and leaves, by hand.

use std::collections::BTreeMap;

use serde_json::json;

use super::holdout::{policy, spend};
use super::shop::{Shop, held, row};
use super::*;

/// Days of a month.
const MONTH: f64 = 30.4375;

/// Two days on which each held-out visitor spends 5 and each other one 7, on average; 24,000 others, 12,000 of them a day.
fn shop(direction: &str) -> Shop {
    let mut shop = Shop::two(&json!({"holdout": 0.2, "currency": "EUR", "metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal",
         "direction": direction},
    ]}));
    for (day, n) in [(10, 10_000), (11, 14_000)] {
        spend(&mut shop, (row(0), day, n / 2), (n / 20, 60));
        spend(&mut shop, (row(1), day, n / 2), (n / 20, 80));
        spend(&mut shop, (held(), day, n / 4), (n / 40, 50));
    }
    shop
}

/// The report `days` after the epoch was opened, with costs.
fn asked(shop: &Shop, days: i64, monthly: Option<f64>, variants: &[(i32, f64)]) -> Report {
    let opened = shop.entry.epochs.iter().next().unwrap().opened_at;
    let as_of = Timestamp::from_millis(opened.millis() + days * 86_400_000).unwrap();
    let variants: BTreeMap<Day, f64> = variants
        .iter()
        .map(|(day, cost)| (Day(*day), *cost))
        .collect();
    report(&Question {
        costs: Some(Costs {
            monthly,
            variants: &variants,
            foreign: 0,
        }),
        ..Question::present(&shop.entry, &shop.cells, (as_of, Day(20)))
    })
}

fn profit(report: &Report) -> &Profit {
    policy(report).0.profit.as_ref().unwrap()
}

#[test]
fn gain_less_costs_is_net_and_the_return_is_net_per_cost() {
    let shop = shop("increase");
    // Costs before the first visitor, and after the day of the report, are no part of it.
    let costs = [(9, 1e6), (10, 300.0), (11, 100.0), (21, 1e6)];
    let report = asked(&shop, 60, Some(36_525.0), &costs);
    let (holdout, metric) = policy(&report);
    let profit = profit(&report);
    let difference = metric.absolute.unwrap();
    close(difference.estimate, 2.0);
    // 24,000 visitors × 2.
    let so_far = metric.so_far.as_ref().unwrap();
    close(so_far.amount.estimate, 48_000.0);
    close(
        so_far.amount.low.unwrap(),
        difference.low.unwrap() * 24_000.0,
    );
    let watched = metric.always_valid.unwrap().absolute.unwrap();
    close(so_far.always_valid.unwrap().high, watched.high * 24_000.0);
    assert_eq!(so_far.currency.as_deref(), Some("EUR"));
    assert_eq!(profit.gain.as_ref(), Some(so_far));
    // 60 days of 1,200 a day, and 400 for the variants.
    close(profit.days, 60.0);
    close(profit.fixed_costs.unwrap(), 72_000.0);
    close(profit.variant_costs, 400.0);
    close(profit.costs, 72_400.0);
    let net = profit.net.as_ref().unwrap();
    close(net.amount.estimate, -24_400.0);
    close(
        net.amount.low.unwrap(),
        difference.low.unwrap() * 24_000.0 - 72_400.0,
    );
    close(
        net.always_valid.unwrap().low,
        watched.low * 24_000.0 - 72_400.0,
    );
    let returns = profit.returns.unwrap();
    close(returns.roi.estimate, -24_400.0 / 72_400.0);
    close(
        returns.roi.high.unwrap(),
        (difference.high.unwrap() * 24_000.0 - 72_400.0) / 72_400.0,
    );
    close(
        returns.always_valid.unwrap().low,
        (watched.low * 24_000.0 - 72_400.0) / 72_400.0,
    );
    assert_eq!(holdout.personalized, 24_000);
}

#[test]
fn the_payback_is_costs_per_gain_of_a_day_where_that_is_certain() {
    let shop = shop("increase");
    let report = asked(&shop, 60, Some(36_525.0), &[]);
    let (holdout, metric) = policy(&report);
    let rate = holdout.personalized_per_day.unwrap();
    let found = profit(&report);
    let watched = metric.always_valid.unwrap().absolute.unwrap();
    close(rate, 12_000.0);
    let payback = found.payback.unwrap();
    close(payback.days, 3.0);
    close(payback.low, 72_000.0 / (watched.high * rate));
    close(payback.high, 72_000.0 / (watched.low * rate));
    let sentence = &found.sentence;
    assert!(
        sentence.contains("within 3 days of the start"),
        "{sentence}"
    );
    let free = asked(&shop, 60, None, &[]);
    let free = profit(&free);
    assert_eq!((free.unpaid, free.returns), (Some(Unpaid::NoCosts), None));
    assert_eq!((free.fixed_costs, free.costs), (None, 0.0));
    // A month is a twelfth of a year.
    let month = asked(&shop, 0, Some(MONTH), &[(10, 50.0)]);
    close(profit(&month).costs, 50.0);
}

#[test]
fn less_of_an_expense_is_a_gain_and_more_of_it_none() {
    let shop = shop("decrease");
    let report = asked(&shop, 60, Some(36_525.0), &[]);
    let (_, metric) = policy(&report);
    close(metric.so_far.as_ref().unwrap().amount.estimate, 48_000.0);
    let found = profit(&report);
    let gain = found.gain.as_ref().unwrap();
    close(gain.amount.estimate, -48_000.0);
    assert!(gain.amount.low.unwrap() < -48_000.0 && gain.amount.high.unwrap() > -48_000.0);
    assert!(gain.always_valid.unwrap().high < 0.0);
    assert_eq!(
        (found.payback, found.unpaid),
        (None, Some(Unpaid::NotPositive))
    );
    close(found.net.as_ref().unwrap().amount.estimate, -120_000.0);
    assert!(found.sentence.contains("-48,000 EUR"), "{}", found.sentence);
}

#[test]
fn what_is_not_certain_pays_nothing_back_and_says_so() {
    let mut shop = Shop::two(&json!({"holdout": 0.2, "metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]}));
    spend(&mut shop, (row(0), 10, 800), (40, 60));
    spend(&mut shop, (row(1), 10, 800), (40, 60));
    spend(&mut shop, (held(), 10, 400), (26, 41));
    let report = asked(&shop, 30, Some(100.0), &[]);
    let found = profit(&report);
    assert!(found.gain.as_ref().unwrap().amount.estimate > 0.0);
    assert_eq!(
        (found.payback, found.unpaid),
        (None, Some(Unpaid::Uncertain))
    );
    assert!(found.sentence.ends_with(Unpaid::Uncertain.explain()));
    assert!(found.returns.is_some());
    // Nobody was held out yet: costs are known and nothing else.
    let mut shop = Shop::two(&json!({"holdout": 0.2, "metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]}));
    spend(&mut shop, (row(0), 10, 10), (1, 60));
    let report = asked(&shop, 30, Some(MONTH), &[]);
    let found = profit(&report);
    close(found.costs, 30.0);
    assert_eq!((&found.gain, found.unpaid), (&None, Some(Unpaid::NoGain)));
    assert!(
        found
            .sentence
            .starts_with("In 30 days personalization cost 30.00; ")
    );
    // Conversions are no money.
    let mut conversions = Shop::two(&json!({"holdout": 0.2}));
    conversions.convert(&[(1, row(0), 10, 100, 5), (1, held(), 10, 100, 5)]);
    let report = asked(&conversions, 1, Some(MONTH), &[]);
    assert!(policy(&report).0.profit.is_none());
}

#[test]
fn each_day_of_the_timeline_has_what_was_earned_by_its_end() {
    let shop = shop("increase");
    let timeline = shop.ask(None, &[], 60).timeline;
    assert_eq!(timeline.len(), 2);
    for (of, day) in timeline.iter().zip(10..) {
        let report = shop.report(Some(day));
        let (_, metric) = policy(&report);
        let [earned] = of.earned.as_slice() else {
            panic!("{of:?}")
        };
        assert_eq!(earned.metric, "revenue");
        assert_eq!(Some(&earned.so_far), metric.so_far.as_ref(), "day {day}");
    }
    let last = policy(&shop.report(None)).1.so_far.clone().unwrap();
    close(
        timeline[1].earned[0].so_far.amount.estimate,
        last.amount.estimate,
    );
}

#[test]
fn variants_cost_what_they_do_beyond_the_control() {
    let mut shop = Shop::two(&json!({"holdout": 0.2, "variants": [
        {"key": "a", "payload": 1, "cost": 0.5}, {"key": "b", "payload": 2, "cost": 2.0},
    ], "metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]}));
    spend(&mut shop, (row(0), 0, 100), (10, 60));
    spend(&mut shop, (row(1), 0, 200), (10, 60));
    spend(&mut shop, (held(), 0, 50), (10, 60));
    spend(&mut shop, (row(1), 1, 10), (1, 60));
    let costs = variant_costs(&shop.entry, &shop.cells);
    assert_eq!(costs, BTreeMap::from([(Day(0), 300.0), (Day(1), 15.0)]));
}
