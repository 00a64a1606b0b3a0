//! The catalog: every experiment with its validated definition, its lifecycle and its epochs.
//!
//! A catalog is an immutable value. Definitions come from files or the API as text, are read by `document` (which
//! keeps line numbers), checked as a whole by [`spec`] and compiled to [`experiment::Experiment`]; all mistakes are
//! reported at once. Only events of the log change a catalog (`fold`).

pub mod audience;
pub mod experiment;
pub mod metric;
pub mod mistake;
pub mod spec;

mod compile;
mod document;
mod holdout;
mod layers;
#[cfg(test)]
mod tests;

pub use compile::Edit;
pub use holdout::{GLOBAL_HOLDOUT, global_holdout};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::allocation::Arm;
use crate::epoch::{Epoch, Epochs};
use crate::id::{EventName, ExperimentKey, MetricKey};
use crate::time::{Timestamp, Window};
use document::Document;
use experiment::{Experiment, Status};
use metric::{MetricKind, OnTrip};
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

/// One experiment: what it is, where it stands, and the epochs it has lived through.
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
}

/// Where an experiment stands: the last of its definition and the transitions since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Draft, running, paused or concluded.
    pub status: Status,
    /// Since when; being archived is no status.
    pub since: Timestamp,
    /// When it first ran.
    pub started_at: Option<Timestamp>,
    /// What it was concluded with.
    pub conclusion: Option<Conclusion>,
    /// The times during which it was concluded or halted, when visitors lost their variant: what happened then counts
    /// nowhere, even if it starts again (statistics R14).
    pub frozen: Vec<Frozen>,
    /// The guardrails that tripped, oldest first.
    pub trips: Vec<Trip>,
    /// Whether a guardrail paused it: until somebody starts it again, everybody gets control.
    pub halted: bool,
    /// Whether it is archived: served as unknown, kept for reports.
    pub archived: bool,
    /// Where the definition comes from.
    pub source: Source,
    /// Per dimension, the values seen so far that are kept apart, in order of appearance.
    pub seen: Vec<Vec<String>>,
}

/// A guardrail that tripped: a variant does more harm to a metric than its limit allows, and not by chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    /// The metric.
    pub metric: MetricKey,
    /// The variant.
    pub arm: Arm,
    /// The relative harm, as estimated then; what it is at least, where the control was at zero.
    pub harm: f64,
    /// What it is at least, however often one looks (statistics R16).
    pub low: f64,
    /// What followed.
    pub action: OnTrip,
    /// The same in plain words, with numbers.
    pub receipt: String,
    /// When.
    pub at: Timestamp,
}

/// A time during which an experiment was concluded or halted: after `from`, up to `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// When it ended.
    pub from: Timestamp,
    /// When it started again; `None` if it has not.
    pub until: Option<Timestamp>,
}

impl Frozen {
    /// Whether something that happened at this time counts nowhere.
    pub fn covers(&self, at: Timestamp) -> bool {
        at > self.from && self.until.is_none_or(|until| at <= until)
    }
}

impl Lifecycle {
    /// Moves to another status; concluding and halting freeze the comparison, and leaving those thaws it.
    pub fn enter(&mut self, status: Status, at: Timestamp) {
        if status == self.status {
            return;
        }
        self.conclusion = None;
        self.halted = false;
        if let Some(frozen) = self.frozen.last_mut() {
            frozen.until = frozen.until.or(Some(at));
        }
        if status == Status::Concluded {
            self.freeze(at);
        }
        if status == Status::Running {
            self.started_at = self.started_at.or(Some(at));
        }
        self.status = status;
        self.since = at;
    }

    /// Moves to the status that a definition asks for; one that a guardrail halted runs again only when somebody starts
    /// it, since a file that says "running" said so before the harm was known.
    pub fn follow(&mut self, status: Status, at: Timestamp) {
        if !(self.halted && status == Status::Running) {
            self.enter(status, at);
        }
    }

    /// Takes a trip down, and pauses for harm if that is its action.
    pub fn trip(&mut self, trip: Trip) {
        if trip.action == OnTrip::Pause && !self.halted {
            self.enter(Status::Paused, trip.at);
            self.halted = true;
            self.freeze(trip.at);
        }
        self.trips.push(trip);
    }

    /// The harm of a variant to a metric that is known: estimated at its last trip, 0 before the first.
    ///
    /// Whoever lets the experiment run on accepts so much; a trip needs evidence of more.
    pub fn known_harm(&self, metric: &MetricKey, arm: Arm) -> f64 {
        let same = |trip: &&Trip| trip.metric == *metric && trip.arm == arm;
        self.trips
            .iter()
            .rev()
            .find(same)
            .map_or(0.0, |trip| trip.harm)
    }

    /// The trip that halted it.
    pub fn halted_by(&self) -> Option<&Trip> {
        let mut trips = self.trips.iter();
        trips.find(|trip| self.halted && trip.action == OnTrip::Pause && trip.at >= self.since)
    }

    fn freeze(&mut self, from: Timestamp) {
        self.frozen.push(Frozen { from, until: None });
    }
}

/// How an experiment was concluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// The variant to serve; `None` is control.
    pub winner: Option<Arm>,
    /// To whom.
    pub scope: Scope,
}

/// Who is served the winner of a concluded experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// New visitors; the others keep their variant.
    New,
    /// Everybody.
    Everyone,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
