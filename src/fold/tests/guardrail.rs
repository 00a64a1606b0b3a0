//! Trips of guardrails: what they pause, what they freeze, and how the experiment goes on.

use super::*;
use crate::allocation::Arm;
use crate::catalog::Transition;
use crate::catalog::experiment::Status;
use crate::catalog::metric::OnTrip;
use crate::catalog::{Frozen, Lifecycle, Trip};
use crate::event::Transitioned;
use crate::id::MetricKey;

fn trip(low: f64, action: OnTrip, hours: i64) -> Event {
    Event::Tripped {
        experiment: key(),
        trip: Trip {
            metric: MetricKey::parse("orders").unwrap(),
            arm: Arm(1),
            harm: low + 0.2,
            low,
            action,
            receipt: "Paused.".into(),
            at: at(hours),
        },
    }
}

fn moved(transition: Transition, hours: i64) -> Event {
    Event::Transitioned(Transitioned {
        experiment: key(),
        transition,
        at: at(hours),
    })
}

fn lifecycle(world: &World) -> &Lifecycle {
    &world.catalog.get("shop").unwrap().lifecycle
}

#[test]
fn a_trip_pauses_and_freezes_until_somebody_starts_it_again() {
    let mut world = World::new();
    world.apply(&assigned("anna", 1, 1));
    assert_eq!(
        world.apply(&trip(0.1, OnTrip::Notify, 2)),
        Outcome::Accepted
    );
    let halted = |world: &World| (lifecycle(world).status, lifecycle(world).halted);
    assert_eq!(halted(&world), (Status::Running, false));
    assert_eq!(
        world.apply(&trip(0.2, OnTrip::Pause, 3)),
        Outcome::Duplicate
    );
    assert_eq!(world.apply(&trip(0.4, OnTrip::Pause, 4)), Outcome::Accepted);
    assert_eq!(halted(&world), (Status::Paused, true));
    assert_eq!(lifecycle(&world).halted_by().unwrap().at, at(4));
    world.apply(&order("anna", "lost", 5, 10.0));
    world.apply(&moved(Transition::Start, 6));
    assert_eq!(halted(&world), (Status::Running, false));
    assert_eq!(lifecycle(&world).halted_by(), None);
    world.apply(&order("anna", "kept", 7, 20.0));
    assert_eq!(world.total(REVENUE).y, 20_000_000);
    let frozen = Frozen {
        from: at(4),
        until: Some(at(6)),
    };
    assert_eq!(lifecycle(&world).frozen, [frozen]);
    assert_eq!(lifecycle(&world).trips.len(), 2);
}

#[test]
fn only_what_runs_or_was_halted_trips() {
    let mut world = World::new();
    world.apply(&moved(Transition::Pause, 1));
    assert_eq!(world.apply(&trip(0.1, OnTrip::Pause, 2)), Outcome::Void);
    world.apply(&moved(Transition::Start, 3));
    world.apply(&trip(0.1, OnTrip::Pause, 4));
    // The second of one look.
    assert_eq!(world.apply(&trip(0.5, OnTrip::Pause, 4)), Outcome::Accepted);
    assert_eq!(lifecycle(&world).frozen.len(), 1);
    let conclusion = crate::catalog::Conclusion {
        winner: None,
        scope: crate::catalog::Scope::Everyone,
        reason: None,
    };
    world.apply(&moved(Transition::Conclude(conclusion), 5));
    assert_eq!(
        (lifecycle(&world).halted, lifecycle(&world).frozen.len()),
        (false, 2)
    );
    assert!(lifecycle(&world).frozen[0].until == Some(at(5)));
    assert_eq!(world.apply(&trip(0.9, OnTrip::Pause, 6)), Outcome::Void);
}
