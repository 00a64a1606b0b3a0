//! What limits a contextual bandit holds in each context, and what comes back by hand.

use super::*;
use crate::bandit::drift::noticed;
use crate::bandit::revert::{Irreversible, revert};

const REFUNDS: MetricIndex = MetricIndex(1);

/// Two segments and these settings beside the policy, in the first epoch.
fn set(settings: &serde_json::Value) -> Entry {
    let entry = entry(|spec| {
        spec["dimensions"] = serde_json::json!([
            { "key": "segment", "values": ["s0", "s1"] }, { "key": "day", "values": ["sat"] },
        ]);
        let allocation = &mut spec["allocation"];
        allocation["policy"] = "contextual".into();
        allocation["context"] = serde_json::json!(["segment"]);
        for (key, value) in settings.as_object().unwrap() {
            allocation[key] = value.clone();
        }
        let refunds = serde_json::json!({
            "key": "refunds", "event": "Refund", "kind": "conversion", "direction": "decrease", "role": "guardrail",
        });
        spec["metrics"].as_array_mut().unwrap().push(refunds);
    });
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

fn key(metric: MetricIndex, (epoch, segment, arm): (u32, u8, u16)) -> ContextKey {
    ContextKey {
        metric,
        epoch: EpochNumber(epoch),
        context: ContextCell(segment),
        row: row(arm),
    }
}

/// In an epoch, 2,000 visitors a variant and segment: b is best in the first one, c in the second.
fn learned(cells: &mut Cells, epoch: u32) {
    for (segment, converted) in [(0, [60, 100, 60]), (1, [60, 60, 100])] {
        for (arm, x) in (0..).zip(converted) {
            add(
                cells,
                key(MetricIndex(0), (epoch, segment, arm)),
                (2_000, x),
            );
        }
    }
}

fn asked(entry: &Entry, cells: &Cells) -> Epoch {
    match reallocate(entry, cells, at(61), Urgency::Tick) {
        Proposal::Open(epoch) => epoch,
        Proposal::Keep(why) => panic!("{why}"),
    }
}

fn share(epoch: &Epoch, segment: u8, arm: u16) -> f64 {
    let drawn = epoch.drawn_from(epoch.context(&[segment]));
    drawn.propensity(Arm(arm)).map_or(0.0, Propensity::get)
}

#[test]
fn limits_hold_in_each_context() {
    let mut cells = Cells::default();
    learned(&mut cells, 1);
    let free = asked(&set(&serde_json::json!({})), &cells);
    assert!(share(&free, 0, 1) > 0.9 && share(&free, 1, 2) > 0.9);
    assert!((share(&free, 0, 0) - 0.02).abs() < 0.01, "the floor");
    let most = asked(&set(&serde_json::json!({ "max_share": 0.7 })), &cells);
    assert!((share(&most, 0, 1) - 0.7).abs() < 1e-5 && (share(&most, 1, 2) - 0.7).abs() < 1e-5);
    let entry = set(&serde_json::json!({ "max_step": 0.1 }));
    let first = asked(&entry, &cells);
    let start = entry.epoch().unwrap();
    for segment in [0, 1] {
        let own = |epoch: &Epoch| epoch.drawn_from(epoch.context(&[segment])).clone();
        assert!((own(&first).distance(&own(start)) - 0.1).abs() < 1e-5);
    }
    assert!(
        (first.distance(start) - 0.1).abs() < 1e-5,
        "the average moves less"
    );
    assert!(first.allocation.distance(&start.allocation) < 0.09);
}

#[test]
fn a_newcomer_climbs_its_ramp_in_each_context() {
    let mut cells = Cells::default();
    learned(&mut cells, 1);
    let running = set(&serde_json::json!({}));
    let running = opened(running.clone(), asked(&running, &cells));
    let mut spec = serde_json::to_value(&*running.experiment.spec).unwrap();
    let variants = spec["variants"].as_array_mut().unwrap();
    variants.push(serde_json::json!({ "key": "d" }));
    let changed = entry(|definition| *definition = spec);
    let joined = Entry {
        epochs: Arc::clone(&running.epochs),
        ..changed
    };
    let epoch = opened_by_change(Some(&running), &joined, &cells, at(100)).unwrap();
    for (segment, best) in [(0, 1), (1, 2)] {
        assert!(
            (share(&epoch, segment, 3) - 0.125).abs() < 1e-4,
            "half of a quarter"
        );
        assert!(share(&epoch, segment, best) > 0.8, "what was learned stays");
    }
    assert!(epoch.receipt.sentence.contains("d is new"), "{epoch:?}");
}

#[test]
fn harm_is_judged_within_contexts() {
    let entry = set(&serde_json::json!({ "guardrail_hold": 0.9 }));
    let metrics = &entry.epoch().unwrap().contexts.as_ref().unwrap().metrics;
    assert_eq!(metrics, &[0, 1]);
    let told = |harm: u64| {
        let mut cells = Cells::default();
        learned(&mut cells, 1);
        // The second segment returns five times as much, and b is given there most of the time.
        let counts = [
            (0, 0, (3_000, 60)),
            (0, 1, (1_000, 20 * harm)),
            (1, 0, (1_000, 100)),
            (1, 1, (3_000, 300 * harm)),
        ];
        for (segment, arm, (n, x)) in counts {
            let of = |y| Moments::of(Observation { y, x: 0 });
            let moments = promotion::times(n - x, of(0)) + promotion::times(x, of(1));
            let at = key(REFUNDS, (1, segment, arm));
            *cells.contexts.entry(at).or_default() += moments;
            promotion::add_of(&mut cells, (EpochNumber(1), Arm(arm), REFUNDS), (n, x));
        }
        asked(&entry, &cells)
    };
    let (harmless, harmful) = (told(1), told(2));
    assert!(
        !harmless.receipt.sentence.contains("held"),
        "{}",
        harmless.receipt.sentence
    );
    assert!(share(&harmless, 0, 1) > 0.9);
    assert!(harmful.receipt.sentence.contains("b is held at the floor"));
    assert!((share(&harmful, 0, 1) - 0.02).abs() < 1e-5);
    assert!(share(&harmful, 1, 2) > 0.9, "the others are free");
}

#[test]
fn shares_of_contexts_are_no_change_of_what_works() {
    let mut entry = set(&serde_json::json!({}));
    let mut cells = Cells::default();
    for number in 1..=20 {
        // Most visitors come from the first segment, then from the second.
        let many = u8::from(number > 10);
        learned(&mut cells, number);
        for (arm, x) in (0..).zip([[300, 500, 300], [300, 300, 500]][usize::from(many)]) {
            add(
                &mut cells,
                key(MetricIndex(0), (number, many, arm)),
                (10_000, x),
            );
        }
        let next = Epoch {
            number: entry.epochs.next_number(),
            opened_at: at(i64::from(number) * DAY),
            ..entry.epoch().unwrap().clone()
        };
        entry = opened(entry, next);
    }
    let asked = (MetricIndex(0), at(30 * DAY));
    assert_eq!(noticed(&entry, &cells, asked), None);
    let plain = Entry {
        epochs: Arc::new(
            entry
                .epochs
                .iter()
                .fold(crate::epoch::Epochs::default(), whole),
        ),
        ..entry.clone()
    };
    assert!(
        noticed(&plain, &cells, asked).is_some(),
        "as if nothing was told apart"
    );
}

fn whole(mut epochs: crate::epoch::Epochs, epoch: &Epoch) -> crate::epoch::Epochs {
    epochs.push(Epoch {
        contexts: None,
        linear: None,
        ..epoch.clone()
    });
    epochs
}

#[test]
fn contexts_come_back_if_they_are_still_told_apart() {
    let mut cells = Cells::default();
    learned(&mut cells, 1);
    let start = set(&serde_json::json!({}));
    let moved = opened(start.clone(), asked(&start, &cells));
    let back = revert(&moved, &cells, EpochNumber(1), at(70)).unwrap();
    assert!((share(&back, 0, 1) - 1.0 / 3.0).abs() < 1e-9);
    let held = opened(moved.clone(), back);
    let again = revert(&held, &cells, EpochNumber(2), at(80)).unwrap();
    let allocations = |epoch: &Epoch| epoch.contexts.as_ref().unwrap().allocations.clone();
    assert_eq!(allocations(&again), allocations(moved.epoch().unwrap()));
    // Weights of a time without contexts come back in all of them.
    let plain = Entry {
        epochs: Arc::new(
            moved
                .epochs
                .iter()
                .fold(crate::epoch::Epochs::default(), whole),
        ),
        ..moved.clone()
    };
    let even = revert(&plain, &cells, EpochNumber(2), at(80)).unwrap();
    assert_eq!(allocations(&even), vec![even.allocation.clone(); 3]);
    let other = set(&serde_json::json!({ "context": ["day"] }));
    let other = Entry {
        epochs: moved.epochs,
        ..other
    };
    let refused = revert(&other, &cells, EpochNumber(2), at(80)).unwrap_err();
    assert_eq!(refused, Irreversible::OtherContexts(EpochNumber(2)));
}
