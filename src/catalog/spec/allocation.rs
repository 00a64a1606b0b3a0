//! How traffic is allocated, as written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stop::StopSpec;
use super::{KindName, MetricSpec};
use crate::catalog::experiment::{Delay, Model, OnDrift};
use crate::time::Window;

/// Exploration that the live variants of a bandit share by default.
pub const DEFAULT_FLOOR_TOTAL: f64 = 0.05;
/// A share per variant below which intervals of losing variants get wide.
const THIN_FLOOR: f64 = 0.01;
/// What a bandit makes of delayed conversions by default.
pub const DEFAULT_DELAY: Delay = Delay::Auto;
/// Visitors per variant before a bandit moves traffic, by default.
pub const DEFAULT_BURN_IN: u64 = 100;
/// Share of traffic that epsilon-greedy explores with, by default.
pub const DEFAULT_EPSILON: f64 = 0.1;
/// Time between the epochs of a bandit, by default.
pub const DEFAULT_REFRESH: Window = Window::from_millis(60_000);

/// How traffic is allocated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocationSpec {
    /// The policy.
    #[schema(required = false)]
    pub policy: PolicyName,
    /// What a bandit believes about its metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The metric that a bandit maximises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Exploration shared by the live variants of a bandit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_total: Option<f64>,
    /// Exploration per live variant, instead of `floor_total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// Exploration shared by the live variants under epsilon-greedy, which has no other floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Most of the traffic that a variant gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_share: Option<f64>,
    /// Most of the traffic that an epoch moves, in total variation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_step: Option<f64>,
    /// The probability of harm to a guardrail at which a variant is held at the floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail_hold: Option<f64>,
    /// When a bandit ends by itself; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopSpec>,
    /// Visitors per variant before a bandit moves traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burn_in: Option<u64>,
    /// At most one new epoch per so much time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Window>,
    /// The age at which what a bandit learned counts half; absent forgets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_life: Option<Window>,
    /// What a bandit does when what works has changed; absent tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_drift: Option<OnDrift>,
    /// What a bandit makes of conversions that take time; absent learns how long they take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// The dimensions by which a contextual bandit tells visitors apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
    /// What a linear bandit knows of visitors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureSpec>,
}

/// What a linear bandit knows of visitors: a number with its range, or a declared dimension.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureSpec {
    /// An attribute that is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The least value that is told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest value that is told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// A dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
}

impl AllocationSpec {
    /// The configured weights.
    pub fn fixed() -> Self {
        Self {
            policy: PolicyName::Fixed,
            model: None,
            metric: None,
            floor_total: None,
            floor: None,
            epsilon: None,
            max_share: None,
            max_step: None,
            guardrail_hold: None,
            stop: None,
            burn_in: None,
            refresh: None,
            half_life: None,
            on_drift: None,
            delay: None,
            context: Vec::new(),
            features: Vec::new(),
        }
    }
}

impl AllocationSpec {
    /// What is legal but has a price, by key and in words, for so many variants.
    ///
    /// A floor is what keeps a variant that loses comparable: its intervals widen like 1/√floor (statistics §15).
    pub fn notices(&self, variants: usize) -> Vec<(&'static str, String)> {
        let count = variants.max(1) as f64;
        let total = self.floor_total.map(|total| ("floor_total", total / count));
        let epsilon = self.epsilon.map(|epsilon| ("epsilon", epsilon / count));
        let own = self.floor.map(|floor| ("floor", floor));
        let floor = own.or(epsilon).or(total);
        let is_thin =
            |(_, floor): &(&str, f64)| *floor < THIN_FLOOR && *floor * count < DEFAULT_FLOOR_TOTAL;
        let say = |(key, floor): (&'static str, f64)| {
            let percent = (floor * 1e6).round() / 1e4;
            let text = format!(
                "leaves a variant that loses {percent} % of the traffic, so its lift gets a wide interval, about as 1/√floor; floor_total = {DEFAULT_FLOOR_TOTAL} keeps it useful"
            );
            (key, text)
        };
        floor.into_iter().filter(is_thin).map(say).collect()
    }
}

/// The models that fit a metric of this kind; the first is the default.
pub fn models(kind: KindName) -> &'static [Model] {
    match kind {
        KindName::Conversion => &[Model::Cohort, Model::Pooled],
        KindName::Count => &[Model::Gamma, Model::Normal],
        KindName::Sum => &[Model::Hurdle, Model::Normal],
        KindName::Ratio => &[Model::Normal],
    }
}

/// What a bandit on the metric with this key believes by default; `None` without such a metric.
pub fn default_model(metric: Option<&String>, metrics: &[MetricSpec]) -> Option<Model> {
    let named = metrics.iter().find(|of| Some(&of.key) == metric)?;
    models(named.kind).first().copied()
}

/// The policies that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// The configured weights.
    Fixed,
    /// Thompson sampling.
    Thompson,
    /// Top-two Thompson sampling.
    TopTwo,
    /// The likely best, but for a share that explores.
    EpsilonGreedy,
    /// Thompson sampling by context.
    Contextual,
    /// Thompson sampling by features of visitors.
    Linear,
}
