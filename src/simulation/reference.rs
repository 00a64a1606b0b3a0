//! What policies are measured against: an even split, and Thompson sampling that learns from every visitor at once.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Beta, Distribution};

use super::scenario::Scenario;
use super::tally::Tally;
use super::visitors::Batch;
use super::{Course, best};

/// How a reference picks variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// All variants alike.
    Uniform,
    /// Exact Thompson sampling with Beta(1, 1) priors, one visitor after the other, each conversion known at once
    /// (Chapelle and Li 2011).
    Thompson,
}

/// A reference on the visitors of a run.
pub(super) struct Reference<'s> {
    scenario: &'s Scenario,
    rule: Rule,
    random: StdRng,
    /// Visitors, conversions and their value, per variant.
    seen: Vec<Seen>,
    tally: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    visitors: f64,
    conversions: f64,
    value: f64,
}

impl<'s> Reference<'s> {
    pub(super) fn new(scenario: &'s Scenario, rule: Rule, seed: u64) -> Self {
        let traffic = &scenario.traffic;
        Self {
            scenario,
            rule,
            random: StdRng::seed_from_u64(seed),
            seen: vec![Seen::default(); scenario.truth.variants.len()],
            tally: Tally::new(traffic.visitors, traffic.batch, scenario.objective.sign),
        }
    }

    /// Serves a batch.
    pub(super) fn serve(&mut self, batch: &Batch) {
        for (visitor, rewards) in batch.iter() {
            let variant = self.pick();
            self.tally.count(variant, rewards);
            let Some(seen) = self.seen.get_mut(variant) else {
                continue;
            };
            seen.visitors += 1.0;
            if let Some(order) = visitor.order_on(variant) {
                seen.conversions += 1.0;
                seen.value += order.value(self.scenario, variant);
            }
        }
        self.tally.mark(false);
    }

    fn pick(&mut self) -> usize {
        if self.rule == Rule::Uniform {
            return self.random.random_range(0..self.seen.len().max(1));
        }
        let mut draws = Vec::with_capacity(self.seen.len());
        for seen in &self.seen {
            let law = Beta::new(
                1.0 + seen.conversions,
                1.0 + seen.visitors - seen.conversions,
            );
            let draw = law.map_or(0.0, |law| law.sample(&mut self.random));
            draws.push(self.scenario.objective.sign * draw);
        }
        best(draws)
    }

    /// What came of it: right is the best mean.
    pub(super) fn finish(mut self) -> Course {
        self.tally.mark(true);
        let objective = &self.scenario.objective;
        let mean = |seen: &Seen| {
            let property = objective.property.as_ref();
            let total = property.map_or(seen.conversions + 1.0, |_| seen.value);
            objective.sign * total / (seen.visitors + 2.0)
        };
        let choice = best(self.seen.iter().map(mean));
        let (regret, curve) = self.tally.finish();
        Course {
            regret,
            curve,
            choice,
        }
    }
}
