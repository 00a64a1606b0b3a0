//! Variants that join or leave a bandit that has learned.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution};

use super::promotion::add;
use super::*;

const DAY: i64 = 86_400;
const PER_DAY: u64 = 800;

/// The same experiment with a fourth variant.
fn joined(running: &Entry) -> Entry {
    let changed = entry(|spec| {
        let variants = spec["variants"].as_array_mut().unwrap();
        variants.push(serde_json::json!({ "key": "d" }));
    });
    Entry {
        epochs: Arc::clone(&running.epochs),
        ..changed
    }
}

/// An experiment that has learned that b is the best, and what it learned from.
fn learned() -> (Entry, Cells) {
    let cells = cells(&[(1_000, 50), (1_000, 70), (1_000, 62)]);
    let Proposal::Open(epoch) = reallocate(&started(), &cells, at(61), Urgency::Tick) else {
        panic!("nothing opened")
    };
    (opened(started(), epoch), cells)
}

#[test]
fn a_newcomer_begins_with_half_of_an_equal_share_and_the_others_keep_their_proportions() {
    let (running, mut cells) = learned();
    let before = weights(running.epoch().unwrap());
    let after = joined(&running);
    let epoch = opened_by_change(Some(&running), &after, &cells, at(100)).unwrap();
    let shares = weights(&epoch);
    assert!((shares[3] - 0.125).abs() < 2e-6, "{shares:?}");
    let mine = |of: &[f64], arm: usize| of[arm] / of.iter().take(3).sum::<f64>();
    for arm in 0..3 {
        assert!(
            (mine(&shares, arm) - mine(&before, arm)).abs() < 0.01,
            "{shares:?} {before:?}"
        );
    }
    let said = &epoch.receipt.sentence;
    assert!(
        said.contains("d is new and gets at most 12.5 % for now, after 0 visitors."),
        "{said}"
    );
    // With 500 visitors and no conversion at all it gets what it deserves, with many at most an equal share.
    let entry = opened(after, epoch);
    let joins = |cells: &mut Cells, counts| {
        for arm in (0..3).map(Arm) {
            add(cells, EpochNumber(3), arm, (500, 30));
        }
        add(cells, EpochNumber(3), Arm(3), counts);
    };
    joins(&mut cells, (500, 0));
    let share = |cells: &Cells| match reallocate(&entry, cells, at(200), Urgency::Forced) {
        Proposal::Open(epoch) => weights(&epoch)[3],
        Proposal::Keep(why) => panic!("{why}"),
    };
    assert!(share(&cells) < 0.03, "{}", share(&cells));
    let mut lucky = learned().1;
    joins(&mut lucky, (500, 100));
    assert!((share(&lucky) - 0.25).abs() < 1e-5, "{}", share(&lucky));
    let mut sure = learned().1;
    joins(&mut sure, (1_000, 200));
    assert!(share(&sure) > 0.9, "{}", share(&sure));
}

#[test]
fn before_the_first_decision_and_after_all_were_replaced_there_is_burn_in() {
    let young = started();
    let after = joined(&young);
    let epoch = opened_by_change(Some(&young), &after, &Cells::none(), at(5)).unwrap();
    assert!(
        weights(&epoch)
            .iter()
            .all(|weight| (weight - 0.25).abs() < 1e-9)
    );
    let (running, cells) = learned();
    let mut after = joined(&running);
    for variant in after.experiment.variants.iter_mut().take(3) {
        variant.live = false;
    }
    let epoch = opened_by_change(Some(&running), &after, &cells, at(100)).unwrap();
    assert_eq!(weights(&epoch), [1.0]);
}

#[test]
fn what_a_retired_variant_brought_is_no_part_of_the_belief() {
    let (mut running, cells) = learned();
    running.experiment.variants[1].live = false;
    let Proposal::Open(epoch) = reallocate(&running, &cells, at(200), Urgency::Forced) else {
        panic!("nothing opened")
    };
    assert_eq!(weights(&epoch).len(), 2);
    let arms: Vec<Arm> = epoch.receipt.beliefs.iter().map(|of| of.arm).collect();
    assert_eq!(arms, [Arm(0), Arm(2)]);
    let chances = epoch.receipt.beliefs.iter().map(|of| of.prob_best);
    assert!((chances.sum::<f64>() - 1.0).abs() < 1e-9);
}

/// The largest share of a newcomer within its first 1,000 visitors, and its share 60 days after it joined.
fn run(rate: f64, seed: u64) -> (f64, f64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut draw = |n: u64, p: f64| Binomial::new(n, p).unwrap().sample(&mut random);
    let (mut entry, mut cells) = (started(), Cells::default());
    let (mut met, mut largest) = (0, 0.0_f64);
    for day in 0..90 {
        if day == 30 {
            let after = joined(&entry);
            let epoch = opened_by_change(Some(&entry), &after, &cells, at(day * DAY)).unwrap();
            entry = opened(after, epoch);
        }
        let epoch = entry.epoch().unwrap();
        let shares = weights(epoch);
        if met < 1_000 && shares.len() > 3 {
            largest = largest.max(shares[3]);
        }
        let (mut left, mut rest) = (PER_DAY, 1.0_f64);
        for ((arm, share), rate) in (0..).map(Arm).zip(&shares).zip([0.03, 0.04, 0.03, rate]) {
            let n = draw(left, (share / rest).min(1.0));
            (left, rest) = (left - n, (rest - share).max(1e-9));
            let converted = draw(n, rate);
            add(&mut cells, epoch.number, arm, (n, converted));
            met += if arm == Arm(3) { n } else { 0 };
        }
        if let Proposal::Open(epoch) =
            reallocate(&entry, &cells, at((day + 1) * DAY), Urgency::Tick)
        {
            entry = opened(entry, epoch);
        }
    }
    (largest, weights(entry.epoch().unwrap())[3])
}

#[test]
fn a_newcomer_never_takes_more_than_one_and_a_half_equal_shares_at_first_and_wins_if_it_is_better()
{
    const RUNS: u64 = 12;
    for (rate, least, most) in [(0.055, 11, RUNS), (0.04, 0, RUNS), (0.03, 0, 0)] {
        let runs: Vec<(f64, f64)> = (0..RUNS).map(|seed| run(rate, seed)).collect();
        assert!(
            runs.iter().all(|(largest, _)| *largest <= 1.5 / 4.0 + 1e-5),
            "{rate}: {runs:?}"
        );
        let won = runs.iter().filter(|(_, share)| *share > 0.5).count() as u64;
        assert!((least..=most).contains(&won), "{rate}: {won} of {RUNS}");
    }
}
