//! Tokens stand for a key where a browser can not, or should not, hold the key itself. The address of an `EventSource`
//! carries one, since that sends no headers; a session's cookie is another; links that people pass on are such, too. A token
//! opens what it was made for alone, and ends with its time, or with the key.
//!
//! Where there is no key everything is open. A token of nobody then serves, so that links work the same; anybody could make
//! it, and it ends with the first key.

use std::fmt;
use std::sync::Arc;

use super::ring::Keyring;
use super::secret::{SecretHash, hexadecimal};
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
    /// One variant of one experiment, to look at.
    Variant,
    /// The report of one experiment.
    Report,
}

impl Purpose {
    /// What is signed of it.
    fn label(self) -> &'static [u8; 8] {
        match self {
            Self::Stream => b"stream..",
            Self::Session => b"session.",
            Self::Variant => b"variant.",
            Self::Report => b"report..",
        }
    }
}

/// A token: the key's id, the time it ends in milliseconds, which one of its purpose it opens (0 if there is but one), and
/// the key's signature of all that, in hexadecimal digits.
pub struct Token {
    id: KeyId,
    until: i64,
    subject: u64,
    signature: blake3::Hash,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            until,
            subject,
            signature,
        } = self;
        write!(f, "{id}{until:016x}{subject:016x}{signature}")
    }
}

impl Token {
    /// A token in place of a key, or of nobody, until a time in milliseconds.
    pub fn new(key: Option<&Key>, (purpose, subject): (Purpose, u64), until: i64) -> Self {
        let (id, hash) = key.map_or(NOBODY, |key| (key.id, key.hash));
        Self {
            id,
            until,
            subject,
            signature: signature(hash, (purpose, subject), (id, until)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, rest) = text.as_bytes().split_at_checked(16)?;
        let (until, rest) = rest.split_at_checked(16)?;
        let (subject, signature) = rest.split_at_checked(16)?;
        Some(Self {
            id: KeyId(hexadecimal(id)?),
            until: i64::try_from(hexadecimal(until)?).ok()?,
            subject: hexadecimal(subject)?,
            signature: blake3::Hash::from_hex(signature).ok()?,
        })
    }
}

/// Who signs where there is no key.
const NOBODY: (KeyId, SecretHash) = (KeyId(0), SecretHash::NOBODYS);

fn signature(
    hash: SecretHash,
    (purpose, subject): (Purpose, u64),
    (id, until): (KeyId, i64),
) -> blake3::Hash {
    let mut signed = *b"purpose.id......until...subject.";
    signed[..8].copy_from_slice(purpose.label());
    signed[8..16].copy_from_slice(&id.0.to_be_bytes());
    signed[16..24].copy_from_slice(&until.to_be_bytes());
    signed[24..].copy_from_slice(&subject.to_be_bytes());
    hash.sign(&signed)
}

impl Key {
    /// A token for streams in place of this key. It is the same for a whole span, so that answers that carry it stay the same.
    pub fn token(&self, now: Timestamp) -> Token {
        let until = (now.millis().div_euclid(SPAN_MS) + 2) * SPAN_MS;
        Token::new(Some(self), (Purpose::Stream, 0), until)
    }

    /// A token for the dashboard in place of this key.
    pub fn session(&self, now: Timestamp) -> Token {
        let until = now.millis().saturating_add(SESSION_MS);
        Token::new(Some(self), (Purpose::Session, 0), until)
    }
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// It is none, or for something else, or its key is no more.
    Unknown,
    /// Its time is over.
    Ended,
}

/// What a token opens.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// In whose place it stands; `None` while there never was a key.
    pub key: Option<&'a Arc<Key>>,
    /// Which one of its purpose.
    pub subject: u64,
}

impl Keyring {
    /// What a token opens now of what it is asked to open.
    ///
    /// # Errors
    /// [`Void`]; that it has ended is told only to who has a token that was good.
    pub fn opened(
        &self,
        token: &str,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Opened<'_>, Void> {
        let token = Token::parse(token).ok_or(Void::Unknown)?;
        let key = self.get(token.id).filter(|key| key.is_live());
        let (id, hash) = match key {
            Some(key) => (key.id, key.hash),
            None if self.is_empty() => NOBODY,
            None => return Err(Void::Unknown),
        };
        let (subject, until) = (token.subject, token.until);
        // The comparison takes constant time.
        if token.id != id || signature(hash, (purpose, subject), (id, until)) != token.signature {
            return Err(Void::Unknown);
        }
        if now.millis() >= until {
            return Err(Void::Ended);
        }
        Ok(Opened { key, subject })
    }

    /// The key in whose place a token stands now, for what the token is asked to open.
    pub fn behind(&self, token: &str, purpose: Purpose, now: Timestamp) -> Option<&Arc<Key>> {
        self.opened(token, purpose, now).ok()?.key
    }
}
