//! Joined ids where the session is the unit.

use super::*;
use crate::id::SessionId;

fn world() -> World {
    let mut world = World::defined(&json!({
        "key": "shop", "status": "running", "sticky": "session",
        "variants": [{ "key": "a" }, { "key": "b" }],
        "metrics": [
            { "key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal" },
            { "key": "revenue", "event": "Order Completed", "kind": "sum" },
        ],
    }));
    let entry = world.catalog.get("shop").unwrap();
    let epoch = opened_by_change(None, entry, &Cells::none(), at(0)).unwrap();
    world.apply(&Event::Opened {
        experiment: key(),
        epoch,
    });
    world
}

fn session(visitor: &str, session: &str, arm: u16, hours: i64) -> Event {
    let Event::Assigned(assigned) = drawn(visitor, arm, hours) else {
        unreachable!("it draws")
    };
    Event::Assigned(Assigned {
        session: Some(SessionId::parse(session).unwrap()),
        ..assigned
    })
}

#[test]
fn a_reward_goes_to_the_last_session_of_any_id_before_it() {
    let history = |one: &'static str, other: &'static str| {
        [
            session(one, "s1", 0, 1),
            session(other, "s2", 1, 10),
            session(one, "s3", 0, 20),
            order(one, "o1", 5, 1.0),
            // Without the other's session it would be the first one's.
            order(one, "o2", 15, 10.0),
            order(other, "o3", 25, 100.0),
        ]
    };
    let (mut joined, mut one) = (world(), world());
    for event in history("anon", "anna") {
        joined.apply(&event);
    }
    joined.apply(&aliased("anon", "anna"));
    for event in history("anna", "anna") {
        one.apply(&event);
    }
    joined.cells.information = 0;
    one.cells.information = 0;
    assert_eq!(joined.cells, one.cells);
    let rows = one.cells.pooled(REVENUE, |_| true);
    let sums: Vec<i128> = rows.values().map(|moments| moments.y).collect();
    assert_eq!(sums, [101_000_000, 10_000_000]);
}

#[test]
fn a_session_under_two_ids_is_one() {
    let mut world = world();
    world.apply(&session("anon", "s", 1, 1));
    world.apply(&session("anna", "s", 0, 2));
    world.apply(&session("anna", "t", 0, 3));
    world.apply(&aliased("anon", "anna"));
    assert_eq!(joins(&world), (1, 1, 1), "but another one is another");
    assert_eq!(world.cells.assigned(None).values().sum::<i64>(), 2);
}
