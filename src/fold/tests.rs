//! The fold against golden sums, against itself in any order, and at its edges.

mod alias;
mod cancelled;
mod caps;
mod delay;
mod erased;
mod exposed;
mod guardrail;
mod history;
mod order;
mod seen;

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use super::*;
use crate::bandit::opened_by_change;
use crate::catalog::metric::MetricIndex;
use crate::catalog::{Source, read_json};
use crate::event::{Defined, Imported, REFUND};
use crate::golden;
use crate::id::{EventId, EventName, ExperimentKey, VisitorId};
use crate::moments::Moments;
use crate::time::Window;

/// State in memory, changed by deltas.
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    zone: Zone,
    records: HashMap<VisitorKey, Record>,
    profiles: HashMap<VisitorKey, Profile>,
    joined: HashMap<VisitorKey, VisitorKey>,
    keys: Keyring,
    author: Option<Author>,
    remembered: BTreeSet<(VisitorKey, u64)>,
    pub(crate) cells: Cells,
}

impl View for World {
    type Error = std::convert::Infallible;

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn zone(&self) -> &Zone {
        &self.zone
    }

    fn seed(&self) -> u64 {
        7
    }

    fn person(&self, visitor: VisitorKey) -> Result<(VisitorKey, Record), Self::Error> {
        let mut key = visitor;
        while let Some(person) = self.joined.get(&key) {
            key = *person;
        }
        Ok((key, self.records.get(&key).cloned().unwrap_or_default()))
    }

    fn profile(&self, person: VisitorKey) -> Result<Profile, Self::Error> {
        Ok(self.profiles.get(&person).cloned().unwrap_or_default())
    }

    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    fn remembers(&self, visitor: VisitorKey, id: u64) -> Result<bool, Self::Error> {
        Ok(self.remembered.contains(&(visitor, id)))
    }
}

const PURCHASE: MetricIndex = MetricIndex(0);
const REVENUE: MetricIndex = MetricIndex(1);
const ORDERS: MetricIndex = MetricIndex(2);
const AOV: MetricIndex = MetricIndex(3);
const CAPPED: MetricIndex = MetricIndex(4);
const KNOWN: MetricIndex = MetricIndex(7);
const VIEWING: MetricIndex = MetricIndex(8);

impl World {
    /// One experiment of two variants: conversion, revenue, orders, revenue per order, capped revenue, and revenue
    /// beside the visitor's history.
    fn new() -> Self {
        Self::analysing("assigned")
    }

    /// The same, for everybody assigned or for the exposed.
    fn analysing(exposure: &str) -> Self {
        let definition = json!({
            "key": "shop", "status": "running", "exposure": exposure,
            "variants": [{ "key": "a" }, { "key": "b" }],
            "metrics": [
                { "key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal" },
                { "key": "revenue", "event": "Order Completed", "kind": "sum" },
                { "key": "orders", "event": "Order Completed", "kind": "count" },
                { "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders" },
                { "key": "capped", "event": "Order Completed", "kind": "sum", "cap": 25.0 },
                { "key": "buyers", "event": "Order Completed", "kind": "sum", "cap": { "percentile": 95, "ignore_zeros": true } },
                { "key": "all", "event": "Order Completed", "kind": "sum", "cap": { "percentile": 95 } },
                { "key": "known", "event": "Order Completed", "kind": "sum", "cap": 250.0,
                  "covariate": { "window": "5d" } },
                { "key": "viewing", "event": "Order Completed", "kind": "count",
                  "covariate": { "event": "Page Viewed" } },
            ],
        });
        let mut world = Self::defined(&definition);
        let epoch = opened_by_change(
            None,
            world.catalog.get("shop").unwrap(),
            &Cells::none(),
            at(0),
        );
        world.apply(&Event::Opened {
            experiment: key(),
            epoch: epoch.unwrap(),
        });
        world
    }

    /// One experiment without epochs.
    pub(crate) fn defined(definition: &serde_json::Value) -> Self {
        let spec = read_json(&definition.to_string()).unwrap();
        let mut world = Self {
            catalog: Catalog::default(),
            zone: Zone::utc(),
            records: HashMap::new(),
            profiles: HashMap::new(),
            joined: HashMap::new(),
            keys: Keyring::default(),
            author: None,
            remembered: BTreeSet::new(),
            cells: Cells::default(),
        };
        world.apply(&Event::Defined(Defined {
            definition: serde_json::to_string(&spec).unwrap(),
            source: Source::Api,
            cosmetic: false,
            at: at(0),
        }));
        world
    }

    pub(crate) fn apply(&mut self, event: &Event) -> Outcome {
        let delta = fold(self, event, at(40 * 24)).unwrap();
        if let Some((visitor, record)) = delta.record {
            self.remembered
                .extend(delta.forgotten.into_iter().map(|id| (visitor, id)));
            self.records.insert(visitor, record);
            if let Some(alias) = delta.joined {
                self.records.remove(&alias);
                self.profiles.remove(&alias);
                self.joined.insert(alias, visitor);
            }
        }
        self.profiles.extend(delta.profile);
        self.forget(delta.gone);
        for (_, change) in &delta.cells {
            self.cells.merge(change);
        }
        if let Some(entry) = delta.entry {
            self.catalog.put(entry);
        }
        delta.outcome
    }

    /// A metric's moments over both variants.
    fn total(&self, metric: MetricIndex) -> Moments {
        let rows = self.cells.pooled(metric, |_| true);
        rows.values()
            .fold(Moments::default(), |sum, moments| sum + *moments)
    }
}

fn key() -> ExperimentKey {
    ExperimentKey::parse("shop").unwrap()
}

/// So many hours into the experiment.
pub(crate) fn at(hours: i64) -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z")
        .unwrap()
        .plus(Window::from_millis(hours * 3_600_000))
}

fn assigned(visitor: &str, arm: u16, hours: i64) -> Event {
    Event::Imported(Imported {
        visitor: VisitorId::parse(visitor).unwrap(),
        experiment: key(),
        arm: crate::allocation::Arm(arm),
        allocation: None,
        label: None,
        at: at(hours),
        dimensions: Vec::new(),
    })
}

pub(crate) fn tracked(
    visitor: &str,
    id: &str,
    name: &str,
    hours: i64,
    properties: impl std::fmt::Display,
) -> Event {
    let properties = properties.to_string();
    Event::Tracked(Tracked {
        visitor: VisitorId::parse(visitor).unwrap(),
        id: EventId::parse(id).unwrap(),
        name: EventName::parse(name).unwrap(),
        at: at(hours),
        properties,
        source: crate::source::Source::Native,
    })
}

fn order(visitor: &str, id: &str, hours: i64, revenue: f64) -> Event {
    tracked(
        visitor,
        id,
        "Order Completed",
        hours,
        json!({ "order_id": id, "revenue": revenue }),
    )
}

/// The golden sums of repeat purchases: S, Q, orders, Σ orders² and Σ revenue·orders per visitor, and the capped pair.
#[test]
fn repeat_purchases_have_the_golden_sums() {
    let cases = golden::cases(include_str!("../../tests/golden/visitor_fold.json"));
    let rows: Vec<(&str, f64)> = include_str!("../../tests/golden/cdnow.csv")
        .lines()
        .skip(1)
        .map(|row| row.split_once(',').unwrap())
        .map(|(who, amount)| (who, amount.parse().unwrap()))
        .collect();
    let mut world = World::new();
    let mut snapshots = cases[0].expected["snapshots"].as_array().unwrap().iter();
    let mut next = snapshots.next();
    for (i, (customer, amount)) in rows.iter().enumerate() {
        world.apply(&assigned(customer, 0, 1));
        world.apply(&order(customer, &format!("o{i}"), 2, *amount));
        if let Some(snapshot) = next.filter(|snapshot| snapshot["after"] == i + 1) {
            let (revenue, aov) = (world.total(REVENUE), world.total(AOV));
            let close = |got: f64, field: &str| {
                let expected = snapshot[field].as_f64().unwrap();
                assert!(
                    (got - expected).abs() <= 1e-6 + 1e-9 * expected,
                    "{field} after {}: {got} {expected}",
                    i + 1
                );
            };
            close(revenue.y as f64 / 1e6, "sum");
            close(revenue.yy.as_f64() / 1e12, "sumsq");
            close(world.total(ORDERS).y as f64, "orders");
            close(aov.xx.as_f64(), "orders_sumsq");
            close(aov.xy.as_f64() / 1e6, "rev_orders");
            assert_eq!(
                world.total(PURCHASE).y,
                i128::from(snapshot["purchasers"].as_i64().unwrap())
            );
            next = snapshots.next();
        }
    }
    assert!(next.is_none(), "every snapshot was compared");
    let wrong = cases[0].expected["per_event_sumsq_WRONG"].as_f64().unwrap();
    assert!(
        (world.total(REVENUE).yy.as_f64() / 1e12 - wrong).abs() > 1e6,
        "events are not the unit"
    );
    let capped = world.total(CAPPED);
    cases[2].check("sum", &[capped.y as f64 / 1e6]);
    cases[2].check("sumsq", &[capped.yy.as_f64() / 1e12]);
}

#[test]
fn negative_amounts_refund() {
    let cases = golden::cases(include_str!("../../tests/golden/visitor_fold.json"));
    let mut world = World::new();
    for i in 1..=5 {
        world.apply(&assigned(&format!("v{i}"), 0, 1));
    }
    for (i, event) in cases[1].input["events"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let (visitor, amount) = (event[0].as_str().unwrap(), event[1].as_f64().unwrap());
        world.apply(&order(visitor, &format!("o{i}"), 2, amount));
    }
    let revenue = world.total(REVENUE);
    cases[1].check("sum", &[revenue.y as f64 / 1e6]);
    cases[1].check("sumsq", &[revenue.yy.as_f64() / 1e12]);
    cases[1].check("mean", &[revenue.mean(1e6).unwrap()]);
    cases[1].check("var", &[revenue.variance(1e6).unwrap()]);
}

#[test]
fn a_refund_takes_the_order_out_wholly_or_in_part() {
    let refund = |id: &str, properties| tracked("v", id, REFUND, 30, properties);
    for early in [false, true] {
        let mut world = World::new();
        world.apply(&assigned("v", 1, 1));
        let whole = refund("r1", json!({ "order_id": "o1" }));
        if early {
            world.apply(&whole);
        }
        world.apply(&order("v", "o1", 2, 40.0));
        world.apply(&order("v", "o2", 3, 10.0));
        if !early {
            world.apply(&whole);
        }
        assert_eq!(
            (world.total(REVENUE).y, world.total(ORDERS).y),
            (10_000_000, 1)
        );
        world.apply(&refund("r2", json!({ "order_id": "o2", "total": 4.0 })));
        assert_eq!(
            (world.total(REVENUE).y, world.total(ORDERS).y),
            (6_000_000, 1),
            "a part leaves the order"
        );
        world.apply(&refund("r3", json!({ "order_id": "o2", "total": 6.0 })));
        assert_eq!(
            (world.total(REVENUE).y, world.total(PURCHASE).y),
            (0, 0),
            "all parts together take it out"
        );
    }
}

#[test]
fn the_window_is_half_open_and_order_of_arrival_does_not_matter() {
    let mut world = World::new();
    let day = 24;
    world.apply(&order("v", "before", 9, 1.0));
    world.apply(&order("v", "at", 10, 10.0));
    world.apply(&order("v", "edge", 10 + 14 * day, 100.0));
    world.apply(&order("v", "inside", 9 + 14 * day, 1000.0));
    assert!(
        world.cells.is_empty(),
        "nothing counts without an assignment"
    );
    world.apply(&assigned("v", 0, 10));
    assert_eq!(world.total(REVENUE).y, 1_010_000_000);
    assert_eq!(
        world.apply(&order("v", "inside", 12, 5.0)),
        Outcome::Duplicate
    );
}

#[test]
fn more_events_than_a_record_keeps_stay_exact_and_known() {
    let mut world = World::new();
    world.apply(&assigned("v", 0, 1));
    let events: Vec<Event> = (0..700)
        .map(|i| order("v", &format!("o{i}"), 2 + i % 200, 1.0))
        .collect();
    for event in &events {
        assert_eq!(world.apply(event), Outcome::Accepted);
    }
    assert_eq!(world.total(REVENUE).y, 700_000_000);
    assert!((world.total(ORDERS).yy.as_f64() - 490_000.0).abs() < 1e-6);
    for event in &events {
        assert_eq!(world.apply(event), Outcome::Duplicate);
    }
    let key = VisitorKey::of(7, &VisitorId::parse("v").unwrap());
    assert_eq!(world.records[&key].events.len(), crate::visitor::MAX_EVENTS);
}
