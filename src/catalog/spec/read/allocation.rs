//! Reads `[allocation]`.

use super::window;
use crate::catalog::experiment::{Delay, Model, OnDrift};
use crate::catalog::spec::form::{Choices, Form, Keys, Table};
use crate::catalog::spec::{
    AllocationSpec, DEFAULT_BURN_IN, DEFAULT_FLOOR_TOTAL, DEFAULT_MODEL, DEFAULT_REFRESH,
    PolicyName,
};

const KEYS: Keys = Keys {
    known: &[
        "policy",
        "metric",
        "floor_total",
        "floor",
        "burn_in",
        "refresh",
        "half_life",
        "on_drift",
        "delay",
        "model",
    ],
    later: &["prior", "context", "max_share", "max_step"],
};

const POLICY: Choices<PolicyName> = Choices {
    now: &[
        ("fixed", PolicyName::Fixed),
        ("thompson", PolicyName::Thompson),
        ("top-two", PolicyName::TopTwo),
    ],
    later: &["epsilon-greedy", "contextual"],
};
const ON_DRIFT: Choices<OnDrift> = Choices {
    now: &[("notify", OnDrift::Notify), ("forget", OnDrift::Forget)],
    later: &[],
};
const DELAY: Choices<Delay> = Choices {
    now: &[("auto", Delay::Auto), ("ignore", Delay::Ignore)],
    later: &[],
};
const MODEL: Choices<Model> = Choices {
    now: &[("cohort", Model::Cohort), ("pooled", Model::Pooled)],
    later: &[
        "hierarchical",
        "drift",
        "logistic",
        "linear",
        "hurdle",
        "contextual",
    ],
};

pub(super) fn allocation<'d>(form: &mut Form<'d>, root: &Table<'d>) -> AllocationSpec {
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
        burn_in: form.whole(&table, "burn_in"),
        refresh: window(form, &table, "refresh"),
        half_life: window(form, &table, "half_life"),
        on_drift: form.choice(&table, "on_drift", &ON_DRIFT),
        delay: form.choice(&table, "delay", &DELAY),
    };
    match policy {
        Some(PolicyName::Thompson | PolicyName::TopTwo) => {
            let shared = if table.has("floor") {
                None
            } else {
                Some(DEFAULT_FLOOR_TOTAL)
            };
            AllocationSpec {
                model: given.model.or(Some(DEFAULT_MODEL)),
                floor_total: given.floor_total.or(shared),
                burn_in: given.burn_in.or(Some(DEFAULT_BURN_IN)),
                refresh: given.refresh.or(Some(DEFAULT_REFRESH)),
                ..given
            }
        }
        None if table.has("policy") => fixed,
        Some(PolicyName::Fixed) | None => given,
    }
}
