//! How long after the assignment visitors converted.

use super::*;
use crate::age::AgeBucket;

/// Where each conversion's bucket begins, in hours, with how many there are.
fn ages(world: &World) -> Vec<(i64, i64)> {
    let cells = world.cells.delays.iter();
    let own = cells.filter(|(key, _)| key.metric == PURCHASE);
    own.map(|(key, tally)| (key.age.bounds().0 / 3_600_000, tally.n))
        .collect()
}

fn bucket(hours: i64) -> i64 {
    let age = AgeBucket::of(Window::from_millis(hours * 3_600_000));
    age.bounds().0 / 3_600_000
}

#[test]
fn the_age_is_that_of_the_first_order_that_was_not_taken_back() {
    let mut world = World::new();
    world.apply(&assigned("v", 0, 10));
    world.apply(&order("v", "o2", 60, 1.0));
    assert_eq!(ages(&world), [(bucket(50), 1)]);
    world.apply(&order("v", "o1", 13, 1.0));
    assert_eq!(ages(&world), [(bucket(3), 1)]);
    let refund = |id: &str, order: &str| tracked("v", id, REFUND, 70, json!({ "order_id": order }));
    world.apply(&refund("r1", "o1"));
    assert_eq!(ages(&world), [(bucket(50), 1)]);
    world.apply(&refund("r2", "o2"));
    assert_eq!(ages(&world), []);
    world.apply(&order("v", "late", 10 + 14 * 24, 1.0));
    assert_eq!(ages(&world), [], "the window is over");
}

#[test]
fn only_conversions_have_ages_and_each_visitor_one() {
    let mut world = World::new();
    for (visitor, hours) in [("v", 3), ("w", 3), ("x", 100)] {
        world.apply(&assigned(visitor, 1, 1));
        for again in 0..3 {
            let id = format!("{visitor}{again}");
            world.apply(&order(visitor, &id, hours + again * 30, 1.0));
        }
    }
    assert_eq!(ages(&world), [(bucket(2), 2), (bucket(99), 1)]);
    assert_eq!(world.cells.delays.len(), 2);
}

#[test]
fn the_age_outlives_the_list_of_events() {
    let mut world = World::new();
    world.apply(&assigned("v", 0, 1));
    world.apply(&order("v", "first", 4, 1.0));
    for i in 0..600 {
        world.apply(&order("v", &format!("o{i}"), 20 + i % 200, 1.0));
    }
    assert_eq!(ages(&world), [(bucket(3), 1)]);
}
