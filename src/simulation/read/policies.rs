//! The tables `[[policies]]`: each is the experiment with some keys of `[allocation]` replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{checked, under};
use crate::bandit::opened_by_change;
use crate::catalog::experiment::Experiment;
use crate::catalog::metric::{Direction, MetricKind};
use crate::catalog::mistake::{Code, Mistake, Mistakes};
use crate::catalog::spec::form::{Form, Keys, Table};
use crate::catalog::{Catalog, Entry, Source, read_json};
use crate::cell::Cells;
use crate::event::Defined;
use crate::fold::control::defined_entry;
use crate::simulation::reference::Rule;
use crate::simulation::scenario::{Candidate, Objective};
use crate::simulation::trial::start;

const POLICY: Keys = Keys {
    known: &["name", "allocation", "delayed", "against"],
    later: &[],
};

/// A policy as written.
pub(super) struct Given {
    name: String,
    path: String,
    allocation: Map<String, Value>,
    delayed: bool,
    against: Option<String>,
}

/// Reads `[[policies]]`; without one the experiment is the only policy.
pub(super) fn policies<'d>(form: &mut Form<'d>, root: &Table<'d>) -> Vec<Given> {
    let mut policies: Vec<Given> = Vec::new();
    for table in form.tables(root, "policies", &POLICY) {
        form.require(&table, "name", "what the policy is called in results");
        let name = form.text(&table, "name").unwrap_or_default();
        if policies.iter().any(|other| other.name == name) {
            let detail = format!("\"{name}\" is used twice");
            form.note(&format!("{}.name", table.path), Code::Duplicate, detail);
        }
        let allocation = form.value(&table, "allocation");
        policies.push(Given {
            name,
            path: table.path.clone(),
            allocation: match allocation {
                Some(Value::Object(keys)) => keys,
                Some(_) => {
                    let path = format!("{}.allocation", table.path);
                    form.note(&path, Code::WrongType, "must be a table");
                    Map::new()
                }
                None => Map::new(),
            },
            delayed: form.truth(&table, "delayed").unwrap_or(true),
            against: form.text(&table, "against"),
        });
    }
    let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
    for policy in &policies {
        let Some(other) = &policy.against else {
            continue;
        };
        let mut known = names.iter().copied().chain(Rule::ALL.map(Rule::name));
        if !known.any(|name| name == other) {
            let detail = format!("names neither a policy nor a reference: \"{other}\"");
            let path = format!("{}.against", policy.path);
            form.note(&path, Code::UnknownReference, detail);
        }
    }
    if policies.is_empty() {
        policies.push(Given {
            name: "policy".to_owned(),
            path: "policies".to_owned(),
            allocation: Map::new(),
            delayed: true,
            against: None,
        });
    }
    policies
}

/// Every policy's running experiment, and what they all optimise.
pub(super) fn compiled(
    definition: &Map<String, Value>,
    policies: &[Given],
) -> Result<(Objective, Vec<Candidate>), Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let mut candidates = Vec::new();
    let mut seen = BTreeSet::new();
    for given in policies {
        match entry(&with(definition, &given.allocation)) {
            Ok(entry) => candidates.push(Candidate {
                name: given.name.clone(),
                entry,
                delayed: given.delayed,
                against: given.against.clone(),
            }),
            Err(found) => {
                for mistake in found {
                    let mistake = placed(mistake, given);
                    if seen.insert(mistake.to_string()) {
                        mistakes.add(mistake);
                    }
                }
            }
        }
    }
    let objective = match candidates.first() {
        Some(first) => objective(&first.entry.experiment),
        None => return Err(mistakes.sorted()),
    };
    match objective {
        Ok(objective) => checked((objective, candidates), mistakes),
        Err(mistake) => {
            mistakes.add(mistake);
            Err(mistakes.sorted())
        }
    }
}

/// A mistake where it was made: in the policy's own keys, or in the experiment.
fn placed(mistake: Mistake, given: &Given) -> Mistake {
    let inner = mistake.key.strip_prefix("allocation.");
    let is_own = inner.is_some_and(|key| given.allocation.contains_key(key));
    let path = if is_own {
        given.path.as_str()
    } else {
        "experiment"
    };
    under(path, mistake)
}

/// The definition with some keys of `allocation` replaced; a fixed split has no use for those of a bandit.
fn with(definition: &Map<String, Value>, replaced: &Map<String, Value>) -> Value {
    let mut definition = definition.clone();
    let fresh = || Value::Object(Map::new());
    let allocation = definition
        .entry("allocation")
        .or_insert_with(fresh)
        .as_object_mut();
    if let Some(allocation) = allocation {
        if replaced
            .get("policy")
            .is_some_and(|policy| policy == "fixed")
        {
            allocation.clear();
        }
        let keys = replaced
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        allocation.extend(keys);
    }
    definition.insert("status".to_owned(), "running".into());
    Value::Object(definition)
}

/// The running experiment with its first epoch.
fn entry(definition: &Value) -> Result<Entry, Vec<Mistake>> {
    let spec = read_json(&definition.to_string())?;
    let impossible = || vec![Mistake::new("", Code::Invalid, "can not be run")];
    let defined = Defined {
        definition: serde_json::to_string(&spec).map_err(|_| impossible())?,
        source: Source::Settings,
        cosmetic: false,
        at: start(),
    };
    let mut entry = defined_entry(&Catalog::default(), &defined).ok_or_else(impossible)?;
    let first = opened_by_change(None, &entry, &Cells::none(), start());
    Arc::make_mut(&mut entry.epochs).push(first.ok_or_else(impossible)?);
    Ok(entry)
}

/// What an experiment is for: its goal, whatever metric a policy goes by.
fn objective(experiment: &Experiment) -> Result<Objective, Mistake> {
    let index = experiment.goal_metric();
    let metric = index.and_then(|index| Some((index, experiment.metric(index)?)));
    let wrong = |detail: &str| Mistake::new("experiment.metrics", Code::Invalid, detail);
    let (index, metric) =
        metric.ok_or_else(|| wrong("has no goal, the metric in which regret is counted"))?;
    let (event, property) = match &metric.kind {
        MetricKind::Conversion { event } | MetricKind::Count { event } => (event, None),
        MetricKind::Sum {
            event, property, ..
        } => (event, Some(property.clone())),
        MetricKind::Ratio { .. } => {
            return Err(wrong("has a ratio as its goal, which can not be simulated"));
        }
    };
    let sign = match metric.direction {
        Direction::Increase => 1.0,
        Direction::Decrease => -1.0,
    };
    Ok(Objective {
        metric: index,
        event: event.clone(),
        property,
        sign,
        window: metric.window,
    })
}
