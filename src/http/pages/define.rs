//! Defining experiments from the dashboard.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::super::Server;
use super::super::access::Caller;
use super::super::body::Body;
use super::super::error::{Code, Problem};
use super::super::experiments::{find, run};
use super::acts::Done;
use super::form::Form;
use super::{PageProblem, frame, html, to};
use crate::catalog::experiment::Experiment;
use crate::catalog::mistake::{self, Mistake};
use crate::catalog::spec::Spec;
use crate::catalog::{Entry, Source, read_json, read_text};
use crate::dashboard::Place;
use crate::dashboard::define::{self, Draft, EXAMPLE, Editing};
use crate::engine::command::Command;

/// Definitions have these as numbers.
const NUMBERS: [&str; 5] = [
    "traffic",
    "holdout",
    "min_days",
    "metrics[1].limit",
    "metrics[0].limit",
];

/// Form or text.
#[derive(Deserialize)]
pub(in crate::http) struct As {
    #[serde(rename = "as", default)]
    kind: String,
}

/// An empty form, or a text to begin with.
pub(in crate::http) async fn new(caller: Caller, query: Query<As>) -> HttpResponse {
    let draft = if query.kind == "text" {
        Draft::Text(EXAMPLE.to_owned())
    } else {
        Draft::Fields(BTreeMap::new())
    };
    shown(
        &caller,
        &Editing {
            draft,
            of: None,
            mistakes: None,
        },
    )
}

/// The definition of an experiment, as a text.
pub(in crate::http) async fn edit(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, PageProblem> {
    let entry = find(&server, &path)?;
    owned(&entry)?;
    // It may have been started since it was defined, which saving its definition must not undo.
    let spec = Spec {
        status: entry.lifecycle.status,
        ..Spec::clone(&entry.experiment.spec)
    };
    let spec = serde_json::to_string_pretty(&spec);
    let editing = Editing {
        draft: Draft::Text(spec.unwrap_or_default()),
        of: Some((entry.experiment.key.to_string(), entry.experiment.version)),
        mistakes: None,
    };
    Ok(shown(&caller, &editing))
}

/// Saves a new experiment, or says what is wrong with it.
pub(in crate::http) async fn create(
    server: Data<Server>,
    caller: Caller,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let form = Form::read(body).await?;
    let draft = if form.text("as") == "text" {
        Draft::Text(form.text("text").to_owned())
    } else {
        let mut fields = form.clone().fields();
        // The button that was pressed is no part of the definition.
        fields.remove("act");
        Draft::Fields(compacted(fields))
    };
    let editing = Editing {
        draft,
        of: None,
        mistakes: None,
    };
    saved(&server, &caller, (editing, &form)).await
}

/// Saves a new version of an experiment, or says what is wrong with it.
pub(in crate::http) async fn save(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let form = Form::read(body).await?;
    let entry = find(&server, &path)?;
    owned(&entry)?;
    let editing = Editing {
        draft: Draft::Text(form.text("text").to_owned()),
        of: Some((entry.experiment.key.to_string(), form.number("version")?)),
        mistakes: None,
    };
    saved(&server, &caller, (editing, &form)).await
}

fn owned(entry: &Entry) -> Result<(), Problem> {
    match &entry.lifecycle.source {
        Source::Api => Ok(()),
        Source::File(file) => {
            let detail = format!("The experiment is defined by the file {file}: change the file.");
            Err(Problem::new(Code::OwnedByFile, detail))
        }
        Source::Settings => {
            let detail = "The experiment is defined by the settings of the server.";
            Err(Problem::new(Code::OwnedByFile, detail))
        }
    }
}

async fn saved(
    server: &Server,
    caller: &Caller,
    (editing, form): (Editing, &Form),
) -> Result<HttpResponse, PageProblem> {
    let with = |mistakes| Editing {
        mistakes: Some(mistakes),
        ..editing.clone()
    };
    let spec = match read(server, &editing) {
        Ok(spec) => spec,
        Err(mistakes) => return Ok(shown(caller, &with(mistakes))),
    };
    if form.text("act") == "check" {
        return Ok(shown(caller, &with(Vec::new())));
    }
    let key = spec.key.clone();
    let done = if editing.of.is_some() {
        Done::Changed
    } else {
        Done::Created
    };
    let command = Command::Define {
        spec: Box::new(spec),
        source: Source::Api,
        cosmetic: form.text("cosmetic") == "true",
        // A new experiment replaces none that came meanwhile.
        expected: Some(editing.of.as_ref().map_or(0, |(_, version)| *version)),
    };
    run(server, command, caller.id()).await?;
    Ok(to(&done.after(&key)))
}

/// The definition that a draft comes to, with all that is wrong with it.
fn read(server: &Server, editing: &Editing) -> Result<Spec, Vec<Mistake>> {
    let read = match &editing.draft {
        Draft::Text(text) => read_text(text),
        Draft::Fields(fields) => read_json(&definition(fields).to_string()),
    };
    let key = match (&read, &editing.draft) {
        (Ok(spec), _) => Some(spec.key.as_str()),
        (Err(_), Draft::Fields(fields)) => fields.get("key").map(|key| key.trim()),
        (Err(_), Draft::Text(_)) => None,
    };
    let foreign = key.and_then(|key| foreign(server, editing, key));
    let spec = match (read, foreign) {
        (Ok(spec), None) => spec,
        (Ok(_), Some(foreign)) => return Err(vec![foreign]),
        (Err(mistakes), foreign) => return Err(foreign.into_iter().chain(mistakes).collect()),
    };
    let snapshot = server.engine.snapshot();
    let conflicts = snapshot.catalog.conflicts(&spec);
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    let previous = editing.of.as_ref();
    let previous = previous.and_then(|(key, _)| snapshot.catalog.get(key));
    Experiment::compile(spec.clone(), previous.map(|entry| &entry.experiment))?;
    Ok(spec)
}

/// That the key is another experiment's.
fn foreign(server: &Server, editing: &Editing, key: &str) -> Option<Mistake> {
    let detail = if let Some((own, _)) = &editing.of {
        (own != key).then_some("is that of another experiment")
    } else {
        let other = server.engine.snapshot().catalog.get(key).is_some();
        other.then_some("is taken by another experiment")
    };
    Some(Mistake::new("key", mistake::Code::Conflict, detail?))
}

fn shown(caller: &Caller, editing: &Editing) -> HttpResponse {
    let is_wrong = editing
        .mistakes
        .as_ref()
        .is_some_and(|mistakes| !mistakes.is_empty());
    let page = define::page(&frame(caller, Some(Place::Experiments)), editing);
    let status = if is_wrong {
        HttpResponse::UnprocessableEntity()
    } else {
        HttpResponse::Ok()
    };
    html(status, page)
}

/// The fields without empty rows between those of variants, so that places of mistakes are places of the form.
fn compacted(fields: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_variant = |path: &String| path.starts_with("variants[");
    let (variants, mut others): (BTreeMap<_, _>, _) =
        fields.into_iter().partition(|(path, _)| is_variant(path));
    let named = variants
        .into_values()
        .filter(|text| !text.trim().is_empty());
    others.extend(
        named
            .enumerate()
            .map(|(at, text)| (format!("variants[{at}].key"), text)),
    );
    others
}

/// The definition that the fields of a form say: empty ones say nothing, and rows without any field are left out.
fn definition(fields: &BTreeMap<String, String>) -> Value {
    let mut root = Map::new();
    let mut put = |path: &str, value: Value| {
        let mut object = &mut root;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                object.insert(step.to_owned(), value);
                return;
            }
            let inner = object
                .entry(step)
                .or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { return };
            object = inner;
        }
    };
    for (path, text) in fields.iter().filter(|(_, text)| !text.trim().is_empty()) {
        put(path, value(path, text.trim()));
    }
    let rows = |root: &mut Map<String, Value>, name: &str| {
        let prefix = format!("{name}[");
        let paths: Vec<String> = root
            .keys()
            .filter(|key| key.starts_with(&prefix))
            .cloned()
            .collect();
        let rows: Vec<Value> = paths.iter().filter_map(|path| root.remove(path)).collect();
        if !rows.is_empty() {
            root.insert(name.to_owned(), Value::Array(rows));
        }
    };
    rows(&mut root, "variants");
    complete(&mut root);
    rows(&mut root, "metrics");
    Value::Object(root)
}

/// What a form need not ask.
fn complete(root: &mut Map<String, Value>) {
    let is_unnamed = |metric: &Value| metric.get("key").is_none() && metric.get("event").is_none();
    if root.get("metrics[1]").is_some_and(is_unnamed) {
        root.remove("metrics[1]");
    }
    let mut set = |metric: &str, name: &str, value: &str| {
        if let Some(Value::Object(metric)) = root.get_mut(metric) {
            metric.insert(name.to_owned(), value.into());
        }
    };
    set("metrics[0]", "role", "goal");
    set("metrics[1]", "role", "guardrail");
    set("metrics[1]", "kind", "conversion");
    let goal = root
        .get("metrics[0]")
        .and_then(|metric| metric.get("key"))
        .cloned();
    if let (Some(Value::Object(allocation)), Some(goal)) = (root.get_mut("allocation"), goal)
        && allocation
            .get("policy")
            .is_some_and(|policy| policy != "fixed")
    {
        allocation.insert("metric".to_owned(), goal);
    }
}

fn value(path: &str, text: &str) -> Value {
    let number = text.parse::<u64>().ok().map(Number::from);
    let number = number.or_else(|| Number::from_f64(text.parse().ok()?));
    match number.filter(|_| NUMBERS.contains(&path)) {
        Some(number) => Value::Number(number),
        None => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn fields_make_a_definition() {
        let fields = fields(&[
            ("key", " hero "),
            ("name", ""),
            ("variants[0].key", "a"),
            ("variants[1].key", ""),
            ("variants[2].key", "b"),
            ("allocation.policy", "thompson"),
            ("holdout", "0.05"),
            ("metrics[0].key", "buy"),
            ("metrics[0].kind", "conversion"),
            ("metrics[0].event", "Order Completed"),
            ("metrics[1].direction", "decrease"),
        ]);
        let expected = json!({
            "key": "hero", "variants": [{ "key": "a" }, { "key": "b" }], "holdout": 0.05,
            "allocation": { "policy": "thompson", "metric": "buy" },
            "metrics": [{ "key": "buy", "kind": "conversion", "event": "Order Completed", "role": "goal" }],
        });
        assert_eq!(definition(&compacted(fields)), expected);
    }

    #[test]
    fn no_field_breaks_it() {
        let fields = fields(&[
            ("key", "a"),
            ("key.x", "b"),
            ("variants[0]", "c"),
            ("a..b", "d"),
            ("metrics[0]", "e"),
            ("holdout", "NaN"),
        ]);
        assert_eq!(definition(&compacted(fields))["holdout"], "NaN");
    }
}
