//! Fixed splits: one look, many looks, revenue, and the planner's promise.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;
use upswing::plan::{self, Ask, plan};

use crate::figure::{Band, Figure};
use crate::runs::{Runs, binomial, multinomial};
use crate::trial::{
    CONVERTED, SECOND, Trial, compared, covers, definition, rejects, revenue, with_metric,
};

/// A control and a treatment, each with so many visitors.
fn pair(random: &mut StdRng, blank: &Trial, visitors: u64, rates: [f64; 2]) -> Trial {
    let mut trial = blank.clone();
    for (arm, rate) in (0..).zip(rates) {
        trial.convert(arm, visitors, binomial(random, visitors, rate));
    }
    trial
}

pub(crate) fn proportions(runs: Runs) -> Vec<Figure> {
    let blank = Trial::even(2);
    let looks = runs.map(|random| {
        let report = pair(random, &blank, 14_000, [0.05; 2]).report();
        let with = &compared(&report, CONVERTED)[0];
        (
            rejects(with.p_value),
            covers(with.relative, 0.0) == Some(false),
        )
    });
    let (by_p, by_lift): (Vec<bool>, Vec<bool>) = looks.into_iter().unzip();
    let band = Band::of("aa_fixed_prop");
    vec![
        Figure::rate("p < .05", by_p, band),
        Figure::rate("interval of the lift excludes 0", by_lift, band),
    ]
}

/// The headline: always valid, looked at on each of 28 days.
pub(crate) fn peeking(runs: Runs) -> Vec<Figure> {
    let blank = Trial::even(2);
    let looks = runs.map(|random| {
        let (mut trial, mut watched, mut naive) = (blank.clone(), false, false);
        for _ in 0..28 {
            for arm in 0..2 {
                trial.convert(arm, 500, binomial(random, 500, 0.05));
            }
            let report = trial.report();
            let with = &compared(&report, CONVERTED)[0];
            watched = watched || rejects(with.always_valid.and_then(|of| of.p_value));
            naive = naive || rejects(with.p_value);
            trial.next_day();
        }
        (watched, naive)
    });
    let (watched, naive): (Vec<bool>, Vec<bool>) = looks.into_iter().unzip();
    let band = Band::of("aa_peek_sequential");
    vec![
        Figure::rate("always-valid p ever < .05", watched, band),
        Figure::shown("p of one planned look ever < .05", naive),
    ]
}

/// 28 looks planned in advance: whether the report's headline crossed its boundary at any of them.
pub(crate) fn planned_looks(runs: Runs) -> Vec<Figure> {
    let mut planned = definition("planned", 2, &json!({ "policy": "fixed" }));
    planned["looks"] = json!({ "days": (1..=28).collect::<Vec<u32>>() });
    let blank = Trial::new(&planned);
    let crossed = runs.map(|random| {
        let mut trial = blank.clone();
        for _ in 0..28 {
            for arm in 0..2 {
                trial.convert(arm, 500, binomial(random, 500, 0.05));
            }
            trial.next_day();
        }
        let report = trial.report();
        assert_eq!(report.looks.as_ref().unwrap().taken, 28);
        let headline = compared(&report, CONVERTED)[0].headline;
        headline.is_some_and(|headline| headline.conclusive)
    });
    let band = Band::of("aa_peek_obf");
    vec![Figure::rate("headline ever conclusive", crossed, band)]
}

/// What 64,000 customers of a shop spent in two weeks, in micro-units: the orders, and the share of customers with one.
pub(crate) static SPEND: LazyLock<(Vec<i64>, f64)> = LazyLock::new(|| {
    let packed: &[u8] = include_bytes!("../data/hillstrom.csv.gz");
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let spent = |line: &str| line.rsplit(',').next().unwrap().parse::<f64>().unwrap();
    let all: Vec<f64> = text.lines().skip(1).map(spent).collect();
    let orders = all
        .iter()
        .filter(|spent| **spent > 0.0)
        .map(|spent| micros(*spent));
    let orders: Vec<i64> = orders.collect();
    let share = orders.len() as f64 / all.len() as f64;
    (orders, share)
});

#[expect(clippy::cast_possible_truncation, reason = "amounts of a shop")]
pub(crate) fn micros(units: f64) -> i64 {
    (units * 1e6).round() as i64
}

/// Visitors of a variant of whom those who buy spend as the shop's customers did.
pub(crate) fn shopping(random: &mut StdRng, trial: &mut Trial, arm: u16, visitors: u64) {
    let (orders, share) = &*SPEND;
    let buyers = binomial(random, visitors, *share);
    let amounts = (0..buyers).map(|_| *orders.choose(random).unwrap());
    let amounts: Vec<i64> = amounts.collect();
    buying(trial, arm, visitors, &amounts);
}

/// Visitors of a variant of whom some spend these amounts.
pub(crate) fn buying(trial: &mut Trial, arm: u16, visitors: u64, amounts: &[i64]) {
    trial.assign(arm, visitors);
    let epoch = trial.epoch().number;
    for amount in amounts {
        trial.reward((epoch, arm, CONVERTED), 1, 1);
        trial.reward((epoch, arm, SECOND), *amount, 1);
    }
}

/// Revenue, whose p-value is that of Welch's test of the absolute difference.
pub(crate) fn revenues(runs: Runs) -> Vec<Figure> {
    let even = definition("even", 2, &json!({ "policy": "fixed" }));
    let blank = Trial::new(&with_metric(even, revenue()));
    let of = |visitors: u64| {
        let rejected = runs.map(|random| {
            let mut trial = blank.clone();
            for arm in 0..2 {
                shopping(random, &mut trial, arm, visitors);
            }
            rejects(compared(&trial.report(), SECOND)[0].p_value)
        });
        let what = format!("p < .05 at {visitors} per variant");
        Figure::rate(&what, rejected, Band::of("aa_revenue"))
    };
    [1_000, 5_000].map(of).to_vec()
}

/// A lift of 10 % with as many visitors as the planner asks for.
pub(crate) fn power(runs: Runs) -> Vec<Figure> {
    let blank = Trial::even(2);
    let planned = plan(&plan::Question {
        experiment: &blank.entry.experiment,
        own: None,
        now: blank.now(),
        ask: Ask {
            lift: Some(0.1),
            visitors_per_day: Some(1_000.0),
            baseline: Some(0.05),
            ..Ask::default()
        },
    });
    let visitors = planned.unwrap().variants[0].needed;
    let found = runs.map(|random| {
        let report = pair(random, &blank, visitors, [0.05, 0.055]).report();
        rejects(compared(&report, CONVERTED)[0].p_value)
    });
    let what = format!("p < .05 at the {visitors} per variant of the plan");
    vec![Figure::rate(&what, found, Band::of("power_known_lift"))]
}

/// Contamination: one person in four has a second device, which is drawn on its own. Whoever converts logs in, so the two
/// are merged under the first assignment; the others stay two visitors. Under 80/20, at 14,000 people.
pub(crate) fn two_devices(runs: Runs) -> Vec<Figure> {
    let mut uneven = definition("uneven", 2, &json!({ "policy": "fixed" }));
    uneven["variants"][0]["weight"] = 80.into();
    uneven["variants"][1]["weight"] = 20.into();
    let blank = Trial::new(&uneven);
    let shares = blank.shares();
    let looks = runs.map(|random| {
        let mut trial = blank.clone();
        let converted = binomial(random, 14_000, 0.05);
        let again = binomial(random, 14_000 - converted, 0.25);
        let converted = multinomial(random, converted, &shares);
        let others = multinomial(
            random,
            14_000 - converted.iter().sum::<u64>() + again,
            &shares,
        );
        for (arm, (converted, others)) in (0..).zip(converted.into_iter().zip(others)) {
            trial.convert(arm, converted + others, converted);
        }
        let report = trial.report();
        let with = &compared(&report, CONVERTED)[0];
        (rejects(with.p_value), report.health.srm.p_value < 0.05)
    });
    let (by_p, by_srm): (Vec<bool>, Vec<bool>) = looks.into_iter().unzip();
    let band = Band::of("aa_fixed_prop");
    vec![
        Figure::rate("A/A: p < .05", by_p, band),
        Figure::rate("A/A: sample ratio p < .05", by_srm, band),
    ]
}
