//! Reading a scenario: every mistake of the file at once, each with its line and key.

mod policies;
mod segments;
mod truth;

use serde_json::{Map, Value};

use super::scenario::{Scenario, Traffic};
use crate::bandit::Urgency;
use crate::catalog::document::Document;
use crate::catalog::mistake::{Code, Mistake, Mistakes};
use crate::catalog::spec::form::{Choices, Form, Keys, Table};

const ROOT: Keys = Keys {
    known: &["name", "traffic", "truth", "policies", "experiment"],
    later: &[],
};
const TRAFFIC: Keys = Keys {
    known: &[
        "visitors",
        "per_day",
        "batch",
        "together",
        "looks",
        "reallocate",
    ],
    later: &[],
};
const REALLOCATE: Choices<Urgency> = Choices {
    now: &[("tick", Urgency::Tick), ("forced", Urgency::Forced)],
    later: &[],
};

/// Most visitors of a scenario.
const MAX_VISITORS: u64 = 100_000_000;
/// How often the report is read, by default.
const DEFAULT_LOOKS: u64 = 10;

/// Reads a scenario from the text of a TOML file.
///
/// # Errors
/// All its mistakes, by line.
pub fn read(text: &str) -> Result<Scenario, Vec<Mistake>> {
    let document = Document::toml(text)?;
    let mut form = Form::new(&document);
    let root = form.root(&ROOT);
    for (key, what) in [
        ("traffic", "how many visitors come"),
        ("truth", "what is true about the variants"),
        (
            "experiment",
            "a definition like that of a file of experiments",
        ),
    ] {
        form.require(&root, key, what);
    }
    let name = form.text(&root, "name");
    let traffic = traffic(&mut form, &root);
    let definition = document.root().get("experiment").and_then(Value::as_object);
    let keys = definition.map(variant_keys).unwrap_or_default();
    let truth = truth::truth(&mut form, &root, &keys);
    let policies = policies::policies(&mut form, &root);
    let mut mistakes = form.finish();
    let none = Map::new();
    let compiled = policies::compiled(definition.unwrap_or(&none), &policies);
    let (objective, candidates) = match compiled {
        Ok(compiled) => compiled,
        Err(found) => {
            if definition.is_some() {
                mistakes.extend(found.into_iter().map(|mistake| document.placed(mistake)));
            }
            return Err(mistakes.sorted());
        }
    };
    if !mistakes.is_empty() {
        return Err(mistakes.sorted());
    }
    let key = definition.and_then(|definition| definition.get("key"));
    let key = key.and_then(Value::as_str).unwrap_or_default();
    Ok(Scenario {
        name: name.unwrap_or_else(|| key.to_owned()),
        traffic,
        truth,
        objective,
        policies: candidates,
    })
}

/// The keys of an experiment's variants, as far as they can be read.
fn variant_keys(definition: &Map<String, Value>) -> Vec<String> {
    let variants = definition.get("variants").and_then(Value::as_array);
    let key = |variant: &Value| Some(variant.get("key")?.as_str()?.to_owned());
    variants.into_iter().flatten().filter_map(key).collect()
}

fn traffic<'d>(form: &mut Form<'d>, root: &Table<'d>) -> Traffic {
    let mut traffic = Traffic {
        visitors: 1,
        per_day: 1,
        batch: 1,
        together: false,
        looks: DEFAULT_LOOKS,
        urgency: Urgency::Tick,
    };
    let Some(table) = form.table(root, "traffic", &TRAFFIC) else {
        return traffic;
    };
    for (key, what, most, into) in [
        (
            "visitors",
            "visitors in all",
            MAX_VISITORS,
            &mut traffic.visitors,
        ),
        (
            "per_day",
            "visitors per day",
            MAX_VISITORS,
            &mut traffic.per_day,
        ),
        (
            "batch",
            "visitors between two epochs at least",
            MAX_VISITORS,
            &mut traffic.batch,
        ),
    ] {
        form.require(&table, key, what);
        if let Some(count) = form.whole(&table, key) {
            *into = count;
            if !(1..=most).contains(&count) {
                let detail = format!("must be from 1 to {most}, not {count}");
                form.note(&format!("traffic.{key}"), Code::Invalid, detail);
                *into = 1;
            }
        }
    }
    traffic.together = form.truth(&table, "together").unwrap_or(false);
    traffic.looks = form.whole(&table, "looks").unwrap_or(DEFAULT_LOOKS);
    let urgency = form.choice(&table, "reallocate", &REALLOCATE);
    traffic.urgency = urgency.unwrap_or(Urgency::Tick);
    traffic
}

/// Notes a number outside of a range.
fn within(
    form: &mut Form<'_>,
    path: &str,
    given: Option<f64>,
    (low, high): (f64, f64),
) -> Option<f64> {
    let number = given?;
    if (low..=high).contains(&number) {
        return Some(number);
    }
    let detail = format!("must be from {low} to {high}, not {number}");
    form.note(path, Code::Invalid, detail);
    None
}

impl Scenario {
    /// Keeps the policy with this name alone; `false` if there is none.
    pub fn keep(&mut self, policy: &str) -> bool {
        self.policies.retain(|candidate| candidate.name == policy);
        !self.policies.is_empty()
    }
}

/// A mistake of an embedded definition, under the key where it is embedded.
fn under(path: &str, mistake: Mistake) -> Mistake {
    let key = if mistake.key.is_empty() {
        path.to_owned()
    } else {
        format!("{path}.{}", mistake.key)
    };
    Mistake {
        key,
        line: None,
        ..mistake
    }
}

/// Whether none was found.
fn checked<T>(value: T, mistakes: Mistakes) -> Result<T, Vec<Mistake>> {
    if mistakes.is_empty() {
        Ok(value)
    } else {
        Err(mistakes.sorted())
    }
}
