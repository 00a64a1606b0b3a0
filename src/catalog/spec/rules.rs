//! What a definition must mean: ranges, limits and references. Every finding is answered, none stops the others.
//!
//! The rules see the whole [`Spec`], whether it was just read or comes from the log. Where reading already found a key
//! broken, rules that depend on it stay silent: one slip must not be reported twice.

use super::Spec;
use crate::catalog::audience::Audience;
use crate::catalog::experiment::Unit;
use crate::catalog::metric::Role;
use crate::catalog::mistake::{Code, Mistake};
use crate::catalog::spec::{Exposure, MAX_DIMENSIONS, MAX_TEXT_CHARS, VISITOR_TYPE};
use crate::id::{ExperimentKey, LayerKey};

mod allocation;
mod metrics;
mod variants;

/// Most values of a dimension that are kept apart.
const MAX_DIMENSION_VALUES: usize = 50;
/// Longest name and value of a dimension, in characters.
const MAX_DIMENSION_CHARS: usize = 64;

/// A mistake of sense, at a key.
#[derive(Debug)]
pub(in crate::catalog) struct Finding {
    /// Dotted path.
    pub(in crate::catalog) key: String,
    /// The kind of mistake.
    pub(in crate::catalog) code: Code,
    /// What is wrong.
    pub(in crate::catalog) detail: String,
}

/// All mistakes of sense, given those of form.
pub(in crate::catalog) fn check(spec: &Spec, form: &[Mistake]) -> Vec<Finding> {
    let broken = form.iter().map(|mistake| mistake.key.as_str()).collect();
    let mut rules = Rules {
        spec,
        broken,
        findings: Vec::new(),
    };
    rules.identity();
    rules.schedule();
    rules.shares();
    rules.exposure();
    rules.layer();
    rules.audience();
    rules.dimensions();
    rules.variants();
    rules.metrics();
    rules.allocation();
    rules.goal();
    rules.looks();
    rules.findings
}

/// Whether a text is a calendar date.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

pub(super) struct Rules<'s> {
    pub(super) spec: &'s Spec,
    broken: Vec<&'s str>,
    findings: Vec<Finding>,
}

impl Rules<'_> {
    /// Notes a finding, unless reading already found the key, or a table around it, broken.
    pub(super) fn note(&mut self, key: &str, code: Code, detail: impl Into<String>) {
        let around = |broken: &str| {
            key.strip_prefix(broken)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if !self
            .broken
            .iter()
            .any(|broken| !broken.is_empty() && around(broken))
        {
            self.findings.push(Finding {
                key: key.to_owned(),
                code,
                detail: detail.into(),
            });
        }
    }

    pub(super) fn invalid(&mut self, key: &str, detail: impl Into<String>) {
        self.note(key, Code::Invalid, detail);
    }

    /// Whether reading broke a key `name` in the list `list`, or the list itself.
    fn is_broken(&self, list: &str, name: &str) -> bool {
        self.broken.iter().any(|broken| {
            broken.strip_prefix(list).is_some_and(|rest| {
                rest.is_empty() || rest.ends_with(']') || rest.rsplit('.').next() == Some(name)
            })
        })
    }

    fn identity(&mut self) {
        let spec = self.spec;
        if let Err(error) = ExperimentKey::parse(&spec.key) {
            self.invalid(
                "key",
                format!("{error}; use lower-case letters, digits and hyphens"),
            );
        }
        let texts = [
            ("name", &spec.name),
            ("hypothesis", &spec.hypothesis),
            ("owner", &spec.owner),
            ("touchpoint", &spec.touchpoint),
            ("content", &spec.content),
            ("currency", &spec.currency),
        ];
        for (key, text) in texts {
            if text
                .as_ref()
                .is_some_and(|text| text.chars().count() > MAX_TEXT_CHARS)
            {
                self.note(
                    key,
                    Code::TooLarge,
                    format!("is longer than {MAX_TEXT_CHARS} characters"),
                );
            }
        }
        if let Some(review) = spec.review.as_deref().filter(|text| !is_date(text)) {
            let shown: String = review.chars().take(40).collect();
            self.invalid(
                "review",
                format!("must be a date such as 2027-01-20, not \"{shown}\""),
            );
        }
    }

    fn schedule(&mut self) {
        if let (Some(starts), Some(ends)) = (self.spec.starts, self.spec.ends)
            && ends <= starts
        {
            self.invalid("ends", format!("must lie after starts ({starts})"));
        }
    }

    fn shares(&mut self) {
        let Spec {
            holdout, traffic, ..
        } = *self.spec;
        if !(0.0..1.0).contains(&holdout) {
            self.invalid(
                "holdout",
                format!("must be at least 0 and below 1, not {holdout}"),
            );
        }
        if !(traffic > 0.0 && traffic <= 1.0) {
            self.invalid("traffic", format!("must be above 0 and at most 1, not {traffic}; use status = \"paused\" to take nobody in"));
        }
    }

    fn exposure(&mut self) {
        let is_session = self.spec.sticky == Unit::Session;
        if is_session && self.spec.exposure == Exposure::Exposed {
            let detail = "\"exposed\" needs sticky = \"visitor\": exposures name no session";
            self.note("exposure", Code::Conflict, detail);
        }
    }

    fn layer(&mut self) {
        let Some(layer) = &self.spec.layer else {
            return;
        };
        if let Err(error) = LayerKey::parse(&layer.key) {
            self.invalid(
                "layer.key",
                format!("{error}; use lower-case letters, digits and hyphens"),
            );
        }
        if !(0.0..1.0).contains(&layer.from) {
            self.invalid(
                "layer.from",
                format!("must be at least 0 and below 1, not {}", layer.from),
            );
        }
        if !(layer.to > 0.0 && layer.to <= 1.0) {
            self.invalid(
                "layer.to",
                format!("must be above 0 and at most 1, not {}", layer.to),
            );
        } else if layer.from >= layer.to {
            self.invalid("layer.to", format!("must lie above from ({})", layer.from));
        }
    }

    fn audience(&mut self) {
        if let Some(Err(error)) = self.spec.audience.as_deref().map(Audience::compile) {
            self.invalid("audience", error);
        }
    }

    fn dimensions(&mut self) {
        let dimensions = &self.spec.dimensions;
        if dimensions.len() > MAX_DIMENSIONS {
            self.note(
                "dimensions",
                Code::TooLarge,
                format!("has more than {MAX_DIMENSIONS} entries"),
            );
        }
        let fits = |text: &str| (1..=MAX_DIMENSION_CHARS).contains(&text.chars().count());
        for (at, dimension) in dimensions.iter().enumerate() {
            let path = format!("dimensions[{at}]");
            if !fits(&dimension.key) {
                self.invalid(
                    &format!("{path}.key"),
                    format!("must have 1 to {MAX_DIMENSION_CHARS} characters"),
                );
            } else if dimension.key == VISITOR_TYPE {
                self.invalid(
                    &path,
                    format!("must not be \"{VISITOR_TYPE}\": every experiment has that dimension already"),
                );
            } else if dimensions
                .iter()
                .take(at)
                .any(|earlier| earlier.key == dimension.key)
            {
                self.note(
                    &path,
                    Code::Duplicate,
                    format!("names \"{}\" a second time", dimension.key),
                );
            }
            let values = format!("{path}.values");
            if dimension.values.len() > MAX_DIMENSION_VALUES {
                self.note(
                    &values,
                    Code::TooLarge,
                    format!("has more than {MAX_DIMENSION_VALUES} entries"),
                );
            }
            if !dimension.values.iter().all(|value| fits(value)) {
                self.invalid(
                    &values,
                    format!("must have 1 to {MAX_DIMENSION_CHARS} characters each"),
                );
            }
        }
    }

    fn goal(&mut self) {
        let Some(goal) = &self.spec.goal else {
            return;
        };
        if !self
            .spec
            .metrics
            .iter()
            .any(|metric| metric.key == goal.metric)
        {
            self.unknown_metric("goal.metric", &goal.metric);
        }
        if !goal.lift.is_finite() || goal.lift == 0.0 || goal.lift <= -1.0 {
            self.invalid(
                "goal.lift",
                format!(
                    "must be a relative change such as 0.1 for 10 %, not {}",
                    goal.lift
                ),
            );
        }
        if self.spec.starts.is_some_and(|starts| goal.by <= starts) {
            self.invalid("goal.by", "must lie after starts");
        }
    }

    fn unknown_metric(&mut self, path: &str, key: &str) {
        if self.is_broken("metrics", "key") {
            return;
        }
        let keys: Vec<_> = self
            .spec
            .metrics
            .iter()
            .map(|metric| metric.key.as_str())
            .collect();
        let known = if keys.is_empty() {
            "there are none".to_owned()
        } else {
            keys.join(", ")
        };
        let detail = format!("names the unknown metric \"{key}\"; known metrics: {known}");
        self.note(path, Code::UnknownReference, detail);
    }

    fn goal_metric_count(&self) -> usize {
        self.spec
            .metrics
            .iter()
            .filter(|metric| metric.role == Role::Goal)
            .count()
    }
}
