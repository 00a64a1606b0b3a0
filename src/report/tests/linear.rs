//! A linear bandit's report: visitors by the weights that were frozen with them, held against shares of their own.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::allocation::{Allocation, Arm, Propensity};
use crate::bandit::{Proposal, Urgency, opened_by_change, reallocate};
use crate::catalog::metric::MetricIndex;
use crate::cell::{Facet, PlainKey, Row, VisitorsKey, WeightedKey};
use crate::epoch::linear::{Drawn, UNIT};
use crate::linear::shares;
use crate::moments::vectors::{Chances, Products};
use crate::moments::{Moments, Observation, Visitors, Weighted};
use crate::time::{Day, Window};

const BATCHES: i64 = 20;
const PER_BATCH: usize = 1_000;
const HELD: f64 = 0.1;

/// The conversion rate of a visitor whose feature is x: both lines cross within.
fn rate(arm: u16, x: f64) -> f64 {
    if arm == 0 {
        0.15 + 0.07 * x
    } else {
        0.17 - 0.1 * x
    }
}

/// Treatment − control over all visitors, whose features are even over −1 … 1.
const TRUTH: f64 = 0.02;

fn started() -> Shop {
    let mut shop = Shop::new(&json!({
        "key": "hero", "status": "running", "control": "a", "holdout": HELD,
        "variants": [{"key": "a"}, {"key": "b"}],
        "allocation": {
            "policy": "linear", "metric": "purchase", "floor_total": 0.1, "burn_in": 0,
            "features": [{"attribute": "age", "min": 18, "max": 80}],
        },
        "metrics": [{"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"}],
    }));
    let epoch = opened_by_change(None, &shop.entry, &shop.cells, shop::now()).unwrap();
    Arc::make_mut(&mut shop.entry.epochs).push(epoch);
    shop
}

/// What a visitor with a feature does; `blind` draws from the average visitor's shares, whatever is logged.
fn visit(shop: &mut Shop, day: Day, random: &mut StdRng, blind: bool) {
    let epoch = shop.entry.epoch().unwrap();
    let x = 2.0 * random.random::<f64>() - 1.0;
    #[expect(clippy::cast_possible_truncation, reason = "between −1,024 and 1,024")]
    let features = vec![(x * f64::from(UNIT)).round() as i16];
    let linear = epoch.linear.as_ref().unwrap();
    let own = linear.learned.as_ref();
    let drawn = Drawn {
        shares: own.map_or_else(Vec::new, |learned| shares(learned, &features)),
        features,
    };
    let from: Allocation = epoch.drawn_by(&[], Some(&drawn)).into_owned();
    let served = if blind { &epoch.allocation } else { &from };
    let second = random.random::<f64>() < served.propensity(Arm(1)).unwrap().get();
    let holdout = random.random::<f64>() < HELD;
    let arm = Arm(u16::from(second && !holdout));
    let y = i64::from(random.random::<f64>() < rate(arm.0, x));
    let weight = epoch
        .served_from(&from, arm, Arm(0))
        .map_or(0, Propensity::weight);
    let (row, metric) = (Row { arm, holdout }, MetricIndex(0));
    let (era, epoch) = (epoch.era, epoch.number);
    let observation = Observation { y, x: 0 };
    let cells = &mut shop.cells;
    let at = VisitorsKey { epoch, day, row };
    *cells.visitors.entry(at).or_default() += Visitors::all(1);
    let at = PlainKey { metric, epoch, row };
    *cells.plain.entry(at).or_default() += Moments::of(observation);
    *cells.features.entry(at).or_default() += &Products::of(&drawn.features, y, 1);
    if !drawn.shares.is_empty() {
        *cells.chances.entry(epoch).or_default() += &Chances::of(&drawn.shares, 1);
    }
    let facet = Facet::Day(day);
    let at = WeightedKey {
        facet,
        era,
        row,
        metric,
    };
    *cells.weighted.entry(at).or_default() += Weighted::of(weight, observation);
    cells.information += 1 + y.unsigned_abs();
}

/// One run to its end.
fn play(seed: u64, blind: bool) -> Shop {
    let mut random = StdRng::seed_from_u64(seed);
    let mut shop = started();
    for batch in 0..BATCHES {
        for _ in 0..PER_BATCH {
            visit(&mut shop, Day(0), &mut random, blind);
        }
        let now = shop::now().plus(Window::from_millis((batch + 1) * 3_600_000));
        if let Proposal::Open(epoch) = reallocate(&shop.entry, &shop.cells, now, Urgency::Tick) {
            Arc::make_mut(&mut shop.entry.epochs).push(epoch);
        }
    }
    shop
}

#[test]
fn everything_comes_from_frozen_weights() {
    let shop = play(1, false);
    assert!(!shop.entry.epoch().unwrap().is_uniform());
    let report = shop.report(None);
    let with = only(&report);
    assert_eq!(with.method, Method::Weighted);
    assert!(with.mature.is_none() && report.adaptive);
    assert_eq!(report.health.srm.verdict, Verdict::Ok);
    assert_eq!(report.health.srm.df, 2, "the holdout is an arm");
    for row in &report.variants {
        let (share, expected) = (row.share.unwrap(), row.expected_share.unwrap());
        assert!((share - expected).abs() < 0.01, "{share} {expected}");
    }
    let means: Vec<f64> = report.metrics[0]
        .variants
        .iter()
        .map(|row| row.mean.unwrap())
        .collect();
    for (mean, expected) in means.into_iter().zip([0.15, 0.17, 0.15]) {
        assert!((mean - expected).abs() < 0.03, "{mean} {expected}");
    }
}

#[test]
fn visitors_who_were_not_drawn_by_their_shares_are_a_mismatch() {
    let mut shop = play(2, false);
    // As if a tenth of the treatment's visitors had been lost on the way.
    for chances in shop.cells.chances.values_mut() {
        let moved = chances.e[1] / 10;
        chances.e[0] += moved;
        chances.e[1] -= moved;
    }
    assert_eq!(shop.report(None).health.srm.verdict, Verdict::Mismatch);
    // The average visitor's shares are not the average of all visitors' shares.
    let blind = play(2, true);
    assert_eq!(blind.report(None).health.srm.verdict, Verdict::Mismatch);
}

#[test]
fn the_fixed_time_interval_covers() {
    let runs = (0..30).map(|seed| {
        let shown = only(&play(seed, false).report(None)).absolute.unwrap();
        let (low, high) = (shown.low.unwrap(), shown.high.unwrap());
        usize::from((low..=high).contains(&TRUTH))
    });
    let covered: usize = runs.sum();
    assert!((26..=30).contains(&covered), "{covered} of 30");
}
