//! The log's frames: encode, decode, chain.
//!
//! One frame holds everything that one commit accepted (at most 256 events), compressed. A checksum finds damage; a
//! chain hash over all frames so far finds a replica that went its own way. Frames lie in the store, in the same batch
//! as the state they led to, so log and state can never disagree.
//!
//! Layout: version u8 ‖ crc32 of all that follows, u32 ‖ chain u64 ‖ sequence u64 ‖ received i64 (ms) ‖ lz4 of the
//! events in postcard; integers little-endian.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::event::Event;
use crate::time::Timestamp;

const VERSION: u8 = 1;
const HEADER: usize = 29;

/// What one commit accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its place in the log, from 0.
    pub sequence: u64,
    /// When the server received its events.
    pub received: Timestamp,
    /// The events in order.
    pub events: Vec<Event>,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Written by a newer version.
    #[error("the frame has the unknown version {0}")]
    UnknownVersion(u8),
    /// Cut short or damaged.
    #[error("the frame is damaged: {0}")]
    Damaged(&'static str),
    /// Its chain hash does not follow from the frame before.
    #[error("the frame does not follow the one before it")]
    BrokenChain,
    /// An event can not be encoded.
    #[error("an event can not be encoded: {0}")]
    Encoding(String),
}

/// A frame's bytes, and the chain hash after it.
///
/// # Errors
/// [`FrameError::Encoding`].
pub fn encode(frame: &Frame, chain: u64) -> Result<(Vec<u8>, u64), FrameError> {
    let events = postcard::to_stdvec(&frame.events)
        .map_err(|error| FrameError::Encoding(error.to_string()))?;
    let chain = xxh3_64_with_seed(&events, chain);
    let mut body = Vec::with_capacity(HEADER + events.len());
    body.extend_from_slice(&chain.to_le_bytes());
    body.extend_from_slice(&frame.sequence.to_le_bytes());
    body.extend_from_slice(&frame.received.millis().to_le_bytes());
    body.extend_from_slice(&lz4_flex::compress_prepend_size(&events));
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok((bytes, chain))
}

/// Reads a frame and checks it against the chain hash before it; returns the chain hash after it.
///
/// # Errors
/// [`FrameError`].
pub fn decode(bytes: &[u8], chain: u64) -> Result<(Frame, u64), FrameError> {
    read_after(bytes, Some(chain))
}

/// Reads a frame by itself: its place in the chain is not checked.
///
/// # Errors
/// [`FrameError`].
pub fn read(bytes: &[u8]) -> Result<Frame, FrameError> {
    read_after(bytes, None).map(|(frame, _)| frame)
}

fn read_after(bytes: &[u8], chain: Option<u64>) -> Result<(Frame, u64), FrameError> {
    let (version, rest) = bytes
        .split_first()
        .ok_or(FrameError::Damaged("it is empty"))?;
    if *version != VERSION {
        return Err(FrameError::UnknownVersion(*version));
    }
    let short = FrameError::Damaged("it is cut short");
    let (checksum, body) = rest.split_first_chunk().ok_or_else(|| short.clone())?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(FrameError::Damaged("its checksum does not match"));
    }
    let (stored_chain, body) = body.split_first_chunk().ok_or_else(|| short.clone())?;
    let (sequence, body) = body.split_first_chunk().ok_or_else(|| short.clone())?;
    let (received, packed) = body.split_first_chunk().ok_or(short)?;
    let events = lz4_flex::decompress_size_prepended(packed)
        .map_err(|_| FrameError::Damaged("it does not unpack"))?;
    let next = u64::from_le_bytes(*stored_chain);
    if chain.is_some_and(|chain| xxh3_64_with_seed(&events, chain) != next) {
        return Err(FrameError::BrokenChain);
    }
    let events = postcard::from_bytes(&events)
        .map_err(|_| FrameError::Damaged("its events do not decode"))?;
    let received = Timestamp::from_millis(i64::from_le_bytes(*received));
    let received = received.map_err(|_| FrameError::Damaged("its time is impossible"))?;
    Ok((
        Frame {
            sequence: u64::from_le_bytes(*sequence),
            received,
            events,
        },
        next,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Founded;
    use proptest::prelude::*;

    fn frame() -> Frame {
        let founded = Event::Founded(Founded {
            seed: 7,
            zone: "UTC".into(),
        });
        Frame {
            sequence: 3,
            received: Timestamp::parse("2026-11-22T00:00:00Z").unwrap(),
            events: vec![founded],
        }
    }

    #[test]
    fn frames_round_trip_along_the_chain() {
        let (bytes, chain) = encode(&frame(), 11).unwrap();
        assert_eq!(decode(&bytes, 11), Ok((frame(), chain)));
        assert_eq!(decode(&bytes, 12), Err(FrameError::BrokenChain));
        assert_eq!(read(&bytes), Ok(frame()));
    }

    proptest! {
        #[test]
        fn damage_is_found(at in 0_usize..60, flip in 1_u8..=255) {
            let (mut bytes, _) = encode(&frame(), 11).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert!(decode(&bytes, 11).is_err());
        }

        #[test]
        fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes, 0).is_err());
        }
    }
}
