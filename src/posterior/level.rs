//! Whether levels stay from epoch to epoch, and what is known of rates by both answers.
//!
//! Where they stay, the epochs of a context are one sample, and an early epoch of equal odds tells with a later one of
//! unequal odds what neither tells alone. Where they do not, adding epochs would bring Simpson's paradox.
//!
//! Against levels that stay stands that those of blocks of epochs are gamma distributed around the mean, with a coefficient
//! of variation of 20 or 50 %, so that conversions are negative binomial in place of Poisson (the Bayes factor of
//! overdispersion). Blocks are of 1, 2, 4, … epochs, since a trend of months shows in long ones and a promotion of a day in
//! short ones; and levels move in common, as in a season, or in each context by itself. The evidence is the mean over all
//! of these. What moves by less than a tenth is held to stay: it hardly moves a ratio of rates.

use std::collections::BTreeMap;

use statrs::function::gamma::ln_gamma;

use super::cohort::{self, Cohort, Cohorts};
use super::mixture::Mixture;

/// The shapes of the gamma distribution of a level, whose variance is their reciprocal.
pub(super) const SHAPES: [f64; 2] = [4.0, 25.0];
/// Most blocks; more epochs are put together.
const MAX_BLOCKS: usize = 256;
/// What has less probability than this is left out of a mixture.
pub(super) const NEGLIGIBLE: f64 = 1e-4;

/// The posterior of rates that are the same in all contexts, whose levels may stay or move.
#[derive(Debug, Clone, PartialEq)]
pub struct Levelled {
    /// The log rates.
    pub rates: Mixture,
    /// The probability that contexts keep their levels from epoch to epoch.
    pub steady: f64,
}

/// The posterior of so many arms, from the cohorts of each context.
pub fn posterior(arms: usize, contexts: &[Cohorts]) -> Levelled {
    let totals: Vec<Cohort> = contexts.iter().map(total).collect();
    let together = cohort::posterior(arms, &totals);
    let steady = steady(contexts, &vec![together.mean.clone(); contexts.len()]);
    let mut parts = vec![(steady, together)];
    if steady < 1.0 - NEGLIGIBLE {
        let all = contexts.iter().flat_map(Cohorts::values).cloned();
        let within = cohort::posterior(arms, &all.collect::<Vec<_>>());
        parts.push((1.0 - steady, within));
        parts.retain(|(probability, _)| *probability >= NEGLIGIBLE);
    }
    Levelled {
        rates: Mixture::new(parts),
        steady,
    }
}

/// Conversions of a block, and how many a level that stays would have brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) seen: f64,
    pub(super) expected: f64,
}

impl Count {
    fn plus(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            expected: self.expected + other.expected,
        }
    }

    /// The log Bayes factor of a gamma distributed level of this shape.
    pub(super) fn log_factor(self, shape: f64) -> f64 {
        let seen = self.seen + shape;
        ln_gamma(seen)
            - ln_gamma(shape)
            - shape * (self.expected / shape).ln_1p()
            - self.seen * (shape + self.expected).ln()
            + self.expected
    }
}

/// All epochs of a context as one cohort.
pub(super) fn total(cohorts: &Cohorts) -> Cohort {
    let arms = cohorts.values().map(|of| of.visitors.len()).max();
    let mut total = Cohort {
        visitors: vec![0.0; arms.unwrap_or(0)],
        converted: vec![0.0; arms.unwrap_or(0)],
        weight: 1.0,
        reached: 1.0,
    };
    for cohort in cohorts.values() {
        for (arm, (visitors, converted)) in counts(cohort).enumerate() {
            total.visitors[arm] += cohort.weight * cohort.reached * visitors;
            total.converted[arm] += cohort.weight * converted;
        }
    }
    total
}

/// The probability that levels stay, as likely beforehand as not, given each context's log rates.
pub(super) fn steady(contexts: &[Cohorts], rates: &[Vec<f64>]) -> f64 {
    let mut blocks = blocks(contexts, rates);
    let mut evidence = Vec::new();
    while blocks.first().is_some_and(|of| of.len() > 1) {
        for shape in SHAPES {
            let each = blocks.iter().flatten().map(|count| count.log_factor(shape));
            evidence.push(each.sum::<f64>());
            let common = common(&blocks).into_iter();
            evidence.push(common.map(|count| count.log_factor(shape)).sum::<f64>());
        }
        for context in &mut blocks {
            let pair = |pair: &[Count]| pair.iter().copied().fold(Count::default(), Count::plus);
            *context = context.chunks(2).map(pair).collect();
        }
    }
    let highest = evidence.iter().copied().fold(0.0, f64::max);
    let against = evidence.iter().map(|of| (of - highest).exp()).sum::<f64>();
    let against = against / evidence.len().max(1) as f64;
    let steady = (-highest).exp();
    steady / (steady + against)
}

/// The counts by context and block, each context's as many as are expected.
fn blocks(contexts: &[Cohorts], rates: &[Vec<f64>]) -> Vec<Vec<Count>> {
    let epochs: BTreeMap<u32, usize> = contexts
        .iter()
        .flat_map(Cohorts::keys)
        .map(|epoch| (*epoch, 0))
        .collect();
    let positions: BTreeMap<u32, usize> = epochs.into_keys().zip(0..).collect();
    let length = positions.len().div_ceil(MAX_BLOCKS).max(1);
    let context = |(cohorts, rates): (&Cohorts, &Vec<f64>)| {
        let mut blocks = vec![Count::default(); positions.len().div_ceil(length)];
        for (epoch, cohort) in cohorts {
            let block = &mut blocks[positions[epoch] / length];
            *block = block.plus(count(cohort, rates));
        }
        let all = blocks.iter().copied().fold(Count::default(), Count::plus);
        let level = all.seen / all.expected.max(f64::MIN_POSITIVE);
        for block in &mut blocks {
            block.expected *= level;
        }
        blocks
    };
    contexts.iter().zip(rates).map(context).collect()
}

/// The blocks of all contexts together.
fn common(blocks: &[Vec<Count>]) -> Vec<Count> {
    let mut all = vec![Count::default(); blocks.first().map_or(0, Vec::len)];
    for context in blocks {
        for (sum, count) in all.iter_mut().zip(context) {
            *sum = sum.plus(*count);
        }
    }
    all
}

/// What an epoch converted and, up to the level, should have, with its weight.
fn count(cohort: &Cohort, rates: &[f64]) -> Count {
    let (mut visitors, mut converted, mut expected) = (0.0, 0.0, 0.0);
    for ((n, x), rate) in counts(cohort).zip(rates) {
        visitors += n;
        converted += x;
        expected += cohort.reached * n * rate.exp();
    }
    let weight = cohort::weight(cohort.weight, visitors, converted);
    Count {
        seen: weight * converted,
        expected: weight * expected,
    }
}

/// Visitors and conversions by arm.
fn counts(cohort: &Cohort) -> impl Iterator<Item = (f64, f64)> {
    let pairs = cohort.visitors.iter().zip(&cohort.converted);
    let counts = pairs.map(|(n, x)| (n.max(0.0), *x));
    counts.map(|(n, x)| (n, x.clamp(0.0, n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs of rates 4 and 5 % times these levels, while traffic goes over to the second arm.
    fn epochs(levels: &[f64]) -> Cohorts {
        let epoch = |(at, level): (u32, &f64)| {
            let second = 1_000.0 + 8_000.0 * f64::from(at) / levels.len() as f64;
            let visitors = vec![10_000.0 - second, second];
            let rates = visitors.iter().zip([0.04, 0.05]);
            let converted = rates.map(|(n, rate)| (n * rate * level).round()).collect();
            let cohort = Cohort {
                visitors,
                converted,
                weight: 1.0,
                reached: 1.0,
            };
            (at, cohort)
        };
        (0..).zip(levels).map(epoch).collect()
    }

    fn variance(rates: &cohort::LogRates) -> f64 {
        let c = &rates.covariance;
        c[0][0] + c[1][1] - 2.0 * c[0][1]
    }

    #[test]
    fn levels_that_stay_make_one_sample() {
        let stays = posterior(2, &[epochs(&[1.0; 20])]);
        let together = cohort::posterior(2, &[total(&epochs(&[1.0; 20]))]);
        let within = epochs(&[1.0; 20]).into_values().collect::<Vec<_>>();
        let within = cohort::posterior(2, &within);
        assert!(stays.steady > 0.95, "{}", stays.steady);
        let known = variance(&stays.rates.moments());
        assert!(variance(&together) <= known && known < 0.9 * variance(&within));
    }

    #[test]
    fn levels_that_move_are_left_open() {
        let mut promotion = [1.0; 20];
        promotion[..4].fill(3.0);
        let moves = posterior(2, &[epochs(&promotion)]);
        let within = epochs(&promotion).into_values().collect::<Vec<_>>();
        let parts = moves.rates.into_parts();
        assert_eq!(parts, [(1.0, cohort::posterior(2, &within))]);
        // All as one sample would have the arm that had its traffic in the promotion ahead.
        let pooled = cohort::posterior(2, &[total(&epochs(&promotion))]);
        assert!(pooled.mean[0] > pooled.mean[1] && parts[0].1.mean[0] < parts[0].1.mean[1]);
    }

    #[test]
    fn conversions_that_are_still_to_come_are_no_change_of_level() {
        let mut young = [1.0; 20];
        young[18..].fill(0.4);
        let mut epochs = epochs(&young);
        assert!(posterior(2, &[epochs.clone()]).steady < 1e-4);
        for cohort in epochs.values_mut().skip(18) {
            cohort.reached = 0.4;
        }
        assert!(posterior(2, &[epochs]).steady > 0.95);
    }

    #[test]
    fn nothing_seen_is_the_prior() {
        for contexts in [vec![], vec![Cohorts::new()], vec![epochs(&[1.0])]] {
            let known = posterior(2, &contexts);
            assert!(known.steady > 0.0 && known.rates.prob_best().iter().all(|p| *p > 0.0));
        }
        assert_eq!(posterior(2, &[]).rates.prob_best(), [0.5, 0.5]);
    }
}
