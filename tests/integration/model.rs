//! The things tests talk about: definitions, events, rows of history, and reports as their readers see them.

use serde_json::{Value, json};

/// An even split of `control` and `treatment`, with the metrics of a shop.
pub(crate) fn fixed(key: &str) -> Value {
    json!({
        "key": key,
        "status": "running",
        "variants": [
            { "key": "control", "payload": { "headline": "New season" } },
            { "key": "treatment", "payload": { "headline": "Still thinking about it?" } },
        ],
        "metrics": [
            { "key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal" },
            { "key": "revenue", "event": "Order Completed", "kind": "sum", "property": "revenue" },
            { "key": "orders", "event": "Order Completed", "kind": "count" },
        ],
    })
}

/// A Thompson bandit over the same.
pub(crate) fn thompson(key: &str) -> Value {
    with(
        fixed(key),
        "allocation",
        json!({ "policy": "thompson", "metric": "purchase", "floor_total": 0.1, "burn_in": 100 }),
    )
}

/// A definition with one key changed.
pub(crate) fn with(mut definition: Value, key: &str, value: Value) -> Value {
    definition[key] = value;
    definition
}

/// An order.
pub(crate) fn order(visitor: &str, id: &str, at: &str, revenue: f64) -> Value {
    json!({
        "event": "Order Completed", "visitor": visitor, "id": id, "timestamp": at,
        "properties": { "revenue": revenue },
    })
}

/// An order that names itself.
pub(crate) fn order_named(visitor: &str, id: &str, order: &str, revenue: f64) -> Value {
    json!({
        "event": "Order Completed", "visitor": visitor, "id": id,
        "properties": { "order_id": order, "revenue": revenue },
    })
}

/// An assignment of another system.
pub(crate) fn history(visitor: &str, experiment: &str, variant: &str, at: &str) -> Value {
    json!({
        "type": "assignment", "visitor": visitor, "experiment": experiment, "variant": variant,
        "timestamp": at,
    })
}

/// An event as a row of history.
pub(crate) fn row(event: Value) -> Value {
    with(event, "type", json!("event"))
}

/// A report, read by variant and metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    pub(crate) fn total_visitors(&self) -> u64 {
        self.0["visitors"].as_u64().unwrap()
    }

    /// Visitors of a variant, without the holdout's.
    pub(crate) fn visitors(&self, variant: &str) -> u64 {
        self.traffic(variant, false)["visitors"].as_u64().unwrap()
    }

    /// The row of a variant or of the holdout.
    pub(crate) fn traffic(&self, variant: &str, holdout: bool) -> &Value {
        find(&self.0["variants"], variant, holdout)
    }

    pub(crate) fn metric(&self, metric: &str) -> &Value {
        let metrics = self.0["metrics"].as_array().unwrap();
        metrics.iter().find(|found| found["key"] == metric).unwrap()
    }

    /// A metric of a variant, without the holdout's.
    pub(crate) fn figures(&self, metric: &str, variant: &str) -> &Value {
        find(&self.metric(metric)["variants"], variant, false)
    }

    pub(crate) fn sum(&self, metric: &str, variant: &str) -> f64 {
        self.figures(metric, variant)["sum"].as_f64().unwrap()
    }

    /// A metric's sum over all variants and the holdout.
    pub(crate) fn total(&self, metric: &str) -> f64 {
        let variants = self.metric(metric)["variants"].as_array().unwrap();
        variants.iter().filter_map(|row| row["sum"].as_f64()).sum()
    }

    pub(crate) fn mean(&self, metric: &str, variant: &str) -> f64 {
        self.figures(metric, variant)["mean"].as_f64().unwrap()
    }

    /// A metric's comparison of a variant with control.
    pub(crate) fn comparison(&self, metric: &str, variant: &str) -> &Value {
        let comparisons = self.metric(metric)["comparisons"].as_array().unwrap();
        comparisons
            .iter()
            .find(|found| found["variant"] == variant)
            .unwrap()
    }

    /// What must not depend on when the report was asked or how the data came; how long conversions take is known the
    /// better the later one asks, and not at all from a file without times.
    pub(crate) fn facts(&self) -> Value {
        let mut metrics = self.0["metrics"].clone();
        for metric in metrics.as_array_mut().into_iter().flatten() {
            metric.as_object_mut().unwrap().remove("delays");
        }
        json!([
            self.0["visitors"],
            self.0["variants"],
            self.0["health"]["srm"],
            metrics
        ])
    }
}

fn find<'a>(rows: &'a Value, variant: &str, holdout: bool) -> &'a Value {
    let rows = rows.as_array().unwrap();
    let found = rows
        .iter()
        .find(|row| row["variant"] == variant && row["holdout"] == holdout);
    found.unwrap_or_else(|| panic!("no {variant} in {rows:?}"))
}

/// The number of a value, within a relative error of a billionth.
pub(crate) fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

/// A shuffle that is the same in every run.
pub(crate) fn shuffled<T>(mut items: Vec<T>, seed: u64) -> Vec<T> {
    let mut state = seed;
    for i in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (i + 1);
        items.swap(i, other);
    }
    items
}
