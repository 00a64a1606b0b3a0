//! How definitions, transitions and epochs change the catalog.

use std::sync::Arc;

use super::{Delta, Outcome};
use crate::catalog::experiment::{Experiment, Status};
use crate::catalog::spec::Spec;
use crate::catalog::{Catalog, Edit, Entry, Lifecycle, Transition, Trip};
use crate::epoch::{Epoch, Epochs};
use crate::event::{Defined, Learned, Transitioned};
use crate::id::ExperimentKey;

/// Why a transition is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{verb} is not possible: the experiment is {status}")]
pub struct IllegalTransition {
    verb: &'static str,
    status: &'static str,
}

/// Whether a transition is possible from where the experiment stands.
///
/// # Errors
/// [`IllegalTransition`] names both.
pub fn check(entry: &Entry, transition: &Transition) -> Result<(), IllegalTransition> {
    let lifecycle = &entry.lifecycle;
    let (verb, legal) = match transition {
        Transition::Start => (
            "start",
            matches!(lifecycle.status, Status::Draft | Status::Paused),
        ),
        Transition::Pause => ("pause", lifecycle.status == Status::Running),
        Transition::Conclude(_) => (
            "conclude",
            matches!(lifecycle.status, Status::Running | Status::Paused),
        ),
        Transition::Archive => ("archive", true),
    };
    if legal && !lifecycle.archived {
        return Ok(());
    }
    let status = match lifecycle.status {
        _ if lifecycle.archived => "archived",
        Status::Draft => "a draft",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Concluded => "concluded",
    };
    Err(IllegalTransition { verb, status })
}

/// A definition: a new experiment, or a new version of one.
pub(super) fn define(catalog: &Catalog, defined: &Defined) -> Delta {
    match defined_entry(catalog, defined) {
        Some(entry) => Delta {
            entry: Some(entry),
            ..Delta::default()
        },
        None => Delta::none(Outcome::Void),
    }
}

/// The entry that a definition makes; `None` if it does not compile.
pub fn defined_entry(catalog: &Catalog, defined: &Defined) -> Option<Entry> {
    let spec: Spec = serde_json::from_str(&defined.definition).ok()?;
    let edit = if defined.cosmetic {
        Edit::Cosmetic
    } else {
        Edit::Material
    };
    let previous = catalog.get(spec.key.as_str()).map(Arc::as_ref);
    let experiment =
        Experiment::compile_edit(spec, previous.map(|entry| &entry.experiment), edit).ok()?;
    let fresh = || Lifecycle::draft(defined.source.clone(), defined.at);
    let mut lifecycle = previous.map_or_else(fresh, |entry| entry.lifecycle.clone());
    lifecycle.follow(experiment.status, defined.at);
    lifecycle.archived = false;
    lifecycle.source = defined.source.clone();
    Some(Entry {
        serial: previous.map_or_else(|| catalog.next_serial(), |entry| entry.serial),
        experiment,
        lifecycle,
        epochs: previous.map_or_else(
            || Arc::new(Epochs::default()),
            |entry| Arc::clone(&entry.epochs),
        ),
        history: previous.map_or_else(Arc::default, |entry| Arc::clone(&entry.history)),
    })
}

/// A change of status.
pub fn transition(catalog: &Catalog, transitioned: &Transitioned) -> Delta {
    let found = catalog.assignable(transitioned.experiment.as_str());
    let Some(entry) = found.filter(|entry| check(entry, &transitioned.transition).is_ok()) else {
        return Delta::none(Outcome::Void);
    };
    let mut entry = Entry::clone(entry);
    let lifecycle = &mut entry.lifecycle;
    let at = transitioned.at;
    match &transitioned.transition {
        Transition::Start => lifecycle.enter(Status::Running, at),
        Transition::Pause => lifecycle.enter(Status::Paused, at),
        Transition::Conclude(conclusion) => {
            lifecycle.enter(Status::Concluded, at);
            lifecycle.conclusion = Some(conclusion.clone());
        }
        Transition::Archive => lifecycle.archived = true,
    }
    Delta {
        entry: Some(entry),
        ..Delta::default()
    }
}

/// What was learned from an experiment, archived or not.
pub(super) fn learn(catalog: &Catalog, learned: &Learned) -> Delta {
    let Some(entry) = catalog.get(learned.experiment.as_str()) else {
        return Delta::none(Outcome::Void);
    };
    let mut entry = Entry::clone(entry);
    entry.lifecycle.takeaway = Some(learned.takeaway.clone());
    Delta {
        entry: Some(entry),
        ..Delta::default()
    }
}

/// A guardrail tripped. Harm that is known already (of a retry, or of another node) is absorbed.
pub(super) fn trip(catalog: &Catalog, experiment: &ExperimentKey, trip: &Trip) -> Delta {
    let is_watched = |entry: &&Arc<Entry>| entry.is_running() || entry.lifecycle.halted;
    let Some(entry) = catalog.get(experiment.as_str()).filter(is_watched) else {
        return Delta::none(Outcome::Void);
    };
    if trip.low <= entry.lifecycle.known_harm(&trip.metric, trip.arm) {
        return Delta::none(Outcome::Duplicate);
    }
    let mut entry = Entry::clone(entry);
    entry.lifecycle.trip(trip.clone());
    Delta {
        entry: Some(entry),
        ..Delta::default()
    }
}

/// A new epoch. One whose number is not the next is a repetition (of a retry, or of another node) and is absorbed.
pub(super) fn open(catalog: &Catalog, experiment: &ExperimentKey, epoch: &Epoch) -> Delta {
    let Some(entry) = catalog.assignable(experiment.as_str()) else {
        return Delta::none(Outcome::Void);
    };
    if epoch.number != entry.epochs.next_number() {
        return Delta::none(Outcome::Duplicate);
    }
    let mut entry = Entry::clone(entry);
    Arc::make_mut(&mut entry.epochs).push(epoch.clone());
    Delta {
        entry: Some(entry),
        ..Delta::default()
    }
}
