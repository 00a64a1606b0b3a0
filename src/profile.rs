//! The visitor's profile: the ids that were joined, and the traits that the shop tells of a person and of the groups the
//! person belongs to. It lies beside the record, so that decisions, which read no profile, do not carry it.
//!
//! Of each trait the value that was told last by the events' own times is kept, and when: in which order events arrive
//! never matters. A removed trait leaves a note of its removal, so that an older value that arrives later stays away.

mod consent;
#[cfg(test)]
mod tests;

pub use consent::{Consent, ConsentError, Said};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{GroupId, VisitorId};
use crate::time::Timestamp;

/// Most traits and groups of a person, those of the groups included.
pub const MAX_TRAITS: usize = 128;
/// Most bytes of their names and values.
pub const MAX_BYTES: usize = 16 << 10;

const VERSION: u8 = 1;

/// Why traits can not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraitsError {
    /// They are no JSON object.
    #[error("must be an object")]
    NoObject,
    /// They would be more than a profile holds.
    #[error("would be more than {MAX_TRAITS} traits or {MAX_BYTES} bytes")]
    TooMany,
}

/// Traits as an event tells them: JSON by name; `None` where the trait is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told(BTreeMap<String, Option<String>>);

impl Told {
    /// Reads a JSON object; a member that is `null` takes its trait back.
    ///
    /// # Errors
    /// [`TraitsError`].
    pub fn parse(json: &str) -> Result<Self, TraitsError> {
        let members: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|_| TraitsError::NoObject)?;
        let text = |value: serde_json::Value| (!value.is_null()).then(|| value.to_string());
        let told = members
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect();
        Self(told).bounded()
    }

    /// These, completed by others.
    ///
    /// # Errors
    /// [`TraitsError::TooMany`].
    pub fn or(mut self, others: Self) -> Result<Self, TraitsError> {
        for (name, value) in others.0 {
            self.0.entry(name).or_insert(value);
        }
        self.bounded()
    }

    /// Whether they tell nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Name and JSON of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Bytes of names and values.
    pub fn bytes(&self) -> usize {
        let bytes = |(name, value): (&str, Option<&str>)| name.len() + value.map_or(0, str::len);
        self.iter().map(bytes).sum()
    }

    fn bounded(self) -> Result<Self, TraitsError> {
        if self.0.len() > MAX_TRAITS || self.bytes() > MAX_BYTES {
            return Err(TraitsError::TooMany);
        }
        Ok(self)
    }
}

/// A trait as it was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait {
    /// When.
    pub at: Timestamp,
    /// Its value in JSON; `None` if it was taken back.
    pub value: Option<String>,
}

/// Traits by name.
pub type Traits = BTreeMap<String, Trait>;

/// A group that the person belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// When that was told last.
    pub at: Timestamp,
    /// What is known of the group, as told with this person.
    pub traits: Traits,
}

/// What is known of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// The ids that were joined; none where there is but one.
    pub ids: BTreeSet<VisitorId>,
    /// The person's traits.
    pub traits: Traits,
    /// The person's groups.
    pub groups: BTreeMap<GroupId, Group>,
}

/// Where in a profile something lies.
type Place = (Option<GroupId>, String);

impl Profile {
    /// Takes over what was told at a time of the person, or of a group of the person's.
    ///
    /// # Errors
    /// [`TraitsError::TooMany`], and nothing is taken over.
    pub fn tell(
        &mut self,
        group: Option<&GroupId>,
        told: &Told,
        at: Timestamp,
    ) -> Result<(), TraitsError> {
        let mut next = self.clone();
        let traits = match group {
            None => &mut next.traits,
            Some(group) => next.belong(group, at),
        };
        for (name, value) in &told.0 {
            let value = value.clone();
            keep_later(traits, name.clone(), Trait { at, value });
        }
        while next.is_full() {
            let oldest = next.oldest(|of| of.value.is_none());
            next.forget(&oldest.ok_or(TraitsError::TooMany)?);
        }
        *self = next;
        Ok(())
    }

    /// Takes over what is known of another, who is the same person. Where both together are more than a profile holds,
    /// what was told last is kept.
    pub fn join(&mut self, other: Self) {
        self.ids.extend(other.ids);
        for (name, of) in other.traits {
            keep_later(&mut self.traits, name, of);
        }
        for (group, of) in other.groups {
            let traits = self.belong(&group, of.at);
            for (name, of) in of.traits {
                keep_later(traits, name, of);
            }
        }
        while self.is_full() {
            let removed = self.oldest(|of| of.value.is_none());
            match removed.or_else(|| self.oldest(|_| true)) {
                Some(place) => self.forget(&place),
                None => drop(self.groups.pop_last()),
            }
        }
    }

    /// Encodes the profile.
    ///
    /// # Errors
    /// As postcard fails.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_extend(self, vec![VERSION])
    }

    /// Decodes a profile.
    ///
    /// # Errors
    /// An unknown version or malformed bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        match bytes.split_first() {
            Some((&VERSION, body)) => postcard::from_bytes(body),
            Some(_) | None => Err(postcard::Error::DeserializeBadEncoding),
        }
    }

    /// The traits of a group that the person belongs to at a time.
    fn belong(&mut self, group: &GroupId, at: Timestamp) -> &mut Traits {
        let fresh = || Group {
            at,
            traits: Traits::new(),
        };
        let own = self.groups.entry(group.clone()).or_insert_with(fresh);
        own.at = own.at.max(at);
        &mut own.traits
    }

    fn is_full(&self) -> bool {
        let of_groups = self.groups.values().map(|group| &group.traits);
        let all = || std::iter::once(&self.traits).chain(of_groups.clone());
        let count: usize = all().map(BTreeMap::len).sum();
        let bytes =
            |(name, of): (&String, &Trait)| name.len() + of.value.as_ref().map_or(0, String::len);
        let names = self.groups.keys().map(|group| group.as_str().len());
        let bytes = all().flatten().map(bytes).chain(names).sum::<usize>();
        count + self.groups.len() > MAX_TRAITS || bytes > MAX_BYTES
    }

    /// Where the oldest of some traits lies.
    fn oldest(&self, wanted: impl Fn(&Trait) -> bool) -> Option<Place> {
        let own = self.traits.iter().map(|(name, of)| (None, name, of));
        let of_groups = self.groups.iter().flat_map(|(group, own)| {
            let place = move |(name, of)| (Some(group), name, of);
            own.traits.iter().map(place)
        });
        let all = own.chain(of_groups).filter(|(_, _, of)| wanted(of));
        let oldest = all.min_by_key(|(group, name, of)| (of.at, *group, *name));
        oldest.map(|(group, name, _)| (group.cloned(), name.clone()))
    }

    fn forget(&mut self, (group, name): &Place) {
        let traits = match group {
            None => Some(&mut self.traits),
            Some(group) => self.groups.get_mut(group).map(|own| &mut own.traits),
        };
        if let Some(traits) = traits {
            traits.remove(name);
        }
    }
}

/// Keeps what was told later; of two values told at one time the greater, so that order does not matter.
fn keep_later(traits: &mut Traits, name: String, new: Trait) {
    let place = |of: &Trait| (of.at, of.value.clone());
    match traits.get_mut(&name) {
        Some(known) if place(known) >= place(&new) => {}
        Some(known) => *known = new,
        None => drop(traits.insert(name, new)),
    }
}
