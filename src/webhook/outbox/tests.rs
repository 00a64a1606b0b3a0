//! Waiting, dying, coming back: nothing is lost, and everything is bounded.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::webhook::Kind;

const START: i64 = 1_800_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis).unwrap()
}

fn message(number: usize) -> Message {
    Message {
        id: format!("msg_{number}"),
        kind: Kind::Changed,
        created_at: at(0),
        data: json!({ "number": number }),
    }
}

fn holding(count: usize) -> Outbox {
    let mut outbox = Outbox::new(7);
    outbox.push((0..count).map(message));
    outbox
}

fn failed() -> Attempt {
    Attempt::Failed("no".into())
}

#[test]
fn a_message_is_tried_for_most_of_a_day_and_then_dead() {
    let mut outbox = holding(1);
    let mut now = at(0);
    for attempt in 1.. {
        assert_eq!(outbox.due(now).unwrap().id, "msg_0");
        let is_dead = outbox.settle("msg_0", failed(), now, 100);
        assert_eq!(outbox.failures, attempt);
        if is_dead {
            break;
        }
        let next = outbox.pending[0].next_attempt.unwrap();
        assert_eq!(outbox.due(at(next.millis() - START - 1)), None);
        now = next;
    }
    let dead = &outbox.dead[0];
    assert_eq!((dead.attempts, dead.error.as_str()), (12, "no"));
    let hours = (now.millis() - START) / 3_600_000;
    assert_eq!(hours, 21, "and some minutes");
    assert_eq!(outbox.pending, []);
}

#[test]
fn the_others_do_not_wait_for_one_that_fails() {
    let mut outbox = holding(2);
    outbox.settle("msg_0", failed(), at(0), 100);
    assert_eq!(outbox.due(at(0)).unwrap().id, "msg_1");
    outbox.settle("msg_1", Attempt::Delivered, at(1), 100);
    assert_eq!((outbox.failures, outbox.last_error.as_ref()), (0, None));
    assert_eq!(outbox.due(at(4_999)), None);
    assert_eq!(outbox.due(at(5_000)).unwrap().id, "msg_0");
}

#[test]
fn what_is_kept_is_bounded() {
    let mut outbox = holding(ROOM - 1);
    assert!(outbox.has_room());
    outbox.push([message(ROOM)]);
    assert!(!outbox.has_room());
    let mut outbox = holding(MAX_DEAD + 5);
    for number in 0..MAX_DEAD + 5 {
        assert!(outbox.settle(&format!("msg_{number}"), Attempt::Gone, at(0), 100));
    }
    assert_eq!(outbox.dead.len(), MAX_DEAD);
    assert_eq!(outbox.dead[0].message.id, "msg_5");
    assert_eq!(outbox.redeliver(), MAX_DEAD);
    assert_eq!((outbox.dead.len(), outbox.pending[0].attempts), (0, 0));
    // What is no longer there changes nothing.
    assert!(!outbox.settle("msg_0", Attempt::Gone, at(0), 100));
}

#[test]
fn a_file_gives_the_same_back_with_everything_due() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.json");
    assert_eq!(Outbox::load(&path).unwrap(), None);
    let mut outbox = holding(3);
    outbox.settle("msg_0", Attempt::Gone, at(0), 100);
    outbox.settle("msg_1", failed(), at(0), 100);
    outbox.save(&path).unwrap();
    outbox.save(&path).unwrap();
    let mut expected = outbox.clone();
    expected.pending[0].next_attempt = None;
    assert_eq!(Outbox::load(&path).unwrap(), Some(expected));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    std::fs::write(&path, "{").unwrap();
    assert!(
        Outbox::load(&path).is_err(),
        "a damaged file is no new target"
    );
}

proptest! {
    #[test]
    fn nothing_is_lost_whatever_happens(fates in prop::collection::vec((0_usize..20, 0_u8..3, 80_i64..=120), 0..400)) {
        let mut outbox = holding(20);
        let mut delivered = 0;
        for (step, (number, fate, jitter)) in (0..).zip(fates) {
            let id = format!("msg_{number}");
            let waits = outbox.pending.iter().any(|of| of.message.id == id);
            let attempt = match fate {
                0 => Attempt::Delivered,
                1 => failed(),
                _ => Attempt::Gone,
            };
            delivered += usize::from(waits && fate == 0);
            outbox.settle(&id, attempt, at(step), jitter);
            prop_assert_eq!(delivered + outbox.pending.len() + outbox.dead.len(), 20);
        }
        outbox.redeliver();
        prop_assert_eq!(delivered + outbox.pending.len(), 20);
        prop_assert_eq!(outbox.due(at(0)).is_some(), delivered < 20);
    }
}
