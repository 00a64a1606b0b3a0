//! What a linear bandit draws visitors from, on cells made by hand.

use serde_json::json;

use super::*;
use crate::epoch::linear::{Learned, UNIT};
use crate::linear::{shares, worth};
use crate::moments::vectors::Products;

/// Features: visits, then a column each for new and known visitors.
const NEW: [i16; 3] = [0, UNIT, 0];
const KNOWN: [i16; 3] = [0, 0, UNIT];

fn definition(definition: &mut serde_json::Value) {
    definition["variants"] = json!([{ "key": "a" }, { "key": "b" }]);
    definition["dimensions"] = json!([{ "key": "segment", "values": ["new", "known"] }]);
    definition["allocation"]["policy"] = json!("linear");
    definition["allocation"]["features"] =
        json!([{ "attribute": "visits", "min": 0, "max": 20 }, { "dimension": "segment" }]);
}

fn running(change: impl FnOnce(&mut serde_json::Value)) -> Entry {
    let entry = entry(|spec| {
        definition(spec);
        change(spec);
    });
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

/// Visitors of an epoch with these features who got a variant, some of whom bought.
fn send(
    cells: &mut Cells,
    (epoch, arm, features): (u32, u16, [i16; 3]),
    (n, bought): (i64, i64),
    value: i64,
) {
    let row = Row {
        arm: Arm(arm),
        holdout: false,
    };
    let key = PlainKey {
        metric: MetricIndex(0),
        epoch: EpochNumber(epoch),
        row,
    };
    for visitor in 0..n {
        let y = if visitor < bought { value } else { 0 };
        *cells.plain.entry(key).or_default() += Moments::of(Observation { y, x: 0 });
        *cells.features.entry(key).or_default() += &Products::of(&features, y, 1);
    }
    cells.information += u64::try_from(n + bought).unwrap();
}

/// One epoch in which new visitors buy more of `a`, known ones of `b`.
fn opposite() -> Cells {
    let mut cells = Cells::default();
    for (arm, features, bought) in [(0, NEW, 100), (1, NEW, 40), (0, KNOWN, 40), (1, KNOWN, 100)] {
        send(&mut cells, (1, arm, features), (1_000, bought), 1);
    }
    cells
}

fn open(entry: &Entry, cells: &Cells, seconds: i64) -> Epoch {
    match reallocate(entry, cells, at(seconds), Urgency::Tick) {
        Proposal::Open(epoch) => epoch,
        Proposal::Keep(why) => panic!("{why}"),
    }
}

fn learned(epoch: &Epoch) -> &Learned {
    epoch.linear.as_ref().unwrap().learned.as_ref().unwrap()
}

#[test]
fn segments_with_opposite_winners_get_opposite_shares() {
    let entry = running(|_| ());
    assert!(entry.epoch().unwrap().is_uniform());
    let cells = opposite();
    let epoch = open(&entry, &cells, 61);
    assert!(!epoch.is_uniform());
    assert_eq!(shares(learned(&epoch), &NEW), [970_000, 30_000]);
    assert_eq!(shares(learned(&epoch), &KNOWN), [30_000, 970_000]);
    assert!(
        (weights(&epoch)[0] - 0.5).abs() < 1e-3,
        "of an average visitor"
    );
    assert!((distance(&epoch, entry.epoch().unwrap()) - 0.47).abs() < 1e-3);
    let said = &epoch.receipt.sentence;
    assert!(said.contains("segment=new: a best with 100.0 %"), "{said}");
    assert!(
        said.contains("segment=known: b best with 100.0 %"),
        "{said}"
    );
    assert_eq!(epoch.receipt.beliefs[0].visitors, 2_000);
    // The same again moves nothing.
    let entry = opened(entry, epoch);
    let again = reallocate(&entry, &cells, at(200), Urgency::Forced);
    assert!(matches!(again, Proposal::Keep(why) if why.contains("0.0000")));
}

#[test]
fn what_is_seen_of_segments_is_what_is_believed() {
    let entry = running(|_| ());
    let epoch = open(&entry, &opposite(), 61);
    for (features, expected) in [(NEW, 0.06), (KNOWN, -0.06)] {
        let [a, b] = worth(learned(&epoch), &features).try_into().unwrap();
        assert!((a.mean - b.mean - expected).abs() < 0.003, "{a:?} {b:?}");
        // A thousand visitors each, of whom 7 % buy.
        let exact = (2.0 * 0.07 * 0.93 / 1_000.0_f64).sqrt();
        assert!((a.sd.hypot(b.sd) / exact - 1.0).abs() < 0.1, "{a:?} {b:?}");
    }
}

#[test]
fn until_enough_is_known_the_starting_weights_hold() {
    let entry = running(|_| ());
    let mut cells = Cells::default();
    for arm in [0, 1] {
        send(&mut cells, (1, arm, NEW), (1_000, 9), 1);
    }
    let Proposal::Keep(why) = reallocate(&entry, &cells, at(61), Urgency::Forced) else {
        panic!("19 conversions are too few");
    };
    assert!(
        why.contains("from 20 conversions") && why.contains("are 18"),
        "{why}"
    );
    let young = reallocate(&entry, &Cells::none(), at(61), Urgency::Forced);
    assert!(matches!(young, Proposal::Keep(why) if why.contains("Burn-in")));
    // What the holdout did, or visitors with other features, says nothing.
    let mut other = opposite();
    let held = |key: &PlainKey| PlainKey {
        row: Row {
            holdout: true,
            ..key.row
        },
        ..*key
    };
    other.features = other
        .features
        .into_iter()
        .map(|(key, of)| (held(&key), of))
        .collect();
    let asked = reallocate(&entry, &other, at(61), Urgency::Forced);
    assert!(matches!(asked, Proposal::Keep(why) if why.contains("there are 0")));
}

#[test]
fn a_promotion_does_not_make_the_variant_with_the_traffic_the_best() {
    let entry = running(|_| ());
    let mut cells = opposite();
    let second = open(&entry, &cells, 61);
    let entry = opened(entry, second);
    // Everybody buys 20 % more; most new visitors get `a`, and there are many of them.
    for (arm, features, (n, bought)) in [
        (0, NEW, (9_700, 2_910)),
        (1, NEW, (300, 72)),
        (0, KNOWN, (30, 7)),
        (1, KNOWN, (970, 291)),
    ] {
        send(&mut cells, (2, arm, features), (n, bought), 1);
    }
    let third = open(&entry, &cells, 200);
    for (features, expected) in [(NEW, 0.06), (KNOWN, -0.06)] {
        let [a, b] = worth(learned(&third), &features).try_into().unwrap();
        let error = a.mean - b.mean - expected;
        assert!(error.abs() < 0.01, "{a:?} {b:?}");
    }
    // As one sample, `a` would be far ahead for all.
    let plain = |arm: u16| {
        let own = cells.pooled(MetricIndex(0), |_| true);
        let holdout = false;
        let moments = own[&Row {
            arm: Arm(arm),
            holdout,
        }];
        moments.mean(1.0).unwrap()
    };
    assert!(plain(0) - plain(1) > 0.09);
}

#[test]
fn floor_and_largest_share_hold_for_every_visitor() {
    let entry = running(|spec| spec["allocation"]["max_share"] = 0.8.into());
    let epoch = open(&entry, &opposite(), 61);
    assert_eq!(shares(learned(&epoch), &NEW), [800_000, 200_000]);
    let entry = running(|spec| spec["allocation"]["floor_total"] = 0.0.into());
    let epoch = open(&entry, &opposite(), 61);
    let [a, b] = shares(learned(&epoch), &NEW).try_into().unwrap();
    assert!(a > 999_900 && b >= 1);
}

#[test]
fn a_newcomer_climbs_a_ramp() {
    let entry = running(|_| ());
    let cells = opposite();
    let second = open(&entry, &cells, 61);
    let entry = opened(entry, second);
    let mut more = super::entry(|spec| {
        definition(spec);
        spec["variants"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "key": "c" }));
    });
    more.epochs = entry.epochs.clone();
    let third = opened_by_change(Some(&entry), &more, &cells, at(100)).unwrap();
    for features in [NEW, KNOWN, [UNIT, 0, 0]] {
        let shares = shares(learned(&third), &features);
        assert!(shares[2] <= 166_667, "half of an equal share: {shares:?}");
    }
    assert!(shares(learned(&third), &NEW)[0] > 700_000);
    assert!(
        third.receipt.sentence.contains("c is new"),
        "{}",
        third.receipt.sentence
    );
}

#[test]
fn less_is_better_where_the_metric_says_so_and_costs_are_subtracted() {
    let entry = running(|spec| spec["metrics"][0]["direction"] = "decrease".into());
    let epoch = open(&entry, &opposite(), 61);
    assert_eq!(shares(learned(&epoch), &NEW), [30_000, 970_000]);
    assert!(epoch.receipt.beliefs.iter().all(|of| of.mean.abs() < 0.05));
    let revenue = |cost: f64| {
        running(|spec| {
            spec["variants"][0]["cost"] = cost.into();
            spec["metrics"][0] =
                json!({ "key": "buy", "event": "Bought", "kind": "sum", "role": "goal" });
        })
    };
    let mut cells = Cells::default();
    for (arm, features, bought) in [(0, NEW, 100), (1, NEW, 40), (0, KNOWN, 40), (1, KNOWN, 100)] {
        send(&mut cells, (1, arm, features), (1_000, bought), 50_000_000);
    }
    // 5.00 against 2.00 per new visitor.
    let epoch = open(&revenue(0.0), &cells, 61);
    let [a, b] = worth(learned(&epoch), &NEW).try_into().unwrap();
    assert!((a.mean - b.mean - 3.0).abs() < 0.15, "{a:?} {b:?}");
    let epoch = open(&revenue(10.0), &cells, 61);
    assert_eq!(shares(learned(&epoch), &NEW), [30_000, 970_000]);
}

#[test]
fn what_is_old_counts_less() {
    let slope = |half_life: Option<&str>| {
        let entry = running(|spec| {
            if let Some(half_life) = half_life {
                spec["allocation"]["half_life"] = half_life.into();
            }
        });
        let mut cells = opposite();
        let second = open(&entry, &cells, 61);
        let entry = opened(entry, second);
        for (arm, features, bought) in
            [(0, NEW, 40), (1, NEW, 100), (0, KNOWN, 100), (1, KNOWN, 40)]
        {
            send(&mut cells, (2, arm, features), (1_000, bought), 1);
        }
        let third = match reallocate(&entry, &cells, at(40 * 86_400), Urgency::Forced) {
            Proposal::Open(epoch) => epoch,
            Proposal::Keep(why) => panic!("{why}"),
        };
        let [a, b] = worth(learned(&third), &NEW).try_into().unwrap();
        a.mean - b.mean
    };
    assert!(slope(None).abs() < 1e-6, "both epochs weigh the same");
    // The first is 40 days old, the second 20: 1/16 against 1/4.
    let expected = 0.06 * (1.0 / 16.0 - 1.0 / 4.0) / (1.0 / 16.0 + 1.0 / 4.0);
    assert!(
        (slope(Some("10d")) - expected).abs() < 0.004,
        "{}",
        slope(Some("10d"))
    );
}
