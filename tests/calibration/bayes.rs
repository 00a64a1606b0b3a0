//! What posteriors promise: calibrated where the truth comes from the prior, whatever the bandit did with the traffic.

use rand::rngs::StdRng;
use rand_distr::{Beta, Distribution};
use upswing::allocation::{Allocation, Arm, floored};
use upswing::posterior::{Posterior, best};

use crate::figure::{Band, Figure};
use crate::runs::{Runs, binomial, multinomial};

const ARMS: usize = 3;
/// The prior of nature and of the model.
const PRIOR: [f64; 2] = [5.0, 95.0];
const BATCHES: u32 = 50;
const BATCH: u64 = 100;
/// .02 for each arm.
const FLOOR_TOTAL: f64 = 0.06;

/// A bandit under the same prior as nature: true rates and what is believed of them.
struct Seen {
    rates: [f64; ARMS],
    posteriors: [Posterior; ARMS],
}

fn thompson(random: &mut StdRng) -> Seen {
    let prior = Beta::new(PRIOR[0], PRIOR[1]).unwrap();
    let rates: [f64; ARMS] = std::array::from_fn(|_| prior.sample(random));
    let mut counts = [[0_u64; 2]; ARMS];
    for _ in 0..BATCHES {
        let prob_best = best::evaluate(&posteriors(&counts)).prob_best;
        let shares = floored(&prob_best, FLOOR_TOTAL);
        let allocation = Allocation::rounded((0..).map(Arm).zip(shares));
        let propensities: Vec<f64> = allocation.iter().map(|(_, share)| share).collect();
        let drawn = multinomial(random, BATCH, &propensities);
        for ((count, n), rate) in counts.iter_mut().zip(&drawn).zip(rates) {
            let converted = binomial(random, *n, rate);
            *count = [count[0] + converted, count[1] + n - converted];
        }
    }
    Seen {
        rates,
        posteriors: posteriors(&counts),
    }
}

fn posteriors(counts: &[[u64; 2]; ARMS]) -> [Posterior; ARMS] {
    counts.map(|[converted, not]| Posterior::Beta {
        a: PRIOR[0] + converted as f64,
        b: PRIOR[1] + not as f64,
    })
}

const BINS: [f64; 8] = [0.0, 0.02, 0.05, 0.2, 0.5, 0.8, 0.95, 1.01];

/// P(best) at the end against how often it was, by bin, in standard errors.
pub(crate) fn prob_best(runs: Runs) -> Vec<Figure> {
    let seen = runs.map(|random| {
        let seen = thompson(random);
        let highest = seen.rates.iter().copied().fold(0.0, f64::max);
        let is_best = seen.rates.map(|rate| rate >= highest);
        let said = best::evaluate(&seen.posteriors).prob_best;
        said.into_iter().zip(is_best).collect::<Vec<_>>()
    });
    let cases: Vec<(f64, bool)> = seen.into_iter().flatten().collect();
    let bin = |ends: &[f64]| {
        let inside = cases
            .iter()
            .filter(|(said, _)| ends[0] <= *said && *said < ends[1]);
        let (mut n, mut expected, mut spread, mut was) = (0.0, 0.0, 0.0, 0.0);
        for (said, is_best) in inside {
            n += 1.0;
            expected += said;
            spread += said * (1.0 - said);
            was += f64::from(u8::from(*is_best));
        }
        Figure {
            what: format!(
                "P(best) in [{}, {}): {:.4} said, {:.4} true; errors apart",
                ends[0],
                ends[1].min(1.0),
                expected / n,
                was / n
            ),
            value: Some((was - expected).abs() / spread.sqrt()),
            error: 0.0,
            band: Some(Band::at_most(3.5)),
        }
    };
    BINS.windows(2).map(bin).collect()
}

pub(crate) fn credible(runs: Runs) -> Vec<Figure> {
    let seen = runs.map(|random| {
        let Seen { rates, posteriors } = thompson(random);
        [1, 2].map(|arm| {
            let (low, high) = best::lift_interval(&posteriors[0], &posteriors[arm], 0.05).unwrap();
            let lift = rates[arm] / rates[0] - 1.0;
            low <= lift && lift <= high
        })
    });
    let of = |arm: usize| {
        let what = format!("credible interval of the lift of v{} covers", arm + 1);
        let covered = seen.iter().map(|covered| covered[arm]);
        Figure::rate(&what, covered, Band::of("lift_credible"))
    };
    [0, 1].map(of).to_vec()
}
