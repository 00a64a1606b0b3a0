//! How long conversions take, by variant: who converts slowly looks worse than it is for as long as visitors are young.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::design::Design;
use super::{MetricReport, Question};
use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::delay::Delays;
use crate::posterior::delay::{Curve, MIN_CONVERSIONS};
use crate::stats::Caveat;
use crate::stats::special::chi2_sf;
use crate::time::{DAY_MS, Timestamp};

/// The level of the test of equal curves: a warning without cause in one report of a thousand.
const ALPHA: f64 = 0.001;
/// Conversions that come sooner than this, nearly all of them, are not delayed: an hour, in days.
const AT_ONCE: f64 = 1.0 / 24.0;
/// The share of conversions that is nearly all.
const NEARLY_ALL: f64 = 0.95;

/// How long the conversions of a metric take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DelayReport {
    /// One row per variant revision that has conversions enough.
    pub variants: Vec<VariantDelay>,
    /// The probability of curves at least as different if all variants had the same; absent for one variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// What follows if they differ beyond chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// How long the conversions of a variant take, in days, corrected for those still to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VariantDelay {
    /// The variant served.
    pub variant: String,
    /// Its revision; absent is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u16>,
    /// The age by which half of the conversions have come.
    pub days_to_50: f64,
    /// The age by which 80 % of them have come.
    pub days_to_80: f64,
    /// The age by which 95 % of them have come.
    pub days_to_95: f64,
    /// The share of the conversions to come that has come to the visitors so far.
    pub reached: f64,
}

/// Gives conversion metrics their delays, with the caveat where they differ by variant. The ages are kept for the present
/// only: as of an earlier day there are none.
pub(super) fn apply(question: &Question<'_>, design: &Design<'_>, metrics: &mut [MetricReport]) {
    if question.until.is_some() {
        return;
    }
    let defined = &question.entry.experiment.metrics;
    let numbered = (0..).map(MetricIndex).zip(defined);
    for (report, (index, metric)) in metrics.iter_mut().zip(numbered) {
        if matches!(metric.kind, MetricKind::Conversion { .. }) {
            report.delays = of_metric(design, index);
            let differ = report
                .delays
                .as_ref()
                .is_some_and(|of| of.warning.is_some());
            if differ {
                for with in &mut report.comparisons {
                    with.caveats.push(Caveat::DelaysDiffer);
                }
            }
        }
    }
}

fn of_metric(design: &Design<'_>, metric: MetricIndex) -> Option<DelayReport> {
    let found = design.delays(metric)?;
    if days(&found.common, NEARLY_ALL) < AT_ONCE {
        return None;
    }
    let samples = found.samples.iter().zip(&found.curves);
    let known = design.drawn().zip(samples);
    let known = known.filter(|(_, (sample, _))| sample.conversions() >= MIN_CONVERSIONS);
    let variants: Vec<VariantDelay> = known
        .map(|(named, (sample, curve))| VariantDelay {
            variant: named.key.clone(),
            revision: named.revision,
            days_to_50: days(curve, 0.5),
            days_to_80: days(curve, 0.8),
            days_to_95: days(curve, NEARLY_ALL),
            reached: Delays::reached_in_all(sample, curve),
        })
        .collect();
    let p_value = found.difference.map(|of| chi2_sf(of.statistic, of.df));
    let differ = p_value.is_some_and(|p| p < ALPHA);
    Some(DelayReport {
        warning: warning(&variants).filter(|_| differ),
        variants,
        p_value,
    })
}

/// Until when conversions could come.
pub(super) fn end(question: &Question<'_>) -> Timestamp {
    let mut frozen = question.entry.lifecycle.frozen.iter();
    let over = frozen.find(|frozen| frozen.covers(question.as_of));
    over.map_or(question.as_of, |frozen| frozen.from)
}

fn days(curve: &Curve, share: f64) -> f64 {
    curve.quantile(share) / DAY_MS as f64
}

/// Whom early figures favour: the quickest, against the slowest.
fn warning(variants: &[VariantDelay]) -> Option<String> {
    let by_median = |a: &&VariantDelay, b: &&VariantDelay| a.days_to_50.total_cmp(&b.days_to_50);
    let slow = variants.iter().max_by(by_median)?;
    let quick = variants.iter().min_by(by_median)?;
    Some(format!(
        "The conversions of {} take longer than those of {} (median {} against {}): early figures favour {}.",
        slow.variant,
        quick.variant,
        span(slow.days_to_50),
        span(quick.days_to_50),
        quick.variant
    ))
}

/// A time in its natural unit.
fn span(days: f64) -> String {
    let (hours, minutes) = (days * 24.0, days * 24.0 * 60.0);
    if days >= 1.0 {
        format!("{days:.1} days")
    } else if hours >= 1.0 {
        format!("{hours:.1} hours")
    } else {
        format!("{minutes:.0} minutes")
    }
}
