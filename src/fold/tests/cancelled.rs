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
