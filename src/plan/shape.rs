//! The shape of a plan: plain data, the same for the API and the command line.
//!
//! Numbers are finite; what does not exist is absent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The question.
    Given,
    /// The experiment's own visitors.
    Measured,
}

/// What an experiment's traffic can decide. Numbers are finite; what does not exist is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// The experiment.
    pub experiment: String,
    /// Its goal metric.
    pub metric: String,
    /// The metric's kind.
    pub kind: String,
    /// The relative lift to find.
    pub lift: f64,
    /// Probability of a false alarm of each comparison: 5 % divided among them.
    pub alpha: f64,
    /// Probability of finding the lift.
    pub power: f64,
    /// The control's mean.
    pub baseline: f64,
    /// The standard deviation between visitors; absent for a conversion, whose rate says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// Where the baseline comes from.
    pub baseline_from: Origin,
    /// Visitors that enter the experiment per day.
    pub visitors_per_day: f64,
    /// Where the traffic comes from.
    pub traffic_from: Origin,
    /// Visitors the whole experiment needs.
    pub visitors: u64,
    /// The live variants, the control first.
    pub variants: Vec<PlannedVariant>,
    /// Days from now until the lift is found; absent beyond ten years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// The same for whoever watches and stops as soon as an always-valid interval shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_when_watched: Option<u32>,
    /// What the visitors so far can see.
    pub now: Horizon,
    /// What can be seen 14, 28 and 56 days from now.
    pub horizons: Vec<Horizon>,
    /// What can be seen by the date that was asked for, or by the experiment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Horizon>,
    /// Whether that is enough.
    pub outlook: Outlook,
    /// The answer in one sentence.
    pub sentence: String,
    /// What the answer takes for granted.
    pub notes: Vec<String>,
}

/// A variant of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedVariant {
    /// The variant.
    pub variant: String,
    /// Its share of the visitors; the control's includes the holdout.
    pub share: f64,
    /// Visitors it has.
    pub visitors: u64,
    /// Visitors it needs.
    pub needed: u64,
}

/// What can be seen after some days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Horizon {
    /// Days from now.
    pub days: u32,
    /// Visitors of the live variants by then.
    pub visitors: u64,
    /// The probability of finding the target lift.
    pub power: f64,
    /// The smallest change that is found as surely as planned, in the direction of the target; absent where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable: Option<f64>,
}

/// Whether the traffic decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// The visitors so far are enough.
    Enough,
    /// By the deadline, or within 56 days.
    InTime,
    /// Not by then.
    TooSlow,
}
