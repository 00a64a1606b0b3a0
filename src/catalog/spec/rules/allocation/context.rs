//! Rules of `allocation.context`.

use super::Rules;
use crate::catalog::experiment::{OTHER_VALUE, OnDrift};
use crate::catalog::mistake::Code;
use crate::catalog::spec::{AllocationSpec, KindName};
use crate::epoch::context::MAX_CELLS;

const KEY: &str = "allocation.context";

impl Rules<'_> {
    /// A policy that decides for all visitors alike.
    pub(super) fn context_free(&mut self, allocation: &AllocationSpec) {
        if !allocation.context.is_empty() {
            let detail =
                "has no effect under this policy; remove it, or use policy = \"contextual\"";
            self.note(KEY, Code::Conflict, detail);
        }
    }

    /// What a contextual policy can not do.
    fn kept_out(&mut self, allocation: &AllocationSpec) {
        let mut metrics = self.spec.metrics.iter();
        let metric = metrics.find(|metric| Some(&metric.key) == allocation.metric.as_ref());
        let is_told = !self.is_broken("metrics", "kind");
        if is_told && metric.is_some_and(|metric| metric.kind != KindName::Conversion) {
            let detail = "must be a conversion under policy = \"contextual\"";
            self.note("allocation.metric", Code::Conflict, detail);
        }
        if allocation.stop.is_some() {
            let detail = "does not go with policy = \"contextual\": no variant is best for all, so nothing ends the search; remove it";
            self.note("allocation.stop", Code::Conflict, detail);
        }
        if allocation.on_drift == Some(OnDrift::Forget) {
            let detail = "\"forget\" does not go with policy = \"contextual\", which notices no changes; use half_life";
            self.note("allocation.on_drift", Code::Conflict, detail);
        }
    }

    /// A policy that decides by context.
    pub(super) fn contextual(&mut self, allocation: &AllocationSpec) {
        if allocation.model.is_some() {
            let detail =
                "has no effect under policy = \"contextual\", which has one model only; remove it";
            self.note("allocation.model", Code::Conflict, detail);
        }
        if allocation.context.is_empty() {
            let detail = "is missing: the dimensions by which the bandit tells visitors apart";
            self.note(KEY, Code::Missing, detail);
        }
        self.kept_out(allocation);
        let mut cells = 1_usize;
        for (at, key) in allocation.context.iter().enumerate() {
            let path = format!("{KEY}[{at}]");
            if allocation
                .context
                .iter()
                .take(at)
                .any(|earlier| earlier == key)
            {
                let detail = format!("names \"{key}\" a second time");
                self.note(&path, Code::Duplicate, detail);
                continue;
            }
            let Some(dimension) = self.spec.dimensions.iter().find(|of| of.key == *key) else {
                let detail = format!("names \"{key}\", which is not among the dimensions");
                self.note(&path, Code::UnknownReference, detail);
                continue;
            };
            let values = &dimension.values;
            if values.is_empty() {
                let detail =
                    format!("needs the values of \"{key}\": declare them under dimensions");
                self.note(&path, Code::Conflict, detail);
            } else if values.iter().any(|value| value == OTHER_VALUE) {
                let detail = format!(
                    "can not take \"{key}\": its value \"{OTHER_VALUE}\" is the name of all that is not declared"
                );
                self.note(&path, Code::Conflict, detail);
            }
            cells = cells.saturating_mul(values.len().saturating_add(1));
        }
        if cells > MAX_CELLS {
            let detail = format!(
                "makes {cells} cells, counting \"{OTHER_VALUE}\" for each dimension; at most {MAX_CELLS} can be told apart"
            );
            self.note(KEY, Code::TooLarge, detail);
        }
    }
}
