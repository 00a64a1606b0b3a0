//! Rules of `allocation.features` and of a linear policy.

use super::Rules;
use crate::catalog::audience::MAX_NAME_CHARS;
use crate::catalog::experiment::{Delay, OnDrift};
use crate::catalog::mistake::Code;
use crate::catalog::spec::{AllocationSpec, FeatureSpec, KindName};
use crate::epoch::linear::{MAX_COEFFICIENTS, MAX_COLUMNS, MAX_VARIANTS};

const KEY: &str = "allocation.features";
/// Least range of a number.
const LEAST_RANGE: f64 = 1e-6;

impl Rules<'_> {
    /// A policy that looks at no features.
    pub(super) fn feature_free(&mut self, allocation: &AllocationSpec) {
        if !allocation.features.is_empty() {
            let detail = "has no effect under this policy; remove it, or use policy = \"linear\"";
            self.note(KEY, Code::Conflict, detail);
        }
    }

    /// A policy that decides by features.
    pub(super) fn linear(&mut self, allocation: &AllocationSpec) {
        if allocation.features.is_empty() {
            let detail = "is missing: what the bandit knows of visitors, numbers with their range and dimensions";
            self.note(KEY, Code::Missing, detail);
        }
        self.excluded(allocation);
        let mut columns = 0_usize;
        for (at, feature) in allocation.features.iter().enumerate() {
            let path = format!("{KEY}[{at}]");
            let name = |of: &FeatureSpec| of.attribute.clone().or_else(|| of.dimension.clone());
            let mut earlier = allocation.features.iter().take(at);
            if let Some(own) = name(feature)
                && earlier.any(|of| name(of).as_ref() == Some(&own))
            {
                let detail = format!("names \"{own}\" a second time");
                self.note(&path, Code::Duplicate, detail);
            }
            columns = columns.saturating_add(self.feature(&path, feature));
        }
        self.size(columns);
    }

    /// The columns that a feature makes.
    fn feature(&mut self, path: &str, feature: &FeatureSpec) -> usize {
        match (&feature.attribute, &feature.dimension) {
            (Some(_), Some(_)) => {
                let detail = "is a number (attribute, min, max) or a dimension, not both";
                self.note(path, Code::Conflict, detail);
            }
            (None, None) => {
                let detail = "needs an attribute with min and max, or a dimension";
                self.note(path, Code::Missing, detail);
            }
            (Some(_), None) => self.range(path, feature),
            (None, Some(key)) => {
                if feature.min.is_some() || feature.max.is_some() {
                    let detail = "has min or max, which belong to an attribute that is a number";
                    self.note(path, Code::Conflict, detail);
                }
                return self.dimension_feature(path, key);
            }
        }
        1
    }

    fn range(&mut self, path: &str, feature: &FeatureSpec) {
        let attribute = feature.attribute.as_deref().unwrap_or_default();
        if !(1..=MAX_NAME_CHARS).contains(&attribute.chars().count()) {
            let detail =
                format!("must be the name of an attribute, of 1 to {MAX_NAME_CHARS} characters");
            self.invalid(&format!("{path}.attribute"), detail);
        }
        for (key, given) in [("min", feature.min), ("max", feature.max)] {
            let path = format!("{path}.{key}");
            if given.is_none() {
                let detail = "is missing: the range of a number is scaled to -1 … 1";
                self.note(&path, Code::Missing, detail);
            }
        }
        if let (Some(min), Some(max)) = (feature.min, feature.max) {
            let range = max - min;
            if !(range.is_finite() && range > LEAST_RANGE * min.abs().max(max.abs())) {
                let detail = format!("must be above min = {min}, not {max}");
                self.invalid(&format!("{path}.max"), detail);
            }
        }
    }

    fn dimension_feature(&mut self, path: &str, key: &str) -> usize {
        let path = format!("{path}.dimension");
        let Some(dimension) = self.spec.dimensions.iter().find(|of| of.key == key) else {
            let detail = format!("names \"{key}\", which is not among the dimensions");
            self.note(&path, Code::UnknownReference, detail);
            return 1;
        };
        if dimension.values.is_empty() {
            let detail = format!("needs the values of \"{key}\": declare them under dimensions");
            self.note(&path, Code::Conflict, detail);
        }
        dimension.values.len()
    }

    /// How much there is to learn, and to compute for every visitor.
    fn size(&mut self, columns: usize) {
        let variants = self.spec.variants.len();
        let coefficients = variants.saturating_mul(columns.saturating_add(1));
        if columns > MAX_COLUMNS {
            let detail = format!(
                "makes {columns} columns, one per number and value; at most {MAX_COLUMNS} can be told apart"
            );
            self.note(KEY, Code::TooLarge, detail);
        } else if variants > MAX_VARIANTS {
            let detail =
                format!("\"linear\" chooses among at most {MAX_VARIANTS} variants, not {variants}");
            self.note("allocation.policy", Code::TooLarge, detail);
        } else if coefficients > MAX_COEFFICIENTS {
            let detail = format!(
                "makes {coefficients} coefficients: {variants} variants with {columns} columns and an intercept; at most {MAX_COEFFICIENTS} can be learned"
            );
            self.note(KEY, Code::TooLarge, detail);
        }
    }

    /// What a linear policy can not do.
    fn excluded(&mut self, allocation: &AllocationSpec) {
        let mut metrics = self.spec.metrics.iter();
        let metric = metrics.find(|metric| Some(&metric.key) == allocation.metric.as_ref());
        let is_told = !self.is_broken("metrics", "kind");
        if is_told && metric.is_some_and(|metric| metric.kind == KindName::Ratio) {
            let detail = "can not be a ratio under policy = \"linear\"; use its numerator";
            self.note("allocation.metric", Code::Conflict, detail);
        }
        let refused = [
            (
                "model",
                allocation.model.is_some(),
                "has no effect under policy = \"linear\", which has one model only; remove it",
            ),
            (
                "stop",
                allocation.stop.is_some(),
                "does not go with policy = \"linear\": no variant is best for all, so nothing ends the search; remove it",
            ),
            (
                "on_drift",
                allocation.on_drift == Some(OnDrift::Forget),
                "\"forget\" does not go with policy = \"linear\", which notices no changes; use half_life",
            ),
            (
                "max_step",
                allocation.max_step.is_some(),
                "does not go with policy = \"linear\", where every visitor has shares of its own; remove it",
            ),
            (
                "guardrail_hold",
                allocation.guardrail_hold.is_some(),
                "does not go with policy = \"linear\", under which variants get different visitors; a guardrail with a limit and on_trip = \"pause\" still protects",
            ),
            (
                "delay",
                allocation.delay == Some(Delay::Auto),
                "\"auto\" does not go with policy = \"linear\", which compares visitors within epochs and learns no delays; remove it",
            ),
        ];
        for (key, _, detail) in refused.into_iter().filter(|(_, given, _)| *given) {
            self.note(&format!("allocation.{key}"), Code::Conflict, detail);
        }
    }
}
