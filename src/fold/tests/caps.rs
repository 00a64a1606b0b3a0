//! Caps by percentile: what the sketch holds before, and what counts after.

use super::*;
use crate::epoch::{Cause, Epoch};
use crate::event::Assigned;
use crate::winsor::Percentile;

const BUYERS: MetricIndex = MetricIndex(5);
const ALL: MetricIndex = MetricIndex(6);

fn drawn(world: &World, visitor: &str, hours: i64) -> Event {
    Event::Assigned(Assigned {
        visitor: VisitorId::parse(visitor).unwrap(),
        session: None,
        experiment: key(),
        arm: crate::allocation::Arm(0),
        holdout: false,
        propensity: crate::allocation::Propensity::new(0.5).unwrap(),
        epoch: world.catalog.get("shop").unwrap().epoch().unwrap().number,
        at: at(hours),
        dimensions: Vec::new(),
        drawn: None,
    })
}

fn sketch(world: &World, metric: MetricIndex) -> Vec<(i64, i64)> {
    world.cells.sketch(metric).collect()
}

/// Opens the epoch that follows, with a cap of 30 for the buyers' metric.
fn freeze(world: &mut World) {
    let entry = world.catalog.get("shop").unwrap();
    let mut caps = vec![None; entry.experiment.metrics.len()];
    caps[5] = Some(30_000_000);
    let epoch = Epoch {
        number: entry.epochs.next_number(),
        cause: Cause::Capped,
        caps,
        ..entry.epoch().unwrap().clone()
    };
    let experiment = key();
    assert_eq!(
        world.apply(&Event::Opened { experiment, epoch }),
        Outcome::Accepted
    );
}

#[test]
fn a_sketch_holds_every_visitors_total_once() {
    let mut world = World::new();
    let percentile = Percentile::new(95.0, false).unwrap();
    let bucket = |units: i64| percentile.bucket(units * 1_000_000).unwrap();
    for visitor in ["a", "b", "c"] {
        world.apply(&drawn(&world, visitor, 1));
    }
    assert_eq!(sketch(&world, BUYERS), []);
    assert_eq!(sketch(&world, ALL), [(0, 3)]);
    world.apply(&order("a", "o1", 2, 70.0));
    world.apply(&order("a", "o2", 2, 50.0));
    world.apply(&order("b", "o3", 2, -5.0));
    assert_eq!(sketch(&world, BUYERS), [(-1, 1), (bucket(120), 1)]);
    assert_eq!(sketch(&world, ALL), [(-1, 1), (0, 1), (bucket(120), 1)]);
    world.apply(&tracked("a", "r", REFUND, 3, json!({ "order_id": "o1" })));
    assert_eq!(sketch(&world, BUYERS), [(-1, 1), (bucket(50), 1)]);
    world.apply(&tracked("a", "s", REFUND, 3, json!({ "order_id": "o2" })));
    world.apply(&order("b", "o4", 4, 5.0));
    assert_eq!(sketch(&world, BUYERS), [], "refunds leave no trace");
}

#[test]
fn who_comes_after_the_freeze_is_capped_and_who_came_before_is_not() {
    let mut world = World::new();
    world.apply(&drawn(&world, "early", 1));
    freeze(&mut world);
    let late = drawn(&world, "late", 2);
    world.apply(&late);
    let before = sketch(&world, BUYERS);
    for (visitor, id) in [("early", "o1"), ("late", "o2")] {
        world.apply(&order(visitor, id, 3, 100.0));
    }
    assert_eq!(world.total(BUYERS).y, 130_000_000);
    assert_eq!(world.total(REVENUE).y, 200_000_000);
    assert_eq!(world.total(ALL).y, 200_000_000, "its own cap is not frozen");
    assert_eq!((before.len(), sketch(&world, BUYERS).len()), (0, 1));
    assert_eq!(sketch(&world, ALL).iter().map(|(_, n)| n).sum::<i64>(), 2);
    world.apply(&order("late", "o3", 4, -80.0));
    assert_eq!(
        world.total(BUYERS).y,
        120_000_000,
        "the cap is of the total, not of an order"
    );
}

#[test]
fn imported_visitors_count_in_full_whenever_they_come() {
    let worlds = [false, true].map(|late| {
        let mut world = World::new();
        if late {
            freeze(&mut world);
        }
        world.apply(&assigned("v", 0, 1));
        world.apply(&order("v", "o1", 2, 100.0));
        if !late {
            freeze(&mut world);
        }
        world
    });
    for world in &worlds {
        assert_eq!(world.total(BUYERS).y, 100_000_000);
        assert_eq!(sketch(world, BUYERS).len(), 1);
    }
}
