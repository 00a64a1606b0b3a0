//! The keyring: which keys there are, and whom they let in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::secret::Presented;
use super::{Key, KeyId, Scope, Shown};

/// All keys there ever were.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: BTreeMap<KeyId, Arc<Key>>,
}

impl Keyring {
    /// Whether there never was a key: then everything is open. Revoking all keys opens nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A key, revoked ones too.
    pub fn get(&self, id: KeyId) -> Option<&Arc<Key>> {
        self.keys.get(&id)
    }

    /// Whether a key is in force.
    pub fn holds(&self, id: KeyId) -> bool {
        self.get(id).is_some_and(|key| key.is_live())
    }

    /// All keys by the time they were made, revoked ones too.
    pub fn shown(&self) -> Vec<Shown> {
        let mut shown: Vec<Shown> = self.keys.values().map(|key| (&**key).into()).collect();
        shown.sort_by_key(|key| (key.created_at, key.id));
        shown
    }

    /// The keys that are in force.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values().filter(|key| key.is_live())
    }

    /// Whether nobody could manage keys without this one.
    pub fn is_last_admin(&self, id: KeyId) -> bool {
        let mut admins = self.live().filter(|key| key.scopes.allow(Scope::Admin));
        admins.next().is_some_and(|key| key.id == id) && admins.next().is_none()
    }

    /// Whether a key in force names pages of this origin.
    pub fn welcomes(&self, origin: &[u8]) -> bool {
        let named = |key: &Arc<Key>| !key.origins.is_empty() && key.welcomes(origin);
        self.live().any(named)
    }

    /// The key in force that a secret opens.
    pub fn opened_by(&self, presented: &Presented<'_>) -> Option<&Arc<Key>> {
        let key = self.keys.get(&presented.id)?;
        let is_right = key.hash.is_of(presented.secret);
        Some(key).filter(|key| is_right && key.is_live())
    }

    /// Adds a key, or replaces the one of the same id.
    pub fn put(&mut self, key: Key) {
        self.keys.insert(key.id, Arc::new(key));
    }
}
