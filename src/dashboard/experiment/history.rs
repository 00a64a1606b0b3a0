//! Every change of an experiment, in words.

use crate::catalog::history::Author;
use crate::catalog::told::Told;
use crate::catalog::{Entry, Scope};
use crate::dashboard::moment::Moment;
use crate::key::ring::Keyring;

/// A change.
pub(super) struct Change {
    pub(super) at: Moment,
    pub(super) who: String,
    pub(super) what: String,
}

/// The changes that are kept, newest first.
pub(super) fn changes(entry: &Entry, keys: &Keyring) -> Vec<Change> {
    let newest = entry.history.iter().rev();
    let change = newest.filter_map(|(_, change)| {
        Some(Change {
            at: Moment(change.at),
            who: who(change.by.as_ref(), keys),
            what: words(&entry.told(&change.what)?),
        })
    });
    change.collect()
}

/// Who asked for it.
fn who(by: Option<&Author>, keys: &Keyring) -> String {
    match by {
        None => "by itself".to_owned(),
        Some(Author::Anybody) => "somebody, without a key".to_owned(),
        Some(Author::File(file)) => format!("the file {file}"),
        Some(Author::Settings) => "the settings of the server".to_owned(),
        Some(Author::Key(id)) => match keys.get(*id) {
            Some(key) => key.name.as_str().to_owned(),
            None => format!("the key {id}"),
        },
    }
}

fn words(told: &Told<'_>) -> String {
    match told {
        Told::Defined { version: 1, .. } => "defined".to_owned(),
        Told::Defined {
            version,
            fields,
            cosmetic,
            ..
        } => {
            let only = if *cosmetic { ", words only" } else { "" };
            format!("changed to version {version}{only}: {}", fields.join(", "))
        }
        Told::Started {} => "started".to_owned(),
        Told::Paused {} => "paused".to_owned(),
        Told::Archived {} => "archived".to_owned(),
        Told::Concluded {
            winner,
            scope,
            reason,
        } => {
            let winner = winner.as_deref().unwrap_or("the control");
            let whom = match scope {
                Scope::New => "new visitors",
                Scope::Everyone => "everyone",
            };
            let why = reason.map_or_else(String::new, |reason| format!(". {reason}"));
            format!("concluded: {winner} for {whom}{why}")
        }
        Told::Tripped { receipt, .. } => format!("a guardrail tripped: {receipt}"),
        Told::Learned { takeaway } => format!("learned: {}", takeaway.as_str()),
        Told::Opened { epoch, receipt, .. } => format!("epoch {}: {receipt}", epoch.0),
    }
}
