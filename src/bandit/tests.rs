//! When epochs open and with what, on cells made by hand.

mod caps;
mod contextual;
mod delay;
mod drift;
mod guardrail;
mod linear;
mod newcomer;
mod promotion;
mod stop;
mod value;

use std::sync::Arc;

use super::*;
use crate::catalog::metric::MetricIndex;
use crate::catalog::{Catalog, Source, read_json};
use crate::cell::{PlainKey, Row};
use crate::epoch::EpochNumber;
use crate::event::Defined;
use crate::fold::control::defined_entry;
use crate::moments::{Moments, Observation};
use crate::time::Window;

fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z")
        .unwrap()
        .plus(Window::from_millis(seconds * 1_000))
}

/// A running Thompson experiment of three variants with burn-in 100, floor 0.06 in total, refresh 60 s.
fn entry(change: impl FnOnce(&mut serde_json::Value)) -> Entry {
    let mut definition = serde_json::json!({
        "key": "hero", "status": "running",
        "variants": [{ "key": "a" }, { "key": "b" }, { "key": "c" }],
        "allocation": { "policy": "thompson", "metric": "buy", "floor_total": 0.06, "burn_in": 100, "refresh": "60s" },
        "metrics": [{ "key": "buy", "event": "Bought", "kind": "conversion", "role": "goal" }],
    });
    change(&mut definition);
    let spec = read_json(&definition.to_string()).unwrap();
    let definition = serde_json::to_string(&spec).unwrap();
    let defined = Defined {
        definition,
        source: Source::Api,
        cosmetic: false,
        at: at(0),
    };
    defined_entry(&Catalog::default(), &defined).unwrap()
}

fn opened(mut entry: Entry, epoch: Epoch) -> Entry {
    Arc::make_mut(&mut entry.epochs).push(epoch);
    entry
}

fn started() -> Entry {
    let entry = entry(|_| ());
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

/// Cells of one epoch with so many visitors and conversions per variant.
fn cells(counts: &[(i64, i64)]) -> Cells {
    let mut cells = Cells::default();
    for (arm, (visitors, conversions)) in (0..).map(Arm).zip(counts) {
        let row = Row {
            arm,
            holdout: false,
        };
        let key = PlainKey {
            epoch: EpochNumber(1),
            row,
            metric: MetricIndex(0),
        };
        let values = (0..*visitors).map(|visitor| i64::from(visitor < *conversions));
        let moments = values.map(|y| Moments::of(Observation { y, x: 0 }));
        let moments = moments.fold(Moments::default(), |sum, one| sum + one);
        cells.plain.insert(key, moments);
        cells.information += u64::try_from(visitors + conversions).unwrap();
    }
    cells
}

fn weights(epoch: &Epoch) -> Vec<f64> {
    epoch.allocation.iter().map(|(_, weight)| weight).collect()
}

#[test]
fn the_first_epoch_has_the_configured_weights() {
    let entry = started();
    let epoch = entry.epoch().unwrap();
    assert_eq!(epoch.cause, Cause::Started);
    assert!(
        weights(epoch)
            .iter()
            .all(|weight| (weight - 1.0 / 3.0).abs() < 1e-12)
    );
}

#[test]
fn a_tick_waits_for_time_information_and_burn_in() {
    let entry = started();
    let ample = cells(&[(1_000, 50), (1_000, 90), (1_000, 50)]);
    let keeps = |cells: &Cells, seconds, reason: &str| match reallocate(
        &entry,
        cells,
        at(seconds),
        Urgency::Tick,
    ) {
        Proposal::Keep(why) => assert!(why.contains(reason), "{why}"),
        Proposal::Open(epoch) => panic!("opened {epoch:?} despite {reason}"),
    };
    keeps(&ample, 59, "since the last epoch");
    keeps(&cells(&[(6, 0), (6, 0), (6, 0)]), 61, "Only 18");
    keeps(
        &cells(&[(1_000, 50), (1_000, 90), (99, 5)]),
        61,
        "Burn-in: c has 99 of 100",
    );
    assert!(matches!(
        reallocate(&entry, &ample, at(61), Urgency::Tick),
        Proposal::Open(_)
    ));
    assert!(matches!(
        reallocate(&entry, &ample, at(1), Urgency::Forced),
        Proposal::Open(_)
    ));
}

#[test]
fn traffic_moves_to_what_converts_above_the_floor_and_the_receipt_says_why() {
    let cells = cells(&[(1_000, 50), (1_000, 90), (1_000, 50)]);
    let Proposal::Open(epoch) = reallocate(&started(), &cells, at(61), Urgency::Tick) else {
        panic!("nothing opened")
    };
    let weights = weights(&epoch);
    assert!(weights[1] > 0.95, "{weights:?}");
    assert!(
        weights.iter().all(|weight| *weight >= 0.02 - 1e-6),
        "floor_total / 3: {weights:?}"
    );
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(
        epoch.receipt.sentence.contains("b 90/1000"),
        "{}",
        epoch.receipt.sentence
    );
    assert_eq!(epoch.number, EpochNumber(2));
    let pooled = 190.0 / 3_000.0;
    assert!(
        (epoch.plug_ins[0].mean.of(Arm(1)) - pooled).abs() < 1e-12,
        "the plug-in mean froze as burn-in closed"
    );
    let variance = epoch.plug_ins[0].variance.unwrap();
    assert!((variance - pooled * (1.0 - pooled) * 3_000.0 / 2_999.0).abs() < 1e-12);
}

#[test]
fn few_conversions_and_a_pooled_model_make_one_sample_of_all_epochs() {
    let receipt = |model: &str, counts: &[(i64, i64)]| {
        let entry = entry(|spec| spec["allocation"]["model"] = model.into());
        let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
        let running = opened(entry, epoch);
        match reallocate(&running, &cells(counts), at(61), Urgency::Tick) {
            Proposal::Open(epoch) => epoch.receipt.sentence,
            Proposal::Keep(why) => panic!("{why}"),
        }
    };
    let (few, many) = (
        [(500, 9), (500, 40), (500, 10)],
        [(500, 9), (500, 41), (500, 10)],
    );
    let said = receipt("cohort", &few);
    assert!(said.contains("Up to 60 conversions all epochs"), "{said}");
    let said = receipt("cohort", &many);
    assert!(
        said.contains("Compared within epochs; their level stays with 100 %"),
        "{said}"
    );
    let said = receipt("pooled", &many);
    assert!(said.contains("All epochs count as one sample"), "{said}");
}

#[test]
fn top_two_gives_half_to_the_challengers() {
    let entry = entry(|spec| spec["allocation"]["policy"] = "top-two".into());
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    let cells = cells(&[(2_000, 100), (2_000, 250), (2_000, 100)]);
    let proposal = reallocate(&opened(entry, epoch), &cells, at(61), Urgency::Tick);
    let Proposal::Open(epoch) = proposal else {
        panic!("nothing opened")
    };
    // b is certain and a and c are alike: 0.02 + 0.94 · (1/4, 1/2, 1/4).
    let pairs = weights(&epoch).into_iter().zip([0.255, 0.49, 0.255]);
    for (weight, expected) in pairs {
        assert!((weight - expected).abs() < 1e-5, "{epoch:?}");
    }
    assert!(
        epoch.receipt.sentence.contains("challengers"),
        "{}",
        epoch.receipt.sentence
    );
}

#[test]
fn a_bandit_with_a_half_life_closes_its_epochs_and_forgets_them() {
    const DAY: i64 = 86_400;
    let forgetful = entry(|spec| spec["allocation"]["half_life"] = "4d".into());
    let epoch = opened_by_change(None, &forgetful, &Cells::none(), at(0)).unwrap();
    let running = opened(forgetful, epoch);
    let cells = cells(&[(1_000, 50), (1_000, 90), (1_000, 50)]);
    let ask = |entry: &Entry, seconds| reallocate(entry, &cells, at(seconds), Urgency::Tick);
    let Proposal::Open(epoch) = ask(&running, 61) else {
        panic!("nothing opened")
    };
    let fresh = weights(&epoch)[1];
    let said = &epoch.receipt.sentence;
    assert!(
        said.contains("still counts: 50.0/999.9, 90.0/999.9"),
        "{said}"
    );
    assert!(said.contains("counts half after 4d"), "{said}");
    let running = opened(running, epoch);
    // Nothing new was learned, but after a quarter of the half-life the epoch closes all the same.
    assert!(matches!(ask(&running, 60 + DAY), Proposal::Keep(_)));
    assert!(matches!(ask(&running, 61 + DAY), Proposal::Open(_)));
    // Every day the oldest is worth less; after ten half-lives next to nothing is known.
    let after = |days| match ask(&running, days * DAY) {
        Proposal::Open(epoch) => weights(&epoch)[1],
        Proposal::Keep(why) => panic!("{why}"),
    };
    let (soon, late) = (after(8), after(40));
    assert!(fresh > soon && soon > late, "{fresh} {soon} {late}");
    assert!((late - 1.0 / 3.0).abs() < 0.05, "{late}");
}

#[test]
fn a_move_too_small_is_not_worth_an_epoch_and_plug_in_means_never_thaw() {
    let first = cells(&[(1_000, 50), (1_000, 90), (1_000, 50)]);
    let Proposal::Open(epoch) = reallocate(&started(), &first, at(61), Urgency::Tick) else {
        panic!("nothing opened")
    };
    let entry = opened(started(), epoch);
    let mut more = cells(&[(1_020, 51), (1_400, 127), (1_020, 51)]);
    assert!(
        matches!(reallocate(&entry, &more, at(200), Urgency::Tick), Proposal::Keep(why) if why.contains("move by 0.0"))
    );
    more = cells(&[(5_000, 600), (5_000, 450), (5_000, 250)]);
    let Proposal::Open(next) = reallocate(&entry, &more, at(200), Urgency::Tick) else {
        panic!("nothing opened")
    };
    assert_eq!(next.plug_ins, entry.epoch().unwrap().plug_ins);
}

#[test]
fn changes_of_the_design_open_an_epoch_at_once_and_others_do_not() {
    let running = started();
    let redefined = |change: fn(&mut serde_json::Value)| {
        let changed = entry(change);
        let after = Entry {
            epochs: Arc::clone(&running.epochs),
            ..changed
        };
        opened_by_change(Some(&running), &after, &Cells::none(), at(5)).map(|epoch| epoch.cause)
    };
    assert_eq!(redefined(|spec| spec["name"] = "New name".into()), None);
    assert_eq!(
        redefined(|spec| spec["holdout"] = 0.1.into()),
        Some(Cause::Redefined)
    );
    assert_eq!(
        redefined(|spec| spec["allocation"]["floor_total"] = 0.3.into()),
        Some(Cause::Redefined)
    );
    assert_eq!(redefined(|spec| spec["status"] = "paused".into()), None);
    let mut paused = started();
    paused.lifecycle.status = crate::catalog::experiment::Status::Paused;
    let resumed = opened_by_change(Some(&paused), &running, &Cells::none(), at(5)).unwrap();
    assert_eq!(resumed.cause, Cause::Resumed);
}

#[test]
fn a_fixed_split_is_never_moved() {
    let fixed = entry(|spec| spec["allocation"] = serde_json::json!({ "policy": "fixed" }));
    let cells = cells(&[(1_000, 50), (1_000, 90), (1_000, 50)]);
    assert!(matches!(
        reallocate(&fixed, &cells, at(999), Urgency::Forced),
        Proposal::Keep(_)
    ));
}
