//! Sample-ratio mismatch of a bandit, against the propensities it logged.

use rand::rngs::StdRng;
use rand_distr::{Beta, Distribution};
use upswing::stats::srm::{Srm, Verdict};

use crate::bandit::{BETTER, Traffic, World};
use crate::figure::{Band, Figure};
use crate::runs::{Runs, binomial, multinomial};
use crate::trial::{Trial, plain_thompson};

/// The visitors of a bandit, of whom a share of one arm's gets lost before it is counted.
fn lossy(
    random: &mut StdRng,
    mut trial: Trial,
    (rates, traffic): (&[f64], Traffic),
    (arm, loss): (u16, f64),
) -> Srm {
    for _ in 0..traffic.days {
        let drawn = multinomial(random, traffic.visitors, &trial.shares());
        for ((of, drawn), rate) in (0..).zip(drawn).zip(rates) {
            let missing = if of == arm { loss } else { 0.0 };
            let kept = binomial(random, drawn, 1.0 - missing);
            trial.convert(of, kept, binomial(random, kept, *rate));
        }
        trial.next_day();
    }
    trial.report().health.srm
}

/// Nothing lost: rates from Beta(5, 95), a floor of .02 each, 5,000 visitors. And 3 % of the best variant's visitors lost.
///
/// A loss λ of an arm with the share e moves its count by `λ·e(1 − e)·N`, which is `λ·√(e(1 − e)·N)` standard errors. The
/// leader's share goes to .9, so a single look needs 160,000 visitors to catch 95 % of such leaks, and the verdict, whose
/// e-value must reach 1,000, about three times as many.
pub(crate) fn sample_ratio(runs: Runs) -> Vec<Figure> {
    let prior = Beta::new(5.0, 95.0).unwrap();
    let blank = BETTER.bandit(&plain_thompson(0.02));
    let short = Traffic {
        days: 50,
        visitors: 100,
    };
    let healthy = runs.map(|random| {
        let rates: [f64; 3] = std::array::from_fn(|_| prior.sample(random));
        lossy(random, blank.clone(), (&rates, short), (0, 0.0))
    });
    let World { rates, .. } = BETTER;
    let bandit = BETTER.bandit(&plain_thompson(0.05));
    let leaking =
        |traffic| runs.map(|random| lossy(random, bandit.clone(), (rates, traffic), (2, 0.03)));
    let once = leaking(Traffic {
        days: 100,
        visitors: 2_000,
    });
    let longer = leaking(Traffic {
        days: 100,
        visitors: 6_000,
    });
    let caught = Band::at_least(0.95);
    let below = |srm: &Srm| srm.p_value < 0.05;
    let alarm = |srm: &Srm| srm.verdict == Verdict::Mismatch;
    vec![
        Figure::rate("p < .05", healthy.iter().map(below), Band::of("srm_bandit")),
        Figure::rate(
            "mismatch where there is none",
            healthy.iter().map(alarm),
            Band::at_most(0.001),
        ),
        Figure::rate(
            "3 % of v2 lost, 200,000 visitors: p < .05",
            once.iter().map(below),
            caught,
        ),
        Figure::rate(
            "3 % of v2 lost, 600,000 visitors: mismatch",
            longer.iter().map(alarm),
            caught,
        ),
    ]
}
