//! Tokens stand for a key where a browser can not, or should not, hold the key itself. The address of an `EventSource`
//! carries one, since that sends no headers; a session's cookie is another. A token opens what it was made for alone, and
//! ends with its time, or with the key.

use std::fmt;
use std::sync::Arc;

use super::ring::Keyring;
use super::secret::hexadecimal;
use super::{Key, KeyId};
use crate::time::Timestamp;

/// How long a token of a stream holds: at least one such span, at most two.
pub const SPAN_MS: i64 = 3_600_000;
/// How long a session lasts.
pub const SESSION_MS: i64 = 12 * SPAN_MS;

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Event streams.
    Stream,
    /// The dashboard.
    Session,
}

impl Purpose {
    /// What is signed of it.
    fn label(self) -> &'static [u8; 8] {
        match self {
            Self::Stream => b"stream..",
            Self::Session => b"session.",
        }
    }
}

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
    /// A token for streams in place of this key. It is the same for a whole span, so that answers that carry it stay the same.
    pub fn token(&self, now: Timestamp) -> Token {
        let until = (now.millis().div_euclid(SPAN_MS) + 2) * SPAN_MS;
        self.signed(Purpose::Stream, until)
    }

    /// A token for the dashboard in place of this key.
    pub fn session(&self, now: Timestamp) -> Token {
        self.signed(Purpose::Session, now.millis().saturating_add(SESSION_MS))
    }

    fn signed(&self, purpose: Purpose, until: i64) -> Token {
        Token {
            id: self.id,
            until,
            signature: self.signature(purpose, until),
        }
    }

    fn signature(&self, purpose: Purpose, until: i64) -> blake3::Hash {
        let mut signed = *b"purpose.id......until...";
        signed[..8].copy_from_slice(purpose.label());
        signed[8..16].copy_from_slice(&self.id.0.to_be_bytes());
        signed[16..].copy_from_slice(&until.to_be_bytes());
        self.hash.sign(&signed)
    }
}

impl Keyring {
    /// The key in whose place a token stands now, for what the token is asked to open.
    pub fn behind(&self, token: &str, purpose: Purpose, now: Timestamp) -> Option<&Arc<Key>> {
        let (id, rest) = token.as_bytes().split_at_checked(16)?;
        let (until, signature) = rest.split_at_checked(16)?;
        let until = i64::try_from(hexadecimal(until)?).ok()?;
        let signature = blake3::Hash::from_hex(signature).ok()?;
        let key = self.get(KeyId(hexadecimal(id)?))?;
        // The comparison takes constant time.
        let is_right = key.signature(purpose, until) == signature;
        Some(key).filter(|key| is_right && key.is_live() && now.millis() < until)
    }
}
