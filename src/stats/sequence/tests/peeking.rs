//! Calibration on simulated bandits: three equal variants under Thompson sampling with a floor of .05, looked at after
//! every epoch. Fixed seeds; the bands are three standard errors of the simulation wide.

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution, StandardNormal};

use crate::posterior::normal::{self, Pair};
use crate::stats::adaptive::{Cell, Contrast, Covariate, Epoch, Events, Known, Weights};
use crate::stats::sequence::{Sequence, Side, odds};

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
                covariate: Known::default(),
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
            covariate: Covariate::default(),
            control: cells[0],
            treatment: cells[arm],
        };
        self.epochs.iter().map(epoch).collect()
    }
}

/// The odds of conversion.
fn cells(epochs: &[Epoch]) -> Option<odds::Odds> {
    let cells = epochs.iter().map(|epoch| odds::Cell {
        share: epoch.treatment.propensity / (epoch.treatment.propensity + epoch.control.propensity),
        treatment: epoch.treatment.sum,
        control: epoch.control.sum,
    });
    odds::Odds::new(cells)
}

/// Whether they exclude equality.
fn odds_exclude(epochs: &[Epoch]) -> bool {
    cells(epochs).is_some_and(|odds| odds.p_value() < 0.05)
}

/// The gated confidence sequence.
fn gated(epochs: &[Epoch]) -> Option<Sequence> {
    let (mut events, mut first) = (Events::default(), 0);
    for epoch in epochs {
        first += usize::from(events.effective() < 25.0);
        events.add(epoch);
    }
    let contrast = |epochs| Contrast::of(epochs, Weights::Common);
    let sequence = Sequence::adaptive(&contrast(epochs), &contrast(&epochs[..first]));
    sequence.filter(|_| events.effective() >= 25.0)
}

/// Whether it excludes equality.
fn sequence_excludes(epochs: &[Epoch]) -> bool {
    gated(epochs).is_some_and(|sequence| sequence.p_value(0.05).is_some_and(|p| p < 0.05))
}

/// Whether half the odds, and half the gated sequence, exclude that there is nothing on their side.
fn one_sided_exclude(epochs: &[Epoch]) -> [bool; 2] {
    let above = cells(epochs)
        .and_then(|odds| odds.lift_beyond(Side::Above, 0.05))
        .is_some_and(|low| low > 0.0);
    let below = gated(epochs)
        .and_then(|sequence| sequence.lift_beyond(Side::Below, 0.05))
        .is_some_and(|high| high < 0.0);
    [above, below]
}

/// Means weighted by inverse propensities, and the sequence of their difference while there are events enough.
fn weighted(epochs: &[Epoch]) -> (Pair, Option<Sequence>) {
    let of = |cell: fn(&Epoch) -> Cell| {
        let sums = epochs.iter().map(cell).fold([0.0; 5], |sums, cell| {
            let (w, ww) = (cell.propensity.recip(), cell.propensity.powi(-2));
            let more = [
                w * cell.n,
                ww * cell.n,
                w * cell.sum,
                ww * cell.sum,
                ww * cell.squares,
            ];
            std::array::from_fn(|i| sums[i] + more[i])
        });
        let [w, ww, wy, wwy, wwyy] = sums;
        let mean = wy / w;
        let spread = wwyy - 2.0 * mean * wwy + mean * mean * ww;
        (w, mean, spread / (w * w), spread / ww, wy * wy / wwyy)
    };
    let (control, treatment) = (of(|epoch| epoch.control), of(|epoch| epoch.treatment));
    let pair = |control_variance, treatment_variance| Pair {
        treatment: treatment.1,
        treatment_variance,
        control: control.1,
        control_variance,
        covariance: 0.0,
    };
    let means = pair(control.2, treatment.2);
    let even = pair(ARMS as f64 * control.3, ARMS as f64 * treatment.3);
    let sequence = Sequence::weighted(means, even, 0.5 * (control.0 + treatment.0));
    (
        means,
        Some(sequence).filter(|_| control.4.min(treatment.4) >= 25.0),
    )
}

fn weighted_excludes(epochs: &[Epoch]) -> bool {
    let p_value = weighted(epochs)
        .1
        .and_then(|sequence| sequence.p_value(0.05));
    p_value.is_some_and(|p| p < 0.05)
}

fn covers(means: &Pair) -> bool {
    let variance = means.treatment_variance + means.control_variance - 2.0 * means.covariance;
    (means.treatment - means.control).abs() <= normal::critical(0.05) * variance.sqrt()
}

#[test]
fn a_bandit_s_intervals_cover_and_watching_it_raises_no_alarm() {
    let (mut covered, mut by_weights, mut by) = (0.0, 0.0, [0.0; 5]);
    for seed in 0..RUNS {
        let mut bandit = Bandit::new(seed);
        let mut excluded = [[false; 5]; ARMS];
        for _ in 0..EPOCHS {
            bandit.step();
            for (arm, excluded) in excluded.iter_mut().enumerate().skip(1) {
                let epochs = bandit.contrast(arm);
                let [above, below] = one_sided_exclude(&epochs);
                let now = [
                    odds_exclude(&epochs),
                    sequence_excludes(&epochs),
                    weighted_excludes(&epochs),
                    above,
                    below,
                ];
                for (ever, now) in excluded.iter_mut().zip(now) {
                    *ever = *ever || now;
                }
            }
        }
        for (arm, excluded) in excluded.into_iter().enumerate().skip(1) {
            let epochs = bandit.contrast(arm);
            let means = Contrast::of(&epochs, Weights::Uniform).means().unwrap();
            covered += f64::from(u8::from(covers(&means)));
            by_weights += f64::from(u8::from(covers(&weighted(&epochs).0)));
            for (count, ever) in by.iter_mut().zip(excluded) {
                *count += f64::from(u8::from(ever));
            }
        }
    }
    let all = RUNS as f64 * (ARMS - 1) as f64;
    for share in [covered, by_weights].map(|count| count / all) {
        assert!((0.92..=0.98).contains(&share), "coverage {share}");
    }
    let shares = by.map(|count| count / all);
    assert!(
        shares.iter().all(|share| *share <= 0.065),
        "odds, sequence, weighted, odds above, sequence below: {shares:?}"
    );
}
