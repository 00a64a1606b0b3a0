//! What a scenario says: how many visitors come, what is true about the variants, and which policies are tried.

use super::segments::Segments;
use super::value::OrderValue;
use crate::bandit::Urgency;
use crate::catalog::Entry;
use crate::catalog::metric::MetricIndex;
use crate::id::EventName;
use crate::time::Window;

/// A scenario, checked: every policy's experiment compiles, and every variant has its truth.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name for people.
    pub name: String,
    /// Who comes, and how often policies are asked.
    pub traffic: Traffic,
    /// What is true.
    pub truth: Truth,
    /// What is optimised, the same for every policy.
    pub objective: Objective,
    /// The policies, each on the same visitors.
    pub policies: Vec<Candidate>,
}

/// Who comes, and how often policies and reports are asked.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// Visitors in all.
    pub visitors: u64,
    /// Visitors per day, evenly spaced.
    pub per_day: u64,
    /// Visitors between two calls of the policy.
    pub batch: u64,
    /// Whether the visitors of a batch all come at the instant of its first one.
    pub together: bool,
    /// How often the report is read, evenly spaced; the last time at the end.
    pub looks: u64,
    /// By which rules an epoch opens.
    pub urgency: Urgency,
}

/// The metric whose expected total is lost as regret.
#[derive(Debug, Clone)]
pub struct Objective {
    /// The metric.
    pub metric: MetricIndex,
    /// The event that counts for it; a visitor brings it about once at most.
    pub event: EventName,
    /// The property with the order's value, for a sum.
    pub property: Option<String>,
    /// 1 if more is better, −1 if less is.
    pub sign: f64,
    /// How long after the assignment the event counts.
    pub window: Window,
}

/// A policy to try.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// The running experiment with its first epoch.
    pub entry: Entry,
    /// Whether its conversions take the time the truth says; if not, they are seen at once.
    pub delayed: bool,
    /// Another policy or a reference, by name, whose regret this one's is compared with.
    pub against: Option<String>,
}

/// What is true about the variants, by [`crate::allocation::Arm`].
#[derive(Debug, Clone)]
pub struct Truth {
    /// One per variant.
    pub variants: Vec<VariantTruth>,
    /// Factors of all rates by day of the week, the first day of traffic being the first.
    pub weekly: [f64; 7],
    /// Factor of all rates at the first and at the last visitor, linear in between.
    pub trend: [f64; 2],
    /// Times of higher rates.
    pub promotions: Vec<Promotion>,
    /// New rates, in order of visitors.
    pub changes: Vec<Change>,
    /// Kinds of visitors that a server can tell apart, where they are not all alike.
    pub segments: Option<Segments>,
}

/// What is true about a variant.
#[derive(Debug, Clone)]
pub struct VariantTruth {
    /// The probability that a visitor converts, before any season.
    pub rate: f64,
    /// The value of an order.
    pub value: OrderValue,
    /// Mean of the exponential time between assignment and conversion; `None` is at once.
    pub delay: Option<Window>,
}

/// A factor of all rates for the visitors in `[from, until)`.
#[derive(Debug, Clone, Copy)]
pub struct Promotion {
    /// The first visitor, from 0.
    pub from: u64,
    /// The first visitor after it.
    pub until: u64,
    /// What all rates are multiplied by.
    pub factor: f64,
}

/// A variant's rate from a visitor on.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The first visitor, from 0.
    pub at: u64,
    /// Position of the variant.
    pub variant: usize,
    /// The rate from then on.
    pub rate: f64,
}

impl Truth {
    /// The factor of all rates for a visitor.
    pub(super) fn level(&self, traffic: &Traffic, visitor: u64) -> f64 {
        let day = usize::try_from(visitor / traffic.per_day).unwrap_or(0);
        let weekly = self.weekly[day % self.weekly.len()];
        let elapsed = visitor as f64 / traffic.visitors.saturating_sub(1).max(1) as f64;
        let trend = self.trend[0] + (self.trend[1] - self.trend[0]) * elapsed;
        let inside = |of: &&Promotion| (of.from..of.until).contains(&visitor);
        let promotions = self.promotions.iter().filter(inside);
        weekly * trend * promotions.map(|of| of.factor).product::<f64>()
    }

    /// Positions and shares of the segments; all visitors where they are alike.
    pub(super) fn groups(&self) -> Vec<(Option<usize>, f64)> {
        let Some(segments) = &self.segments else {
            return vec![(None, 1.0)];
        };
        let segments = segments.values.iter().enumerate();
        segments.map(|(at, of)| (Some(at), of.share)).collect()
    }

    /// A variant's rate over all segments, before any season.
    pub(super) fn mean_rate(&self, variant: usize, visitor: u64) -> f64 {
        let of = |(segment, share)| share * self.base_rate(variant, visitor, segment);
        self.groups().into_iter().map(of).sum()
    }

    /// A variant's rate for a visitor of a segment, before any season.
    pub(super) fn base_rate(&self, variant: usize, visitor: u64, segment: Option<usize>) -> f64 {
        let segments = self.segments.as_ref();
        let own = segments.and_then(|of| of.values.get(segment?)?.rates.get(variant).copied()?);
        if let Some(rate) = own {
            return rate;
        }
        let changed = |of: &&Change| of.variant == variant && of.at <= visitor;
        let last = self.changes.iter().rev().find(changed);
        let steady = self.variants.get(variant).map_or(0.0, |of| of.rate);
        last.map_or(steady, |change| change.rate)
    }

    /// What a conversion of each variant is worth on average, less those that come after the window.
    pub(super) fn worth(&self, objective: &Objective) -> Vec<f64> {
        let of = |truth: &VariantTruth| {
            let property = objective.property.as_ref();
            let value = property.map_or(1.0, |_| truth.value.mean());
            let window = objective.window.millis() as f64;
            let late = |delay: Window| (-window / delay.millis() as f64).exp();
            value * (1.0 - truth.delay.map_or(0.0, late))
        };
        self.variants.iter().map(of).collect()
    }

    /// Whether the ratios of the variants' rates stay what they are.
    pub fn is_steady(&self) -> bool {
        self.changes.is_empty()
    }
}
