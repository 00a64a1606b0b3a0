//! Replicates of a design: seeded one by one, so that a figure depends on neither threads nor machine.

use std::num::NonZero;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

/// How often a design is run, and the seed its replicates derive theirs from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runs {
    pub(crate) count: u32,
    pub(crate) seed: u64,
}

impl Runs {
    /// Runs all replicates on all processors; results are in the order of the replicates.
    pub(crate) fn map<T: Send>(self, one: impl Fn(&mut StdRng) -> T + Sync) -> Vec<T> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let next = AtomicU32::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.count {
                    return done;
                }
                let seed = self.seed.wrapping_add(u64::from(number));
                done.push((number, one(&mut StdRng::seed_from_u64(seed))));
            }
        };
        let mut results: Vec<(u32, T)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| worker.join().unwrap());
            joined.flatten().collect()
        });
        results.sort_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

/// How many of n convert.
pub(crate) fn binomial(random: &mut impl Rng, n: u64, rate: f64) -> u64 {
    let distribution = Binomial::new(n, rate.clamp(0.0, 1.0)).unwrap();
    distribution.sample(random)
}

/// How many of n fall to each share; the shares sum to 1.
pub(crate) fn multinomial(random: &mut impl Rng, n: u64, shares: &[f64]) -> Vec<u64> {
    let (mut left, mut rest) = (n, 1.0);
    let mut counts = Vec::with_capacity(shares.len());
    for share in shares {
        let count = binomial(random, left, share / rest);
        counts.push(count);
        left -= count;
        rest = (rest - share).max(f64::MIN_POSITIVE);
    }
    if let Some(last) = counts.last_mut() {
        *last += left;
    }
    counts
}
