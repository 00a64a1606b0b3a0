//! Joined ids: the cells are those of one visitor who did everything, in whatever order it became known.

mod sessions;

use proptest::prelude::*;

use super::*;
use crate::event::Aliased;
use crate::visitor::MAX_EVENTS;
use crate::visitor::join::MAX_IDS;

fn aliased(visitor: &str, to: &str) -> Event {
    Event::Aliased(Aliased {
        visitor: VisitorId::parse(visitor).unwrap(),
        to: VisitorId::parse(to).unwrap(),
    })
}

/// A fact about one of few visitors, by number.
#[derive(Debug, Clone)]
enum Fact {
    Assigned(u8, u16, i64),
    Tracked {
        who: u8,
        what: u8,
        id: String,
        hours: i64,
        amount: i64,
    },
    Aliased(u8, u8),
}

impl Fact {
    /// The event, with ids as they are sent or as `name` replaces them.
    fn event(&self, name: impl Fn(u8) -> u8) -> Event {
        let named = |who: u8| format!("v{}", name(who));
        match self {
            Self::Assigned(who, arm, hours) => assigned(&named(*who), *arm, *hours),
            Self::Aliased(who, to) => aliased(&named(*who), &named(*to)),
            Self::Tracked {
                who,
                what,
                id,
                hours,
                amount,
            } => {
                // An order, and taking it back, has one time and amount, and may come under several message ids.
                let number = amount % 8;
                let id_of_order = format!("o{number}");
                let (name, hours, properties) = match what {
                    0 => (REFUND, 40 + 19 * number, json!({ "order_id": id_of_order })),
                    1 => (
                        REFUND,
                        *hours,
                        json!({ "order_id": id_of_order, "total": 5 }),
                    ),
                    2 => ("Page Viewed", *hours, json!({})),
                    3 => ("Unread", *hours, json!({})),
                    4 => ("Order Completed", *hours, json!({ "revenue": amount })),
                    _ => (
                        "Order Completed",
                        17 * number,
                        json!({ "order_id": id_of_order, "revenue": 10 * number }),
                    ),
                };
                tracked(&named(*who), id, name, hours, properties)
            }
        }
    }
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let hours = || prop_oneof![0_i64..90, 0_i64..500];
    let fact = prop_oneof![
        2 => (0_u8..6, 0_u16..2, hours()).prop_map(|(who, arm, at)| Fact::Assigned(who, arm, at)),
        2 => (0_u8..6, 0_u8..6).prop_map(|(who, to)| Fact::Aliased(who, to)),
        5 => (0_u8..6, 0_u8..8, hours(), 0_i64..200).prop_map(|(who, what, hours, amount)| {
            Fact::Tracked { who, what, id: String::new(), hours, amount }
        }),
    ];
    prop::collection::vec(fact, 0..60).prop_map(|mut facts| {
        for (i, fact) in facts.iter_mut().enumerate() {
            if let Fact::Tracked { id, .. } = fact {
                *id = format!("m{i}");
            }
        }
        facts
    })
}

/// Whose each id is, once all is known.
fn people(facts: &[Fact]) -> [u8; 6] {
    let mut of = [0, 1, 2, 3, 4, 5];
    for fact in facts {
        if let Fact::Aliased(one, other) = fact {
            let (from, to) = (of[usize::from(*one)], of[usize::from(*other)]);
            for person in &mut of {
                if *person == from {
                    *person = to;
                }
            }
        }
    }
    of
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed | 1;
    for i in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        items.swap(i, (state >> 33) as usize % (i + 1));
    }
}

fn told<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> World {
    let mut world = World::new();
    for fact in facts {
        world.apply(&fact.event(|who| who));
    }
    world.cells.information = 0;
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Aliases at any time, in any direction, in chains and circles, give the cells of a history in which every id was
    /// the person's from the start.
    #[test]
    fn joined_ids_are_one_visitor(facts in facts(), seed in any::<u64>()) {
        let people = people(&facts);
        let mut replaced = World::new();
        for fact in facts.iter().filter(|fact| !matches!(fact, Fact::Aliased(..))) {
            replaced.apply(&fact.event(|who| people[usize::from(who)]));
        }
        replaced.cells.information = 0;
        let mut shuffled: Vec<&Fact> = facts.iter().chain(&facts).collect();
        shuffle(&mut shuffled, seed);
        let (world, other) = (told(&facts), told(shuffled));
        prop_assert_eq!(&world.cells, &replaced.cells);
        prop_assert_eq!(&other.cells, &replaced.cells);
        for world in [&world, &other] {
            for record in world.records.values() {
                let mut again = record.clone();
                again.events.sort_by_key(|event| (event.at, event.id));
                prop_assert_eq!(&again.events, &record.events, "events are in order");
                prop_assert!(record.assignments.is_sorted_by_key(|of| (of.experiment, of.at)));
            }
        }
    }
}

#[test]
fn an_alias_twice_or_to_itself_changes_nothing() {
    let mut world = World::new();
    assert_eq!(world.apply(&aliased("a", "a")), Outcome::Duplicate);
    assert!(world.records.is_empty());
    assert_eq!(world.apply(&aliased("a", "b")), Outcome::Accepted);
    for (one, other) in [("a", "b"), ("b", "a"), ("a", "a")] {
        assert_eq!(world.apply(&aliased(one, other)), Outcome::Duplicate);
    }
    assert!(world.cells.is_empty());
}

#[test]
fn what_both_did_counts_once_and_for_the_earlier_assignment() {
    let mut world = World::new();
    world.apply(&assigned("anon", 1, 10));
    world.apply(&assigned("anna", 1, 20));
    world.apply(&order("anon", "o1", 12, 30.0));
    // The shop's own server tells of the same order under the customer's number, which was not known then.
    let same = json!({ "order_id": "o1", "revenue": 30.0 });
    world.apply(&tracked("anna", "m7", "Order Completed", 22, same));
    assert_eq!(world.total(REVENUE).y, 60_000_000);
    assert_eq!(world.apply(&aliased("anon", "anna")), Outcome::Accepted);
    let revenue = world.total(REVENUE);
    assert_eq!((revenue.n, revenue.y), (1, 30_000_000));
    for id in ["anon", "anna"] {
        assert_eq!(
            world.apply(&order(id, "o1", 12, 30.0)),
            Outcome::Duplicate,
            "whoever says it"
        );
    }
    world.apply(&order("anon", "o2", 30, 5.0));
    assert_eq!(world.total(REVENUE).y, 35_000_000);
}

#[test]
fn ids_that_left_the_list_of_either_are_still_known() {
    let mut world = World::new();
    let events = |who: &'static str| {
        (0..400).map(move |i| order(who, &format!("{who}{i}"), 2 + i % 200, 1.0))
    };
    for who in ["anon", "anna"] {
        world.apply(&assigned(who, 0, 1));
        for event in events(who) {
            world.apply(&event);
        }
    }
    // One of them is listed with the one, and has left the list of the other.
    world.apply(&order("anna", "anon0", 300, 1.0));
    assert_eq!(world.total(REVENUE).y, 801_000_000);
    world.apply(&aliased("anon", "anna"));
    assert_eq!(world.total(REVENUE).y, 800_000_000, "settled totals add up");
    let record = world.records.values().next().unwrap();
    assert_eq!(record.events.len(), MAX_EVENTS);
    for event in events("anon").chain(events("anna")) {
        assert_eq!(world.apply(&event), Outcome::Duplicate);
    }
}

#[test]
fn a_person_has_at_most_so_many_ids() {
    let mut world = World::new();
    for i in 1..MAX_IDS {
        let outcome = world.apply(&aliased(&format!("a{i}"), "anna"));
        assert_eq!(outcome, Outcome::Accepted, "{i}");
    }
    for (one, other) in [("one-more", "anna"), ("anna", "one-more")] {
        assert_eq!(world.apply(&aliased(one, other)), Outcome::TooManyAliases);
    }
    assert_eq!(world.apply(&aliased("a1", "anna")), Outcome::Duplicate);
}

fn drawn(visitor: &str, arm: u16, hours: i64) -> Event {
    let world = World::new();
    let entry = world.catalog.get("shop").unwrap();
    let epoch = entry.epoch().unwrap();
    Event::Assigned(Assigned {
        visitor: VisitorId::parse(visitor).unwrap(),
        session: None,
        experiment: key(),
        arm: crate::allocation::Arm(arm),
        holdout: false,
        epoch: epoch.number,
        propensity: epoch
            .allocation
            .propensity(crate::allocation::Arm(arm))
            .unwrap(),
        at: at(hours),
        dimensions: Vec::new(),
        drawn: None,
    })
}

/// Crossovers, those assigned under several ids, and assignments put aside, over all variants.
fn joins(world: &World) -> (i64, i64, i64) {
    let sum = world.cells.joins(None).into_values();
    let sum = sum.fold(crate::moments::Joins::default(), |sum, of| sum + of);
    (sum.crossovers, sum.doubled, sum.aside)
}

#[test]
fn whoever_saw_two_variants_is_counted() {
    let mut world = World::new();
    for event in [drawn("a", 0, 5), drawn("b", 1, 3), drawn("c", 1, 9)] {
        world.apply(&event);
    }
    let before = world.cells.drawn(None);
    world.apply(&aliased("b", "c"));
    assert_eq!(joins(&world), (0, 1, 1), "both saw the same");
    world.apply(&aliased("a", "b"));
    assert_eq!(joins(&world), (1, 1, 2));
    assert_eq!(world.cells.drawn(None), before, "draws stay as they were");
    let assigned = world.cells.assigned(None);
    let kept: Vec<_> = assigned.iter().filter(|(_, n)| **n > 0).collect();
    assert!(
        matches!(kept[..], [((_, row), 1)] if row.arm.0 == 1),
        "the first"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Of what the server itself assigned before ids were joined, the order of aliases leaves no trace, nobody gets lost,
    /// and draws stay as they were.
    #[test]
    fn the_order_of_joining_leaves_no_trace(
        visitors in prop::collection::vec((0_u16..2, 0_i64..90), 6),
        aliases in prop::collection::vec((0_u8..6, 0_u8..6), 0..12),
        seed in any::<u64>(),
    ) {
        let mut apart = World::new();
        for (i, (arm, hours)) in visitors.iter().enumerate() {
            apart.apply(&drawn(&format!("v{i}"), *arm, *hours));
            apart.apply(&order(&format!("v{i}"), &format!("o{i}"), hours + 7, 5.0));
        }
        apart.cells.information = 0;
        let join = |aliases: &[(u8, u8)]| {
            let mut world = World {
                catalog: apart.catalog.clone(),
                zone: apart.zone.clone(),
                records: apart.records.clone(),
                profiles: HashMap::new(),
                joined: HashMap::new(),
                keys: apart.keys.clone(),
                author: None,
                remembered: BTreeSet::new(),
                cells: apart.cells.clone(),
            };
            for (one, other) in aliases {
                world.apply(&aliased(&format!("v{one}"), &format!("v{other}")));
            }
            world.cells.information = 0;
            world
        };
        let mut shuffled = aliases.clone();
        shuffle(&mut shuffled, seed);
        let (world, other) = (join(&aliases), join(&shuffled));
        prop_assert_eq!(&world.cells, &other.cells);
        prop_assert_eq!(world.cells.drawn(None), apart.cells.drawn(None));
        let facts: Vec<Fact> = aliases.iter().map(|(a, b)| Fact::Aliased(*a, *b)).collect();
        let people = people(&facts);
        let mut crossed = 0;
        let mut first: HashMap<u8, (i64, u16)> = HashMap::new();
        for person in people.iter().collect::<BTreeSet<_>>() {
            let own = || (0..6).filter(|i| people[*i] == *person).map(|i| visitors[i]);
            crossed += i64::from(own().any(|(arm, _)| own().any(|(other, _)| other != arm)));
            first.insert(*person, own().map(|(arm, hours)| (hours, arm)).min().unwrap());
        }
        prop_assert_eq!(joins(&world).0, crossed);
        prop_assert_eq!(joins(&world).2, 6 - first.values().map(|_| 1).sum::<i64>());
        let treated = |arm| first.values().map(|of| i64::from(of.1 == arm)).sum::<i64>();
        for ((_, row), visitors) in world.cells.assigned(None) {
            prop_assert_eq!(visitors, treated(row.arm.0));
        }
    }
}
