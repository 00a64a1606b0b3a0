//! The shape of a report: plain data, the same for the API, the command line and the dashboard.
//!
//! Numbers are finite. What cannot be computed is absent, and a caveat of the result it belongs to says why.

mod breakdown;
mod comparison;
mod holdout;
mod timeline;

pub use breakdown::*;
pub use comparison::*;
pub use holdout::*;
pub use timeline::*;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::experiment::Status;
use crate::catalog::metric::{Direction, Role};
use crate::stats::{Caveat, srm::Srm};
use crate::time::Timestamp;

use super::delay::DelayReport;
use super::exposure::{LostExposures, SourceSrm};
use super::freshness::Freshness;
use super::headline::Shown;
use super::looks::Looks;
use super::verdict::Verdict;

/// What an experiment shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Which experiment.
    pub experiment: About,
    /// When it was asked, or the moment it describes.
    pub as_of: Timestamp,
    /// What follows from it, in one sentence.
    pub verdict: Verdict,
    /// Which way the evidence is shown.
    pub shown: Shown,
    /// Visitors assigned, the holdout's included.
    pub visitors: u64,
    /// Visitors per day of late; absent while no day is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitors_per_day: Option<f64>,
    /// Epochs so far.
    pub epochs: usize,
    /// Whether more than one allocation or holdout share drew these visitors.
    pub adaptive: bool,
    /// The share of new visitors that each live variant gets now; empty before the start.
    pub weights: BTreeMap<String, f64>,
    /// One row per variant revision that is live or has visitors, and one for the holdout.
    pub variants: Vec<VariantTraffic>,
    /// Whether the data can be trusted.
    pub health: Health,
    /// The metrics, in the order of the definition.
    pub metrics: Vec<MetricReport>,
    /// Where it stands among the looks that were planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Looks>,
    /// The variant to bet on, and what another could still add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub champion: Option<Champion>,
    /// What personalization earns; absent where nobody was ever held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<HoldoutReport>,
    /// How likely the goal is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<GoalReport>,
    /// The metrics per value of each dimension that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakdowns: Vec<Breakdown>,
    /// The last days that were asked for, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineDay>,
    /// What every caveat in this report means.
    pub notes: Vec<Note>,
}

/// The experiment a report is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportedExperiment)]
pub struct About {
    /// Its key.
    pub key: String,
    /// Its name; the key if it has none.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// Version of the definition.
    pub version: u32,
    /// How traffic is allocated.
    pub policy: String,
    /// When it first ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Currency of its amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What was believed to happen, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypothesis: Option<String>,
}

/// The visitors of a variant revision, or of the holdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VariantTraffic {
    /// The variant served.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// Whether these visitors are held out (and served control).
    pub holdout: bool,
    /// Whether this is what the others are compared with.
    pub control: bool,
    /// Whether it still takes visitors.
    pub live: bool,
    /// Visitors assigned.
    pub visitors: u64,
    /// Those of them who were assigned another variant later.
    pub crossovers: u64,
    /// Those of them who are known to have seen the variant; absent where no exposures are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed: Option<u64>,
    /// The assigned visitors' share of all; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The share that the logged propensities promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_share: Option<f64>,
}

/// Whether the data can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether the visitors per variant fit the propensities under which they were assigned.
    pub srm: Srm,
    /// Visitors who were assigned two variants, under ids that were joined since or by an import. They count for the first.
    pub crossovers: u64,
    /// Whether visitors who were assigned under several ids are certainly more frequent under one variant than under another:
    /// it has to do with the variant then who is recognised, and the variants' visitors are no longer alike.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joined_unequally: bool,
    /// The same of the exposed visitors; absent where no exposures are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_srm: Option<Srm>,
    /// Assigned visitors who are not known to have seen their variant; absent where no exposures are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_exposures: Option<LostExposures>,
    /// Where a mismatch comes from: the assignments, and the exposures by who told. Empty as of an earlier day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub srm_by_source: Vec<SourceSrm>,
    /// Whether data still arrive.
    pub freshness: Freshness,
    /// When the variants' conversion rates changed relative to each other; absent while there is no certainty of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftReport>,
}

/// A change of what works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DriftReport {
    /// About when.
    pub since: Timestamp,
    /// The Bayes factor of a change against none; it passes 100 by chance in less than 1 % of experiments.
    pub evidence: f64,
}

/// A metric over all variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricReport {
    /// Its key.
    pub key: String,
    /// `conversion`, `count`, `sum` or `ratio`.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// Which direction is good.
    pub direction: Direction,
    /// For guardrails: the relative harm that is too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// What a visitor's total is cut off at, in units of the metric; absent where it is not, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// How long conversions take; absent where they come at once, are too few to tell, or are asked for as of an earlier day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delays: Option<DelayReport>,
    /// One row per row of [`Report::variants`], in the same order.
    pub variants: Vec<VariantMetric>,
    /// Every variant but the control against the control.
    pub comparisons: Vec<ComparisonReport>,
}

/// A metric of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VariantMetric {
    /// The variant served.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// Whether these visitors are held out.
    pub holdout: bool,
    /// Visitors the metric is taken over.
    pub visitors: u64,
    /// Total over the visitors (for a ratio: above the line), before costs; absent where only weighted sums are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// For sums, what each visitor costs, if anything: the mean is net of it, and what is to decrease grows by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Mean per visitor, or the ratio of the totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// Its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The probability that this live variant is the best of the live ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_best: Option<f64>,
}

/// The live variant that is most likely the best one for the goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Champion {
    /// The variant.
    pub variant: String,
    /// The probability that it is the best.
    pub prob_best: f64,
    /// The probability that no other is better by more than 1 %: from 95 % on there is no more to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_near_best: Option<f64>,
}

/// How likely the goal is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GoalReport {
    /// The metric.
    pub metric: String,
    /// The relative lift to reach.
    pub target_lift: f64,
    /// By when.
    pub by: Timestamp,
    /// The live variant most likely to have reached it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The probability that its lift is at least the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prob_reached: Option<f64>,
}

/// What a caveat means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// The caveat.
    pub code: Caveat,
    /// The same in a sentence.
    pub text: String,
}
