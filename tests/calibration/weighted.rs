//! Means weighted by inverse propensities, which timelines and breakdowns show, at the floor that users get by default.

use upswing::report::VariantMetric;

use crate::bandit::{DEFAULT_FLOOR, Traffic, World, play};
use crate::figure::{COVERAGE, Figure};
use crate::runs::Runs;
use crate::trial::{CONVERTED, thompson};

const WORLD: World = World {
    rates: &[0.1, 0.1, 0.1, 0.12],
    trend: [0.5, 1.5],
};
const TRAFFIC: Traffic = Traffic {
    days: 100,
    visitors: 300,
};
pub(crate) fn means(runs: Runs) -> Vec<Figure> {
    let blank = WORLD.bandit(&thompson(DEFAULT_FLOOR));
    let covered = runs.map(|random| {
        let mut trial = blank.clone();
        play(random, &mut trial, (&WORLD, TRAFFIC), |_, _| {});
        let report = trial.report_of_past();
        let shown = &report.metrics[usize::from(CONVERTED.0)].variants;
        let covers = |(shown, truth): (&VariantMetric, &f64)| {
            let [low, high] = shown.interval?;
            Some((low..=high).contains(truth))
        };
        let of = shown.iter().zip(WORLD.rates).map(covers);
        of.collect::<Vec<Option<bool>>>()
    });
    let of = |arm: usize| {
        let column = || covered.iter().map(move |run| run[arm]);
        let shown = column().map(|covered| covered.is_some());
        [
            Figure::rate(&format!("mean of v{arm} covered"), column(), COVERAGE),
            Figure::shown(&format!("mean of v{arm} passes the gate"), shown),
        ]
    };
    (0..WORLD.rates.len()).flat_map(of).collect()
}
