//! Conversions that come days after the assignment: three days later on average, seven at most.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp};
use upswing::epoch::EpochNumber;

use crate::bandit::{BETTER, Traffic, World};
use crate::figure::{Band, Figure};
use crate::runs::{Runs, binomial, multinomial};
use crate::trial::{CONVERTED, Trial, compared, excludes, plain_thompson, thompson};

const TRAFFIC: Traffic = Traffic {
    days: 20,
    visitors: 1_000,
};
const MEAN_DAYS: f64 = 3.0;
const WINDOW_DAYS: f64 = 7.0;

/// Conversions on their way: by the days left, how many of an epoch and arm.
type Pending = Vec<Vec<(EpochNumber, u16)>>;

/// On which day after the assignment a conversion comes, if within the window. Visitors arrive all day.
fn delay(random: &mut impl Rng) -> Option<usize> {
    let arrival: f64 = random.random();
    let after = Exp::new(1.0 / MEAN_DAYS).unwrap().sample(random);
    let whole = (arrival + after).floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few days"
    )]
    (after < WINDOW_DAYS).then_some(whole as usize)
}

/// Plays a bandit that learns from what has converted so far; `look` is called every evening.
fn play(random: &mut StdRng, trial: &mut Trial, world: &World, mut look: impl FnMut(u32, &Trial)) {
    let mut pending: Pending = vec![Vec::new(); 9];
    for day in 0..TRAFFIC.days {
        let epoch = trial.epoch().number;
        let counts = multinomial(random, TRAFFIC.visitors, &trial.shares());
        for ((arm, n), rate) in (0..).zip(counts).zip(world.on(day, TRAFFIC)) {
            trial.assign(arm, n);
            for _ in 0..binomial(random, n, rate) {
                if let Some(days) = delay(random) {
                    pending[days].push((epoch, arm));
                }
            }
        }
        for (epoch, arm) in pending.remove(0) {
            trial.reward((epoch, arm, CONVERTED), 1, 1);
        }
        pending.push(Vec::new());
        look(day, trial);
        trial.next_day();
    }
}

pub(crate) fn bias(runs: Runs) -> Vec<Figure> {
    let blank = BETTER.bandit(&plain_thompson(0.05));
    let lifts = runs.map(|random| {
        let mut trial = blank.clone();
        play(random, &mut trial, &BETTER, |_, _| {});
        let report = trial.report();
        let with = &compared(&report, CONVERTED)[1];
        with.relative.map(|effect| effect.estimate)
    });
    let truth = BETTER.lift(2);
    let band = Band::of("delayed");
    vec![Figure::bias(
        "bias of the best variant's lift",
        lifts,
        (truth, 1.0),
        band,
    )]
}

/// The odds of conversion, looked at every day while conversions are on their way and the base rate triples.
pub(crate) fn odds(runs: Runs) -> Vec<Figure> {
    let world = World {
        trend: [0.5, 1.5],
        ..BETTER
    };
    let blank = world.bandit(&thompson(0.05));
    let excluded = runs.map(|random| {
        let (mut trial, mut ever) = (blank.clone(), false);
        play(random, &mut trial, &world, |_, trial| {
            let report = trial.report();
            let mut with = (1..).zip(compared(&report, CONVERTED));
            ever = ever
                || with.any(|(arm, with)| {
                    let watched = with.always_valid;
                    excludes(watched.and_then(|of| of.relative), world.lift(arm))
                });
        });
        ever
    });
    let what = "interval of either treatment ever excludes its ratio";
    vec![Figure::rate(what, excluded, Band::of("odds_anytime_drift"))]
}
