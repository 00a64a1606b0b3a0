//! The table `[truth]`: rates, values and delays of the variants, and how rates move.

use super::segments::segments;
use super::within;
use crate::catalog::mistake::Code;
use crate::catalog::spec::form::{Choices, Form, Keys, Table};
use crate::simulation::scenario::{Change, Promotion, Truth, VariantTruth};
use crate::simulation::value::{Law, OrderValue};
use crate::time::Window;

const TRUTH: Keys = Keys {
    known: &[
        "variants",
        "weekly",
        "trend",
        "promotions",
        "changes",
        "segments",
    ],
    later: &[],
};
const VARIANT: Keys = Keys {
    known: &["key", "rate", "value", "delay"],
    later: &[],
};
const VALUE: Keys = Keys {
    known: &[
        "law",
        "mean",
        "sigma",
        "shape",
        "wholesale",
        "wholesale_factor",
    ],
    later: &[],
};
const PROMOTION: Keys = Keys {
    known: &["from", "until", "factor"],
    later: &[],
};
const CHANGE: Keys = Keys {
    known: &["at", "variant", "rate"],
    later: &[],
};

/// The laws of an order's value, still without their parameter.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Constant,
    Lognormal,
    Weibull,
}

const LAW: Choices<Shape> = Choices {
    now: &[
        ("constant", Shape::Constant),
        ("lognormal", Shape::Lognormal),
        ("weibull", Shape::Weibull),
    ],
    later: &[],
};

/// Largest factor and parameter of a law.
const MOST: f64 = 1e6;

/// Reads `[truth]`; `keys` are those of the experiment's variants, in order.
pub(super) fn truth<'d>(form: &mut Form<'d>, root: &Table<'d>, keys: &[String]) -> Truth {
    let mut truth = Truth {
        variants: Vec::new(),
        weekly: [1.0; 7],
        trend: [1.0; 2],
        promotions: Vec::new(),
        changes: Vec::new(),
        segments: None,
    };
    let Some(table) = form.table(root, "truth", &TRUTH) else {
        return truth;
    };
    form.require(&table, "variants", "the rate of every variant");
    let mut found = vec![None; keys.len()];
    for given in form.tables(&table, "variants", &VARIANT) {
        let variant = variant(form, &given);
        if let Some(at) = position(form, &given, "key", keys) {
            if found[at].is_some() {
                let path = format!("{}.key", given.path);
                form.note(&path, Code::Duplicate, "names a variant twice");
            }
            found[at] = Some(variant);
        }
    }
    for (key, _) in keys.iter().zip(&found).filter(|(_, of)| of.is_none()) {
        let detail = format!("says nothing about \"{key}\"");
        form.note("truth.variants", Code::Missing, detail);
    }
    truth.variants = found.into_iter().flatten().collect();
    factors(form, &table, "weekly", &mut truth.weekly);
    factors(form, &table, "trend", &mut truth.trend);
    for given in form.tables(&table, "promotions", &PROMOTION) {
        truth.promotions.push(promotion(form, &given));
    }
    for given in form.tables(&table, "changes", &CHANGE) {
        truth.changes.extend(change(form, &given, keys));
    }
    truth.segments = segments(form, &table, keys);
    truth.changes.sort_by_key(|change| change.at);
    truth
}

/// The position of the variant that a key names.
fn position<'d>(
    form: &mut Form<'d>,
    table: &Table<'d>,
    key: &str,
    keys: &[String],
) -> Option<usize> {
    form.require(table, key, "a variant of the experiment");
    let name = form.text(table, key)?;
    let at = keys.iter().position(|known| *known == name);
    if at.is_none() {
        let detail = format!("names no variant of the experiment: \"{name}\"");
        form.note(
            &format!("{}.{key}", table.path),
            Code::UnknownReference,
            detail,
        );
    }
    at
}

fn rate<'d>(form: &mut Form<'d>, table: &Table<'d>) -> f64 {
    form.require(table, "rate", "the probability that a visitor converts");
    let given = form.number(table, "rate");
    within(form, &format!("{}.rate", table.path), given, (0.0, 1.0)).unwrap_or(0.0)
}

fn variant<'d>(form: &mut Form<'d>, table: &Table<'d>) -> VariantTruth {
    VariantTruth {
        rate: rate(form, table),
        value: value(form, table),
        delay: form.parsed(table, "delay", Window::parse),
    }
}

fn value<'d>(form: &mut Form<'d>, table: &Table<'d>) -> OrderValue {
    let Some(table) = form.table(table, "value", &VALUE) else {
        return OrderValue::UNIT;
    };
    form.require(&table, "mean", "the mean of an order's value");
    let mut number = |key: &str, range| {
        let given = form.number(&table, key);
        within(form, &format!("{}.{key}", table.path), given, range)
    };
    let mean = number("mean", (0.0, MOST)).unwrap_or(1.0);
    let wholesale = number("wholesale", (0.0, 1.0)).unwrap_or(0.0);
    let wholesale_factor = number("wholesale_factor", (0.0, MOST)).unwrap_or(1.0);
    let sigma = number("sigma", (0.0, 5.0)).unwrap_or(1.0);
    let shape = number("shape", (0.2, 100.0)).unwrap_or(1.0);
    let law = match form.choice(&table, "law", &LAW).unwrap_or(Shape::Constant) {
        Shape::Constant => Law::Constant,
        Shape::Lognormal => Law::Lognormal(sigma),
        Shape::Weibull => Law::Weibull(shape),
    };
    OrderValue {
        law,
        mean,
        wholesale,
        wholesale_factor,
    }
}

/// A list of so many factors.
fn factors<'d, const N: usize>(
    form: &mut Form<'d>,
    table: &Table<'d>,
    key: &str,
    into: &mut [f64; N],
) {
    if !table.has(key) {
        return;
    }
    let numbers: Option<Vec<f64>> = form
        .items(table, key)
        .into_iter()
        .map(|(_, item)| item.as_f64().filter(|of| (0.0..=MOST).contains(of)))
        .collect();
    if let Some(numbers) = numbers.and_then(|numbers| <[f64; N]>::try_from(numbers).ok()) {
        *into = numbers;
    } else {
        let detail = format!("must be a list of {N} factors, each at least 0");
        form.note(&format!("{}.{key}", table.path), Code::Invalid, detail);
    }
}

fn promotion<'d>(form: &mut Form<'d>, table: &Table<'d>) -> Promotion {
    form.require(table, "from", "the number of its first visitor");
    form.require(table, "until", "the number of the first visitor after it");
    form.require(table, "factor", "what all rates are multiplied by");
    let factor = form.number(table, "factor");
    Promotion {
        from: form.whole(table, "from").unwrap_or(0),
        until: form.whole(table, "until").unwrap_or(0),
        factor: within(form, &format!("{}.factor", table.path), factor, (0.0, MOST)).unwrap_or(1.0),
    }
}

fn change<'d>(form: &mut Form<'d>, table: &Table<'d>, keys: &[String]) -> Option<Change> {
    form.require(table, "at", "the number of its first visitor");
    let variant = position(form, table, "variant", keys);
    let rate = rate(form, table);
    Some(Change {
        at: form.whole(table, "at")?,
        variant: variant?,
        rate,
    })
}
