//! What policies are measured against: an even split, and Thompson sampling that is told of every conversion at once.

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
    /// The same for every segment of visitors by itself.
    Segmented,
    /// The same, learning between batches only.
    SegmentedBatches,
}

impl Rule {
    pub(super) const ALL: [Self; 4] = [
        Self::Uniform,
        Self::Thompson,
        Self::Segmented,
        Self::SegmentedBatches,
    ];

    /// Those that a scenario is measured against.
    pub(super) fn of(scenario: &Scenario) -> impl Iterator<Item = Self> {
        let of_values = scenario.objective.property.is_some();
        let has_segments = scenario.truth.segments.is_some();
        let is_apt = move |rule: &Self| match rule {
            Self::Uniform => true,
            Self::Thompson => !of_values,
            Self::Segmented | Self::SegmentedBatches => !of_values && has_segments,
        };
        Self::ALL.into_iter().filter(is_apt)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Thompson => "exact TS",
            Self::Segmented => "TS by segment",
            Self::SegmentedBatches => "TS by segment, in batches",
        }
    }

    /// Makes the draws of the references others than those of the visitors.
    fn seed(self) -> u64 {
        match self {
            Self::Uniform => 0x756e_6966_6f72_6d00,
            Self::Thompson => 0x7468_6f6d_7073_6f6e,
            Self::Segmented => 0x7365_676d_656e_7473,
            Self::SegmentedBatches => 0x6261_7463_6865_7300,
        }
    }

    fn is_segmented(self) -> bool {
        match self {
            Self::Uniform | Self::Thompson => false,
            Self::Segmented | Self::SegmentedBatches => true,
        }
    }
}

/// A reference on the visitors of a run.
pub(super) struct Reference<'s> {
    scenario: &'s Scenario,
    rule: Rule,
    random: StdRng,
    /// By segment if the rule tells them apart, then by variant: what has come.
    seen: Vec<Vec<Seen>>,
    /// What had come before the batch, where the rule learns between batches.
    before: Vec<Vec<Seen>>,
    tally: Tally,
}

/// Visitors, conversions and their value.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    visitors: f64,
    conversions: f64,
    value: f64,
}

impl<'s> Reference<'s> {
    pub(super) fn new(scenario: &'s Scenario, rule: Rule, seed: u64) -> Self {
        let traffic = &scenario.traffic;
        let segments = if rule.is_segmented() {
            scenario.truth.groups().len()
        } else {
            1
        };
        let nothing = vec![vec![Seen::default(); scenario.truth.variants.len()]; segments];
        Self {
            scenario,
            rule,
            random: StdRng::seed_from_u64(seed ^ rule.seed()),
            before: nothing.clone(),
            seen: nothing,
            tally: Tally::new(traffic.visitors, traffic.batch, scenario.objective.sign),
        }
    }

    /// Serves a batch.
    pub(super) fn serve(&mut self, batch: &Batch) {
        for (visitor, rewards) in batch.iter() {
            let segment = visitor.segment.filter(|_| self.rule.is_segmented());
            let segment = segment.unwrap_or(0);
            let variant = self.pick(segment);
            self.tally.count(variant, rewards);
            let seen = self.seen.get_mut(segment);
            let Some(seen) = seen.and_then(|seen| seen.get_mut(variant)) else {
                continue;
            };
            seen.visitors += 1.0;
            if let Some(order) = visitor.order_on(variant) {
                seen.conversions += 1.0;
                seen.value += order.value(self.scenario, variant);
            }
        }
        if self.rule == Rule::SegmentedBatches {
            self.before.clone_from(&self.seen);
        }
        self.tally.mark(false);
    }

    fn pick(&mut self, segment: usize) -> usize {
        let known = match self.rule {
            Rule::Uniform => {
                let variants = self.scenario.truth.variants.len().max(1);
                return self.random.random_range(0..variants);
            }
            Rule::Thompson | Rule::Segmented => &self.seen,
            Rule::SegmentedBatches => &self.before,
        };
        let mut draws = Vec::with_capacity(self.scenario.truth.variants.len());
        for seen in known.get(segment).into_iter().flatten() {
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
        let choices = self.seen.iter().map(|seen| best(seen.iter().map(mean)));
        let choices: Vec<usize> = choices.collect();
        let groups = self.scenario.truth.groups().len();
        let (regret, curve) = self.tally.finish();
        Course {
            regret,
            curve,
            choices: choices.iter().copied().cycle().take(groups).collect(),
        }
    }
}
