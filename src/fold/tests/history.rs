//! What a covariate keeps of the time before an assignment.

use super::*;

const DAY: i64 = 24;

/// Σ x of the two metrics with a covariate, in units.
fn known(world: &World) -> (i128, i128) {
    (world.total(KNOWN).x / 1_000_000, world.total(VIEWING).x)
}

#[test]
fn history_is_what_came_before_the_assignment_within_its_window() {
    let mut world = World::new();
    let start = 40 * DAY;
    let view = |id: &str, hours| tracked("v", id, "Page Viewed", hours, json!({}));
    world.apply(&order("v", "older", start - 5 * DAY - 1, 1.0));
    world.apply(&order("v", "first", start - 5 * DAY, 10.0));
    world.apply(&order("v", "last", start - 1, 30.0));
    world.apply(&view("v1", start - 20 * DAY));
    world.apply(&assigned("v", 0, start));
    assert_eq!(known(&world), (40, 1));
    let kept = world.total(KNOWN);
    assert_eq!((kept.n, kept.y, world.total(REVENUE).x), (1, 0, 0));
    // What happens from the assignment on is reward, and takes nothing out of the past.
    world.apply(&order("v", "after", start, 100.0));
    world.apply(&view("v2", start + 1));
    world.apply(&tracked(
        "v",
        "r1",
        REFUND,
        start + 2,
        json!({ "order_id": "last" }),
    ));
    assert_eq!(known(&world), (40, 1));
    assert_eq!(world.total(KNOWN).y, 100_000_000);
    // What happened before may still arrive: an order, and a refund that had been given by then.
    world.apply(&order("v", "late", start - 2 * DAY, 5.0));
    world.apply(&tracked(
        "v",
        "r2",
        REFUND,
        start - DAY,
        json!({ "order_id": "first" }),
    ));
    assert_eq!(known(&world), (35, 1));
    // The cap of the metric is the cap of its covariate.
    world.apply(&order("v", "large", start - 3, 1_000.0));
    assert_eq!(known(&world), (250, 1));
}

#[test]
fn history_outlives_the_list_of_events() {
    let mut world = World::new();
    for i in 0..200 {
        world.apply(&order("v", &format!("old{i}"), i % 100, 1.0));
    }
    world.apply(&assigned("v", 1, 100));
    assert_eq!(known(&world).0, 200);
    for i in 0..400 {
        world.apply(&order("v", &format!("new{i}"), 100 + i % 50, 1.0));
    }
    assert_eq!((known(&world).0, world.total(KNOWN).y), (200, 250_000_000));
    assert_eq!(world.total(REVENUE).y, 400_000_000);
}
