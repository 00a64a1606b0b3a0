//! Reads `[allocation]`.

use super::window;
use crate::catalog::experiment::{Delay, Model, OnDrift};
use crate::catalog::spec::form::{Choices, Form, Keys, Table};
use crate::catalog::spec::stop::stop;
use crate::catalog::spec::{
    AllocationSpec, DEFAULT_BURN_IN, DEFAULT_EPSILON, DEFAULT_FLOOR_TOTAL, DEFAULT_REFRESH,
    FeatureSpec, MetricSpec, PolicyName, default_model,
};

const KEYS: Keys = Keys {
    known: &[
        "policy",
        "metric",
        "floor_total",
        "floor",
        "epsilon",
        "max_share",
        "max_step",
        "guardrail_hold",
        "stop",
        "burn_in",
        "refresh",
        "half_life",
        "on_drift",
        "delay",
        "model",
        "context",
        "features",
    ],
    later: &["prior"],
};

const POLICY: Choices<PolicyName> = Choices {
    now: &[
        ("fixed", PolicyName::Fixed),
        ("thompson", PolicyName::Thompson),
        ("top-two", PolicyName::TopTwo),
        ("epsilon-greedy", PolicyName::EpsilonGreedy),
        ("contextual", PolicyName::Contextual),
        ("linear", PolicyName::Linear),
    ],
    later: &[],
};
const ON_DRIFT: Choices<OnDrift> = Choices {
    now: &[("notify", OnDrift::Notify), ("forget", OnDrift::Forget)],
    later: &[],
};
const DELAY: Choices<Delay> = Choices {
    now: &[("auto", Delay::Auto), ("ignore", Delay::Ignore)],
    later: &[],
};
/// What a bandit may believe, by name.
pub(in crate::catalog::spec) const MODELS: &[(&str, Model)] = &[
    ("cohort", Model::Cohort),
    ("pooled", Model::Pooled),
    ("hurdle", Model::Hurdle),
    ("gamma", Model::Gamma),
    ("normal", Model::Normal),
];
const MODEL: Choices<Model> = Choices {
    now: MODELS,
    later: &["hierarchical", "drift", "logistic", "linear", "contextual"],
};

const FEATURE: Keys = Keys {
    known: &["attribute", "min", "max", "dimension"],
    later: &[],
};

fn features<'d>(form: &mut Form<'d>, table: &Table<'d>) -> Vec<FeatureSpec> {
    let tables = form.tables(table, "features", &FEATURE);
    let read = |table: &Table<'d>| FeatureSpec {
        attribute: form.text(table, "attribute"),
        min: form.number(table, "min"),
        max: form.number(table, "max"),
        dimension: form.text(table, "dimension"),
    };
    tables.iter().map(read).collect()
}

/// Reads it; `shortest` is the definition's `min_days`, and the default of the model depends on the metric.
pub(super) fn allocation<'d>(
    form: &mut Form<'d>,
    root: &Table<'d>,
    (shortest, metrics): (u32, &[MetricSpec]),
) -> AllocationSpec {
    let fixed = AllocationSpec::fixed();
    let Some(table) = form.table(root, "allocation", &KEYS) else {
        return fixed;
    };
    let policy = form.choice(&table, "policy", &POLICY);
    let given = AllocationSpec {
        policy: policy.unwrap_or(PolicyName::Fixed),
        model: form.choice(&table, "model", &MODEL),
        metric: form.text(&table, "metric"),
        floor_total: form.number(&table, "floor_total"),
        floor: form.number(&table, "floor"),
        epsilon: form.number(&table, "epsilon"),
        max_share: form.number(&table, "max_share"),
        max_step: form.number(&table, "max_step"),
        guardrail_hold: form.number(&table, "guardrail_hold"),
        stop: stop(form, &table, shortest),
        burn_in: form.whole(&table, "burn_in"),
        refresh: window(form, &table, "refresh"),
        half_life: window(form, &table, "half_life"),
        on_drift: form.choice(&table, "on_drift", &ON_DRIFT),
        delay: form.choice(&table, "delay", &DELAY),
        context: form.texts(&table, "context"),
        features: features(form, &table),
    };
    let (shared, epsilon) = match policy {
        Some(
            PolicyName::Thompson | PolicyName::TopTwo | PolicyName::Contextual | PolicyName::Linear,
        ) => {
            let shared = (!table.has("floor")).then_some(DEFAULT_FLOOR_TOTAL);
            (shared, None)
        }
        Some(PolicyName::EpsilonGreedy) => (None, Some(DEFAULT_EPSILON)),
        None if table.has("policy") => return fixed,
        Some(PolicyName::Fixed) | None => return given,
    };
    let default = || match given.policy {
        // They have one model only.
        PolicyName::Contextual | PolicyName::Linear => None,
        PolicyName::Fixed
        | PolicyName::Thompson
        | PolicyName::TopTwo
        | PolicyName::EpsilonGreedy => default_model(given.metric.as_ref(), metrics),
    };
    AllocationSpec {
        model: given.model.or_else(default),
        floor_total: given.floor_total.or(shared),
        epsilon: given.epsilon.or(epsilon),
        burn_in: given.burn_in.or(Some(DEFAULT_BURN_IN)),
        refresh: given.refresh.or(Some(DEFAULT_REFRESH)),
        ..given
    }
}
