//! Secrets: `up_`, the key's id, `_`, and 32 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::KeyId;

const PREFIX: &[u8] = b"up_";
/// Digits of an id.
const ID: usize = 16;
/// Digits of what is secret: 128 random bits.
const SECRET: usize = 32;

/// BLAKE3 of a secret. A secret is random, so that nothing slower is needed.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Whose secret nobody has: the hash of none, which everybody knows.
    pub(super) const NOBODYS: Self = Self([0; 32]);

    /// Whether it is the hash of this secret, in constant time.
    pub(super) fn is_of(&self, secret: &[u8; SECRET]) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::hash(secret)
    }

    /// A keyed hash by it, which only this server can know.
    pub(super) fn sign(&self, text: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, text)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A fresh secret: shown once, then forgotten.
pub struct Secret {
    id: KeyId,
    digits: String,
}

impl Secret {
    /// The secret of a key, made of random bits.
    pub fn new(id: KeyId, random: u128) -> Self {
        Self {
            id,
            digits: format!("{random:032x}"),
        }
    }

    /// The id of its key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its hash, to be kept.
    pub fn hash(&self) -> SecretHash {
        SecretHash(*blake3::hash(self.digits.as_bytes()).as_bytes())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up_{}_{}", self.id, self.digits)
    }
}

/// A secret as somebody presents it.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    pub(super) id: KeyId,
    pub(super) secret: &'a [u8; SECRET],
}

impl<'a> Presented<'a> {
    /// Reads a secret; `None` if it can not be one.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (id, rest) = text.strip_prefix(PREFIX)?.split_at_checked(ID)?;
        Some(Self {
            id: KeyId(hexadecimal(id)?),
            secret: rest.strip_prefix(b"_")?.try_into().ok()?,
        })
    }
}

/// The number that 16 hexadecimal digits in lower case write.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let digits: &[u8; ID] = digits.try_into().ok()?;
    let is_plain = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    let text = std::str::from_utf8(digits).ok()?;
    let number = u64::from_str_radix(text, 16).ok();
    number.filter(|_| digits.iter().all(is_plain))
}
