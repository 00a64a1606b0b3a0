//! Revenue under a bandit that leaves losing variants 1 % of the traffic: the interval of one look at the end, and the
//! always-valid one at ten looks.

use rand::rngs::StdRng;
use rand_distr::{Distribution, LogNormal, Weibull};

use crate::bandit::Traffic;
use crate::figure::{Band, Figure};
use crate::fixed::{buying, micros};
use crate::runs::{Runs, binomial, multinomial};
use crate::trial::{
    SECOND, Trial, compared, covers, definition, excludes, revenue, thompson, with_metric,
};

/// Conversion rates: the last variant wins, the control starves.
const RATES: [f64; 3] = [0.03, 0.03, 0.036];
const FLOOR: f64 = 0.01;
const TRAFFIC: Traffic = Traffic {
    days: 100,
    visitors: 2_000,
};
/// Days between two looks.
const LOOK: u32 = 10;
/// What 95 % intervals cover under such a floor.
const COVERAGE: Band = Band {
    low: 0.92,
    high: 0.975,
};
/// The same where the control's few orders have the heaviest tail: .92 in the scenario c4, within 1 % or so.
const HEAVY: Band = Band {
    low: 0.9,
    ..COVERAGE
};

/// What a run showed of the lifts: whether the intervals of one look covered, and whether an always-valid one ever excluded
/// the truth, if any was shown.
struct Shown {
    covered: [Option<bool>; 2],
    excluded: Option<bool>,
}

/// Revenue where an order of a variant is worth `worth`, which is the same on average for all variants.
fn shops(runs: Runs, band: Band, worth: impl Fn(&mut StdRng, u16) -> f64 + Sync) -> Vec<Figure> {
    let definition = definition("revenue", 3, &thompson(FLOOR));
    let blank = Trial::new(&with_metric(definition, revenue()));
    let lift = |treatment: usize| RATES[treatment + 1] / RATES[0] - 1.0;
    let shown = runs.map(|random| {
        let (mut trial, mut excluded) = (blank.clone(), None);
        for day in 1..=TRAFFIC.days {
            let counts = multinomial(random, TRAFFIC.visitors, &trial.shares());
            for ((arm, n), rate) in (0..).zip(counts).zip(RATES) {
                let orders = binomial(random, n, rate);
                let spent = (0..orders).map(|_| micros(worth(random, arm)));
                let spent: Vec<i64> = spent.collect();
                buying(&mut trial, arm, n, &spent);
            }
            if day % LOOK == 0 {
                for (treatment, with) in compared(&trial.report(), SECOND).iter().enumerate() {
                    let range = with.always_valid.and_then(|of| of.relative);
                    if range.is_some() {
                        *excluded.get_or_insert(false) |= excludes(range, lift(treatment));
                    }
                }
            }
            trial.next_day();
        }
        let report = trial.report();
        let with = compared(&report, SECOND);
        let covered = [0, 1].map(|treatment| covers(with[treatment].relative, lift(treatment)));
        Shown { covered, excluded }
    });
    let covered = || shown.iter().flat_map(|shown| shown.covered);
    let is_shown = covered().map(|covered| covered.is_some());
    vec![
        Figure::rate("lift covered at the last look", covered(), band),
        Figure::shown("an interval was shown", is_shown),
        Figure::rate(
            "sequence of either treatment ever excludes its lift",
            shown.iter().map(|shown| shown.excluded),
            Band::at_most(0.05),
        ),
    ]
}

/// Log-normal orders with s = 1.
pub(crate) fn log_normal(runs: Runs) -> Vec<Figure> {
    let amounts = LogNormal::new(60_f64.ln() - 0.5, 1.0).unwrap();
    shops(runs, COVERAGE, |random, _| amounts.sample(random))
}

/// Orders of the control have the heaviest tail: Weibull with the shapes 0.5, 0.8 and 3, all worth 60 on average.
pub(crate) fn unlike(runs: Runs) -> Vec<Figure> {
    let of = |gamma: f64, shape: f64| Weibull::new(60.0 / gamma, shape).unwrap();
    // The mean of a Weibull is its scale times Γ(1 + 1/shape).
    let amounts = [
        of(2.0, 0.5),
        of(1.133_003_095_631_934_7, 0.8),
        of(0.892_979_511_569_249_2, 3.0),
    ];
    shops(runs, HEAVY, |random, arm| {
        amounts[usize::from(arm)].sample(random)
    })
}
