//! What works changes: it is told, and where allowed forgotten.

use super::*;
use crate::bandit::drift::noticed;

const DAY: i64 = 86_400;

/// Thirty days of 3,000 visitors a day, evenly split: a converts best until `swap`, then b does.
fn played(on_drift: &str, swap: i64) -> (Entry, Cells) {
    let mut entry = entry(|spec| {
        spec["allocation"]["on_drift"] = on_drift.into();
        spec["allocation"]["model"] = "cohort".into();
    });
    let mut all = Cells::default();
    let first = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    for day in 0..30 {
        let next = Epoch {
            number: entry.epochs.next_number(),
            opened_at: at(day * DAY),
            ..first.clone()
        };
        let level = if day % 7 < 2 { 2 } else { 1 };
        let rates = if day < swap {
            [60, 40, 40]
        } else {
            [40, 60, 40]
        };
        let counts = rates.map(|converted| (1_000, level * converted));
        for (key, moments) in &cells(&counts).plain {
            let epoch = next.number;
            all.plain.insert(PlainKey { epoch, ..*key }, *moments);
        }
        all.information += 3_000;
        entry = opened(entry, next);
    }
    (entry, all)
}

fn asked(on_drift: &str, swap: i64) -> (Vec<f64>, String) {
    let (entry, cells) = played(on_drift, swap);
    match reallocate(&entry, &cells, at(31 * DAY), Urgency::Forced) {
        Proposal::Open(epoch) => (weights(&epoch), epoch.receipt.sentence),
        Proposal::Keep(why) => panic!("{why}"),
    }
}

#[test]
fn a_bandit_that_may_forget_follows_a_change() {
    let (weights, said) = asked("forget", 20);
    assert!(weights[1] > 0.9, "{weights:?}");
    assert!(said.contains("only what came since counts"), "{said}");
    let (entry, cells) = played("forget", 20);
    let change = noticed(&entry, &cells, (MetricIndex(0), at(31 * DAY))).unwrap();
    let days = (change.at.millis() - at(0).millis()) / 1_000 / DAY;
    assert!((18..=22).contains(&days), "{days}");
}

#[test]
fn a_bandit_that_may_not_tells_and_goes_on() {
    let (weights, said) = asked("notify", 20);
    assert!(weights[0] > 0.5, "{weights:?}");
    assert!(said.contains("everything counts"), "{said}");
    let (_, calm) = asked("forget", 99);
    assert!(!calm.contains("changed"), "{calm}");
}

#[test]
fn an_epoch_in_which_anything_was_learned_lasts_a_day_at_most() {
    let running = started();
    let even = cells(&[(1_000, 50), (1_000, 50), (1_000, 50)]);
    let ask = |seconds| reallocate(&running, &even, at(seconds), Urgency::Tick);
    assert!(matches!(ask(DAY - 1), Proposal::Keep(_)));
    assert!(matches!(ask(DAY), Proposal::Open(_)));
    let nothing = cells(&[(6, 0), (6, 0), (6, 0)]);
    let idle = reallocate(&running, &nothing, at(DAY), Urgency::Tick);
    assert!(matches!(idle, Proposal::Keep(_)));
}
