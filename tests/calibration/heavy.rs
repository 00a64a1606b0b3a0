//! Revenue with heavy tails under a bandit that follows conversions: weighted confidence sequences at every look.

use rand::rngs::StdRng;
use rand_distr::{Distribution, LogNormal};

use crate::bandit::Traffic;
use crate::figure::{Band, Figure};
use crate::fixed::{buying, micros, shopping};
use crate::runs::{Runs, binomial, multinomial};
use crate::trial::{
    SECOND, Trial, compared, covers, definition, excludes, revenue, thompson, with_metric,
};

/// What a run showed: whether a sequence ever excluded the truth, whether one was ever shown, and whether the intervals of
/// one look at the end covered.
struct Shown {
    excluded: bool,
    any: bool,
    covered: [Option<bool>; 2],
}

/// Three equal variants with a floor of .05 each; `serve` sends visitors to a variant.
fn equal(
    runs: Runs,
    traffic: Traffic,
    serve: impl Fn(&mut StdRng, &mut Trial, u16, u64) + Sync,
) -> Vec<Figure> {
    let definition = definition("revenue", 3, &thompson(0.05));
    let blank = Trial::new(&with_metric(definition, revenue()));
    let shown = runs.map(|random| {
        let mut trial = blank.clone();
        let (mut excluded, mut any) = (false, false);
        for _ in 0..traffic.days {
            let counts = multinomial(random, traffic.visitors, &trial.shares());
            for (arm, n) in (0..).zip(counts) {
                serve(random, &mut trial, arm, n);
            }
            for with in compared(&trial.report(), SECOND) {
                let range = with.always_valid.and_then(|of| of.absolute);
                any = any || range.is_some();
                excluded = excluded || excludes(range, 0.0);
            }
            trial.next_day();
        }
        let report = trial.report();
        let with = compared(&report, SECOND);
        let covered = [0, 1].map(|treatment| covers(with[treatment].absolute, 0.0));
        Shown {
            excluded,
            any,
            covered,
        }
    });
    let covered = shown.iter().flat_map(|shown| shown.covered);
    vec![
        Figure::rate(
            "sequence of either treatment ever excludes 0",
            shown.iter().map(|shown| shown.excluded),
            Band::at_most(0.065),
        ),
        Figure::shown("a sequence was shown", shown.iter().map(|shown| shown.any)),
        Figure::shown("difference covered at the last look", covered),
    ]
}

/// One visitor in ten buys, for a log-normal amount with s = 2 (a coefficient of variation of 7.3).
pub(crate) fn log_normal(runs: Runs) -> Vec<Figure> {
    let amounts = LogNormal::new(3.0, 2.0).unwrap();
    equal(
        runs,
        Traffic {
            days: 50,
            visitors: 400,
        },
        |random, trial, arm, n| {
            let buyers = binomial(random, n, 0.1);
            let spent =
                (0..buyers).map(|_| micros(amounts.sample(random)).min(1_000_000_000_000_000));
            let spent: Vec<i64> = spent.collect();
            buying(trial, arm, n, &spent);
        },
    )
}

/// Buyers as rare as the shop's, 9 in 1,000.
pub(crate) fn shop(runs: Runs) -> Vec<Figure> {
    equal(
        runs,
        Traffic {
            days: 40,
            visitors: 1_500,
        },
        shopping,
    )
}
