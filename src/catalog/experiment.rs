//! An experiment as the program knows it: validated, compiled, immutable.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audience::Audience;
use super::metric::{Metric, MetricIndex, Role};
use super::spec::{Spec, StopSpec};
use crate::allocation::{Allocation, Arm};
use crate::epoch::context::{ContextCell, Contexts, Partition};
use crate::epoch::linear::{Features, Linear};
use crate::id::{ExperimentKey, LayerKey, VariantKey};
use crate::time::{Timestamp, Window};

/// A validated experiment definition.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Its key.
    pub key: ExperimentKey,
    /// The definition as written, in canonical form (what the API shows and the log keeps).
    pub spec: Arc<Spec>,
    /// Version of the definition, from 1.
    pub version: u32,
    /// The status the definition asks for.
    pub status: Status,
    /// When it may serve: [starts, ends).
    pub schedule: Schedule,
    /// The unit that keeps a variant.
    pub unit: Unit,
    /// Its slot in a layer of mutually exclusive experiments.
    pub layer: Option<LayerSlot>,
    /// Share of the audience kept on control, outside the bandit.
    pub holdout: f64,
    /// Share of the audience that enters at all.
    pub traffic: f64,
    /// Who is eligible; `None` is everybody.
    pub audience: Option<Audience>,
    /// Attributes kept for breakdowns.
    pub dimensions: Vec<Dimension>,
    /// All variant revisions ever, by [`Arm`]; retired ones are not live.
    pub variants: Vec<Variant>,
    /// The control among the live variants.
    pub control: Arm,
    /// How traffic is allocated.
    pub policy: Policy,
    /// The metrics, by [`MetricIndex`].
    pub metrics: Vec<Metric>,
    /// The measurable, time-bound goal.
    pub goal: Option<Goal>,
}

/// Where an experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being written; serves control.
    Draft,
    /// Assigns visitors.
    Running,
    /// Keeps serving sticky visitors unless a guardrail paused it, takes no new ones.
    Paused,
    /// Decided; serves the winner.
    Concluded,
}

/// When an experiment may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Schedule {
    /// First instant.
    pub starts: Option<Timestamp>,
    /// First instant after it.
    pub ends: Option<Timestamp>,
}

/// The unit of randomisation, stickiness and analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The visitor.
    Visitor,
    /// The request's session.
    Session,
}

/// A half-open slot of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSlot {
    /// The layer.
    pub key: LayerKey,
    /// Start, in [0, 1).
    pub from: f64,
    /// End, in (from, 1].
    pub to: f64,
}

/// The name of what lies beyond the declared values of a dimension.
pub const OTHER_VALUE: &str = "other";

/// An attribute kept for breakdowns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// The attribute's name.
    pub attribute: String,
    /// The values kept apart; empty: the first 50 seen.
    pub values: Vec<String>,
}

/// One revision of a variant.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its key.
    pub key: VariantKey,
    /// Counts the edits of a running variant's payload, from 1.
    pub revision: u16,
    /// What the front end shows: any JSON, as text.
    pub payload: Arc<str>,
    /// The typed flag value, as JSON text.
    pub value: Option<Arc<str>>,
    /// Its share under a fixed split, or the starting share of a bandit; Σ over live variants = 1.
    pub weight: f64,
    /// What it costs per assigned visitor, in the currency of the revenue that a bandit maximises.
    pub cost: f64,
    /// Whether it still takes visitors.
    pub live: bool,
}

/// How traffic is allocated.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// The configured weights.
    Fixed,
    /// Traffic moves towards what works.
    Bandit(Bandit),
}

/// How a bandit makes shares of P(best).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Thompson sampling: a variant's share is its probability to be the best.
    Thompson,
    /// Top-two Thompson sampling: the likely best and its challengers get half of the traffic each.
    TopTwo,
    /// Epsilon-greedy: the likely best gets everything but the floor, which is epsilon.
    Greedy,
}

/// What a bandit believes about its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Conversion rates: their ratios stay while their level may move from epoch to epoch: promotions, weekends and delays mislead nobody.
    Cohort,
    /// Conversion rates stay: all epochs are one sample.
    Pooled,
    /// Revenue is a rate of orders, as under [`Model::Cohort`], times a mean order value that stays.
    Hurdle,
    /// Counts have a rate per visitor whose ratios stay, and vary by a common factor more than Poisson's.
    Gamma,
    /// A mean per visitor, or a ratio by the delta method, stays: all epochs are one sample.
    Normal,
}

/// What a bandit does when what works has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// Tells.
    Notify,
    /// Forgets what came before. When nothing has changed this costs next to nothing: less than one experiment in a
    /// hundred ever notices a change that is none, and learns anew.
    Forget,
}

/// What a bandit makes of conversions that take time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// It learns how long they take, and counts young visitors by the share of their conversions that has come.
    Auto,
    /// A visitor who has not converted yet counts as one who will not.
    Ignore,
}

/// Settings of a bandit.
#[derive(Debug, Clone, PartialEq)]
pub struct Bandit {
    /// How it makes shares.
    pub rule: Rule,
    /// What it believes about its metric.
    pub model: Model,
    /// The metric it maximises, or minimises if it is to decrease.
    pub metric: MetricIndex,
    /// Exploration shared by the live variants, in (0, 1].
    pub floor_total: f64,
    /// Most of the traffic that a variant gets, at least 1/K.
    pub max_share: Option<f64>,
    /// Most of the traffic that an epoch moves, in total variation.
    pub max_step: Option<f64>,
    /// The probability of harm to a guardrail at which a variant is held at the floor.
    pub guardrail_hold: Option<f64>,
    /// When it ends by itself; `None`: never.
    pub stop: Option<StopSpec>,
    /// The starting weights hold until every variant has so many visitors.
    pub burn_in: u64,
    /// At most one new epoch per so much time.
    pub refresh: Window,
    /// The age at which what was learned counts half; `None` forgets nothing.
    pub half_life: Option<Window>,
    /// What it does when what works has changed.
    pub on_drift: OnDrift,
    /// What it makes of conversions that take time.
    pub delay: Delay,
    /// How a contextual bandit tells visitors apart; `None` decides for all alike.
    pub context: Option<Partition>,
    /// What a linear bandit knows of visitors; `None` under any other.
    pub features: Option<Features>,
}

/// A measurable, time-bound goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// The metric.
    pub metric: MetricIndex,
    /// The relative lift to reach.
    pub lift: f64,
    /// By when.
    pub by: Timestamp,
}

impl Policy {
    /// The field's name of the policy.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Bandit(bandit) if bandit.context.is_some() => "contextual",
            Self::Bandit(bandit) if bandit.features.is_some() => "linear",
            Self::Bandit(bandit) => match bandit.rule {
                Rule::Thompson => "thompson",
                Rule::TopTwo => "top-two",
                Rule::Greedy => "epsilon-greedy",
            },
        }
    }
}

impl Schedule {
    /// Whether `now` lies in it.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.starts.is_none_or(|starts| now >= starts) && self.ends.is_none_or(|ends| now < ends)
    }
}

impl Experiment {
    /// A variant revision.
    pub fn variant(&self, arm: Arm) -> Option<&Variant> {
        self.variants.get(usize::from(arm.0))
    }

    /// The probability of each variant, by its label.
    pub fn weights(&self, allocation: &Allocation) -> BTreeMap<String, f64> {
        let weights = allocation.iter();
        weights
            .filter_map(|(arm, weight)| Some((self.label(arm)?, weight)))
            .collect()
    }

    /// A variant's key, with its revision where a later one has taken its place.
    pub fn label(&self, arm: Arm) -> Option<String> {
        let variant = self.variant(arm)?;
        let is_present =
            variant.live || variant.revision > 1 && self.arm(variant.key.as_str()).is_none();
        Some(if is_present {
            variant.key.to_string()
        } else {
            format!("{}@{}", variant.key, variant.revision)
        })
    }

    /// The live variants.
    pub fn live(&self) -> impl Iterator<Item = (Arm, &Variant)> {
        (0..)
            .map(Arm)
            .zip(&self.variants)
            .filter(|(_, variant)| variant.live)
    }

    /// The live variant with this key.
    pub fn arm(&self, key: &str) -> Option<Arm> {
        self.live()
            .find(|(_, variant)| variant.key.as_str() == key)
            .map(|(arm, _)| arm)
    }

    /// The first revision of the variant with this key, live or not: what stands for all revisions of it.
    pub fn keyed(&self, key: &str) -> Option<Arm> {
        let mut all = (0..).map(Arm).zip(&self.variants);
        all.find(|(_, variant)| variant.key.as_str() == key)
            .map(|(arm, _)| arm)
    }

    /// The same by the flag value, as JSON text.
    pub fn valued(&self, value: &str) -> Option<Arm> {
        let mut all = self.variants.iter();
        let variant = all.find(|variant| variant.value.as_deref() == Some(value))?;
        self.keyed(variant.key.as_str())
    }

    /// The first revision of a variant.
    pub fn first_revision(&self, arm: Arm) -> Option<Arm> {
        self.keyed(self.variant(arm)?.key.as_str())
    }

    /// The configured split over the live variants.
    pub fn starting_allocation(&self) -> Allocation {
        Allocation::normalised(self.live().map(|(arm, variant)| (arm, variant.weight)))
    }

    /// What an epoch draws from if all contexts get the same; `None` where contexts are not told apart.
    pub fn contexts(&self, allocation: &Allocation) -> Option<Contexts> {
        let bandit = match &self.policy {
            Policy::Bandit(bandit) => bandit,
            Policy::Fixed => return None,
        };
        let partition = bandit.context.clone()?;
        let positions = (0..).zip(&self.metrics);
        let guardrails = positions
            .filter(|(at, metric)| {
                let is_guarded = bandit.guardrail_hold.is_some() && metric.role == Role::Guardrail;
                is_guarded && *at != bandit.metric.0
            })
            .map(|(at, _)| at);
        let metrics = std::iter::once(bandit.metric.0).chain(guardrails);
        Some(Contexts::even(partition, metrics.collect(), allocation))
    }

    /// What an epoch reads of visitors before anything is learned; `None` where no linear bandit decides.
    pub fn linear(&self) -> Option<Linear> {
        match &self.policy {
            Policy::Bandit(bandit) => {
                let features = bandit.features.clone()?;
                Some(Linear::new(features, bandit.metric.0))
            }
            Policy::Fixed => None,
        }
    }

    /// What the visitors of a context have in common, as "device=mobile,segment=other".
    pub fn context_name(&self, contexts: &Contexts, cell: ContextCell) -> Option<String> {
        let values = contexts.partition.values(cell).into_iter();
        let named = values.map(|(dimension, value)| {
            let dimension = self.dimensions.get(usize::from(dimension))?;
            let value = value.and_then(|value| dimension.values.get(usize::from(value)));
            let value = value.map_or(OTHER_VALUE, String::as_str);
            Some(format!("{}={value}", dimension.attribute))
        });
        Some(named.collect::<Option<Vec<_>>>()?.join(","))
    }

    /// A metric.
    pub fn metric(&self, index: MetricIndex) -> Option<&Metric> {
        self.metrics.get(usize::from(index.0))
    }

    /// The longest attribution window of its metrics.
    pub fn longest_window(&self) -> Window {
        let history = |metric: &Metric| Some(metric.covariate.as_ref()?.window);
        self.metrics
            .iter()
            .flat_map(|metric| history(metric).into_iter().chain([metric.window]))
            .max()
            .unwrap_or(Window::days(14))
    }
}
