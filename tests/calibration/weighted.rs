//! Means weighted by inverse propensities, which timelines and breakdowns show, at the floor that users get by default.

use upswing::allocation::Arm;
use upswing::cell::{Facet, Row};
use upswing::moments::Weighted;

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
/// Effective conversions from which the report shows an interval.
const GATE: f64 = 25.0;
/// The standard errors of a 95 % interval.
const CRITICAL: f64 = 1.959_963_984_540_054;

/// Whether mean ± 1.96 errors covers the truth; `None` below the gate.
fn covers(sums: &Weighted, truth: f64) -> Option<bool> {
    let events = (sums.wy as f64).powi(2) / sums.wwyy.as_f64();
    let (mean, error) = (sums.mean(1.0)?, sums.mean_variance(1.0)?.sqrt());
    (events >= GATE).then_some((mean - truth).abs() <= CRITICAL * error)
}

pub(crate) fn means(runs: Runs) -> Vec<Figure> {
    let blank = WORLD.bandit(&thompson(DEFAULT_FLOOR));
    let covered = runs.map(|random| {
        let mut trial = blank.clone();
        play(random, &mut trial, (&WORLD, TRAFFIC), |_, _| {});
        let days = |facet| matches!(facet, Facet::Day(_));
        let rows = trial.cells.weighted(CONVERTED, days);
        let of = |(arm, truth): (u16, f64)| {
            let sums = rows.get(&Row {
                arm: Arm(arm),
                holdout: false,
            });
            sums.and_then(|sums| covers(sums, truth))
        };
        (0..)
            .zip(WORLD.rates.iter().copied())
            .map(of)
            .collect::<Vec<_>>()
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
