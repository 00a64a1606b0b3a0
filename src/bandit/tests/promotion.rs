//! A promotion multiplies all rates for a while; the lift of the better variant stays what it is.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution};

use super::*;

const DAY: i64 = 86_400;
const DAYS: i64 = 60;
const RUNS: u64 = 40;
const PER_DAY: u64 = 800;
/// Conversion rate of the two worse variants, but for the promotion.
const RATE: f64 = 0.03;
/// How many times better the second is.
const LIFT: f64 = 1.15;
/// How many times larger all rates are in the middle third.
const PROMOTION: f64 = 3.0;

fn running(model: &str) -> Entry {
    let entry = entry(|spec| {
        spec["allocation"]["model"] = model.into();
        spec["allocation"]["floor_total"] = 0.02.into();
    });
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

/// The share of the better variant at the end of one run.
fn run(model: &str, seed: u64) -> f64 {
    let mut random = StdRng::seed_from_u64(seed);
    let mut draw = |n: u64, p: f64| Binomial::new(n, p).unwrap().sample(&mut random);
    let (mut entry, mut cells) = (running(model), Cells::default());
    for day in 0..DAYS {
        let is_promoted = (DAYS / 3..2 * DAYS / 3).contains(&day);
        let level = if is_promoted { PROMOTION } else { 1.0 } * RATE;
        let epoch = entry.epoch().unwrap();
        let shares = weights(epoch);
        let first = draw(PER_DAY, shares[0]);
        let better = draw(PER_DAY - first, shares[1] / (1.0 - shares[0]));
        let visitors = [first, better, PER_DAY - first - better];
        for ((arm, n), lift) in (0..).map(Arm).zip(visitors).zip([1.0, LIFT, 1.0]) {
            let x = draw(n, level * lift);
            add(&mut cells, epoch.number, arm, (n, x));
        }
        let now = at((day + 1) * DAY);
        if let Proposal::Open(epoch) = reallocate(&entry, &cells, now, Urgency::Tick) {
            entry = opened(entry, epoch);
        }
    }
    weights(entry.epoch().unwrap())[1]
}

pub(super) fn add(cells: &mut Cells, epoch: EpochNumber, arm: Arm, counts: (u64, u64)) {
    add_of(cells, (epoch, arm, MetricIndex(0)), counts);
    cells.information += counts.0 + counts.1;
}

/// So many visitors of an epoch and a variant, and how many of them a conversion metric counts.
pub(super) fn add_of(
    cells: &mut Cells,
    (epoch, arm, metric): (EpochNumber, Arm, MetricIndex),
    (n, x): (u64, u64),
) {
    let row = Row {
        arm,
        holdout: false,
    };
    let key = PlainKey { metric, epoch, row };
    let of = |y| Moments::of(Observation { y, x: 0 });
    *cells.plain.entry(key).or_default() += times(n - x, of(0)) + times(x, of(1));
}

/// n times the same, by doubling.
pub(super) fn times(mut n: u64, mut one: Moments) -> Moments {
    let mut sum = Moments::default();
    while n > 0 {
        if n & 1 == 1 {
            sum += one;
        }
        one += one;
        n >>= 1;
    }
    sum
}

fn right(model: &str) -> u64 {
    let runs = (0..RUNS).map(|seed| run(model, seed));
    runs.map(|share| u64::from(share > 0.5)).sum()
}

#[test]
fn a_promotion_does_not_mislead_a_bandit_that_compares_within_epochs() {
    let (cohort, pooled) = (right("cohort"), right("pooled"));
    assert!(cohort * 100 >= RUNS * 95, "{cohort} of {RUNS}");
    assert!(pooled * 100 < RUNS * 88, "{pooled} of {RUNS}");
}
