//! From a document to a [`Spec`]: every key by name, with its default.
//!
//! Only form is checked here (types, unknown and missing keys, names of choices); what the values mean together is the
//! matter of `rules`.

mod allocation;
mod covariate;

use serde_json::Value;

use super::form::{Choices, Form, Keys, Table};
use super::looks::{looks, min_days};
use super::rules::{self, Finding};
use super::{
    CapSpec, DEFAULT_WINDOW, DimensionSpec, Exposure, GoalSpec, KindName, LayerSpec, MetricSpec,
    PercentileSpec, Spec, VariantSpec,
};
use crate::catalog::document::Document;
use crate::catalog::experiment::{Status, Unit};
use crate::catalog::metric::{Direction, OnTrip, Role};
use crate::catalog::mistake::Mistake;
use crate::time::{Timestamp, Window};
pub(super) use allocation::MODELS;
use allocation::allocation;
use covariate::covariate;

const ROOT: Keys = Keys {
    known: &[
        "key",
        "name",
        "hypothesis",
        "owner",
        "touchpoint",
        "content",
        "review",
        "status",
        "starts",
        "ends",
        "sticky",
        "layer",
        "holdout",
        "traffic",
        "audience",
        "dimensions",
        "exposure",
        "currency",
        "control",
        "variants",
        "allocation",
        "metrics",
        "goal",
        "min_days",
        "looks",
    ],
    later: &["covariate", "model", "prior", "context"],
};
const LAYER: Keys = Keys {
    known: &["key", "from", "to"],
    later: &[],
};
const DIMENSION: Keys = Keys {
    known: &["key", "values"],
    later: &[],
};
const VARIANT: Keys = Keys {
    known: &["key", "payload", "value", "weight", "cost"],
    later: &[],
};
const METRIC: Keys = Keys {
    known: &[
        "key",
        "event",
        "kind",
        "role",
        "window",
        "property",
        "cap",
        "numerator",
        "denominator",
        "direction",
        "limit",
        "on_trip",
        "covariate",
    ],
    later: &["prior", "min_days"],
};
const CAP: Keys = Keys {
    known: &["percentile", "ignore_zeros"],
    later: &[],
};
const GOAL: Keys = Keys {
    known: &["metric", "lift", "by"],
    later: &[],
};

const STATUS: Choices<Status> = Choices {
    now: &[
        ("draft", Status::Draft),
        ("running", Status::Running),
        ("paused", Status::Paused),
        ("concluded", Status::Concluded),
    ],
    later: &[],
};
const STICKY: Choices<Unit> = Choices {
    now: &[("visitor", Unit::Visitor), ("session", Unit::Session)],
    later: &[],
};
const EXPOSURE: Choices<Exposure> = Choices {
    now: &[
        ("assigned", Exposure::Assigned),
        ("exposed", Exposure::Exposed),
    ],
    later: &[],
};
const KIND: Choices<KindName> = Choices {
    now: &[
        ("conversion", KindName::Conversion),
        ("count", KindName::Count),
        ("sum", KindName::Sum),
        ("ratio", KindName::Ratio),
    ],
    later: &[],
};
const ROLE: Choices<Role> = Choices {
    now: &[
        ("goal", Role::Goal),
        ("secondary", Role::Secondary),
        ("guardrail", Role::Guardrail),
    ],
    later: &[],
};
const ON_TRIP: Choices<OnTrip> = Choices {
    now: &[("notify", OnTrip::Notify), ("pause", OnTrip::Pause)],
    later: &[],
};
const DIRECTION: Choices<Direction> = Choices {
    now: &[
        ("increase", Direction::Increase),
        ("decrease", Direction::Decrease),
    ],
    later: &[],
};

/// Reads and checks a document; answers all its mistakes.
pub(in crate::catalog) fn read(document: &Document) -> Result<Spec, Vec<Mistake>> {
    let mut form = Form::new(document);
    let spec = spec(&mut form);
    let mut mistakes = form.finish();
    for Finding { key, code, detail } in rules::check(&spec, mistakes.found()) {
        let line = document.line(&key);
        mistakes.add(Mistake::new(key, code, detail).on_line(line));
    }
    if mistakes.is_empty() {
        Ok(spec)
    } else {
        Err(mistakes.sorted())
    }
}

fn spec(form: &mut Form<'_>) -> Spec {
    let root = form.root(&ROOT);
    let metrics = each(form, &root, ("metrics", &METRIC), metric);
    form.require(
        &root,
        "key",
        "the experiment's unique name, such as \"homepage-hero\"",
    );
    form.require(
        &root,
        "variants",
        "at least one variant, the first being the control",
    );
    let shortest = min_days(form, &root);
    Spec {
        key: form.text(&root, "key").unwrap_or_default(),
        name: form.text(&root, "name"),
        hypothesis: form.text(&root, "hypothesis"),
        owner: form.text(&root, "owner"),
        touchpoint: form.text(&root, "touchpoint"),
        content: form.text(&root, "content"),
        review: form.text(&root, "review"),
        status: form
            .choice(&root, "status", &STATUS)
            .unwrap_or(Status::Draft),
        starts: form.instant(&root, "starts"),
        ends: form.instant(&root, "ends"),
        sticky: form
            .choice(&root, "sticky", &STICKY)
            .unwrap_or(Unit::Visitor),
        layer: layer(form, &root),
        holdout: form.number(&root, "holdout").unwrap_or(0.0),
        traffic: form.number(&root, "traffic").unwrap_or(1.0),
        audience: form.text(&root, "audience"),
        dimensions: dimensions(form, &root),
        exposure: form
            .choice(&root, "exposure", &EXPOSURE)
            .unwrap_or(Exposure::Assigned),
        currency: form.text(&root, "currency"),
        control: form.text(&root, "control"),
        variants: each(form, &root, ("variants", &VARIANT), variant),
        allocation: allocation(form, &root, (shortest, &metrics)),
        metrics,
        goal: goal(form, &root),
        min_days: shortest,
        looks: looks(form, &root),
    }
}

/// The tables of a list, each read.
fn each<'d, T>(
    form: &mut Form<'d>,
    root: &Table<'d>,
    (key, keys): (&str, &Keys),
    read: fn(&mut Form<'d>, &Table<'d>) -> T,
) -> Vec<T> {
    let tables = form.tables(root, key, keys);
    tables.iter().map(|table| read(form, table)).collect()
}

fn window<'d>(form: &mut Form<'d>, table: &Table<'d>, key: &str) -> Option<Window> {
    form.parsed(table, key, Window::parse)
}

fn layer<'d>(form: &mut Form<'d>, root: &Table<'d>) -> Option<LayerSpec> {
    let table = form.table(root, "layer", &LAYER)?;
    form.require(&table, "key", "the layer that experiments share");
    form.require(&table, "from", "where the slot begins, in [0, 1)");
    form.require(&table, "to", "where the slot ends, at most 1");
    Some(LayerSpec {
        key: form.text(&table, "key").unwrap_or_default(),
        from: form.number(&table, "from").unwrap_or(0.0),
        to: form.number(&table, "to").unwrap_or(1.0),
    })
}

fn dimensions<'d>(form: &mut Form<'d>, root: &Table<'d>) -> Vec<DimensionSpec> {
    let mut dimensions = Vec::new();
    for (path, item) in form.items(root, "dimensions") {
        if let Value::String(key) = item {
            dimensions.push(DimensionSpec {
                key: key.clone(),
                values: Vec::new(),
            });
        } else if let Some(table) = form.as_table(path, item, &DIMENSION) {
            form.require(&table, "key", "the attribute's name");
            let key = form.text(&table, "key").unwrap_or_default();
            dimensions.push(DimensionSpec {
                key,
                values: form.texts(&table, "values"),
            });
        }
    }
    dimensions
}

fn variant<'d>(form: &mut Form<'d>, table: &Table<'d>) -> VariantSpec {
    form.require(table, "key", "the variant's name");
    VariantSpec {
        key: form.text(table, "key").unwrap_or_default(),
        payload: form.value(table, "payload").unwrap_or(Value::Null),
        value: form.value(table, "value"),
        weight: form.number(table, "weight"),
        cost: form.number(table, "cost"),
    }
}

fn metric<'d>(form: &mut Form<'d>, table: &Table<'d>) -> MetricSpec {
    form.require(table, "key", "the metric's name");
    form.require(table, "kind", "one of conversion, count, sum, ratio");
    let kind = form.choice(table, "kind", &KIND);
    match kind {
        Some(KindName::Ratio) => {
            form.require(table, "numerator", "the metric above the line");
            form.require(table, "denominator", "the metric below the line");
        }
        Some(KindName::Conversion | KindName::Count | KindName::Sum) => {
            form.require(
                table,
                "event",
                "the name of the event that counts, such as \"Order Completed\"",
            );
        }
        None => {}
    }
    let property = form.text(table, "property");
    let revenue = (kind == Some(KindName::Sum)).then(|| "revenue".to_owned());
    let event = form.text(table, "event");
    MetricSpec {
        key: form.text(table, "key").unwrap_or_default(),
        kind: kind.unwrap_or(KindName::Conversion),
        covariate: covariate(form, table, event.as_ref()),
        event,
        property: property.or(revenue),
        cap: cap(form, table),
        numerator: form.text(table, "numerator"),
        denominator: form.text(table, "denominator"),
        role: form.choice(table, "role", &ROLE).unwrap_or(Role::Secondary),
        direction: form
            .choice(table, "direction", &DIRECTION)
            .unwrap_or(Direction::Increase),
        window: window(form, table, "window").unwrap_or(DEFAULT_WINDOW),
        limit: form.number(table, "limit"),
        on_trip: form.choice(table, "on_trip", &ON_TRIP),
    }
}

/// An amount, or a percentile.
fn cap<'d>(form: &mut Form<'d>, table: &Table<'d>) -> Option<CapSpec> {
    if !table.holds_table("cap") {
        return form.number(table, "cap").map(CapSpec::Fixed);
    }
    let given = form.table(table, "cap", &CAP)?;
    form.require(&given, "percentile", "a percentage such as 99.5");
    Some(CapSpec::Percentile(PercentileSpec {
        percentile: form.number(&given, "percentile")?,
        ignore_zeros: form.truth(&given, "ignore_zeros").unwrap_or(false),
    }))
}

fn goal<'d>(form: &mut Form<'d>, root: &Table<'d>) -> Option<GoalSpec> {
    let table = form.table(root, "goal", &GOAL)?;
    form.require(&table, "metric", "the metric that is to move");
    form.require(
        &table,
        "lift",
        "the relative lift to reach, such as 0.1 for 10 %",
    );
    form.require(&table, "by", "the date by which it is to be reached");
    let metric = form.text(&table, "metric").unwrap_or_default();
    let lift = form.number(&table, "lift").unwrap_or(0.0);
    let placeholder = || Timestamp::parse("9999-01-01T00:00:00Z").ok();
    let by = form.instant(&table, "by").or_else(placeholder)?;
    Some(GoalSpec { metric, lift, by })
}
