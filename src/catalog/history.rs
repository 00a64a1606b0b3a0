//! The history of an experiment: every change of it, by whom and when.
//!
//! Epochs that open by themselves, or with a change, are kept among the epochs and not here.

use serde::{Deserialize, Serialize};

use super::Source;
use super::experiment::Status;
use super::lifecycle::{Transition, Trip};
use super::spec::Spec;
use super::takeaway::Takeaway;
use crate::epoch::EpochNumber;
use crate::key::KeyId;
use crate::time::Timestamp;

/// Most changes that are kept.
pub const MAX_CHANGES: usize = 500;
/// How many of them are the first: how it began stays known.
pub const FIRST_CHANGES: usize = 50;

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// Whoever holds this API key.
    Key(KeyId),
    /// Somebody, while there never was a key.
    Anybody,
    /// A file of the experiments directory, by name: it says something else, is gone, or has come back.
    File(String),
    /// The settings of the process.
    Settings,
}

impl From<Option<KeyId>> for Author {
    fn from(key: Option<KeyId>) -> Self {
        key.map_or(Self::Anybody, Self::Key)
    }
}

/// A change of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who asked for it; `None`: it happened by itself.
    pub by: Option<Author>,
    /// What.
    pub what: What,
}

/// What can change of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// It got a new version of its definition.
    Defined(Version),
    /// It was started, paused, concluded or archived.
    Transitioned(Transition),
    /// A guardrail tripped.
    Tripped(Trip),
    /// What was learned from it was written down, or put otherwise.
    Learned(Takeaway),
    /// Somebody moved traffic: asked the policy, or brought earlier weights back.
    Opened(EpochNumber),
}

/// A version of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// Whether the edit touched words alone, so that variants keep their data.
    pub cosmetic: bool,
    /// Where it comes from.
    pub source: Source,
    /// Where the experiment stood then.
    pub status: Status,
    /// The fields at the top of the definition that differ from the version before; empty for the first one.
    pub fields: Vec<String>,
}

/// The fields at the top of a definition that differ between two, in alphabetical order.
pub fn differing(before: &Spec, after: &Spec) -> Vec<String> {
    let fields = |spec| match serde_json::to_value(spec) {
        Ok(serde_json::Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let (before, after) = (fields(before), fields(after));
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut names: Vec<String> = after.keys().chain(gone).filter(differs).cloned().collect();
    names.sort();
    names
}

/// The changes of an experiment, oldest first: the first [`FIRST_CHANGES`], and the last of the others so that
/// [`MAX_CHANGES`] are kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    changes: Vec<(u32, Change)>,
}

impl History {
    /// From the changes by their numbers, in order.
    pub fn new(changes: Vec<(u32, Change)>) -> Self {
        Self { changes }
    }

    /// The changes by their numbers, from 1, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(u32, Change)> {
        self.changes.iter()
    }

    /// The number of the last change, which is how many there ever were.
    pub fn last_number(&self) -> u32 {
        self.changes.last().map_or(0, |(number, _)| *number)
    }

    /// Whether a change is kept.
    pub fn keeps(&self, number: u32) -> bool {
        let found = self.changes.binary_search_by_key(&number, |(of, _)| *of);
        found.is_ok()
    }

    /// How many were dropped.
    pub fn dropped(&self) -> u32 {
        let kept = u32::try_from(self.changes.len()).unwrap_or(u32::MAX);
        self.last_number().saturating_sub(kept)
    }

    /// Adds the next change, and drops the oldest but the first ones where there are too many.
    pub fn push(&mut self, change: Change) {
        if self.changes.len() >= MAX_CHANGES {
            self.changes.remove(FIRST_CHANGES);
        }
        let number = self.last_number().saturating_add(1);
        self.changes.push((number, change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_changes_are_kept_and_the_others_counted() {
        let mut history = History::default();
        assert_eq!((history.last_number(), history.dropped()), (0, 0));
        for minute in 0..600 {
            history.push(Change {
                at: Timestamp::from_millis(1_767_225_600_000 + minute * 60_000).unwrap(),
                by: None,
                what: What::Transitioned(Transition::Pause),
            });
        }
        let numbers: Vec<u32> = history.iter().map(|(number, _)| *number).collect();
        let expected: Vec<u32> = (1..=50).chain(151..=600).collect();
        assert_eq!(numbers, expected);
        assert_eq!((history.last_number(), history.dropped()), (600, 100));
        assert!(history.keeps(50) && !history.keeps(51) && !history.keeps(150));
        assert!(history.keeps(151));
    }

    #[test]
    fn differing_fields_are_named() {
        let read = |field: &str, other: &str| {
            let text = serde_json::json!({
                "key": "hero", field: "x", "variants": [{ "key": "a" }, { "key": other }],
                "metrics": [{ "key": "buys", "event": "Order", "kind": "conversion", "role": "goal" }],
            });
            super::super::read_json(&text.to_string()).unwrap()
        };
        let (before, after) = (read("owner", "b"), read("name", "c"));
        assert_eq!(differing(&before, &after), ["name", "owner", "variants"]);
        assert!(differing(&before, &before).is_empty());
    }
}
