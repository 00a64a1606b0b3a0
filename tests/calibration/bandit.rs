//! Bandits: Thompson sampling by the server's own rule, one batch of visitors a day, looked at on the last day or on all.

use rand::rngs::StdRng;
use serde_json::Value;

use crate::figure::{Band, COVERAGE, Figure};
use crate::runs::{Runs, binomial, multinomial};
use crate::trial::{
    CONVERTED, SECOND, Trial, compared, covers, definition, excludes, plain_thompson, rejects,
    thompson, with_metric,
};

/// Traffic: so many days of so many visitors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) days: u32,
    pub(crate) visitors: u64,
}

/// 10,000 visitors in a hundred batches.
pub(crate) const USUAL: Traffic = Traffic {
    days: 100,
    visitors: 100,
};

/// Conversion rates by variant: what they are on average, and how a factor that all share goes with time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) rates: &'static [f64],
    /// The factor at the start and at the end.
    pub(crate) trend: [f64; 2],
}

/// .05 for four variants together.
pub(crate) const DEFAULT_FLOOR: f64 = 0.0125;

const EQUAL: World = World {
    rates: &[0.1, 0.1, 0.1],
    trend: [1.0, 1.0],
};
pub(crate) const BETTER: World = World {
    rates: &[0.1, 0.1, 0.12],
    ..EQUAL
};
const DRIFTING: World = World {
    trend: [0.5, 1.5],
    ..BETTER
};
/// The control's rate goes from .05 to .15, the true ratios are 1.0 and 1.2.
const TRIPLING: World = World {
    rates: &[0.05, 0.05, 0.06],
    trend: [1.0, 3.0],
};

impl World {
    /// The rates in the middle of a day.
    pub(crate) fn on(&self, day: u32, traffic: Traffic) -> Vec<f64> {
        let time = (f64::from(day) + 0.5) / f64::from(traffic.days);
        let factor = self.trend[0] + (self.trend[1] - self.trend[0]) * time;
        self.rates.iter().map(|rate| rate * factor).collect()
    }

    /// The difference of a treatment from the control, averaged over time.
    pub(crate) fn difference(&self, arm: usize) -> f64 {
        (self.rates[arm] - self.rates[0]) * f64::midpoint(self.trend[0], self.trend[1])
    }

    pub(crate) fn lift(&self, arm: usize) -> f64 {
        self.rates[arm] / self.rates[0] - 1.0
    }

    pub(crate) fn treatments(&self) -> std::ops::Range<usize> {
        1..self.rates.len()
    }

    pub(crate) fn bandit(&self, allocation: &Value) -> Trial {
        let arms = u16::try_from(self.rates.len()).unwrap();
        Trial::new(&definition("bandit", arms, allocation))
    }
}

/// Sends a world's visitors through a bandit; `look` is called every evening.
pub(crate) fn play(
    random: &mut StdRng,
    trial: &mut Trial,
    (world, traffic): (&World, Traffic),
    mut look: impl FnMut(u32, &Trial),
) {
    for day in 0..traffic.days {
        let counts = multinomial(random, traffic.visitors, &trial.shares());
        for ((arm, n), rate) in (0..).zip(counts).zip(world.on(day, traffic)) {
            trial.convert(arm, n, binomial(random, n, rate));
        }
        look(day, trial);
        trial.next_day();
    }
}

/// Per treatment, of the figures at the end: whether the interval of the difference covers, whether that of the lift does,
/// and the estimated difference.
struct End {
    difference: Option<bool>,
    lift: Option<bool>,
    estimate: Option<f64>,
}

fn ends(runs: Runs, (world, traffic): (&World, Traffic), allocation: &Value) -> Vec<Vec<End>> {
    let blank = world.bandit(allocation);
    runs.map(|random| {
        let mut trial = blank.clone();
        play(random, &mut trial, (world, traffic), |_, _| {});
        let report = trial.report();
        let end = |arm: usize| {
            let with = &compared(&report, CONVERTED)[arm - 1];
            End {
                difference: covers(with.absolute, world.difference(arm)),
                lift: covers(with.relative, world.lift(arm)),
                estimate: with.absolute.map(|effect| effect.estimate),
            }
        };
        world.treatments().map(end).collect()
    })
}

fn coverage(
    runs: Runs,
    (world, traffic): (&World, Traffic),
    allocation: &Value,
    band: Band,
) -> Vec<Figure> {
    let ends = ends(runs, (world, traffic), allocation);
    let of = |arm: usize| {
        let column = || ends.iter().map(move |run| &run[arm - 1]);
        let what = |of: &str| format!("{of} of v{arm} covered");
        let shown = format!("interval of v{arm} shown");
        [
            Figure::rate(
                &what("difference"),
                column().map(|end| end.difference),
                band,
            ),
            Figure::rate(&what("lift"), column().map(|end| end.lift), band),
            Figure::shown(&shown, column().map(|end| end.difference.is_some())),
        ]
    };
    world.treatments().flat_map(of).collect()
}

pub(crate) fn equal(runs: Runs) -> Vec<Figure> {
    let figures = coverage(
        runs,
        (&EQUAL, USUAL),
        &plain_thompson(0.05),
        Band::of("ts_equal_cov"),
    );
    // Where nothing differs the bar is about the difference; lifts are allowed to .975.
    let allowed = |figure: Figure| Figure {
        band: figure.band.map(|band| Band {
            high: if figure.what.starts_with("lift") {
                0.975
            } else {
                band.high
            },
            ..band
        }),
        ..figure
    };
    figures.into_iter().map(allowed).collect()
}

pub(crate) fn better(runs: Runs) -> Vec<Figure> {
    coverage(
        runs,
        (&BETTER, USUAL),
        &plain_thompson(0.05),
        Band::of("ts_better_cov"),
    )
}

pub(crate) fn drifting(runs: Runs) -> Vec<Figure> {
    coverage(
        runs,
        (&DRIFTING, USUAL),
        &plain_thompson(0.05),
        Band::of("ts_drift_cov"),
    )
}

/// What users get who leave the floor as it is, .05 in all, after 10,000 and after 30,000 visitors.
///
/// After 10,000, starved variants pass the gate in fewer than half of the runs, and what is covered is counted among those
/// alone.
pub(crate) fn default_floor(runs: Runs) -> Vec<Figure> {
    let world = World {
        rates: &[0.1, 0.1, 0.1, 0.12],
        ..DRIFTING
    };
    // At 10,000 visitors the gate lets through fewer than half of the runs, those with orders on both sides: what is shown
    // covers more often than it says, which harms nobody.
    let of = |(visitors, band): (u64, Band)| {
        let traffic = Traffic { visitors, ..USUAL };
        let figures = coverage(runs, (&world, traffic), &thompson(DEFAULT_FLOOR), band);
        figures.into_iter().map(move |figure| Figure {
            what: format!("{} visitors: {}", 100 * visitors, figure.what),
            ..figure
        })
    };
    let sizes = [(100, Band::at_least(COVERAGE.low)), (300, COVERAGE)];
    sizes.into_iter().flat_map(of).collect()
}

pub(crate) fn bias(runs: Runs) -> Vec<Figure> {
    let ends = ends(runs, (&BETTER, USUAL), &plain_thompson(0.05));
    let truth = BETTER.difference(2);
    let of = |arm: usize| {
        let what = format!("bias of the difference of v{arm} / .02");
        let estimates = ends.iter().map(|run| run[arm - 1].estimate);
        let true_one = BETTER.difference(arm);
        Figure::bias(
            &what,
            estimates,
            (true_one, truth),
            Band::of("ts_better_bias"),
        )
    };
    BETTER.treatments().map(of).collect()
}

/// Whether any look at any treatment says yes.
fn ever(
    runs: Runs,
    blank: &Trial,
    (world, traffic, first): (&World, Traffic, u32),
    says: impl Fn(&Trial) -> bool + Sync,
) -> Vec<bool> {
    runs.map(|random| {
        let (mut trial, mut said) = (blank.clone(), false);
        play(random, &mut trial, (world, traffic), |day, trial| {
            said = said || day + 1 >= first && says(trial);
        });
        said
    })
}

/// The confidence sequence, as the report has it for a metric that is no conversion, here of the same zeros and ones. Its
/// intervals hold for both treatments together, so what counts is whether either ever excludes the truth.
pub(crate) fn peeking(runs: Runs) -> Vec<Figure> {
    let count = serde_json::json!({ "key": "orders", "event": "Order", "kind": "count" });
    let definition = definition("bandit", 3, &plain_thompson(0.05));
    let blank = Trial::new(&with_metric(definition, count));
    let says = |trial: &Trial| {
        let report = trial.report();
        let mut with = compared(&report, SECOND).iter();
        with.any(|with| {
            let watched = with.always_valid;
            excludes(watched.and_then(|of| of.absolute), 0.0)
                || excludes(watched.and_then(|of| of.relative), 0.0)
        })
    };
    let excluded = ever(runs, &blank, (&EQUAL, USUAL, 10), says);
    let band = Band::of("ts_peek_anytime");
    vec![Figure::rate(
        "sequence of either treatment ever excludes 0",
        excluded,
        band,
    )]
}

/// The odds of conversion under a base rate that triples; all treatments together, at every look.
fn odds_at(runs: Runs, world: &World, allocation: &Value) -> Vec<Figure> {
    let says = |trial: &Trial| {
        let report = trial.report();
        let mut with = (1..).zip(compared(&report, CONVERTED));
        with.any(|(arm, with)| {
            let watched = with.always_valid;
            excludes(watched.and_then(|of| of.relative), world.lift(arm))
        })
    };
    let excluded = ever(runs, &world.bandit(allocation), (world, USUAL, 1), says);
    let what = "interval of any treatment ever excludes its ratio";
    vec![Figure::rate(what, excluded, Band::of("odds_anytime_drift"))]
}

pub(crate) fn odds(runs: Runs) -> Vec<Figure> {
    odds_at(runs, &TRIPLING, &plain_thompson(0.05))
}

pub(crate) fn odds_at_default_floor(runs: Runs) -> Vec<Figure> {
    let world = World {
        rates: &[0.05, 0.05, 0.05, 0.06],
        ..TRIPLING
    };
    odds_at(runs, &world, &thompson(DEFAULT_FLOOR))
}

/// A/A for four weeks, looked at every day: a false winner is any treatment whose always-valid p-value, which is adjusted
/// for all treatments, ever falls below 5 %.
pub(crate) fn equal_for_four_weeks(runs: Runs) -> Vec<Figure> {
    let traffic = Traffic {
        days: 28,
        visitors: 500,
    };
    let world = World {
        rates: &[0.05, 0.05, 0.05],
        ..EQUAL
    };
    let says = |trial: &Trial| {
        let report = trial.report();
        let mut with = compared(&report, CONVERTED).iter();
        with.any(|with| rejects(with.always_valid.and_then(|of| of.p_value)))
    };
    let won = ever(
        runs,
        &world.bandit(&thompson(0.05)),
        (&world, traffic, 1),
        says,
    );
    vec![Figure::rate(
        "any false winner on any day",
        won,
        Band::at_most(0.05),
    )]
}
