//! New and returning visitors.

use super::*;
use crate::cell::{Facet, NEW, RETURNING, VISITOR_TYPE};

/// Visitors, new and returning, in the cells of a metric.
fn types(world: &World, metric: MetricIndex) -> [i64; 2] {
    [NEW, RETURNING].map(|of| {
        let is_of = |facet| {
            facet
                == Facet::Dimension {
                    dimension: VISITOR_TYPE,
                    value: of,
                }
        };
        let rows = world.cells.weighted(metric, is_of);
        rows.values().map(|weighted| weighted.n).sum()
    })
}

fn viewed(visitor: &str, hours: i64) -> Event {
    tracked(
        visitor,
        &format!("view-{hours}"),
        "Page Viewed",
        hours,
        json!({}),
    )
}

#[test]
fn a_visitor_who_was_known_before_is_returning() {
    let mut world = World::new();
    world.apply(&assigned("fresh", 0, 10));
    world.apply(&order("fresh", "o1", 11, 20.0));
    assert_eq!(types(&world, REVENUE), [1, 0]);
    // An event that no metric reads is enough, within half an hour it is the same visit.
    world.apply(&viewed("known", 8));
    world.apply(&assigned("known", 1, 10));
    assert_eq!(types(&world, REVENUE), [1, 1]);
    world.apply(&viewed("browsing", 10));
    world.apply(&assigned("browsing", 1, 10));
    assert_eq!(types(&world, REVENUE), [2, 1]);
}

#[test]
fn a_late_event_of_an_earlier_time_moves_a_visitor_with_all_metrics() {
    let mut world = World::new();
    world.apply(&assigned("late", 0, 10));
    world.apply(&order("late", "o1", 11, 20.0));
    let total = world.total(REVENUE);
    world.apply(&viewed("late", 2));
    for metric in [PURCHASE, REVENUE, ORDERS, AOV, CAPPED] {
        assert_eq!(types(&world, metric), [0, 1]);
    }
    assert_eq!(world.total(REVENUE), total);
    // So does a late order of before the assignment, which counts for nothing else.
    world.apply(&assigned("buyer", 0, 10));
    world.apply(&order("buyer", "o2", 1, 70.0));
    assert_eq!(types(&world, PURCHASE), [0, 2]);
    assert_eq!(world.total(REVENUE).y, total.y);
}
