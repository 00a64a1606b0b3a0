//! Guardrails: when they trip, what they say, and how often they do so for nothing.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution};
use serde_json::{Value, json};

use super::shop::{CONVERTED, Shop, held, now, row, times};
use super::*;
use crate::catalog::Trip;
use crate::catalog::metric::{MetricIndex, OnTrip};
use crate::cell::{PlainKey, VisitorsKey};
use crate::epoch::EpochNumber;
use crate::moments::{Moments, Observation, Visitors};
use crate::time::Day;

/// A goal and a guardrail on refunds.
fn watched(changes: &Value) -> Shop {
    let mut refund = json!({"key": "refund", "event": "Refund", "kind": "conversion", "role": "guardrail",
        "direction": "decrease", "limit": 0.1, "on_trip": "pause"});
    let fields = changes.as_object().unwrap().clone();
    refund.as_object_mut().unwrap().extend(fields);
    let goal = json!({"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"});
    Shop::two(&json!({ "metrics": [goal, refund] }))
}

fn trips(shop: &Shop) -> Vec<Trip> {
    guardrail::trips(&shop.entry, &shop.cells, now())
}

fn refunds(shop: &Shop) -> (Harm, GuardrailStatus) {
    let comparison = &shop.report(None).metrics[1].comparisons[0];
    (comparison.harm.unwrap(), comparison.status.unwrap())
}

#[test]
fn it_trips_when_harm_is_certain_and_reaches_the_limit() {
    for (changes, refunded, expected) in [
        (json!({}), 105, GuardrailStatus::Ok),
        (json!({}), 115, GuardrailStatus::AtRisk),
        (json!({}), 200, GuardrailStatus::Tripped),
        // Certain, but tolerated.
        (json!({"limit": 1.5}), 200, GuardrailStatus::Ok),
        // The other direction is an improvement.
        (json!({"direction": "increase"}), 200, GuardrailStatus::Ok),
        (
            json!({"direction": "increase"}),
            40,
            GuardrailStatus::Tripped,
        ),
    ] {
        let mut shop = watched(&changes);
        shop.convert(&[(1, row(0), 0, 1_000, 100), (1, row(1), 0, 1_000, refunded)]);
        let (harm, status) = refunds(&shop);
        assert_eq!(status, expected, "{changes} {refunded} {harm:?}");
        let tripped = trips(&shop);
        assert_eq!(!tripped.is_empty(), status == GuardrailStatus::Tripped);
        assert!(harm.low.unwrap() < harm.estimate.unwrap());
        shop.entry.lifecycle.status = crate::catalog::experiment::Status::Paused;
        assert_eq!(trips(&shop), [], "only what runs is stopped");
    }
}

#[test]
fn a_trip_says_what_happened_in_words_and_numbers() {
    let mut shop = watched(&json!({}));
    shop.convert(&[(1, row(0), 0, 1_000, 100), (1, row(1), 0, 1_000, 200)]);
    let [trip] = trips(&shop).try_into().unwrap();
    let (harm, _) = refunds(&shop);
    assert_eq!((Some(trip.harm), Some(trip.low)), (harm.estimate, harm.low));
    close(trip.harm, 1.0);
    assert!((0.3..0.9).contains(&trip.low), "{trip:?}");
    assert_eq!((trip.arm.0, trip.action), (1, OnTrip::Pause));
    let low = format!("{:.1} %", trip.low * 100.0);
    assert_eq!(
        trip.receipt,
        format!(
            "Paused: refund of b is 100.0 % above the control (at least {low}, however often one looks); the limit is 10.0 %."
        )
    );
    let table = table::render(&shop.report(None));
    assert!(table.contains("b: TRIPPED, 100.0 %, at least"), "{table}");
    assert!(csv::render(&shop.report(None)).contains(",tripped,"));
}

/// Whoever lets it run on accepts the harm that was estimated; more harm trips again.
#[test]
fn known_harm_does_not_trip_again() {
    let mut shop = watched(&json!({"on_trip": "notify"}));
    shop.convert(&[(1, row(0), 0, 1_000, 100), (1, row(1), 0, 1_000, 200)]);
    let [trip] = trips(&shop).try_into().unwrap();
    assert!(trip.receipt.starts_with("Tripped: "));
    shop.entry.lifecycle.trip(trip);
    assert!(shop.entry.is_running() && trips(&shop).is_empty());
    shop.convert(&[(1, row(0), 1, 1_000, 100), (1, row(1), 1, 1_000, 200)]);
    assert_eq!(refunds(&shop).1, GuardrailStatus::Tripped);
    assert_eq!(trips(&shop), []);
    shop.convert(&[(1, row(0), 2, 1_000, 100), (1, row(1), 2, 1_000, 700)]);
    let [again] = trips(&shop).try_into().unwrap();
    assert!(again.low > 1.0 && again.harm > 2.0);
}

#[test]
fn a_control_at_zero_is_no_excuse() {
    let mut shop = watched(&json!({}));
    shop.convert(&[(1, row(0), 0, 1_000, 0), (1, row(1), 0, 1_000, 60)]);
    let (harm, status) = refunds(&shop);
    assert_eq!((harm.estimate, status), (None, GuardrailStatus::Tripped));
    let [trip] = trips(&shop).try_into().unwrap();
    assert!(trip.receipt.contains("the control, which is at zero"));
    close(trip.harm, harm.low.unwrap());
    let empty = watched(&json!({}));
    assert_eq!(trips(&empty), []);
}

/// The level is shared by all guardrails and variants, and moving weights are no way around it.
#[test]
fn the_level_is_shared_and_epochs_are_told_apart() {
    let low = |guardrails: usize, moved: bool| {
        let guardrail = |at: usize| {
            json!({"key": format!("g{at}"), "event": "Refund", "kind": "count", "role": "guardrail",
                "direction": "decrease", "limit": 0.1})
        };
        let goal = json!({"key": "p", "event": "Order", "kind": "conversion", "role": "goal"});
        let metrics: Vec<Value> = std::iter::once(goal)
            .chain((0..guardrails).map(guardrail))
            .collect();
        let mut shop = Shop::two(&json!({"metrics": metrics, "holdout": 0.1}));
        shop.convert(&[
            (1, row(0), 0, 900, 90),
            (1, row(1), 0, 900, 140),
            (1, held(), 0, 200, 20),
        ]);
        if moved {
            shop.open(&[0.9, 0.1], true);
            shop.convert(&[(2, row(0), 1, 9_000, 2_700), (2, row(1), 1, 1_000, 300)]);
        }
        shop.report(None).metrics[1].comparisons[0].harm.unwrap()
    };
    let (alone, shared) = (low(1, false), low(4, false));
    assert_eq!(alone.estimate, shared.estimate);
    assert!(shared.low.unwrap() < alone.low.unwrap());
    let moved = low(1, true);
    assert!(moved.low.unwrap() < moved.estimate.unwrap() && moved.estimate.unwrap() < 0.6);
}

const RUNS: u64 = 150;
const LOOKS: usize = 25;
const VISITORS: u64 = 200;

/// Whether a guardrail ever trips: three variants, two guardrails in opposite directions, looked at again and again.
fn ever_trips(seed: u64, rates: [f64; 3]) -> bool {
    let guardrail = |key: &str, direction: &str| {
        json!({"key": key, "event": key, "kind": "conversion", "role": "guardrail",
            "direction": direction, "limit": 1e-6})
    };
    let mut shop = Shop::two(&json!({
        "variants": [{"key": "a"}, {"key": "b"}, {"key": "c"}],
        "metrics": [
            {"key": "p", "event": "Order", "kind": "conversion", "role": "goal"},
            guardrail("refund", "decrease"), guardrail("signup", "increase"),
        ],
    }));
    shop.entry.epochs = std::sync::Arc::default();
    shop.open(&[1.0, 1.0, 1.0], true);
    let mut random = StdRng::seed_from_u64(seed);
    let sums = |count, value| times(i64::try_from(count).unwrap(), || Moments::of(value));
    for _ in 0..LOOKS {
        for (arm, rate) in (0..).zip(rates) {
            let (epoch, row) = (EpochNumber(1), row(arm));
            let key = VisitorsKey {
                epoch,
                day: Day(0),
                row,
            };
            *shop.cells.visitors.entry(key).or_default() +=
                Visitors::all(i64::try_from(VISITORS).unwrap());
            for (metric, rate) in [(1, rate), (2, 0.3)] {
                let with = Binomial::new(VISITORS, rate).unwrap().sample(&mut random);
                let metric = MetricIndex(metric);
                let key = PlainKey { metric, epoch, row };
                *shop.cells.plain.entry(key).or_default() +=
                    sums(with, CONVERTED) + sums(VISITORS - with, Observation::default());
            }
        }
        if !trips(&shop).is_empty() {
            return true;
        }
    }
    false
}

/// With a limit of next to nothing the bound alone decides. The bands are three standard errors of the simulation wide.
#[test]
fn watching_what_does_no_harm_raises_no_alarm() {
    let share = |rates| {
        let tripped = (0..RUNS).filter(|seed| ever_trips(*seed, rates)).count();
        tripped as f64 / RUNS as f64
    };
    let (harmless, harmful) = (share([0.1; 3]), share([0.1, 0.1, 0.14]));
    assert!(harmless <= 0.05 + 0.054, "{harmless}");
    assert!(harmful >= 0.9, "{harmful}");
}
