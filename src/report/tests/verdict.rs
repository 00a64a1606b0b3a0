//! What to do, in every situation.

use serde_json::json;

use super::shop::{CONVERTED, Group, Shop, TODAY, now, row, times};
use super::*;
use crate::allocation::Arm;
use crate::catalog::experiment::Status;
use crate::catalog::metric::MetricIndex;
use crate::epoch::Epochs;
use crate::moments::{Moments, Observation};

/// Visitors and orders of both variants on the days from the first on.
pub(super) fn run(shop: &mut Shop, days: std::ops::Range<i32>, (n, a, b): (i64, i64, i64)) {
    for day in days {
        shop.convert(&[(1, row(0), day, n, a), (1, row(1), day, n, b)]);
    }
}

/// Ten days up to now.
pub(super) const RECENT: std::ops::Range<i32> = 20..30;

fn codes(report: &Report) -> Vec<ReasonCode> {
    report.verdict.reasons.iter().map(|of| of.code).collect()
}

fn decided(shop: &Shop) -> (Decision, ReasonCode, String) {
    let report = shop.report(None);
    let code = report.verdict.reasons[0].code;
    (report.verdict.decision, code, report.verdict.headline)
}

#[test]
fn a_winner_is_shipped_after_a_week() {
    let mut shop = Shop::two(&json!({}));
    assert_eq!(decided(&shop).0, Decision::NotStarted);
    run(&mut shop, RECENT, (1_000, 50, 80));
    let (decision, code, headline) = decided(&shop);
    assert_eq!((decision, code), (Decision::Ship, ReasonCode::Better));
    assert!(
        headline.starts_with("B converts 60.0 % more visitors than a (between +"),
        "{headline}"
    );
    assert!(headline.ends_with("). Ship it."), "{headline}");
    let report = shop.report(None);
    assert_eq!(report.verdict.variant.as_deref(), Some("b"));
    assert_eq!(report.visitors_per_day, Some(2_000.0));
    let scaled = only(&report).scaled.unwrap();
    assert!((scaled.per_1000_visitors.estimate - 30.0).abs() < 1e-9);
    assert!((scaled.per_day.unwrap().estimate - 60.0).abs() < 1e-9);
}

#[test]
fn nothing_but_harm_is_decided_in_the_first_week() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, 27..30, (3_000, 150, 240));
    let (decision, code, headline) = decided(&shop);
    assert_eq!(
        (decision, code),
        (Decision::KeepRunning, ReasonCode::MinDays)
    );
    assert!(
        headline.contains("Too early to decide: keep it running for 4 days more."),
        "{headline}"
    );
    assert!(codes(&shop.report(None)).contains(&ReasonCode::Better));
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, 27..30, (3_000, 240, 150));
    let (decision, code, headline) = decided(&shop);
    assert_eq!((decision, code), (Decision::RollBack, ReasonCode::Worse));
    assert!(headline.contains("37.5 % fewer visitors"), "{headline}");
    assert!(headline.ends_with("Roll back to a."), "{headline}");
}

#[test]
fn the_file_sets_the_shortest_duration() {
    let mut shop = Shop::two(&json!({"min_days": 3}));
    run(&mut shop, 27..30, (3_000, 150, 240));
    assert_eq!(decided(&shop).0, Decision::Ship);
}

#[test]
fn an_undecided_experiment_says_how_long_it_takes() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, RECENT, (1_000, 50, 56));
    let report = shop.report(None);
    assert_eq!(report.verdict.decision, Decision::KeepRunning);
    let days = report.verdict.days_left.unwrap();
    let headline = &report.verdict.headline;
    assert!(
        headline.contains(&format!("about {days} more days decide it.")),
        "{headline}"
    );
    // With as many more days of the same it is decided, and a few days before it is not.
    let until = 30 + i32::try_from(days).unwrap();
    for (last, decision) in [(until - 3, Decision::KeepRunning), (until, Decision::Ship)] {
        let mut later = Shop::two(&json!({}));
        run(&mut later, 20..last, (1_000, 50, 56));
        let question = Question::present(&later.entry, &later.cells, (now(), Day(last)));
        assert_eq!(report_of(&question).verdict.decision, decision, "{last}");
    }
}

fn report_of(question: &Question<'_>) -> Report {
    report(question)
}

#[test]
fn too_little_traffic_is_said_honestly() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, RECENT, (1_000, 50, 51));
    let report = shop.report(None);
    assert_eq!(report.verdict.days_left, None);
    let headline = &report.verdict.headline;
    assert!(headline.contains("more than 90 days"), "{headline}");
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, RECENT, (50, 1, 2));
    let report = shop.report(None);
    assert_eq!(codes(&report)[0], ReasonCode::TooFew);
    assert_eq!(report.verdict.days_left, Some(15));
}

#[test]
fn no_difference_is_no_reason_to_wait() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, RECENT, (20_000, 12_000, 12_010));
    let (decision, code, headline) = decided(&shop);
    assert_eq!(
        (decision, code),
        (Decision::StopFutile, ReasonCode::NoValueRemaining)
    );
    assert!(
        headline.contains("no measurable difference: stop, and keep a"),
        "{headline}"
    );
    let champion = shop.report(None).champion.unwrap();
    assert!(champion.prob_near_best.unwrap() > 0.95 && champion.prob_best < 0.8);
}

#[test]
fn a_winner_that_harms_is_not_shipped() {
    let metrics = json!({"metrics": [
        {"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"},
        {"key": "refunds", "event": "Refund", "kind": "conversion", "direction": "decrease",
            "role": "guardrail", "limit": 0.1},
    ]});
    let mut shop = Shop::two(&metrics);
    run(&mut shop, RECENT, (1_000, 50, 80));
    let (decision, code, headline) = decided(&shop);
    assert_eq!(
        (decision, code),
        (Decision::RollBack, ReasonCode::Guardrail)
    );
    assert!(
        headline.contains(
            "But refunds is 60.0 % worse with b than with a, the limit being 10.0 %. Roll back to a."
        ),
        "{headline}"
    );
    // Beyond its limit by the point estimate alone, it is something to look into.
    let mut spec = metrics;
    spec["metrics"][1]["event"] = json!("Other");
    let mut shop = Shop::two(&spec);
    run(&mut shop, RECENT, (1_000, 50, 80));
    let refunds = MetricIndex(1);
    let rows = shop
        .cells
        .plain
        .iter_mut()
        .filter(|(key, _)| key.metric == refunds);
    for (key, moments) in rows {
        let count = if key.row.arm == Arm(0) { 30 } else { 36 };
        *moments = times(count, || Moments::of(CONVERTED))
            + times(10_000 - count, || Moments::of(Observation::default()));
    }
    let (decision, code, headline) = decided(&shop);
    assert_eq!(
        (decision, code),
        (Decision::Investigate, ReasonCode::Guardrail)
    );
    assert!(
        headline.contains("But refunds is 20.0 % worse with b than with a"),
        "{headline}"
    );
}

#[test]
fn figures_that_can_not_be_trusted_are_not_judged() {
    let mut shop = Shop::two(&json!({}));
    for day in RECENT {
        shop.convert(&[(1, row(0), day, 1_000, 50), (1, row(1), day, 800, 80)]);
    }
    let (decision, code, headline) = decided(&shop);
    assert_eq!(
        (decision, code),
        (Decision::Investigate, ReasonCode::SampleRatio)
    );
    assert!(
        headline.starts_with("Do not trust these figures: the visitors per variant"),
        "{headline}"
    );
}

#[test]
fn silence_is_told_from_visitors_who_stopped_buying() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, 10..20, (1_000, 50, 80));
    shop.entry.lifecycle.since = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let (decision, code, headline) = decided(&shop);
    assert_eq!((decision, code), (Decision::Investigate, ReasonCode::Stale));
    assert!(
        headline.contains("no visitor has arrived for 10 days"),
        "{headline}"
    );
    run(&mut shop, 20..30, (1_000, 0, 0));
    let headline = decided(&shop).2;
    assert!(
        headline.contains("no reward for the goal has arrived for 10 days"),
        "{headline}"
    );
    shop.entry.lifecycle.status = Status::Paused;
    assert_ne!(decided(&shop).1, ReasonCode::Stale);
}

#[test]
fn what_was_concluded_undecided_stays_so() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, RECENT, (1_000, 50, 56));
    shop.entry.lifecycle.status = Status::Concluded;
    let (decision, _, headline) = decided(&shop);
    assert_eq!(decision, Decision::StopFutile);
    assert!(
        headline.ends_with("It was concluded before this was decided."),
        "{headline}"
    );
}

#[test]
fn money_is_named_in_its_currency() {
    let mut shop = Shop::two(&json!({"currency": "EUR", "metrics": [
        {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal"},
    ]}));
    for day in RECENT {
        for (arm, buyers) in [(0, 100), (1, 140)] {
            let y = 50_000_000;
            let with = (buyers, Observation { y, x: 0 });
            shop.send(&Group {
                epoch: 1,
                row: row(arm),
                day,
                n: 1_000,
                with,
            });
        }
    }
    let headline = decided(&shop).2;
    assert!(
        headline.starts_with("B sells 40.0 % more than a (between +"),
        "{headline}"
    );
    assert!(
        headline.contains("; +4,000 EUR a day). Ship it."),
        "{headline}"
    );
}

#[test]
fn planned_looks_decide_on_their_days_only() {
    let looks = json!({"looks": {"days": [7, 14, 21]}});
    let ask = |shop: &Shop, day: i32| {
        let report = report(&Question::present(
            &shop.entry,
            &shop.cells,
            (now(), Day(day)),
        ));
        assert_sound(&report);
        report
    };
    let mut shop = Shop::two(&looks);
    run(&mut shop, 0..30, (1_000, 50, 58));
    let early = ask(&shop, 6);
    assert_eq!(early.looks.unwrap().next_in_days, Some(1));
    assert!(early.metrics[0].comparisons[0].headline.is_none());
    // The first look asks for z = 3.7, and 8 % more orders are not that clear after 14,000 visitors.
    let first = ask(&shop, 8);
    let headline = first.metrics[0].comparisons[0].headline.unwrap();
    assert_eq!(
        (headline.evidence, headline.conclusive),
        (Evidence::GroupSequential, false)
    );
    assert_eq!(first.verdict.decision, Decision::KeepRunning);
    assert!(
        first
            .verdict
            .headline
            .ends_with("the next planned look is in 6 days."),
        "{}",
        first.verdict.headline
    );
    // At the second look it is, and it stays decided.
    for day in [14, 20, 25] {
        assert_eq!(ask(&shop, day).verdict.decision, Decision::Ship, "{day}");
    }
    let mut same = Shop::two(&looks);
    run(&mut same, 0..30, (1_000, 50, 51));
    let last = ask(&same, 22);
    assert_eq!(last.verdict.decision, Decision::StopFutile);
    assert_eq!(codes(&last)[0], ReasonCode::LooksOver);
}

#[test]
fn another_view_changes_the_headlines_but_not_the_verdict() {
    let mut shop = Shop::two(&json!({}));
    run(&mut shop, RECENT, (1_000, 50, 58));
    let ask = |view| {
        let report = report(&Question {
            view,
            ..Question::present(&shop.entry, &shop.cells, (now(), TODAY))
        });
        assert_sound(&report);
        report
    };
    let usual = ask(None);
    for (view, evidence, conclusive) in [
        (View::AlwaysValid, Evidence::ConversionOdds, false),
        (View::OneLook, Evidence::Test, true),
        (View::Msprt, Evidence::Msprt, false),
        (View::Bayes, Evidence::Posterior, false),
    ] {
        let shown = ask(Some(view));
        let headline = only(&shown).headline.unwrap();
        assert_eq!(
            (headline.evidence, headline.conclusive),
            (evidence, conclusive)
        );
        assert_eq!((shown.shown.view, &shown.verdict), (view, &usual.verdict));
    }
}

#[test]
fn nothing_is_shipped_against_the_mature_visitors() {
    let mut shop = Shop::two(
        &json!({"min_days": 1, "allocation": {"policy": "thompson", "metric": "purchase"},
        "metrics": [{"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal", "window": "1d"}]}),
    );
    shop.open(&[0.3, 0.7], true);
    let mut epochs: Vec<_> = shop.entry.epochs.iter().cloned().collect();
    epochs[0].opened_at = Timestamp::parse("2026-02-20T00:00:00Z").unwrap();
    epochs[1].opened_at = Timestamp::parse("2026-02-25T00:00:00Z").unwrap();
    shop.entry.epochs = Arc::new(Epochs::new(epochs));
    shop.convert(&[(1, row(0), 20, 5_000, 300), (1, row(1), 20, 5_000, 260)]);
    shop.convert(&[(2, row(0), 26, 6_000, 300), (2, row(1), 26, 14_000, 1_100)]);
    let report = shop.report(None);
    let comparison = only(&report);
    assert!(comparison.headline.unwrap().conclusive && comparison.relative.unwrap().estimate > 0.0);
    assert!(comparison.mature.unwrap().estimate < 0.0);
    assert_eq!(codes(&report)[0], ReasonCode::ImmatureDisagrees);
    assert_eq!(report.verdict.decision, Decision::KeepRunning);
}

#[test]
fn nobody_ships_all_personalization_in_one_go() {
    let metrics =
        json!([{"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"}]);
    let metrics = metrics.as_array().map(Vec::as_slice);
    let settings = crate::catalog::global_holdout(0.5, metrics, None).unwrap();
    let pays = ((1_000, 50, 80), "Personalization pays.");
    let costs = ((1_000, 80, 50), "costs more than it earns");
    for (counts, said) in [pays, costs] {
        let mut shop = Shop::two(&json!({}));
        shop.entry.experiment = Experiment::compile(settings.clone(), None).unwrap();
        run(&mut shop, RECENT, counts);
        let headline = decided(&shop).2;
        let begins = headline.starts_with("Personalized converts ");
        assert!(begins && headline.contains(said), "{headline}");
    }
}
