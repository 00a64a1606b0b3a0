//! The visitors of a run: common random numbers, so that the same visitor converts on the same variant, at the same delay
//! and for the same value, whatever a policy does.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::scenario::{Scenario, Traffic};
use super::trial::start;
use crate::id::VisitorId;
use crate::time::{DAY_MS, Timestamp, Window};

/// The visitors between two calls of the policies.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) visitors: Vec<Visitor>,
    /// The expected reward of every variant for every visitor, one visitor after the other.
    rewards: Vec<f64>,
    /// How many variants there are.
    variants: usize,
}

/// A visitor before anything is decided.
#[derive(Debug)]
pub struct Visitor {
    /// Who it is.
    pub id: VisitorId,
    /// When the visitor comes.
    pub at: Timestamp,
    /// Position of the visitor's segment, where there are some.
    pub segment: Option<usize>,
    /// What becomes of the visitor on the variants that convert; `None` if no variant does.
    pub(super) order: Option<Order>,
}

/// What becomes of a visitor who converts.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Per variant, whether it converts.
    pub(super) converts: Vec<bool>,
    /// Uniform draws behind the value.
    value: [f64; 2],
    /// Draw of the exponential law with mean 1, behind the delay.
    delay: f64,
}

/// Draws visitors in order.
pub(super) struct Arrivals<'s> {
    scenario: &'s Scenario,
    random: StdRng,
    /// Tells the visitors of different runs apart.
    run: u64,
    next: u64,
    worth: Vec<f64>,
}

impl<'s> Arrivals<'s> {
    pub(super) fn new(scenario: &'s Scenario, seed: u64) -> Self {
        Self {
            scenario,
            random: StdRng::seed_from_u64(seed),
            run: seed,
            next: 0,
            worth: scenario.truth.worth(&scenario.objective),
        }
    }

    /// Fills the next batch; `false` when nobody is left.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> bool {
        batch.visitors.clear();
        batch.rewards.clear();
        batch.variants = self.worth.len();
        let Traffic {
            visitors,
            batch: size,
            ..
        } = self.scenario.traffic;
        let until = visitors.min(self.next.saturating_add(size));
        for index in self.next..until {
            let visitor = self.visitor(index, &mut batch.rewards);
            batch.visitors.extend(visitor);
        }
        let is_any = until > self.next;
        self.next = until;
        is_any
    }

    fn visitor(&mut self, index: u64, rewards: &mut Vec<f64>) -> Option<Visitor> {
        let truth = &self.scenario.truth;
        let level = truth.level(&self.scenario.traffic, index);
        let segments = truth.segments.as_ref();
        let segment = segments.map(|segments| segments.at(self.random.random()));
        let draw: f64 = self.random.random();
        let mut converts = Vec::new();
        for (variant, worth) in self.worth.iter().enumerate() {
            let rate = (truth.base_rate(variant, index, segment) * level).min(1.0);
            if draw < rate {
                converts.resize(self.worth.len(), false);
                if let Some(of) = converts.get_mut(variant) {
                    *of = true;
                }
            }
            rewards.push(rate * worth);
        }
        let random = &mut self.random;
        let order = (!converts.is_empty()).then(|| Order {
            converts,
            value: [random.random(), random.random()],
            delay: -(-random.random::<f64>()).ln_1p(),
        });
        let id = VisitorId::parse(&format!("{:x}-{index:x}", self.run)).ok()?;
        let traffic = &self.scenario.traffic;
        let first = index - index % traffic.batch.max(1);
        let at = arrival(traffic, if traffic.together { first } else { index });
        Some(Visitor {
            id,
            at,
            segment,
            order,
        })
    }
}

/// When a visitor comes, or would come.
pub(super) fn arrival(traffic: &Traffic, index: u64) -> Timestamp {
    let elapsed = i128::from(index) * i128::from(DAY_MS) / i128::from(traffic.per_day.max(1));
    start().plus(Window::from_millis(
        i64::try_from(elapsed).unwrap_or(i64::MAX),
    ))
}

impl Batch {
    /// The visitors, each with the expected reward of every variant.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Visitor, &[f64])> {
        self.visitors
            .iter()
            .zip(self.rewards.chunks(self.variants.max(1)))
    }
}

impl Visitor {
    /// The order on a variant, if the visitor converts there.
    pub(super) fn order_on(&self, variant: usize) -> Option<&Order> {
        let converts = |order: &&Order| order.converts.get(variant).copied().unwrap_or(false);
        self.order.as_ref().filter(converts)
    }
}

impl Order {
    /// What it is worth on a variant, in currency units.
    pub(super) fn value(&self, scenario: &Scenario, variant: usize) -> f64 {
        let truth = scenario.truth.variants.get(variant);
        truth.map_or(0.0, |truth| truth.value.at(self.value[0], self.value[1]))
    }

    /// How long after the assignment it comes on a variant; `None` at once.
    pub(super) fn delay(&self, scenario: &Scenario, variant: usize) -> Option<Window> {
        let mean = scenario.truth.variants.get(variant)?.delay?.millis() as f64;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an `as` cast saturates, and so far ahead nothing counts"
        )]
        let delay = (mean * self.delay) as i64;
        Some(Window::from_millis(delay.clamp(1, 10_000 * DAY_MS)))
    }
}
