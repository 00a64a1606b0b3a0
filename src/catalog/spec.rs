//! The canonical definition of an experiment as plain data: what the log and the API hold.
//!
//! A [`Spec`] is what a definition says once its defaults are filled in, so that a later change of a default changes
//! no running experiment. It is read from TOML or JSON by `read`, which collects every mistake of form, and checked by
//! `rules`, which collects every mistake of sense; a Spec from the log passes the same rules when it is compiled.
//! Its JSON round trip is exact, and two equal Specs are the same definition.
//!
//! Weights need not sum to 1: they are normalised over the live variants. Dates stand for midnight UTC.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, Array, Object, OneOf};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::experiment::{Status, Unit};
use super::metric::{Cap, Direction, OnTrip, Role};
use crate::amount::Amount;
use crate::time::{Timestamp, Window};
use crate::winsor::Percentile;

mod allocation;
pub(crate) mod form;
mod looks;
mod read;
pub(super) mod rules;
mod stop;

pub use allocation::{
    AllocationSpec, DEFAULT_BURN_IN, DEFAULT_DELAY, DEFAULT_EPSILON, DEFAULT_FLOOR_TOTAL,
    DEFAULT_REFRESH, FeatureSpec, PolicyName, default_model, models,
};
pub use looks::{DEFAULT_MIN_DAYS, LooksSpec, Spending};
pub(super) use read::read;
pub use stop::StopSpec;

/// Longest text field, in characters.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// Most variants of an experiment.
pub const MAX_VARIANTS: usize = 100;
/// Most metrics of an experiment.
pub const MAX_METRICS: usize = 200;
/// Most dimensions of an experiment.
pub const MAX_DIMENSIONS: usize = 10;
/// The dimension that every experiment has, so that no attribute of this name can be one.
pub const VISITOR_TYPE: &str = "visitor_type";
/// Largest payload or value of a variant, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// Attribution window of a metric, by default.
pub const DEFAULT_WINDOW: Window = Window::days(14);

/// How far a covariate looks back, by default.
pub const DEFAULT_HISTORY: Window = Window::days(28);

/// The definition of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its key.
    pub key: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is believed to happen, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where visitors meet it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touchpoint: Option<String>,
    /// What visitors are shown, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// When it is looked at again: a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// Where it should stand.
    #[schema(required = false)]
    pub status: Status,
    /// First instant at which it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Timestamp>,
    /// First instant at which it no longer does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// The unit that keeps a variant.
    #[schema(required = false)]
    pub sticky: Unit,
    /// Its slot in a layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerSpec>,
    /// Share of the audience kept on control, in [0, 1).
    #[schema(required = false)]
    pub holdout: f64,
    /// Share of the audience that enters at all, in (0, 1].
    #[schema(required = false)]
    pub traffic: f64,
    /// Who is eligible; absent is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Attributes kept for breakdowns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<DimensionSpec>,
    /// Which visitors are analysed.
    #[schema(required = false)]
    pub exposure: Exposure,
    /// Currency of its amounts, a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The variant that is the control; absent is the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// The variants in force.
    pub variants: Vec<VariantSpec>,
    /// How traffic is allocated.
    #[schema(required = false)]
    pub allocation: AllocationSpec,
    /// What is measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// The goal, measurable and time-bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<GoalSpec>,
    /// Days before which no verdict but harm is given.
    #[schema(required = false)]
    pub min_days: u32,
    /// The looks that were planned; absent: results may be watched at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks: Option<LooksSpec>,
}

/// A slot of a layer: [from, to).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerSpec {
    /// The layer's key.
    pub key: String,
    /// Start.
    pub from: f64,
    /// End.
    pub to: f64,
}

/// An attribute kept for breakdowns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DimensionSpec {
    /// The attribute's name.
    pub key: String,
    /// The values kept apart; empty: the first 50 seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl PartialSchema for DimensionSpec {
    fn schema() -> RefOr<Schema> {
        let table = Object::builder()
            .property("key", String::schema())
            .required("key")
            .property("values", Array::new(String::schema()))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        OneOf::builder()
            .item(String::schema())
            .item(table)
            .description(Some(
                "An attribute kept for breakdowns: its name, or a table that declares its values.",
            ))
            .into()
    }
}

impl ToSchema for DimensionSpec {}

/// Which visitors are analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Everybody who was assigned.
    Assigned,
    /// Those who saw their variant, from then on.
    Exposed,
}

/// A variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Its key.
    pub key: String,
    /// What the front end shows: any JSON, null if absent.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// The typed flag value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Its share, relative to the other weights; absent is an equal share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// What it costs per assigned visitor, such as a gift; absent is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// Its key.
    pub key: String,
    /// How it is computed.
    pub kind: KindName,
    /// The event it counts; a ratio has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Dotted path of the property that a sum adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Where a sum cuts off a visitor's total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<CapSpec>,
    /// A ratio's metric above the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerator: Option<String>,
    /// A ratio's metric below the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denominator: Option<String>,
    /// What it is for.
    #[schema(required = false)]
    pub role: Role,
    /// Which direction is good.
    #[schema(required = false)]
    pub direction: Direction,
    /// How long after the assignment an event counts.
    #[schema(required = false)]
    pub window: Window,
    /// The relative harm at which a guardrail trips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// What happens then; absent is to notify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_trip: Option<OnTrip>,
    /// The visitor's own history that its variance is reduced by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covariate: Option<CovariateSpec>,
}

/// A visitor's history before the assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CovariateSpec {
    /// The event it is made of.
    #[schema(required = false)]
    pub event: String,
    /// How far back it goes from the assignment.
    #[schema(required = false)]
    pub window: Window,
}

/// Where totals are cut off: `2000.0`, or `{ percentile = 99.5, ignore_zeros = true }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum CapSpec {
    /// At an amount.
    Fixed(f64),
    /// At a percentile of the visitors' totals.
    Percentile(PercentileSpec),
}

impl CapSpec {
    /// The cap; `None` if it is neither a positive amount nor a percentile.
    pub fn compiled(&self) -> Option<Cap> {
        match self {
            Self::Fixed(cap) => {
                let cap = Amount::from_f64(*cap).ok();
                cap.filter(|cap| cap.micros() > 0).map(Cap::Fixed)
            }
            Self::Percentile(of) => {
                Percentile::new(of.percentile, of.ignore_zeros).map(Cap::Percentile)
            }
        }
    }
}

/// A percentile of the visitors' totals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PercentileSpec {
    /// As a percentage, from 50 to below 100.
    pub percentile: f64,
    /// Whether visitors whose total is zero are left out; by default they count, as in GrowthBook.
    #[schema(required = false)]
    pub ignore_zeros: bool,
}

/// The kinds of metrics by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// 1 if the event happened.
    Conversion,
    /// How often it happened.
    Count,
    /// The sum of a property.
    Sum,
    /// One metric per another.
    Ratio,
}

/// The goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalSpec {
    /// The metric.
    pub metric: String,
    /// The relative lift to reach.
    pub lift: f64,
    /// By when.
    pub by: Timestamp,
}
