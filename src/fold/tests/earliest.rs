//! Of two assignments the earlier one counts, whenever it arrives.

use super::*;

#[test]
fn an_earlier_assignment_of_another_variant_wins_and_leaves_a_mark() {
    let orders = [order("v", "o1", 5, 10.0), order("v", "o2", 30, 20.0)];
    let assignments = [assigned("v", 1, 20), assigned("v", 0, 4)];
    let mut worlds = [[0, 1], [1, 0]].map(|turn| {
        let mut world = World::new();
        for i in &turn {
            world.apply(&assignments[*i]);
        }
        for event in &orders {
            world.apply(event);
        }
        world
    });
    let rows = worlds[0].cells.pooled(REVENUE, |_| true);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows.values().next().unwrap().y, 30_000_000);
    worlds[0].cells.information = 0;
    worlds[1].cells.information = 0;
    assert_eq!(worlds[0].cells, worlds[1].cells);
    assert!(worlds.iter().all(|world| {
        world
            .records
            .values()
            .all(|record| record.assignments[0].crossover)
    }));
}
