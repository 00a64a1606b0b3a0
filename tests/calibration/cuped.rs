//! CUPED under a bandit: revenue whose visitors' past explains much of it, by AIPW with the plug-in `μ + θ(x − c)`.

use rand::RngExt;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde_json::json;
use upswing::moments::Observation;

use crate::bandit::Traffic;
use crate::figure::{Band, COVERAGE, Figure};
use crate::runs::{Runs, multinomial};
use crate::trial::{
    CONVERTED, SECOND, Trial, compared, covers, definition, excludes, thompson, with_metric,
};

const TRAFFIC: Traffic = Traffic {
    days: 40,
    visitors: 300,
};

/// What a run showed.
struct Shown {
    excluded: bool,
    covered: Option<bool>,
    reduction: Option<f64>,
}

/// Everybody has a habit of spending, the same before and after; every second visitor buys, more and more from day to day.
fn visitor(random: &mut StdRng, day: u32) -> Option<Observation> {
    let habit: f64 = StandardNormal.sample(random);
    let now: f64 = StandardNormal.sample(random);
    let level = 60.0 + f64::from(day);
    let x = micros(50.0 + 20.0 * habit);
    let y = micros(level + 20.0 * habit + 10.0 * now);
    random.random_bool(0.5).then_some(Observation { y, x })
}

#[expect(clippy::cast_possible_truncation, reason = "amounts of a shop")]
fn micros(units: f64) -> i64 {
    (units.max(0.0) * 1e6).round() as i64
}

/// Three equal variants with a floor of .05 each.
pub(crate) fn adaptive(runs: Runs) -> Vec<Figure> {
    let definition = definition("cuped", 3, &thompson(0.05));
    let metric = json!({
        "key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "covariate": {},
    });
    let blank = Trial::new(&with_metric(definition, metric));
    let shown = runs.map(|random| {
        let mut trial = blank.clone();
        let mut excluded = false;
        for day in 0..TRAFFIC.days {
            let counts = multinomial(random, TRAFFIC.visitors, &trial.shares());
            for (arm, n) in (0..).zip(counts) {
                trial.assign(arm, n);
                let epoch = trial.epoch().number;
                for observation in (0..n).filter_map(|_| visitor(random, day)) {
                    trial.observe((epoch, arm, SECOND), observation, 1);
                    trial.reward((epoch, arm, CONVERTED), 1, 1);
                }
            }
            let report = trial.report();
            let ranges = compared(&report, SECOND).iter();
            let mut ranges = ranges.filter_map(|with| with.always_valid?.absolute);
            excluded = excluded || ranges.any(|range| excludes(Some(range), 0.0));
            trial.next_day();
        }
        let report = trial.report();
        let with = &compared(&report, SECOND)[1];
        Shown {
            excluded,
            covered: covers(with.absolute, 0.0),
            reduction: with.variance_reduction,
        }
    });
    let reduced = shown
        .iter()
        .map(|of| of.reduction.is_some_and(|share| share > 0.1));
    vec![
        Figure::rate(
            "sequence of either treatment ever excludes 0",
            shown.iter().map(|of| of.excluded),
            Band::at_most(0.065),
        ),
        Figure::rate(
            "difference of v2 covered",
            shown.iter().map(|of| of.covered),
            COVERAGE,
        ),
        Figure::shown("variance reduced by more than a tenth", reduced),
    ]
}
