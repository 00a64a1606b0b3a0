//! The headline of a comparison: the one interval people are shown first, and why it is the one (statistics R3, §22).
//!
//! Which method leads follows from how the experiment was run, not from what came out: intervals that hold at every look
//! unless the definition planned its looks. Any other may be asked for by name; the answer says which one it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ComparisonReport, Effect, MetricReport, Range};
use crate::stats::sequence::msprt;

/// The effect that the mixture of the sequential probability ratio test expects, as a share of the control's mean.
const EXPECTED_EFFECT: f64 = 0.2;

/// A way to show the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Holds at every look and for all variants at once: the default.
    AlwaysValid,
    /// Holds at the looks that the definition planned, together: the default where it did.
    PlannedLooks,
    /// Holds for a single look whose time was planned.
    OneLook,
    /// The mixture sequential probability ratio test: always valid, and tuned to one size of effect.
    Msprt,
    /// What the posteriors believe: a decision aid, no significance test.
    Bayes,
}

impl View {
    /// Every view, for the command line and its mistakes.
    pub const ALL: [Self; 5] = [
        Self::AlwaysValid,
        Self::PlannedLooks,
        Self::OneLook,
        Self::Msprt,
        Self::Bayes,
    ];

    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlwaysValid => "always-valid",
            Self::PlannedLooks => "planned-looks",
            Self::OneLook => "one-look",
            Self::Msprt => "msprt",
            Self::Bayes => "bayes",
        }
    }

    /// The view with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// What it promises, for the reader of a report.
    pub fn promise(self) -> &'static str {
        match self {
            Self::AlwaysValid => {
                "Intervals hold for all variants at once, however often you look and whenever you stop."
            }
            Self::PlannedLooks => {
                "Intervals hold for all variants at once at the looks that were planned, and at no other time."
            }
            Self::OneLook => {
                "Intervals hold for one variant at one moment that was planned before the start: watching them misleads."
            }
            Self::Msprt => {
                "Intervals hold for all variants at once, however often you look; they are tuned to effects of 20 %."
            }
            Self::Bayes => {
                "Ranges are what the posteriors believe: aids for a decision, not a significance test."
            }
        }
    }
}

/// Which way the evidence of a report is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shown {
    /// The way.
    pub view: View,
    /// What it promises.
    pub promise: String,
}

impl From<View> for Shown {
    fn from(view: View) -> Self {
        Self {
            view,
            promise: view.promise().to_owned(),
        }
    }
}

/// What a comparison's headline rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The odds of the converted visitors, as an e-process.
    ConversionOdds,
    /// An asymptotic confidence sequence of the contrast.
    ConfidenceSequence,
    /// Group-sequential boundaries at the planned looks.
    GroupSequential,
    /// The test that the comparison's `method` names.
    Test,
    /// The mixture sequential probability ratio test.
    Msprt,
    /// Posteriors.
    Posterior,
}

/// The interval that people are shown first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Headline {
    /// What it rests on.
    pub evidence: Evidence,
    /// Variant − control, in units of the metric; absent for conversions by their odds, which are about the ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Effect>,
    /// (Variant − control) / |control|, as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<Effect>,
    /// The p-value that goes with it, already for all variants together; none for posteriors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Whether it excludes that there is no difference; a posterior never does.
    pub conclusive: bool,
}

/// Gives every comparison the headline of a view; planned looks bring their own.
pub(super) fn apply(metrics: &mut [MetricReport], view: View, alpha: f64) {
    for metric in metrics {
        let baseline = metric.baseline();
        let contrasts = metric.comparisons.len().max(1) as f64;
        let is_conversion = metric.kind == "conversion";
        for with in &mut metric.comparisons {
            with.headline = match view {
                View::AlwaysValid => always_valid(with, is_conversion, alpha),
                View::OneLook => one_look(with, alpha),
                View::Msprt => sequential_ratio(with, baseline, (alpha, contrasts)),
                View::Bayes => posterior(with),
                View::PlannedLooks => None,
            };
        }
    }
}

fn spanned(effect: Option<Effect>, range: Option<Range>) -> Option<Effect> {
    effect.map(|effect| Effect {
        estimate: effect.estimate,
        low: range.map(|range| range.low),
        high: range.map(|range| range.high),
    })
}

impl Effect {
    /// Whether the interval lies on one side of no effect.
    pub(super) fn excludes_zero(&self) -> bool {
        self.low.is_some_and(|low| low > 0.0) || self.high.is_some_and(|high| high < 0.0)
    }
}

fn always_valid(with: &ComparisonReport, is_conversion: bool, alpha: f64) -> Option<Headline> {
    let valid = with.always_valid?;
    let evidence = if is_conversion && valid.absolute.is_none() {
        Evidence::ConversionOdds
    } else {
        Evidence::ConfidenceSequence
    };
    let (absolute, relative) = (
        spanned(with.absolute, valid.absolute).filter(|effect| effect.low.is_some()),
        spanned(with.relative, valid.relative),
    );
    let interval = absolute.or(relative.filter(|effect| effect.low.is_some()));
    Some(Headline {
        evidence,
        absolute,
        relative,
        p_value: valid.p_value,
        conclusive: interval.map_or_else(
            || valid.p_value.is_some_and(|p| p < alpha),
            |effect| effect.excludes_zero(),
        ),
    })
}

fn one_look(with: &ComparisonReport, alpha: f64) -> Option<Headline> {
    Some(Headline {
        evidence: Evidence::Test,
        absolute: with.absolute,
        relative: with.relative,
        p_value: with.p_adjusted,
        conclusive: with.p_adjusted? < alpha,
    })
}

fn sequential_ratio(
    with: &ComparisonReport,
    baseline: Option<f64>,
    (alpha, contrasts): (f64, f64),
) -> Option<Headline> {
    let (estimate, variance) = (with.absolute?.estimate, with.std_error?.powi(2));
    let baseline = baseline.filter(|mean| mean.abs() > 0.0)?.abs();
    let mixture = (EXPECTED_EFFECT * baseline).powi(2);
    let interval = msprt::interval(estimate, variance, mixture, alpha / contrasts)?;
    let absolute = Effect {
        estimate,
        low: Some(interval.low),
        high: Some(interval.high),
    };
    let p = contrasts * (-msprt::log_e(estimate, variance, mixture)).exp();
    Some(Headline {
        evidence: Evidence::Msprt,
        absolute: Some(absolute),
        relative: with.relative.map(|lift| Effect {
            estimate: lift.estimate,
            low: None,
            high: None,
        }),
        p_value: Some(p.min(1.0)),
        conclusive: absolute.excludes_zero(),
    })
}

fn posterior(with: &ComparisonReport) -> Option<Headline> {
    Some(Headline {
        evidence: Evidence::Posterior,
        absolute: None,
        relative: spanned(with.relative, with.bayes?.relative),
        p_value: None,
        conclusive: false,
    })
}

impl MetricReport {
    /// The control's mean.
    pub(super) fn baseline(&self) -> Option<f64> {
        let control = &self.comparisons.first()?.baseline;
        // Of several revisions the newest is in force, and it stands last.
        let mut rows = self.variants.iter().rev();
        rows.find(|row| row.variant == *control && !row.holdout)?
            .mean
    }
}
