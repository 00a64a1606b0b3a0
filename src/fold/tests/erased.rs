//! Who is forgotten leaves nothing, or what was added to the cells.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{Aliased, Consented, Erased, Profiled};
use crate::profile::Told;

impl World {
    pub(super) fn forget(&mut self, gone: Option<Gone>) {
        for key in gone.into_iter().flat_map(|gone| gone.keys) {
            self.records.remove(&key);
            self.profiles.remove(&key);
            self.joined.remove(&key);
            self.remembered.retain(|(visitor, _)| *visitor != key);
        }
    }
}

fn name(text: &str) -> VisitorId {
    VisitorId::parse(text).unwrap()
}

fn erased(visitor: &str, retract: bool) -> Event {
    let visitor = VisitorKey::of(7, &name(visitor));
    Event::Erased(Erased { visitor, retract })
}

/// What two browsers of one person do.
fn lives(world: &mut World, hours: &[i64]) {
    world.apply(&assigned("phone", 0, 1));
    world.apply(&assigned("laptop", 1, 2));
    world.apply(&Event::Profiled(Profiled {
        visitor: name("phone"),
        id: EventId::parse("i").unwrap(),
        group: None,
        traits: Told::parse(r#"{"plan":"pro"}"#).unwrap(),
        at: at(1),
        source: crate::source::Source::Segment,
    }));
    for (i, hour) in hours.iter().enumerate() {
        let who = if i % 2 == 0 { "phone" } else { "laptop" };
        world.apply(&tracked(
            who,
            &format!("e{i}"),
            "Order Completed",
            *hour,
            json!({ "revenue": 7 }),
        ));
    }
    let (visitor, to) = (name("phone"), name("laptop"));
    world.apply(&Event::Aliased(Aliased { visitor, to }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_person_taken_out_was_never_there(hours in prop::collection::vec(0_i64..400, 0..6), by_phone in any::<bool>()) {
        let others = |world: &mut World| {
            world.apply(&assigned("other", 1, 3));
            world.apply(&tracked("other", "o", "Order Completed", 5, json!({ "revenue": 3 })));
        };
        let (mut with, mut without) = (World::new(), World::new());
        lives(&mut with, &hours);
        others(&mut with);
        // The imported epoch is opened by whoever comes first.
        others(&mut without);
        let before = with.cells.clone();
        let mut kept = World { cells: with.cells.clone(), ..copy(&with) };
        let id = if by_phone { "phone" } else { "laptop" };
        prop_assert_eq!(with.apply(&erased(id, true)), Outcome::Accepted);
        prop_assert_eq!(kept.apply(&erased(id, false)), Outcome::Accepted);
        prop_assert_eq!(&kept.cells, &before);
        with.cells.information = without.cells.information;
        prop_assert_eq!(&with.cells, &without.cells);
        for mut world in [with, kept] {
            prop_assert_eq!(world.records.len(), 1);
            prop_assert!(world.profiles.is_empty() && world.joined.is_empty());
            for id in ["phone", "laptop", "nobody"] {
                prop_assert_eq!(world.apply(&erased(id, true)), Outcome::Duplicate);
            }
            let again = tracked("phone", "e0", "Order Completed", 1, json!({}));
            prop_assert_eq!(world.apply(&again), Outcome::Accepted, "its id is forgotten, too");
        }
    }
}

fn copy(of: &World) -> World {
    World {
        catalog: of.catalog.clone(),
        zone: of.zone.clone(),
        records: of.records.clone(),
        profiles: of.profiles.clone(),
        joined: of.joined.clone(),
        keys: of.keys.clone(),
        author: of.author.clone(),
        remembered: of.remembered.clone(),
        cells: of.cells.clone(),
    }
}

#[test]
fn a_denial_is_left_under_every_id() {
    let mut world = World::new();
    lives(&mut world, &[5]);
    let said = |state| Consented {
        visitor: VisitorKey::of(7, &name("phone")),
        state,
        at: at(6),
    };
    world.apply(&Event::Consented(said(Consent::Denied)));
    let erased = Erased {
        visitor: VisitorKey::of(7, &name("laptop")),
        retract: false,
    };
    let delta = fold(&world, &Event::Erased(erased), at(7)).unwrap();
    let gone = delta.gone.unwrap();
    let keys: BTreeSet<VisitorKey> = gone.keys.into_iter().collect();
    let both = ["phone", "laptop"].map(|id| VisitorKey::of(7, &name(id)));
    assert_eq!(keys, BTreeSet::from(both));
    let denied = gone.left.consent.map(|said| said.state);
    assert_eq!(denied, Some(Consent::Denied));
    assert!(gone.left.assignments.is_empty() && gone.left.events.is_empty());
}
