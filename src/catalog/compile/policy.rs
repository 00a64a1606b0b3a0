//! From `[allocation]` to the policy that serves.

use super::metric_index;
use crate::catalog::experiment::{Bandit, OnDrift, Policy, Rule};
use crate::catalog::mistake::{Code, Mistake};
use crate::catalog::spec::{
    AllocationSpec, DEFAULT_BURN_IN, DEFAULT_DELAY, DEFAULT_EPSILON, DEFAULT_FLOOR_TOTAL,
    DEFAULT_REFRESH, FeatureSpec, PolicyName, Spec, default_model,
};
use crate::epoch::context::{Part, Partition};
use crate::epoch::linear::{Feature, Features};

pub(super) fn policy(spec: &Spec) -> Result<Policy, Mistake> {
    let allocation = &spec.allocation;
    let rule = match allocation.policy {
        PolicyName::Fixed => return Ok(Policy::Fixed),
        PolicyName::Thompson | PolicyName::Contextual | PolicyName::Linear => Rule::Thompson,
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
        context: partition(spec, allocation)?,
        features: features(spec, allocation)?,
    }))
}

/// The dimensions that a contextual policy names.
fn partition(spec: &Spec, allocation: &AllocationSpec) -> Result<Option<Partition>, Mistake> {
    let part = |key: &String| {
        let position = spec.dimensions.iter().position(|of| of.key == *key);
        let dimension = position.and_then(|at| u8::try_from(at).ok());
        let values =
            position.and_then(|at| u8::try_from(spec.dimensions.get(at)?.values.len()).ok());
        let unknown = || {
            let detail = "names an unknown dimension";
            Mistake::new("allocation.context", Code::UnknownReference, detail)
        };
        let (dimension, values) = dimension.zip(values).ok_or_else(unknown)?;
        Ok(Part { dimension, values })
    };
    let parts: Vec<Part> = allocation
        .context
        .iter()
        .map(part)
        .collect::<Result<_, _>>()?;
    Ok((!parts.is_empty()).then(|| Partition::new(parts)))
}

/// What a linear policy knows of visitors.
fn features(spec: &Spec, allocation: &AllocationSpec) -> Result<Option<Features>, Mistake> {
    let untold = || {
        let detail = "names neither a number with its range nor a dimension";
        Mistake::new("allocation.features", Code::UnknownReference, detail)
    };
    let feature = |given: &FeatureSpec| match given {
        FeatureSpec {
            attribute: Some(attribute),
            min: Some(min),
            max: Some(max),
            dimension: None,
        } => Ok(Feature::Number {
            attribute: attribute.clone(),
            min: *min,
            max: *max,
        }),
        FeatureSpec {
            attribute: None,
            min: None,
            max: None,
            dimension: Some(key),
        } => {
            let dimension = spec.dimensions.iter().find(|of| of.key == *key);
            let dimension = dimension.ok_or_else(untold)?;
            Ok(Feature::Values {
                attribute: key.clone(),
                values: dimension.values.clone(),
            })
        }
        FeatureSpec { .. } => Err(untold()),
    };
    let all = allocation.features.iter().map(feature);
    let all: Vec<Feature> = all.collect::<Result<_, _>>()?;
    Ok((!all.is_empty()).then(|| Features::new(all)))
}
