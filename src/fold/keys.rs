//! How API keys come and go. A revoked key stays known: its id is never used again, and old events name it.

use super::{Delta, Outcome};
use crate::key::ring::Keyring;
use crate::key::{Key, KeyId};
use crate::time::Timestamp;

/// A new key. One whose id is known is a repetition and is absorbed.
pub(super) fn create(keys: &Keyring, key: &Key) -> Delta {
    if keys.get(key.id).is_some() {
        return Delta::none(Outcome::Duplicate);
    }
    changed(key.clone())
}

/// The end of a key.
pub(super) fn revoke(keys: &Keyring, id: KeyId, at: Timestamp) -> Delta {
    let Some(key) = keys.get(id) else {
        return Delta::none(Outcome::Void);
    };
    if key.revoked_at.is_some() {
        return Delta::none(Outcome::Duplicate);
    }
    let mut key = Key::clone(key);
    key.revoked_at = Some(at);
    changed(key)
}

fn changed(key: Key) -> Delta {
    Delta {
        key: Some(key),
        ..Delta::default()
    }
}
