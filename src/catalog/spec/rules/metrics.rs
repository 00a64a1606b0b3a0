//! Rules about metrics: keys, what each kind takes, the one goal, and what ratios refer to.

use super::Rules;
use crate::catalog::metric::Role;
use crate::catalog::mistake::Code;
use crate::catalog::spec::{CapSpec, KindName, MAX_METRICS, MetricSpec, PercentileSpec};
use crate::id::{EventName, MetricKey};

/// Longest property path, in characters.
const MAX_PROPERTY_CHARS: usize = 256;

impl Rules<'_> {
    pub(super) fn metrics(&mut self) {
        let metrics = &self.spec.metrics;
        if metrics.len() > MAX_METRICS {
            self.note(
                "metrics",
                Code::TooLarge,
                format!("has more than {MAX_METRICS} entries"),
            );
        }
        for (at, metric) in metrics.iter().enumerate() {
            let path = format!("metrics[{at}]");
            let key = format!("{path}.key");
            if let Err(error) = MetricKey::parse(&metric.key) {
                self.invalid(&key, error.to_string());
            } else if metrics
                .iter()
                .take(at)
                .any(|earlier| earlier.key == metric.key)
            {
                self.note(
                    &key,
                    Code::Duplicate,
                    format!("\"{}\" is used a second time", metric.key),
                );
            }
            self.limit(&path, metric);
            self.on_trip(&path, metric);
            if !self.broken.contains(&format!("{path}.kind").as_str()) {
                self.parts(&path, metric);
                self.event(&path, metric);
                self.covariate(&path, metric);
                self.sum(&path, metric);
                self.ratio(&path, metric);
            }
        }
        self.one_goal();
    }

    /// Refuses what the kind does not take.
    fn parts(&mut self, path: &str, metric: &MetricSpec) {
        let (sum, ratio) = (metric.kind == KindName::Sum, metric.kind == KindName::Ratio);
        let parts = [
            (
                "event",
                metric.event.is_some(),
                !ratio,
                "conversion, count or sum",
            ),
            (
                "covariate",
                metric.covariate.is_some(),
                !ratio,
                "conversion, count or sum",
            ),
            ("property", metric.property.is_some(), sum, "sum"),
            ("cap", metric.cap.is_some(), sum, "sum"),
            ("numerator", metric.numerator.is_some(), ratio, "ratio"),
            ("denominator", metric.denominator.is_some(), ratio, "ratio"),
        ];
        for (name, given, fits, kinds) in parts {
            if given && !fits {
                let detail = format!("belongs to metrics of kind {kinds} only; remove it");
                self.note(&format!("{path}.{name}"), Code::Conflict, detail);
            }
        }
    }

    fn event(&mut self, path: &str, metric: &MetricSpec) {
        if metric.kind == KindName::Ratio {
            return;
        }
        let key = format!("{path}.event");
        match metric.event.as_deref().map(EventName::parse) {
            None => self.note(
                &key,
                Code::Missing,
                "is missing: the name of the event that counts",
            ),
            Some(Err(error)) => self.invalid(&key, error.to_string()),
            Some(Ok(_)) => {}
        }
    }

    fn covariate(&mut self, path: &str, metric: &MetricSpec) {
        let own = metric.event.as_ref();
        let given = metric.covariate.iter().map(|covariate| &covariate.event);
        for event in given.filter(|event| own.is_some_and(|own| own != *event)) {
            if let Err(error) = EventName::parse(event) {
                self.invalid(&format!("{path}.covariate.event"), error.to_string());
            }
        }
    }

    fn sum(&mut self, path: &str, metric: &MetricSpec) {
        if metric.kind != KindName::Sum {
            return;
        }
        let fits = |property: &str| {
            property.chars().count() <= MAX_PROPERTY_CHARS
                && property.split('.').all(|part| !part.is_empty())
        };
        if !metric.property.as_deref().is_some_and(fits) {
            self.invalid(
                &format!("{path}.property"),
                "must be a path such as \"revenue\" or \"order.total\"",
            );
        }
        if let Some(cap) = &metric.cap {
            self.cap(&format!("{path}.cap"), cap);
        }
    }

    fn cap(&mut self, key: &str, cap: &CapSpec) {
        if cap.compiled().is_some() {
            return;
        }
        match cap {
            CapSpec::Fixed(cap) => self.invalid(
                key,
                format!("must be positive and at most 1000000000, not {cap}"),
            ),
            CapSpec::Percentile(PercentileSpec { percentile, .. }) => self.invalid(
                &format!("{key}.percentile"),
                format!("must be a percentage from 50 to below 100 such as 99.5, not {percentile}"),
            ),
        }
    }

    fn ratio(&mut self, path: &str, metric: &MetricSpec) {
        if metric.kind != KindName::Ratio {
            return;
        }
        let parts = [
            ("numerator", &metric.numerator),
            ("denominator", &metric.denominator),
        ];
        for (name, part) in parts {
            let key = format!("{path}.{name}");
            let Some(part) = part else {
                self.note(&key, Code::Missing, "is missing: the key of another metric");
                continue;
            };
            let Some(named) = self.spec.metrics.iter().find(|other| other.key == *part) else {
                self.unknown_metric(&key, part);
                continue;
            };
            if named.kind == KindName::Ratio {
                self.invalid(
                    &key,
                    format!(
                        "names \"{part}\", which is a ratio itself; name a conversion, count or sum"
                    ),
                );
            } else if named.window != metric.window && !self.is_broken("metrics", "window") {
                let (theirs, ours) = (named.window, metric.window);
                let detail = format!(
                    "\"{part}\" has the window {theirs}, the ratio {ours}; give both the same"
                );
                self.note(&key, Code::Conflict, detail);
            }
        }
    }

    fn limit(&mut self, path: &str, metric: &MetricSpec) {
        let Some(limit) = metric.limit else {
            return;
        };
        let key = format!("{path}.limit");
        if !(limit.is_finite() && limit > 0.0) {
            self.invalid(
                &key,
                format!("must be a positive relative harm such as 0.1 for 10 %, not {limit}"),
            );
        }
        let role = format!("{path}.role");
        if metric.role != Role::Guardrail && !self.broken.contains(&role.as_str()) {
            self.note(
                &key,
                Code::Conflict,
                "belongs to metrics with role = \"guardrail\" only",
            );
        }
    }

    fn on_trip(&mut self, path: &str, metric: &MetricSpec) {
        let has_limit =
            metric.limit.is_some() || self.broken.contains(&format!("{path}.limit").as_str());
        if metric.on_trip.is_some() && !has_limit {
            self.note(
                &format!("{path}.on_trip"),
                Code::Conflict,
                "needs a limit: the relative harm at which this guardrail trips, such as limit = 0.1",
            );
        }
    }

    /// Exactly one goal; a flag with a single variant may do without metrics.
    fn one_goal(&mut self) {
        let metrics = &self.spec.metrics;
        let goals = self.goal_metric_count();
        if goals == 0 {
            let flag = metrics.is_empty() && self.spec.variants.len() == 1;
            if !flag && !self.is_broken("metrics", "role") {
                let detail =
                    "must hold exactly one metric with role = \"goal\": the one that decides";
                self.note("metrics", Code::Missing, detail);
            }
            return;
        }
        let extra = metrics
            .iter()
            .enumerate()
            .filter(|(_, metric)| metric.role == Role::Goal)
            .skip(1);
        for (at, _) in extra {
            let detail = "is a second goal; exactly one metric decides, give the others role = \"secondary\"";
            self.note(&format!("metrics[{at}].role"), Code::Conflict, detail);
        }
    }
}
