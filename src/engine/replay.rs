//! Replay: rebuilds the state from the log alone and compares it with the stored one, byte for byte.

use super::EngineError;
use super::ledger::{Books, Ledger, State};
use crate::event::Event;
use crate::log::{self, FrameError};
use crate::store::{Store, key};

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Frames read.
    pub frames: u64,
    /// Events folded.
    pub events: u64,
    /// Keys of the state.
    pub keys: u64,
    /// Keys whose stored and rebuilt values differ (at most [`MAX_DIFFERENCES`] are listed).
    pub differences: Vec<Vec<u8>>,
}

/// Most differences that are listed.
pub const MAX_DIFFERENCES: usize = 20;

/// First bytes of the keys that make up the state; frames are its source, not a part of it.
const STATE: [&[u8]; 10] = [b"a", b"c", b"d", b"e", b"h", b"k", b"m", b"p", b"s", b"v"];

/// Replays a store's log into memory. `progress` is told the number of events so far.
///
/// # Errors
/// A damaged frame, or as the store fails.
pub fn replay(store: &Store, mut progress: impl FnMut(u64)) -> Result<Replayed, EngineError> {
    let rebuilt = Store::memory();
    let mut replayed = Replayed::default();
    let mut ledger: Option<Ledger> = None;
    let mut books = Books::new();
    let mut chain = 0;
    for item in store.scan(key::FRAMES) {
        let (_, bytes) = item?;
        let (frame, after) = log::decode(&bytes, chain)?;
        if frame.sequence != replayed.frames {
            return Err(FrameError::BrokenChain.into());
        }
        chain = after;
        let ledger = match (&mut ledger, frame.events.first()) {
            (Some(ledger), _) => ledger,
            (none, Some(Event::Founded(founded))) => none.insert(Ledger::new(founded.clone())?),
            (None, _) => {
                return Err(FrameError::Damaged("the log does not begin with its founding").into());
            }
        };
        let step = ledger.apply(
            State {
                store: &rebuilt,
                books: &books,
            },
            &frame.events,
            frame.received,
        )?;
        rebuilt.commit(&step.writes)?;
        ledger.absorb(step, &mut books);
        replayed.frames += 1;
        replayed.events += frame.events.len() as u64;
        progress(replayed.events);
    }
    for prefix in STATE {
        compare(store, &rebuilt, prefix, &mut replayed)?;
    }
    Ok(replayed)
}

/// Walks two stores in step.
fn compare(
    store: &Store,
    rebuilt: &Store,
    prefix: &[u8],
    replayed: &mut Replayed,
) -> Result<(), EngineError> {
    let (mut left, mut right) = (store.scan(prefix), rebuilt.scan(prefix));
    let (mut here, mut there) = (left.next().transpose()?, right.next().transpose()?);
    loop {
        let order = match (&here, &there) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        replayed.keys += 1;
        let differing = if order.is_eq() { here != there } else { true };
        let key = if order.is_gt() { &there } else { &here };
        if let Some((key, _)) = key
            .as_ref()
            .filter(|_| differing && replayed.differences.len() < MAX_DIFFERENCES)
        {
            replayed.differences.push(key.clone());
        }
        if order.is_le() {
            here = left.next().transpose()?;
        }
        if order.is_ge() {
            there = right.next().transpose()?;
        }
    }
}
