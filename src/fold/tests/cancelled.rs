//! Orders that are taken back without an amount.

use super::*;
use crate::event::CANCELLATION;

#[test]
fn a_cancellation_takes_the_whole_order_back_whatever_it_names() {
    for early in [false, true] {
        let mut world = World::new();
        world.apply(&assigned("v", 1, 1));
        let named = json!({ "order_id": "o1", "total": 4.0 });
        let cancelled = tracked("v", "c1", CANCELLATION, 30, named);
        if early {
            world.apply(&cancelled);
        }
        world.apply(&order("v", "o1", 2, 40.0));
        world.apply(&order("v", "o2", 3, 10.0));
        if !early {
            world.apply(&cancelled);
        }
        let revenue_and_orders = (world.total(REVENUE).y, world.total(ORDERS).y);
        assert_eq!(revenue_and_orders, (10_000_000, 1));
        // A refund of the same order has nothing left to take.
        world.apply(&tracked("v", "r1", REFUND, 31, json!({ "order_id": "o1" })));
        assert_eq!(world.total(REVENUE).y, 10_000_000);
    }
}

#[test]
fn a_refund_outlives_the_list_with_its_order() {
    let mut world = World::new();
    world.apply(&assigned("v", 0, 1));
    let refund = |id: &str, hours| tracked("v", id, REFUND, hours, json!({ "order_id": "o299" }));
    world.apply(&refund("early", 2));
    for i in 0..300 {
        world.apply(&order("v", &format!("o{i}"), 3 + i, 1.0));
    }
    assert_eq!(
        world.total(REVENUE).y,
        299_000_000,
        "the refund waited for its order"
    );
    for i in 300..700 {
        world.apply(&order("v", &format!("o{i}"), 302, 1.0));
    }
    assert_eq!(
        world.total(REVENUE).y,
        699_000_000,
        "and left the list with it"
    );
}
