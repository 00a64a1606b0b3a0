//! The state as the fold sees it.

use super::super::EngineError;
use super::{Work, decode_profile};
use crate::catalog::Catalog;
use crate::catalog::history::Author;
use crate::fold::View;
use crate::key::ring::Keyring;
use crate::profile::{Consent, Profile};
use crate::store::key;
use crate::time::Zone;
use crate::visitor::join::Held;
use crate::visitor::{Record, VisitorKey};

impl View for Work<'_> {
    type Error = EngineError;

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn zone(&self) -> &Zone {
        &self.ledger.place.zone
    }

    fn seed(&self) -> u64 {
        self.ledger.place.founded.seed
    }

    fn person(&self, visitor: VisitorKey) -> Result<(VisitorKey, Record), EngineError> {
        let mut key = visitor;
        loop {
            match self.held(key)? {
                Some(Held::Joined(person)) => key = person,
                Some(Held::Record(record)) => return Ok((key, record)),
                None => return Ok((key, Record::default())),
            }
        }
    }

    fn profile(&self, person: VisitorKey) -> Result<Profile, EngineError> {
        if let Some(profile) = self.profiles.get(&person) {
            return Ok(profile.clone().unwrap_or_default());
        }
        let bytes = self.stored(key::profile(person))?;
        let profile = bytes.map(|bytes| decode_profile(person, &bytes));
        Ok(profile.transpose()?.unwrap_or_default())
    }

    fn unsaid(&self) -> Consent {
        self.ledger.unsaid
    }

    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    fn remembers(&self, visitor: VisitorKey, id: u64) -> Result<bool, EngineError> {
        let fresh = self.remembered.contains(&(visitor, id));
        let is_gone = self.gone.contains(&visitor);
        Ok(fresh
            || !is_gone
                && self
                    .state
                    .store
                    .get(&key::remembered(visitor, id))?
                    .is_some())
    }
}
