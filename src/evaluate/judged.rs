//! The figures of a judged policy, and what people are told about them: the same from a log and from an experiment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::report::table::cells::{decimal, grouped, percent};
use crate::stats::Estimate;
use crate::stats::offpolicy::{Evaluation, Overlap, Refusal};

/// Intervals have confidence 1 − this.
pub const ALPHA: f64 = 0.05;
/// Standard errors by which the mean weight may miss 1 before it is told …
const ODD_ERRORS: f64 = 4.0;
/// … beside what rounded probabilities and weights can do.
const ROUNDING: f64 = 2e-5;
/// The share of visitors for whom the log may know nothing before it is told.
const TOLD_SHARE: f64 = 0.01;

/// What a policy would have earned per visitor, by three estimators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Judged {
    /// How much the visitors tell about it.
    pub overlap: Overlap,
    /// The mean they earned under the policies that served them.
    pub logged: f64,
    /// The mean under the judged policy by the model alone.
    pub modelled: f64,
    /// By inverse propensity scores.
    pub ips: Worth,
    /// Self-normalised.
    pub snips: Worth,
    /// Doubly robust.
    pub doubly_robust: Worth,
    /// The share of visitors to whom the policy gives what nobody in their context got.
    pub unsupported: f64,
    /// What to know about the figures, in plain sentences.
    pub notes: Vec<String>,
}

/// An estimate of what a policy is worth per visitor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Worth {
    /// The mean, its error, and its interval with confidence 95 %.
    #[serde(flatten)]
    pub mean: Estimate,
    /// Its relative change against what was earned, as a fraction; absent unless that is above 0.
    #[schema(required)]
    pub lift: Option<f64>,
}

impl Judged {
    /// The figures with their notes; `unsupported` as in the field.
    pub fn new(of: &Evaluation, unsupported: f64) -> Self {
        let worth = |mean: Estimate| Worth {
            mean,
            lift: (of.logged > 0.0)
                .then(|| mean.estimate / of.logged - 1.0)
                .filter(|lift| lift.is_finite()),
        };
        Self {
            overlap: of.overlap,
            logged: of.logged,
            modelled: of.modelled,
            ips: worth(of.ips),
            snips: worth(of.snips),
            doubly_robust: worth(of.doubly_robust),
            unsupported,
            notes: notes(&of.overlap, unsupported),
        }
    }
}

fn notes(overlap: &Overlap, unsupported: f64) -> Vec<String> {
    let mut notes = Vec::new();
    if unsupported > TOLD_SHARE {
        notes.push(format!(
            "To {} of visitors the policy gives an arm that the log never gave there. IPS counts them as earning nothing, SNIPS as \
             earning what the others do.",
            percent(Some(unsupported), 1)
        ));
    }
    // Var(w) = mean² · (n/ESS − 1), as ESS = (Σw)²/Σw².
    let excess = (overlap.visitors as f64 / overlap.effective - 1.0).max(0.0);
    let error = overlap.mean_weight * (excess / overlap.visitors as f64).sqrt();
    let miss = (overlap.mean_weight + unsupported - 1.0).abs();
    if miss > ODD_ERRORS * error + ROUNDING {
        notes.push(format!(
            "The mean weight is {}, which should be near {}: the propensities are not those under which the arms were given.",
            decimal(overlap.mean_weight),
            decimal(1.0 - unsupported)
        ));
    }
    notes
}

/// Why nothing is said, with the figures that show it.
pub fn refusal(why: Refusal) -> String {
    match why {
        Refusal::NoData => {
            "The log never gave what the policy gives: it tells nothing about it.".to_owned()
        }
        Refusal::Unusable => {
            "The weights are beyond the range of numbers: check the propensities.".to_owned()
        }
        Refusal::FewEffective(overlap) => format!(
            "The log tells too little about the policy: its visitors are worth fewer than 100.\n{}",
            weights(&overlap)
        ),
        Refusal::Concentrated(overlap) => format!(
            "One visitor decides what the policy is worth: it has more than 5 % of all weight.\n{}",
            weights(&overlap)
        ),
    }
}

/// One sentence about the weights.
pub fn weights(overlap: &Overlap) -> String {
    format!(
        "{} visitors, worth {:.0} for this policy; mean weight {}, largest weight {} ({} of all).",
        grouped(overlap.visitors),
        overlap.effective,
        decimal(overlap.mean_weight),
        decimal(overlap.largest_weight),
        percent(Some(overlap.largest_share), 1)
    )
}
