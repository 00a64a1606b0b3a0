//! The log names who asked.

use super::*;
use crate::catalog::takeaway::Takeaway;
use crate::catalog::{Source, read_json};
use crate::event::Profiled;
use crate::id::{EventId, ExperimentKey, VisitorId};
use crate::key::KeyId;
use crate::profile::Told;
use crate::store::Write;
use crate::store::key::{self as place, FRAMES};

const HERO: &str = r#"{
    "key": "hero", "variants": [{ "key": "a" }, { "key": "b" }],
    "metrics": [{ "key": "buys", "event": "Order Completed", "kind": "conversion", "role": "goal" }]
}"#;

fn start() -> (Engine, Writer) {
    let setup = Setup {
        unsaid: crate::profile::Consent::Granted,
        store: Store::memory(),
        manual_clock: true,
        zone: "UTC".into(),
        seed: 1,
        sticky_visitors: 10,
        queue: 10,
    };
    Engine::start(setup).unwrap()
}

/// All events of the log, frame by frame.
fn logged(engine: &Engine) -> Vec<Vec<Event>> {
    let mut chain = 0;
    let frames = engine.shared.store.scan(FRAMES).map(|item| {
        let (frame, after) = crate::log::decode(&item.unwrap().1, chain).unwrap();
        chain = after;
        frame.events
    });
    frames.collect()
}

#[test]
fn what_was_asked_for_with_a_key_says_so() {
    let (engine, writer) = start();
    let tell = |command, by| {
        let answered = engine.command(command, Some(by)).unwrap();
        answered.blocking_recv().unwrap().unwrap()
    };
    let define = Command::Define {
        spec: Box::new(read_json(HERO).unwrap()),
        source: Source::Api,
        cosmetic: false,
        expected: None,
    };
    tell(define.clone(), Author::Key(KeyId(7)));
    // Nothing changes, nothing is logged.
    tell(define, Author::Key(KeyId(8)));
    let hero = ExperimentKey::parse("hero").unwrap();
    tell(Command::Start(hero), Author::Anybody);
    engine.stop();
    writer.join().unwrap();
    let logged = logged(&engine);
    assert_eq!(logged.len(), 3, "{logged:?}");
    assert_eq!(logged[1][0], Event::Asked(Author::Key(KeyId(7))));
    assert!(matches!(logged[1][1], Event::Defined(_)), "{logged:?}");
    assert_eq!(logged[2][0], Event::Asked(Author::Anybody));
    assert!(matches!(logged[2][1], Event::Transitioned(_)), "{logged:?}");
}

#[test]
fn a_decision_reads_no_profile_and_a_known_visitor_nothing() {
    let (engine, writer) = start();
    let visitor = |id| VisitorId::parse(id).unwrap();
    let key = |id| VisitorKey::of(1, &visitor(id));
    for id in ["known", "unknown"] {
        let told = Event::Profiled(Profiled {
            visitor: visitor(id),
            id: EventId::parse("1").unwrap(),
            group: None,
            traits: Told::parse(r#"{"plan":"pro"}"#).unwrap(),
            at: engine.clock().now(),
            source: crate::source::Source::Segment,
        });
        let answered = engine.record(vec![told]).unwrap();
        assert_eq!(answered.blocking_recv().unwrap(), [Outcome::Accepted]);
        // Whoever reads it now fails.
        let damaged = Write::put(place::profile(key(id)), vec![99]);
        engine.shared.store.commit(&[damaged]).unwrap();
        assert!(engine.profile_of(key(id)).is_err());
    }
    assert!(engine.sticky(key("known")).unwrap().is_some());
    let damaged = Write::put(place::visitor(key("known")), vec![99]);
    engine.shared.store.commit(&[damaged]).unwrap();
    assert!(engine.sticky(key("known")).unwrap().is_some());
    assert!(engine.sticky(key("unknown")).unwrap().is_some());
    engine.stop();
    writer.join().unwrap();
}

#[test]
fn a_long_history_is_the_same_after_a_restart_and_a_replay() {
    let (engine, writer) = start();
    let tell = |command| {
        let answered = engine.command(command, Some(Author::Anybody)).unwrap();
        answered.blocking_recv().unwrap().unwrap()
    };
    tell(Command::Define {
        spec: Box::new(read_json(HERO).unwrap()),
        source: Source::Api,
        cosmetic: false,
        expected: None,
    });
    let hero = ExperimentKey::parse("hero").unwrap();
    tell(Command::Learn {
        experiment: hero.clone(),
        takeaway: Takeaway::parse("Faces beat landscapes").unwrap(),
    });
    // Long enough to span chunks of the store; most are removed again.
    for number in 0..600 {
        let text = format!("{number}{}", "é".repeat(1_990));
        tell(Command::Learn {
            experiment: hero.clone(),
            takeaway: Takeaway::parse(&text).unwrap(),
        });
    }
    engine.stop();
    writer.join().unwrap();
    let (loaded, _) = load::load(&engine.shared.store).unwrap().unwrap();
    let history = |catalog: &Catalog| Arc::clone(&catalog.get("hero").unwrap().history);
    let published = history(&engine.snapshot().catalog);
    assert_eq!(history(&loaded.catalog), published);
    assert_eq!((published.iter().count(), published.dropped()), (500, 102));
    let replayed = replay::replay(&engine.shared.store, |_| ()).unwrap();
    assert_eq!(replayed.differences, Vec::<Vec<u8>>::new());
}
