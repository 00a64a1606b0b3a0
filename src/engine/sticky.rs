//! What decisions need of visitors' records, kept in memory.

use std::sync::Arc;

use quick_cache::sync::GuardResult;

use super::{Engine, ledger};
use crate::id::VisitorId;
use crate::profile::{Consent, Profile};
use crate::store::{self, StoreError};
use crate::visitor::join::Held;
use crate::visitor::{Assignment, Exposure, Record, VisitorKey};

/// What a returning visitor's decision needs of the record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sticky {
    /// The visitor's assignments.
    pub assignments: Vec<Assignment>,
    /// The id by which the person is drawn, if there are several.
    name: Option<VisitorId>,
    /// What the visitor has seen.
    pub exposures: Vec<Exposure>,
    /// What the visitor allows, if that was ever said.
    pub consent: Option<Consent>,
}

impl Sticky {
    pub(super) fn of(record: &Record) -> Self {
        let light = |assignment: &Assignment| Assignment {
            settled: Vec::new(),
            ..assignment.clone()
        };
        Self {
            assignments: record.assignments.iter().map(light).collect(),
            name: record.identity.as_ref().map(|of| of.name.clone()),
            exposures: record.exposures.clone(),
            consent: record.consent.map(|said| said.state),
        }
    }

    /// The id by which a visitor is drawn: the person's, so that draws are the same for all ids of one person.
    pub fn name<'a>(&'a self, visitor: &'a VisitorId) -> &'a str {
        self.name.as_ref().unwrap_or(visitor).as_str()
    }
}

impl Engine {
    /// A visitor's assignments: from memory, else from the store. `None` for a visitor never seen.
    ///
    /// # Errors
    /// As the store fails.
    pub fn sticky(&self, visitor: VisitorKey) -> Result<Option<Arc<Sticky>>, StoreError> {
        // The guard is void once the writer has put a newer record there: an older one never replaces it.
        let guard = match self.shared.sticky.get_value_or_guard(&visitor, None) {
            GuardResult::Value(sticky) => return Ok(Some(sticky)),
            GuardResult::Guard(guard) => Some(guard),
            GuardResult::Timeout => None,
        };
        let Some(record) = self.record_of(visitor)? else {
            return Ok(None);
        };
        let sticky = Arc::new(Sticky::of(&record));
        if let Some(guard) = guard {
            drop(guard.insert(Arc::clone(&sticky)));
        }
        Ok(Some(sticky))
    }

    /// The stored record of the person to whom a visitor's id belongs.
    ///
    /// # Errors
    /// As the store fails.
    pub fn record_of(&self, visitor: VisitorKey) -> Result<Option<Record>, StoreError> {
        let person = self.person_of(visitor)?;
        Ok(person.map(|(_, record)| record))
    }

    /// The same, with the key it lies under.
    ///
    /// # Errors
    /// As the store fails.
    pub fn person_of(
        &self,
        visitor: VisitorKey,
    ) -> Result<Option<(VisitorKey, Record)>, StoreError> {
        let mut key = visitor;
        while let Some(bytes) = self.shared.store.get(&store::key::visitor(key))? {
            match ledger::decode_held(key, &bytes)? {
                Held::Record(record) => return Ok(Some((key, record))),
                Held::Joined(person) => key = person,
            }
        }
        Ok(None)
    }

    /// What is known of a person, by the key of the record. Decisions do not ask.
    ///
    /// # Errors
    /// As the store fails.
    pub fn profile_of(&self, person: VisitorKey) -> Result<Profile, StoreError> {
        let bytes = self.shared.store.get(&store::key::profile(person))?;
        let profile = bytes.map(|bytes| ledger::decode_profile(person, &bytes));
        Ok(profile.transpose()?.unwrap_or_default())
    }
}
