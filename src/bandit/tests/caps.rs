//! When a cap is frozen.

use super::*;
use crate::bandit::caps::freeze;
use crate::cell::SketchKey;
use crate::moments::Tally;

const DAY: i64 = 86_400;

/// A running experiment whose second metric is capped at the 90th percentile.
fn capped(ignore_zeros: bool, window: &str) -> Entry {
    let entry = entry(|spec| {
        let revenue = serde_json::json!({
            "key": "revenue", "event": "Bought", "kind": "sum", "window": window,
            "cap": { "percentile": 90, "ignore_zeros": ignore_zeros },
        });
        spec["metrics"].as_array_mut().unwrap().push(revenue);
    });
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

/// A sketch of so many visitors who spent nothing and so many who spent 64.
fn sketch(zeros: i64, positive: i64) -> Cells {
    let mut cells = cells(&[(400, 10), (400, 90), (400, 10)]);
    for (bucket, n) in [(0, zeros), (64_000_000, positive)] {
        let metric = MetricIndex(1);
        let key = SketchKey { metric, bucket };
        cells.sketches.insert(key, Tally { n });
    }
    cells
}

#[test]
fn the_warm_up_takes_a_day_and_ten_values_above() {
    let entry = capped(true, "14d");
    assert_eq!(freeze(&entry, &sketch(0, 100), at(DAY - 1)), None);
    assert_eq!(freeze(&entry, &sketch(0, 99), at(DAY)), None);
    let epoch = freeze(&entry, &sketch(0, 100), at(DAY)).unwrap();
    let current = entry.epoch().unwrap();
    assert_eq!((epoch.cause, epoch.era), (Cause::Capped, current.era));
    assert_eq!(epoch.number, EpochNumber(2));
    assert_eq!(epoch.allocation, current.allocation);
    assert_eq!(epoch.cap(0), None);
    let cap = epoch.cap(1).unwrap();
    assert!((64_000_000..64_640_000).contains(&cap), "{cap}");
    assert!(
        epoch
            .receipt
            .sentence
            .contains("percentile 90 of 100 visitors with any")
    );
    let short = capped(true, "1h");
    assert!(freeze(&short, &sketch(0, 100), at(3_600)).is_some());
}

#[test]
fn a_cap_that_cuts_most_buyers_is_not_frozen() {
    let entry = capped(false, "14d");
    assert_eq!(freeze(&entry, &sketch(100, 0), at(DAY)), None);
    assert_eq!(freeze(&entry, &sketch(85, 15), at(DAY)), None);
    assert!(freeze(&entry, &sketch(80, 20), at(DAY)).is_some());
}

#[test]
fn it_is_frozen_once_and_stays() {
    let entry = capped(true, "14d");
    let epoch = freeze(&entry, &sketch(0, 100), at(DAY)).unwrap();
    let frozen = opened(entry, epoch.clone());
    assert_eq!(freeze(&frozen, &sketch(0, 9_000), at(9 * DAY)), None);
    let proposal = reallocate(&frozen, &sketch(0, 100), at(2 * DAY), Urgency::Forced);
    let Proposal::Open(next) = proposal else {
        panic!("{proposal:?}")
    };
    assert_eq!((next.number, next.caps), (EpochNumber(3), epoch.caps));
    let mut paused = frozen;
    paused
        .lifecycle
        .enter(crate::catalog::experiment::Status::Paused, at(0));
    assert_eq!(freeze(&paused, &sketch(0, 100), at(DAY)), None);
}
