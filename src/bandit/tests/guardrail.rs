//! Variants that harm a guardrail are held at the floor.

use super::promotion::add_of;
use super::*;
use crate::bandit::stop::stop;
use crate::bandit::tick::News;

const REFUNDS: MetricIndex = MetricIndex(1);

/// A running experiment with a guardrail, of which a decrease is good.
fn guarded(kind: &serde_json::Value) -> Entry {
    let entry = entry(|spec| {
        spec["allocation"]["guardrail_hold"] = 0.9.into();
        spec["allocation"]["stop"] = true.into();
        let mut metric = serde_json::json!({
            "key": "refunds", "event": "Refund", "direction": "decrease", "role": "guardrail",
        });
        for (key, value) in kind.as_object().unwrap() {
            metric[key] = value.clone();
        }
        spec["metrics"].as_array_mut().unwrap().push(metric);
    });
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

/// Cells in which b and c are better than a, with so many visitors who had a refund.
fn refunds(counts: [u64; 3]) -> Cells {
    let mut cells = cells(&[(1_000, 50), (1_000, 90), (1_000, 80)]);
    for (arm, x) in (0..).map(Arm).zip(counts) {
        add_of(&mut cells, (EpochNumber(1), arm, REFUNDS), (1_000, x));
    }
    cells
}

fn asked(entry: &Entry, cells: &Cells) -> Epoch {
    match reallocate(entry, cells, at(61), Urgency::Tick) {
        Proposal::Open(epoch) => epoch,
        Proposal::Keep(why) => panic!("{why}"),
    }
}

#[test]
fn harm_holds_a_variant_at_the_floor_and_the_others_share_the_rest() {
    for kind in ["conversion", "count"] {
        let entry = guarded(&serde_json::json!({ "kind": kind }));
        let free = asked(&entry, &refunds([20, 22, 20]));
        assert!(weights(&free)[1] > 0.7, "{free:?}");
        assert!(!free.receipt.sentence.contains("held"), "{free:?}");
        let held = asked(&entry, &refunds([20, 40, 20]));
        let (before, after) = (weights(&free), weights(&held));
        assert!((after[1] - 0.02).abs() < 2e-6, "{kind}: {after:?}");
        assert!((after[2] / after[0] - before[2] / before[0]).abs() < 0.01 * before[2] / before[0]);
        let said = &held.receipt.sentence;
        assert!(
            said.contains("b is held at the floor: it harms refunds with 99."),
            "{said}"
        );
    }
}

#[test]
fn more_of_what_is_good_harms_nobody_and_too_little_is_no_evidence() {
    let good = guarded(&serde_json::json!({ "kind": "conversion", "direction": "increase" }));
    assert!(weights(&asked(&good, &refunds([20, 40, 20])))[1] > 0.7);
    let few = guarded(&serde_json::json!({ "kind": "count" }));
    assert!(weights(&asked(&few, &refunds([2, 9, 2])))[1] > 0.7);
    // Control itself is what the others are compared with.
    assert!(weights(&asked(&good, &refunds([5, 40, 40])))[0] < 0.1);
}

#[test]
fn a_level_that_moves_with_the_shares_is_no_harm() {
    let entry = guarded(&serde_json::json!({ "kind": "conversion" }));
    let second = Epoch {
        number: EpochNumber(2),
        ..entry.epoch().unwrap().clone()
    };
    let entry = opened(entry, second);
    // All alike on both days, but b has most of the day on which everybody returns things.
    let mut cells = refunds([20, 20, 20]);
    for (arm, n) in [(Arm(0), 500), (Arm(1), 4_000), (Arm(2), 500)] {
        add_of(
            &mut cells,
            (EpochNumber(2), arm, MetricIndex(0)),
            (n, n * 8 / 100),
        );
        add_of(&mut cells, (EpochNumber(2), arm, REFUNDS), (n, n / 5));
    }
    let epoch = asked(&entry, &cells);
    assert!(
        !epoch.receipt.sentence.contains("held"),
        "{}",
        epoch.receipt.sentence
    );
}

#[test]
fn a_variant_that_is_held_never_wins() {
    let entry = guarded(&serde_json::json!({ "kind": "conversion" }));
    let ended = |refunded, days: i64| {
        let now = at(days * 86_400);
        let ended = stop(&entry, &refunds(refunded), now, News::Some);
        ended.and_then(|ended| ended.winner)
    };
    assert_eq!(
        ended([20, 60, 20], 20),
        Some(Arm(2)),
        "c is clearly better than a"
    );
    assert_eq!(ended([20, 60, 60], 20), None, "only control is left");
    assert_eq!(ended([20, 60, 60], 90), Some(Arm(0)));
}
