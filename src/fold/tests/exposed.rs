//! Who saw what, and experiments that analyse only those who did.

use super::*;
use crate::cell::{Channel, Counts};
use crate::moments::Visitors;
use crate::source::Source;
use crate::time::Day;

fn saw(visitor: &str, variant: &str, hours: i64) -> Event {
    let properties = json!({ "experiment_id": "shop", "variation_id": variant });
    let id = format!("saw-{variant}-{hours}");
    tracked(visitor, &id, "Experiment Viewed", hours, properties)
}

fn sum(counts: &Counts) -> i64 {
    counts.values().sum()
}

/// Visitors of a day, counted from that of the first hour.
fn of_day(world: &World, day: i32) -> Visitors {
    let first = Zone::utc().day(at(0)).0;
    let days = world.cells.visitors.iter();
    let same = days.filter(|(key, _)| key.day == Day(first + day));
    same.fold(Visitors::default(), |sum, (_, visitors)| sum + *visitors)
}

#[test]
fn the_exposed_are_analysed_from_their_first_exposure() {
    let mut world = World::analysing("exposed");
    world.apply(&assigned("anna", 1, 10));
    world.apply(&order("anna", "early", 12, 5.0));
    assert_eq!(world.total(REVENUE).n, 0, "assigned, and not exposed");
    assert_eq!(
        (
            sum(&world.cells.assigned(None)),
            sum(&world.cells.analysed(None))
        ),
        (1, 0)
    );
    world.apply(&saw("anna", "b", 40));
    world.apply(&order("anna", "o1", 50, 20.0));
    assert_eq!(
        (world.total(REVENUE).n, world.total(REVENUE).y),
        (1, 20_000_000)
    );
    // The window of 14 days begins with the exposure.
    world.apply(&order("anna", "o2", 40 + 14 * 24 - 1, 7.0));
    world.apply(&order("anna", "o3", 40 + 14 * 24, 100.0));
    assert_eq!(world.total(REVENUE).y, 27_000_000);
    let (assigned, exposed) = (of_day(&world, 0), of_day(&world, 1));
    assert_eq!((assigned.assigned, assigned.n, assigned.exposed), (1, 0, 0));
    assert_eq!((exposed.assigned, exposed.n, exposed.exposed), (0, 1, 1));
    // An earlier one that comes late moves the start.
    world.apply(&saw("anna", "b", 11));
    assert_eq!(world.total(REVENUE).y, 25_000_000);
    assert_eq!(of_day(&world, 0).n, 1);
    assert_eq!(of_day(&world, 1), Visitors::default());
}

#[test]
fn what_was_seen_before_the_assignment_is_no_exposure_of_it() {
    let mut world = World::analysing("exposed");
    world.apply(&saw("anna", "a", 5));
    world.apply(&assigned("anna", 0, 10));
    assert_eq!(sum(&world.cells.exposed(None)), 0);
    // Until an assignment of an earlier time arrives.
    world.apply(&assigned("anna", 0, 4));
    assert_eq!(sum(&world.cells.exposed(None)), 1);
}

#[test]
fn another_variant_is_kept_and_flagged() {
    for exposure in ["assigned", "exposed"] {
        let mut world = World::analysing(exposure);
        world.apply(&assigned("anna", 1, 10));
        world.apply(&saw("anna", "a", 11));
        world.apply(&saw("anna", "no such variant", 12));
        assert_eq!(sum(&world.cells.exposed(None)), 0);
        assert_eq!(sum(&world.cells.unlike(None)), 1);
        world.apply(&saw("anna", "b", 13));
        assert_eq!(sum(&world.cells.exposed(None)), 1);
        assert_eq!(sum(&world.cells.unlike(None)), 1);
    }
}

#[test]
fn repetition_is_no_second_exposure_and_nothing_to_learn_from() {
    let mut world = World::new();
    world.apply(&assigned("anna", 1, 10));
    let information = world.cells.information;
    for hours in [20, 11, 30] {
        assert_eq!(world.apply(&saw("anna", "b", hours)), Outcome::Accepted);
        assert_eq!(sum(&world.cells.exposed(None)), 1);
    }
    assert_eq!(world.apply(&saw("anna", "b", 30)), Outcome::Duplicate);
    assert_eq!(world.cells.information, information);
    let mut hours = world.cells.hours.keys().map(|key| (key.channel, key.hour));
    assert_eq!(hours.next(), Some((Channel::Assignment, 10)));
    assert_eq!(hours.next(), Some((Channel::Exposure(Source::Native), 11)));
    assert_eq!(hours.next(), None);
}

#[test]
fn other_experiments_and_concluded_ones_are_not_touched() {
    let mut world = World::analysing("exposed");
    world.apply(&assigned("anna", 1, 10));
    let other = json!({ "$feature_flag": "elsewhere", "$feature_flag_response": true });
    let called = tracked("anna", "c1", "$feature_flag_called", 11, other);
    assert_eq!(world.apply(&called), Outcome::Accepted);
    assert_eq!(sum(&world.cells.exposed(None)), 0);
    world.apply(&Event::Transitioned(crate::event::Transitioned {
        experiment: key(),
        transition: crate::catalog::Transition::Conclude(crate::catalog::Conclusion {
            winner: None,
            scope: crate::catalog::Scope::New,
            reason: None,
        }),
        at: at(20),
    }));
    world.apply(&saw("anna", "b", 21));
    assert_eq!(sum(&world.cells.exposed(None)), 0);
    world.apply(&saw("anna", "b", 19));
    assert_eq!(sum(&world.cells.exposed(None)), 1);
}
