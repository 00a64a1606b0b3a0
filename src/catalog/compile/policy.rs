//! From `[allocation]` to the policy that serves.

use super::metric_index;
use crate::catalog::experiment::{Bandit, OnDrift, Policy, Rule};
use crate::catalog::mistake::{Code, Mistake};
use crate::catalog::spec::{
    DEFAULT_BURN_IN, DEFAULT_DELAY, DEFAULT_EPSILON, DEFAULT_FLOOR_TOTAL, DEFAULT_REFRESH,
    PolicyName, Spec, default_model,
};

pub(super) fn policy(spec: &Spec) -> Result<Policy, Mistake> {
    let allocation = &spec.allocation;
    let rule = match allocation.policy {
        PolicyName::Fixed => return Ok(Policy::Fixed),
        PolicyName::Thompson => Rule::Thompson,
        PolicyName::TopTwo => Rule::TopTwo,
        PolicyName::EpsilonGreedy => Rule::Greedy,
    };
    let per_variant = allocation
        .floor
        .map(|floor| floor * spec.variants.len() as f64);
    let floor_total = match rule {
        Rule::Thompson | Rule::TopTwo => per_variant
            .or(allocation.floor_total)
            .unwrap_or(DEFAULT_FLOOR_TOTAL),
        Rule::Greedy => allocation.epsilon.unwrap_or(DEFAULT_EPSILON),
    };
    let metric = allocation.metric.as_ref();
    let unknown = || {
        Mistake::new(
            "allocation.metric",
            Code::UnknownReference,
            "names an unknown metric",
        )
    };
    let default = || default_model(metric, &spec.metrics);
    Ok(Policy::Bandit(Bandit {
        rule,
        model: allocation.model.or_else(default).ok_or_else(unknown)?,
        metric: metric_index(spec, "allocation.metric", metric)?,
        floor_total,
        max_share: allocation.max_share,
        max_step: allocation.max_step,
        guardrail_hold: allocation.guardrail_hold,
        stop: allocation.stop,
        burn_in: allocation.burn_in.unwrap_or(DEFAULT_BURN_IN),
        refresh: allocation.refresh.unwrap_or(DEFAULT_REFRESH),
        half_life: allocation.half_life,
        on_drift: allocation.on_drift.unwrap_or(OnDrift::Notify),
        delay: allocation.delay.unwrap_or(DEFAULT_DELAY),
    }))
}
