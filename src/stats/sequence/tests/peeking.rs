//! Calibration on simulated bandits: three equal variants under Thompson sampling with a floor of .05, looked at after
//! every epoch. Fixed seeds; the bands are three standard errors of the simulation wide.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution, StandardNormal};

use crate::posterior::normal;
use crate::stats::adaptive::{Cell, Contrast, Epoch, Events, Weights};
use crate::stats::sequence::{Sequence, odds};

const ARMS: usize = 3;
const FLOOR: f64 = 0.05;
const EPOCHS: usize = 40;
const PER_EPOCH: u64 = 250;
const RUNS: u64 = 400;

/// A bandit's cells so far.
struct Bandit {
    random: StdRng,
    rate: f64,
    plug_in: f64,
    epochs: Vec<[Cell; ARMS]>,
}

impl Bandit {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            rate: 0.1,
            plug_in: 0.0,
            epochs: Vec::new(),
        }
    }

    /// P(best) by a hundred draws from normal posteriors, above the floor.
    fn propensities(&mut self) -> [f64; ARMS] {
        if self.epochs.is_empty() {
            return [1.0 / ARMS as f64; ARMS];
        }
        let posteriors: [(f64, f64); ARMS] = std::array::from_fn(|arm| {
            let cells = self.epochs.iter().map(|cells| &cells[arm]);
            let (n, sum) = cells.fold((2.0, 1.0), |(n, sum), cell| (n + cell.n, sum + cell.sum));
            let rate: f64 = sum / n;
            (rate, (rate * (1.0 - rate) / n).sqrt())
        });
        let mut wins = [0.0; ARMS];
        for _ in 0..100 {
            let draws = posteriors.map(|(mean, sd)| {
                let z: f64 = StandardNormal.sample(&mut self.random);
                mean + sd * z
            });
            let best = (0..ARMS)
                .max_by(|a, b| draws[*a].total_cmp(&draws[*b]))
                .unwrap();
            wins[best] += 0.01;
        }
        wins.map(|share| FLOOR + (1.0 - ARMS as f64 * FLOOR) * share)
    }

    fn step(&mut self) {
        let (propensities, mut left, mut share) = (self.propensities(), PER_EPOCH, 1.0);
        let cells = propensities.map(|propensity| {
            let odds = (propensity / share).clamp(0.0, 1.0);
            let n = Binomial::new(left, odds).unwrap().sample(&mut self.random);
            let sum = Binomial::new(n, self.rate)
                .unwrap()
                .sample(&mut self.random) as f64;
            left -= n;
            share -= propensity;
            Cell {
                n: n as f64,
                sum,
                squares: sum,
                propensity,
                plug_in: self.plug_in,
            }
        });
        if self.epochs.is_empty() {
            self.plug_in = cells.iter().map(|cell| cell.sum).sum::<f64>() / PER_EPOCH as f64;
        }
        self.epochs.push(cells);
    }

    fn contrast(&self, arm: usize) -> Vec<Epoch> {
        let epoch = |cells: &[Cell; ARMS]| Epoch {
            visitors: PER_EPOCH as f64,
            control: cells[0],
            treatment: cells[arm],
        };
        self.epochs.iter().map(epoch).collect()
    }
}

/// Whether the odds of conversion exclude equality.
fn odds_exclude(epochs: &[Epoch]) -> bool {
    let cells = epochs.iter().map(|epoch| odds::Cell {
        share: epoch.treatment.propensity / (epoch.treatment.propensity + epoch.control.propensity),
        treatment: epoch.treatment.sum,
        control: epoch.control.sum,
    });
    odds::Odds::new(cells).is_some_and(|odds| odds.p_value() < 0.05)
}

/// Whether the gated confidence sequence excludes equality.
fn sequence_excludes(epochs: &[Epoch]) -> bool {
    let (mut events, mut first) = (Events::default(), 0);
    for epoch in epochs {
        first += usize::from(events.effective() < 25.0);
        events.add(epoch);
    }
    let contrast = |epochs| Contrast::of(epochs, Weights::Common);
    let sequence = Sequence::adaptive(&contrast(epochs), &contrast(&epochs[..first])).unwrap();
    events.effective() >= 25.0 && sequence.p_value(0.05).is_some_and(|p| p < 0.05)
}

fn covers(epochs: &[Epoch]) -> bool {
    let means = Contrast::of(epochs, Weights::Uniform).means().unwrap();
    let variance = means.treatment_variance + means.control_variance - 2.0 * means.covariance;
    (means.treatment - means.control).abs() <= normal::critical(0.05) * variance.sqrt()
}

#[test]
fn a_bandit_s_intervals_cover_and_watching_it_raises_no_alarm() {
    let (mut covered, mut by_odds, mut by_sequence) = (0.0, 0.0, 0.0);
    for seed in 0..RUNS {
        let mut bandit = Bandit::new(seed);
        let mut excluded = [[false; 2]; ARMS];
        for _ in 0..EPOCHS {
            bandit.step();
            for (arm, [odds, sequence]) in excluded.iter_mut().enumerate().skip(1) {
                let epochs = bandit.contrast(arm);
                *odds = *odds || odds_exclude(&epochs);
                *sequence = *sequence || sequence_excludes(&epochs);
            }
        }
        for (arm, [odds, sequence]) in excluded.into_iter().enumerate().skip(1) {
            covered += f64::from(u8::from(covers(&bandit.contrast(arm))));
            by_odds += f64::from(u8::from(odds));
            by_sequence += f64::from(u8::from(sequence));
        }
    }
    let all = RUNS as f64 * (ARMS - 1) as f64;
    let shares = [covered, by_odds, by_sequence].map(|count| count / all);
    assert!(
        (0.92..=0.98).contains(&shares[0]),
        "coverage, odds, sequence: {shares:?}"
    );
    assert!(
        shares[1] <= 0.065 && shares[2] <= 0.065,
        "coverage, odds, sequence: {shares:?}"
    );
}
