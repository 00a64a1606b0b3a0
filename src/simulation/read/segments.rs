//! The table `[truth.segments]`: kinds of visitors, how many there are of each, and how they convert.

use std::collections::BTreeMap;

use serde_json::Value;

use super::within;
use crate::catalog::audience::Attributes;
use crate::catalog::mistake::Code;
use crate::catalog::spec::form::{Form, Keys, Table};
use crate::simulation::segments::{Segment, Segments};

const SEGMENTS: Keys = Keys {
    known: &["attribute", "values"],
    later: &[],
};
const SEGMENT: Keys = Keys {
    known: &["value", "share", "rates"],
    later: &[],
};

/// Reads `segments`; `keys` are those of the experiment's variants, in order.
pub(super) fn segments<'d>(
    form: &mut Form<'d>,
    truth: &Table<'d>,
    keys: &[String],
) -> Option<Segments> {
    let table = form.table(truth, "segments", &SEGMENTS)?;
    form.require(
        &table,
        "attribute",
        "the attribute that tells visitors apart",
    );
    form.require(&table, "values", "the values of the attribute");
    let attribute = form.text(&table, "attribute").unwrap_or_default();
    let mut values: Vec<Segment> = Vec::new();
    for given in form.tables(&table, "values", &SEGMENT) {
        let segment = segment(form, &given, keys);
        let path = format!("{}.value", given.path);
        if values.iter().any(|other| other.value == segment.value) {
            let detail = format!("\"{}\" is used twice", segment.value);
            form.note(&path, Code::Duplicate, detail);
        }
        let told = BTreeMap::from([(attribute.clone(), segment.value.as_str().into())]);
        if let Err(error) = Attributes::new(told) {
            form.note(&path, Code::Invalid, error.to_string());
        }
        values.push(segment);
    }
    let total: f64 = values.iter().map(|segment| segment.share).sum();
    for segment in &mut values {
        segment.share /= total;
    }
    (!values.is_empty()).then_some(Segments { attribute, values })
}

fn segment<'d>(form: &mut Form<'d>, table: &Table<'d>, keys: &[String]) -> Segment {
    form.require(table, "value", "the value of the attribute");
    let share = form.number(table, "share");
    let share = within(form, &format!("{}.share", table.path), share, (1e-6, 1e6));
    let mut rates = vec![None; keys.len()];
    let path = format!("{}.rates", table.path);
    match form.value(table, "rates") {
        None => {}
        Some(Value::Object(given)) => {
            for (key, rate) in &given {
                let path = format!("{path}.{key}");
                let Some(at) = keys.iter().position(|known| known == key) else {
                    let detail = "names no variant of the experiment";
                    form.note(&path, Code::UnknownReference, detail);
                    continue;
                };
                rates[at] = within(form, &path, rate.as_f64(), (0.0, 1.0));
                if rate.as_f64().is_none() {
                    form.note(&path, Code::WrongType, "must be a number");
                }
            }
        }
        Some(_) => form.note(&path, Code::WrongType, "must be a table"),
    }
    Segment {
        value: form.text(table, "value").unwrap_or_default(),
        share: share.unwrap_or(1.0),
        rates,
    }
}
