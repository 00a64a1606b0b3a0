//! Why a figure is missing, or weaker than it looks: a closed set, each with a code for machines and a sentence for people.
//!
//! Statistics never answer with NaN, infinity or an error: they leave the figure out and say why.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A reservation about a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Caveat {
    /// An arm has no visitors.
    NoData,
    /// Too few visitors or conversions for the figure that is left out.
    TooFew,
    /// Enough for an interval, too few to rely on it.
    Thin,
    /// All visitors of both arms have the same value.
    ZeroVariance,
    /// The control's mean is zero, so nothing can be relative to it.
    ControlMeanZero,
    /// The control's mean cannot be told from zero, so the lift has no bounds.
    LiftUnbounded,
    /// The traffic shares moved, and the sums that this needs are not kept.
    AdaptiveAllocation,
    /// Imported data without the probabilities under which visitors were assigned.
    PropensityUnknown,
    /// Some visitors' attribution windows were cut short.
    WindowInterrupted,
    /// The definition changed while the data were collected.
    DefinitionChanged,
    /// A cap by percentile is not frozen yet.
    CapPending,
    /// Conversions take longer in some variants than in others.
    DelaysDiffer,
    /// Conversions are delayed, and not known to take equally long in both variants.
    ConversionsPending,
}

impl Caveat {
    /// Every caveat, for documentation and tests.
    pub const ALL: [Self; 13] = [
        Self::NoData,
        Self::TooFew,
        Self::Thin,
        Self::ZeroVariance,
        Self::ControlMeanZero,
        Self::LiftUnbounded,
        Self::AdaptiveAllocation,
        Self::PropensityUnknown,
        Self::WindowInterrupted,
        Self::DefinitionChanged,
        Self::CapPending,
        Self::DelaysDiffer,
        Self::ConversionsPending,
    ];

    /// The stable code in snake case: what JSON carries.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoData => "no_data",
            Self::TooFew => "too_few",
            Self::Thin => "thin",
            Self::ZeroVariance => "zero_variance",
            Self::ControlMeanZero => "control_mean_zero",
            Self::LiftUnbounded => "lift_unbounded",
            Self::AdaptiveAllocation => "adaptive_allocation",
            Self::PropensityUnknown => "propensity_unknown",
            Self::WindowInterrupted => "window_interrupted",
            Self::DefinitionChanged => "definition_changed",
            Self::CapPending => "cap_pending",
            Self::DelaysDiffer => "delays_differ",
            Self::ConversionsPending => "conversions_pending",
        }
    }

    /// One sentence for the reader of a report.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NoData => "At least one variant has no visitors yet.",
            Self::TooFew => "There are too few conversions so far to say anything reliable.",
            Self::Thin => "There are only just enough conversions, so expect this to move.",
            Self::ZeroVariance => {
                "Every visitor has the same value so far, so chance cannot be judged."
            }
            Self::ControlMeanZero => "Nothing can be a percentage of a control that is at zero.",
            Self::LiftUnbounded => {
                "The control is too close to zero for a percentage to have limits."
            }
            Self::AdaptiveAllocation => {
                "The traffic shares moved, and for an earlier day the sums that this needs are not kept."
            }
            Self::PropensityUnknown => {
                "How likely each variant was is unknown for this data, so shifts in traffic are not corrected."
            }
            Self::WindowInterrupted => {
                "Some visitors had less time to convert because the experiment was paused or stopped."
            }
            Self::DefinitionChanged => {
                "The experiment was changed while it ran, so this mixes two versions of it."
            }
            Self::CapPending => {
                "The cap waits for ten values above its percentile and as many buyers below it, so large values still count in full."
            }
            Self::DelaysDiffer => {
                "Conversions take longer in some variants, so early figures favour the quicker ones."
            }
            Self::ConversionsPending => {
                "Conversions take time, and perhaps not equally long in both variants, so what holds at every look counts only visitors who have had that time."
            }
        }
    }
}

impl PartialSchema for Caveat {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .enum_values(Some(Self::ALL.map(Self::code)))
            .description(Some("A reservation about a result."))
            .into()
    }
}

impl ToSchema for Caveat {}

impl Serialize for Caveat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Caveat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|caveat| caveat.code() == code);
        known.ok_or_else(|| serde::de::Error::custom(format!("no caveat has the code {code}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_snake_case_and_what_json_carries() {
        let codes: BTreeSet<&str> = Caveat::ALL.iter().map(|caveat| caveat.code()).collect();
        assert_eq!(codes.len(), Caveat::ALL.len());
        for caveat in Caveat::ALL {
            let code = caveat.code();
            assert!(
                code.bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            );
            let json = serde_json::to_value(caveat).unwrap();
            assert_eq!(json, code);
            assert_eq!(serde_json::from_value::<Caveat>(json).unwrap(), caveat);
        }
    }

    #[test]
    fn explanations_are_single_sentences() {
        for caveat in Caveat::ALL {
            let text = caveat.explain();
            assert!(
                text.ends_with('.') && text.matches(". ").count() == 0,
                "{text}"
            );
        }
    }
}
