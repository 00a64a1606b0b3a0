//! The catalog: every experiment with its validated definition, its lifecycle and its epochs.
//!
//! A catalog is an immutable value. Definitions come from files or the API as text, are read by `document` (which
//! keeps line numbers), checked as a whole by [`spec`] and compiled to [`experiment::Experiment`]; all mistakes are
//! reported at once. Only events of the log change a catalog (`fold`).

pub mod audience;
pub mod experiment;
pub mod history;
pub mod metric;
pub mod mistake;
pub mod spec;
pub mod takeaway;
pub mod told;

mod compile;
pub(crate) mod document;
mod holdout;
mod layers;
mod lifecycle;
#[cfg(test)]
mod tests;

pub use compile::Edit;
pub use holdout::{GLOBAL_HOLDOUT, global_holdout};
pub use lifecycle::{Conclusion, Frozen, Lifecycle, Scope, Transition, Trip};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::epoch::{Epoch, Epochs};
use crate::id::{EventName, ExperimentKey};
use crate::time::Window;
use document::Document;
use experiment::{Experiment, Status};
use history::History;
use metric::MetricKind;
use mistake::{Code, Mistake, Mistakes};
use spec::Spec;

/// An experiment's number in order of first definition, from 0: its short name in records and cells; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Serial(pub u32);

/// All experiments, by key and by serial.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    serials: BTreeMap<ExperimentKey, Serial>,
    /// The global holdouts, oldest first.
    holdouts: Vec<Serial>,
    entries: Vec<Arc<Entry>>,
    signals: BTreeMap<EventName, BTreeSet<String>>,
}

/// One experiment: what it is, where it stands, and what it has lived through.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its serial.
    pub serial: Serial,
    /// The definition in force.
    pub experiment: Experiment,
    /// Where it stands.
    pub lifecycle: Lifecycle,
    /// Its epochs.
    pub epochs: Arc<Epochs>,
    /// Its changes.
    pub history: Arc<History>,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file of the experiments directory, by name.
    File(String),
    /// The API.
    Api,
    /// The settings of the process, as the global holdout does.
    Settings,
}

impl Catalog {
    /// The experiment with this key, archived or not.
    pub fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        self.by_serial(*self.serials.get(key)?)
    }

    /// What visitors are assigned to under this key: an experiment, or the last global holdout.
    pub fn assignable(&self, key: &str) -> Option<&Arc<Entry>> {
        match self.holdouts.last() {
            Some(last) if key == GLOBAL_HOLDOUT => self.by_serial(*last),
            Some(_) | None => self.get(key),
        }
    }

    /// The global holdout in force.
    pub fn global_holdout(&self) -> Option<&Arc<Entry>> {
        let last = self.by_serial(*self.holdouts.last()?)?;
        Some(last).filter(|entry| entry.is_running())
    }

    /// The global holdout with this serial, in force or not.
    pub fn holdout_by_serial(&self, serial: Serial) -> Option<&Arc<Entry>> {
        let known = self.holdouts.contains(&serial);
        self.by_serial(serial).filter(|_| known)
    }

    /// The experiment with this serial.
    pub fn by_serial(&self, serial: Serial) -> Option<&Arc<Entry>> {
        self.entries.get(serial.0 as usize)
    }

    /// All experiments in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.serials
            .values()
            .filter_map(|serial| self.by_serial(*serial))
    }

    /// The serial a new experiment gets.
    pub fn next_serial(&self) -> Serial {
        Serial(u32::try_from(self.entries.len()).unwrap_or(u32::MAX))
    }

    /// Adds or replaces an experiment; its serial is its own or [`Catalog::next_serial`].
    pub fn put(&mut self, entry: Entry) {
        let (key, serial) = (entry.experiment.key.clone(), entry.serial);
        for metric in &entry.experiment.metrics {
            for event in metric.events() {
                let properties = self.signals.entry(event.clone()).or_default();
                if let MetricKind::Sum { property, .. } = &metric.kind {
                    properties.insert(property.clone());
                }
            }
        }
        match self.entries.get_mut(serial.0 as usize) {
            Some(slot) => *slot = Arc::new(entry),
            None => self.entries.push(Arc::new(entry)),
        }
        if key.as_str() != GLOBAL_HOLDOUT {
            self.serials.insert(key, serial);
        } else if !self.holdouts.contains(&serial) {
            self.holdouts.push(serial);
        }
    }

    /// The properties that metrics read of an event; `None` when no metric ever read the event.
    pub fn signal(&self, event: &str) -> Option<&BTreeSet<String>> {
        self.signals.get(event)
    }

    /// Every event that a metric ever read, with the properties that were read of it.
    pub fn signals(&self) -> impl Iterator<Item = (&EventName, &BTreeSet<String>)> {
        self.signals.iter()
    }

    /// The longest time over which an experiment looks at events: forward from an assignment (its attribution windows) or
    /// back (its covariates); at least the default.
    pub fn longest_window(&self) -> Window {
        let windows = self
            .entries
            .iter()
            .map(|entry| entry.experiment.longest_window());
        windows.max().unwrap_or(Window::days(14))
    }

    /// What of a definition excludes other experiments of the catalog: overlapping slots of a layer.
    ///
    /// Experiments that are archived or concluded have given their slots up.
    pub fn conflicts(&self, spec: &Spec) -> Vec<Mistake> {
        let others = self
            .iter()
            .filter(|entry| entry.experiment.key.as_str() != spec.key && !entry.lifecycle.archived);
        let overlap = |entry: &Arc<Entry>| {
            let other = &entry.experiment.spec;
            let elsewhere = format!("\"{}\"", other.key);
            layers::overlap(
                spec,
                (entry.lifecycle.status, other.layer.as_ref()),
                &elsewhere,
            )
        };
        others.filter_map(overlap).collect()
    }
}

impl Entry {
    /// Whether it is a global holdout rather than an experiment.
    pub fn is_global_holdout(&self) -> bool {
        self.experiment.key.as_str() == GLOBAL_HOLDOUT
    }

    /// The epoch under which visitors are drawn now.
    pub fn epoch(&self) -> Option<&Epoch> {
        self.epochs.current()
    }

    /// Whether it takes new visitors (schedule aside).
    pub fn is_running(&self) -> bool {
        self.lifecycle.status == Status::Running && !self.lifecycle.archived
    }

    /// Whether it takes part in decisions that name no experiment.
    pub fn is_listed(&self) -> bool {
        !self.lifecycle.archived && self.lifecycle.status != Status::Draft
    }
}

/// Reads the definitions of a directory: pairs of file name and text, JSON if the name ends in `.json`, else TOML.
///
/// Answers what is valid, by file, and all mistakes of all files. A mistake makes only its own file invalid; of two
/// files that claim one key or one part of a layer, the later in the order given is refused.
pub fn read_files(files: &[(String, String)]) -> (Vec<(String, Spec)>, Vec<Mistake>) {
    let mut mistakes = Mistakes::default();
    let mut read: Vec<(String, Spec)> = Vec::new();
    for (file, text) in files {
        let is_json = file
            .rsplit_once('.')
            .is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("json"));
        let document = if is_json {
            Document::json(text)
        } else {
            Document::toml(text)
        };
        let checked = document.and_then(|document| {
            let spec = definition(&document)?;
            let clashes = clashes(&spec, &read);
            if clashes.is_empty() {
                return Ok(spec);
            }
            Err(clashes
                .into_iter()
                .map(|mistake| document.placed(mistake))
                .collect())
        });
        match checked {
            Ok(spec) => read.push((file.clone(), spec)),
            Err(found) => mistakes.extend(found.into_iter().map(|mistake| mistake.in_file(file))),
        }
    }
    (read, mistakes.sorted())
}

/// Reads a definition sent to the API as JSON.
///
/// # Errors
/// All its mistakes.
pub fn read_json(text: &str) -> Result<Spec, Vec<Mistake>> {
    definition(&Document::json(text)?)
}

/// Reads a definition that somebody wrote: JSON if it begins with a brace, else TOML.
///
/// # Errors
/// All its mistakes.
pub fn read_text(text: &str) -> Result<Spec, Vec<Mistake>> {
    if text.trim_start().starts_with('{') {
        read_json(text)
    } else {
        definition(&Document::toml(text)?)
    }
}

/// Reads somebody's definition, which may not be that of the global holdout.
fn definition(document: &Document) -> Result<Spec, Vec<Mistake>> {
    let spec = spec::read(document)?;
    if spec.key != GLOBAL_HOLDOUT {
        return Ok(spec);
    }
    let detail = format!("\"{GLOBAL_HOLDOUT}\" is reserved for the global holdout");
    let mistake = Mistake::new("key", Code::Conflict, detail);
    Err(vec![document.placed(mistake)])
}

/// What a definition shares with those of other files that only one can have.
fn clashes(spec: &Spec, others: &[(String, Spec)]) -> Vec<Mistake> {
    let mut clashes = Vec::new();
    for (file, other) in others {
        if other.key == spec.key {
            let detail = format!(
                "\"{}\" is already defined in {file}; keys are unique",
                spec.key
            );
            clashes.push(Mistake::new("key", Code::Duplicate, detail));
        }
        let elsewhere = format!("\"{}\" in {file}", other.key);
        clashes.extend(layers::overlap(
            spec,
            (other.status, other.layer.as_ref()),
            &elsewhere,
        ));
    }
    clashes
}
