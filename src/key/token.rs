//! Tokens for event streams: a browser's `EventSource` sends no headers, so its address carries one. A token opens
//! streams alone, in place of the key that it was made with; it ends with its time, or with the key.

use std::fmt;
use std::sync::Arc;

use super::ring::Keyring;
use super::secret::hexadecimal;
use super::{Key, KeyId};
use crate::time::Timestamp;

/// How long a token holds: at least one such span, at most two.
pub const SPAN_MS: i64 = 3_600_000;

/// A token: the key's id, the time it ends in milliseconds, and the key's signature of both, in hexadecimal digits.
pub struct Token {
    id: KeyId,
    until: i64,
    signature: blake3::Hash,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:016x}{}", self.id, self.until, self.signature)
    }
}

impl Key {
    /// A token in place of this key. It is the same for a whole span, so that answers that carry it stay the same.
    pub fn token(&self, now: Timestamp) -> Token {
        let until = (now.millis().div_euclid(SPAN_MS) + 2) * SPAN_MS;
        Token {
            id: self.id,
            until,
            signature: self.signature(until),
        }
    }

    fn signature(&self, until: i64) -> blake3::Hash {
        let mut signed = *b"stream..id......until...";
        signed[8..16].copy_from_slice(&self.id.0.to_be_bytes());
        signed[16..].copy_from_slice(&until.to_be_bytes());
        self.hash.sign(&signed)
    }
}

impl Keyring {
    /// The key in whose place a token stands now.
    pub fn behind(&self, token: &str, now: Timestamp) -> Option<&Arc<Key>> {
        let (id, rest) = token.as_bytes().split_at_checked(16)?;
        let (until, signature) = rest.split_at_checked(16)?;
        let until = i64::try_from(hexadecimal(until)?).ok()?;
        let signature = blake3::Hash::from_hex(signature).ok()?;
        let key = self.get(KeyId(hexadecimal(id)?))?;
        // The comparison takes constant time.
        let is_right = key.signature(until) == signature;
        Some(key).filter(|key| is_right && key.is_live() && now.millis() < until)
    }
}
