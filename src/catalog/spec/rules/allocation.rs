//! Rules of `[allocation]`.

mod context;
mod linear;

use super::Rules;
use crate::catalog::experiment::{Model, OnDrift};
use crate::catalog::metric::Role;
use crate::catalog::mistake::Code;
use crate::catalog::spec::read::MODELS;
use crate::catalog::spec::{AllocationSpec, KindName, MetricSpec, PolicyName, VariantSpec, models};
use crate::time::Window;

/// Least traffic that an epoch may be held to move: twice what opens one.
const MIN_STEP: f64 = 0.01;

impl Rules<'_> {
    pub(super) fn allocation(&mut self) {
        let allocation = &self.spec.allocation;
        match allocation.policy {
            PolicyName::Fixed => {
                let given = [
                    ("model", allocation.model.is_some()),
                    ("metric", allocation.metric.is_some()),
                    ("floor_total", allocation.floor_total.is_some()),
                    ("floor", allocation.floor.is_some()),
                    ("epsilon", allocation.epsilon.is_some()),
                    ("max_share", allocation.max_share.is_some()),
                    ("max_step", allocation.max_step.is_some()),
                    ("guardrail_hold", allocation.guardrail_hold.is_some()),
                    ("stop", allocation.stop.is_some()),
                    ("burn_in", allocation.burn_in.is_some()),
                    ("refresh", allocation.refresh.is_some()),
                    ("half_life", allocation.half_life.is_some()),
                    ("on_drift", allocation.on_drift.is_some()),
                    ("delay", allocation.delay.is_some()),
                    ("context", !allocation.context.is_empty()),
                    ("features", !allocation.features.is_empty()),
                ];
                for (key, _) in given.into_iter().filter(|(_, given)| *given) {
                    let detail = "has no effect under policy = \"fixed\"; remove it, or use policy = \"thompson\"";
                    self.note(&format!("allocation.{key}"), Code::Conflict, detail);
                }
            }
            PolicyName::Thompson | PolicyName::EpsilonGreedy => self.bandit(allocation),
            PolicyName::Contextual => {
                self.contextual(allocation);
                self.bandit(allocation);
            }
            PolicyName::Linear => {
                self.linear(allocation);
                self.bandit(allocation);
            }
            PolicyName::TopTwo => {
                if self.spec.variants.len() == 2 {
                    let detail = "splits two variants evenly for ever; use policy = \"thompson\", or add a third variant";
                    self.note("allocation.policy", Code::Conflict, detail);
                }
                self.bandit(allocation);
            }
        }
    }

    fn bandit(&mut self, allocation: &AllocationSpec) {
        if allocation.policy != PolicyName::Contextual {
            self.context_free(allocation);
        }
        if allocation.policy != PolicyName::Linear {
            self.feature_free(allocation);
        }
        self.floors(allocation);
        self.exploration(allocation);
        self.steps(allocation);
        self.hold(allocation);
        self.stop();
        if let Some(half_life) = allocation
            .half_life
            .filter(|given| *given < Window::days(1))
        {
            let detail = format!(
                "must be at least \"1d\", not \"{half_life}\": each quarter of it is an epoch"
            );
            self.invalid("allocation.half_life", detail);
        }
        if self.spec.variants.len() == 1 {
            self.note(
                "allocation.policy",
                Code::Conflict,
                "a bandit needs at least two variants",
            );
        }
        let Some(key) = &allocation.metric else {
            let detail = "is missing: the metric that the bandit maximises";
            self.note("allocation.metric", Code::Missing, detail);
            return;
        };
        let Some(metric) = self.spec.metrics.iter().find(|metric| metric.key == *key) else {
            self.unknown_metric("allocation.metric", key);
            return;
        };
        if self.is_broken("metrics", "kind") || self.is_broken("metrics", "direction") {
            return;
        }
        let forgets = allocation.on_drift == Some(OnDrift::Forget);
        if forgets && metric.kind != KindName::Conversion {
            let detail =
                "\"forget\" needs a conversion metric, whose changes are noticed; use half_life";
            self.note("allocation.on_drift", Code::Conflict, detail);
        }
        self.model(allocation, metric);
        self.costs(metric);
    }

    /// The model must be one of the metric's kind.
    fn model(&mut self, allocation: &AllocationSpec, metric: &MetricSpec) {
        let fitting = models(metric.kind);
        let Some(given) = allocation.model.filter(|given| !fitting.contains(given)) else {
            return;
        };
        let name = |model: &Model| {
            let named = MODELS.iter().find(|(_, of)| of == model);
            named.map_or("?", |(name, _)| name)
        };
        let fitting: Vec<String> = fitting
            .iter()
            .map(|of| format!("\"{}\"", name(of)))
            .collect();
        let detail = format!(
            "\"{}\" does not fit the kind of \"{}\"; use {}",
            name(&given),
            metric.key,
            fitting.join(" or ")
        );
        self.note("allocation.model", Code::Conflict, detail);
    }

    /// Money can be subtracted from money only.
    fn costs(&mut self, metric: &MetricSpec) {
        let costly = |variant: &VariantSpec| variant.cost.is_some_and(|cost| cost > 0.0);
        let costly = self.spec.variants.iter().position(costly);
        if let Some(at) = costly.filter(|_| metric.kind != KindName::Sum) {
            let detail = format!(
                "cannot be subtracted from \"{}\", which is no money: let the bandit maximise a sum",
                metric.key
            );
            self.note(&format!("variants[{at}].cost"), Code::Conflict, detail);
        }
    }

    /// Epsilon is the floor of epsilon-greedy, and of nothing else.
    fn exploration(&mut self, allocation: &AllocationSpec) {
        let greedy = allocation.policy == PolicyName::EpsilonGreedy;
        let floors = [
            ("floor_total", allocation.floor_total),
            ("floor", allocation.floor),
        ];
        for (key, _) in floors
            .into_iter()
            .filter(|(_, floor)| greedy && floor.is_some())
        {
            let detail = "has no effect under policy = \"epsilon-greedy\", which explores with epsilon; remove it";
            self.note(&format!("allocation.{key}"), Code::Conflict, detail);
        }
        let Some(epsilon) = allocation.epsilon else {
            return;
        };
        if !greedy {
            let detail =
                "belongs to policy = \"epsilon-greedy\"; other bandits explore with floor_total";
            self.note("allocation.epsilon", Code::Conflict, detail);
        } else if !(0.0..=1.0).contains(&epsilon) {
            let detail = format!("must lie between 0 and 1, not {epsilon}");
            self.invalid("allocation.epsilon", detail);
        }
    }

    /// How far and how fast traffic may move.
    fn steps(&mut self, allocation: &AllocationSpec) {
        let count = self.spec.variants.len().max(1) as f64;
        if let Some(most) = allocation.max_share
            && !(most * count >= 1.0 && most <= 1.0)
        {
            let detail = format!(
                "must be at most 1 and, times {count} variants, at least 1, not {most}: all traffic goes somewhere"
            );
            self.invalid("allocation.max_share", detail);
        }
        if let Some(step) = allocation.max_step
            && !(MIN_STEP..=1.0).contains(&step)
        {
            let detail = format!(
                "must lie between {MIN_STEP} and 1, not {step}: it is the traffic that one epoch may move"
            );
            self.invalid("allocation.max_step", detail);
        }
    }

    /// The probability of harm that holds a variant, and that there is something to harm.
    fn hold(&mut self, allocation: &AllocationSpec) {
        let Some(hold) = allocation.guardrail_hold else {
            return;
        };
        if !(hold > 0.5 && hold < 1.0) {
            let detail = format!(
                "must lie between 0.5 and 1, not {hold}: it is the probability of harm that holds a variant at the floor"
            );
            self.invalid("allocation.guardrail_hold", detail);
        }
        let mut metrics = self.spec.metrics.iter();
        if !metrics.any(|metric| metric.role == Role::Guardrail)
            && !self.is_broken("metrics", "role")
        {
            let detail = "needs a metric with role = \"guardrail\"; add one, or remove it";
            self.note("allocation.guardrail_hold", Code::Conflict, detail);
        }
    }

    fn floors(&mut self, allocation: &AllocationSpec) {
        let count = self.spec.variants.len().max(1) as f64;
        if let Some(total) = allocation.floor_total {
            if allocation.floor.is_some() {
                let detail =
                    "excludes floor_total: give the floor per variant or the total, not both";
                self.note("allocation.floor", Code::Conflict, detail);
            }
            if !(0.0..=1.0).contains(&total) {
                let detail = format!("must lie between 0 and 1, not {total}");
                self.invalid("allocation.floor_total", detail);
            }
        } else if let Some(floor) = allocation.floor
            && !(floor >= 0.0 && floor * count < 1.0)
        {
            let detail =
                format!("must be at least 0 and, times {count} variants, below 1, not {floor}");
            self.invalid("allocation.floor", detail);
        }
    }
}
