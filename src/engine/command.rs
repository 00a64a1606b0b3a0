//! Commands: what people and files ask of experiments, and the events that answer them. Pure: the writer passes the
//! state and the time in, and appends the events that come out.

mod traffic;

use std::collections::BTreeMap;

use crate::allocation::Arm;
use crate::bandit;
use crate::bandit::revert::Irreversible;
use crate::catalog::experiment::Experiment;
use crate::catalog::mistake::Mistake;
use crate::catalog::spec::Spec;
use crate::catalog::takeaway::Takeaway;
use crate::catalog::{Catalog, Conclusion, Edit, Entry, Scope, Serial, Source, Transition};
use crate::cell::Cells;
use crate::epoch::EpochNumber;
use crate::event::{Defined, Event, Learned, Transitioned};
use crate::fold;
use crate::fold::control::{IllegalTransition, check, defined_entry};
use crate::id::{ExperimentKey, VariantKey};
use crate::time::Timestamp;

use super::ledger::Books;

mod tick;

/// What can be asked.
#[derive(Debug, Clone)]
pub enum Command {
    /// A new or changed definition.
    Define {
        /// The definition.
        spec: Box<Spec>,
        /// Where it comes from.
        source: Source,
        /// Whether edited payloads change nothing that matters.
        cosmetic: bool,
        /// The version it was made from (`If-Match`).
        expected: Option<u32>,
    },
    /// Start or resume.
    Start(ExperimentKey),
    /// Pause.
    Pause(ExperimentKey),
    /// Decide.
    Conclude {
        /// The experiment.
        experiment: ExperimentKey,
        /// The variant to serve; control if none.
        winner: Option<VariantKey>,
        /// To whom.
        scope: Scope,
        /// What was learned.
        takeaway: Option<Takeaway>,
    },
    /// Write down what was learned.
    Learn {
        /// The experiment, archived or not.
        experiment: ExperimentKey,
        /// What was learned.
        takeaway: Takeaway,
    },
    /// Put away.
    Archive(ExperimentKey),
    /// Hold visitors out of everything as the settings say; `None`: nobody any more.
    HoldOut(Option<Box<Spec>>),
    /// Ask the policy now.
    Reallocate(ExperimentKey),
    /// Bring back the weights of an earlier epoch, and hold them.
    Revert(ExperimentKey, EpochNumber),
    /// Look at all guardrails, and ask all policies by their own rules.
    Tick,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// Why nothing changed, when nothing did.
    pub note: Option<String>,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// No such experiment.
    #[error("there is no experiment {0:?}")]
    UnknownExperiment(String),
    /// No such live variant.
    #[error("there is no live variant {0:?}")]
    UnknownVariant(String),
    /// Not from where it stands.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The definition is wrong.
    #[error("the definition has mistakes")]
    Invalid(Vec<Mistake>),
    /// The experiment belongs to a file.
    #[error("the experiment is defined by the file {0}: change the file")]
    OwnedByFile(String),
    /// Somebody else changed it first.
    #[error("the experiment is at version {0} by now")]
    Stale(u32),
    /// The epoch can not come back.
    #[error(transparent)]
    Irreversible(#[from] Irreversible),
    /// Metrics or dimensions of an experiment with visitors can not be changed yet.
    #[error("metrics and dimensions of an experiment that has visitors can not be changed yet")]
    MetricsWithData,
}

/// Events to append, and the answer once they are durable.
#[derive(Debug, Default)]
pub struct Decided {
    /// The events.
    pub events: Vec<Event>,
    /// The answer.
    pub done: Done,
    /// The experiments whose guardrails were looked at.
    pub looked: Looks,
}

impl Decided {
    fn unchanged() -> Self {
        Self {
            done: Done {
                note: Some("Nothing changed.".into()),
            },
            ..Self::default()
        }
    }
}

/// The information of each experiment at the last look at its guardrails.
pub type Looks = BTreeMap<Serial, u64>;

/// What commands are decided from.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// The experiments.
    pub catalog: &'a Catalog,
    /// Their cells.
    pub books: &'a Books,
    /// The last looks at their guardrails.
    pub looked: &'a Looks,
    /// The time.
    pub now: Timestamp,
}

/// What a command comes to in the present state.
///
/// # Errors
/// [`CommandError`].
pub fn decide(command: &Command, state: State<'_>) -> Result<Decided, CommandError> {
    match command {
        Command::Define {
            spec,
            source,
            cosmetic,
            expected,
        } => {
            let definition = serde_json::to_string(spec).unwrap_or_default();
            let source = source.clone();
            let defined = Defined {
                definition,
                source,
                cosmetic: *cosmetic,
                at: state.now,
            };
            state.define(spec, defined, *expected)
        }
        Command::Start(key) => state.transition(key, Transition::Start),
        Command::Pause(key) => state.transition(key, Transition::Pause),
        Command::Conclude {
            experiment,
            winner,
            scope,
            takeaway,
        } => {
            let winner = state.winner(experiment, winner.as_ref())?;
            let conclusion = Conclusion {
                winner,
                scope: *scope,
                reason: None,
            };
            let mut decided = state.transition(experiment, Transition::Conclude(conclusion))?;
            if let Some(takeaway) = takeaway {
                let learned = state.learn(experiment, takeaway)?;
                decided.events.extend(learned.events);
            }
            Ok(decided)
        }
        Command::Learn {
            experiment,
            takeaway,
        } => state.learn(experiment, takeaway),
        Command::Archive(key) => state.transition(key, Transition::Archive),
        Command::HoldOut(spec) => Ok(state.hold_out(spec.as_deref())),
        Command::Reallocate(key) => state.reallocate(key),
        Command::Revert(key, to) => state.revert(key, *to),
        Command::Tick => Ok(state.tick()),
    }
}

static NOTHING: Cells = Cells::none();

impl<'a> State<'a> {
    fn entry(&self, key: &ExperimentKey) -> Result<&'a Entry, CommandError> {
        let entry = self
            .catalog
            .get(key.as_str())
            .filter(|entry| !entry.lifecycle.archived);
        Ok(entry
            .ok_or_else(|| CommandError::UnknownExperiment(key.to_string()))?
            .as_ref())
    }

    fn cells(&self, entry: &Entry) -> &'a Cells {
        self.books.get(&entry.serial).unwrap_or(&NOTHING)
    }

    fn winner(
        &self,
        experiment: &ExperimentKey,
        winner: Option<&VariantKey>,
    ) -> Result<Option<Arm>, CommandError> {
        let entry = self.entry(experiment)?;
        let arm = |key: &VariantKey| {
            let arm = entry.experiment.arm(key.as_str());
            arm.ok_or_else(|| CommandError::UnknownVariant(key.to_string()))
        };
        winner.map(arm).transpose()
    }

    fn define(
        &self,
        spec: &Spec,
        defined: Defined,
        expected: Option<u32>,
    ) -> Result<Decided, CommandError> {
        let before = self
            .catalog
            .get(spec.key.as_str())
            .map(std::convert::AsRef::as_ref);
        if let Some(entry) = before {
            may_redefine(entry, &defined.source, expected)?;
            let unchanged =
                *entry.experiment.spec == *spec && entry.lifecycle.source == defined.source;
            if unchanged && !entry.lifecycle.archived {
                return Ok(Decided::unchanged());
            }
        }
        let conflicts = self.catalog.conflicts(spec);
        if !conflicts.is_empty() {
            return Err(CommandError::Invalid(conflicts));
        }
        let edit = if defined.cosmetic {
            Edit::Cosmetic
        } else {
            Edit::Material
        };
        let compiled =
            Experiment::compile_edit(spec.clone(), before.map(|entry| &entry.experiment), edit);
        let compiled = compiled.map_err(CommandError::Invalid)?;
        if let Some(entry) = before {
            let has_visitors = !self.cells(entry).visitors.is_empty();
            if has_visitors && entry.experiment.metrics_changed(&compiled) {
                return Err(CommandError::MetricsWithData);
            }
        }
        let opened =
            defined_entry(self.catalog, &defined).and_then(|after| self.opened(before, &after));
        let events = std::iter::once(Event::Defined(defined))
            .chain(opened)
            .collect();
        Ok(Decided {
            events,
            ..Decided::default()
        })
    }

    /// Other settings are another holdout, which begins without visitors; the comparison of one that ends is frozen.
    fn hold_out(&self, wanted: Option<&Spec>) -> Decided {
        let present = self.catalog.global_holdout();
        if present.map(|entry| &*entry.experiment.spec) == wanted {
            return Decided::default();
        }
        let begun = wanted.map(|spec| Defined {
            definition: serde_json::to_string(spec).unwrap_or_default(),
            source: Source::Settings,
            cosmetic: false,
            at: self.now,
        });
        let ended = |entry: &std::sync::Arc<Entry>| Transitioned {
            experiment: entry.experiment.key.clone(),
            transition: Transition::Conclude(Conclusion {
                winner: None,
                scope: Scope::Everyone,
                reason: None,
            }),
            at: self.now,
        };
        let ended = present.map(|entry| Event::Transitioned(ended(entry)));
        let begun = begun.map(|defined| self.begun(defined));
        Decided {
            events: ended
                .into_iter()
                .chain(begun.into_iter().flatten())
                .collect(),
            ..Decided::default()
        }
    }

    /// A definition and its first epoch.
    fn begun(&self, defined: Defined) -> Vec<Event> {
        let after = defined_entry(self.catalog, &defined);
        let opened = after.and_then(|after| self.opened(None, &after));
        std::iter::once(Event::Defined(defined))
            .chain(opened)
            .collect()
    }

    fn transition(
        &self,
        key: &ExperimentKey,
        transition: Transition,
    ) -> Result<Decided, CommandError> {
        let entry = self.entry(key)?;
        check(entry, &transition)?;
        let transitioned = Transitioned {
            experiment: key.clone(),
            transition,
            at: self.now,
        };
        let after = fold::control::transition(self.catalog, &transitioned).entry;
        let opened = after.and_then(|after| self.opened(Some(entry), &after));
        let events = std::iter::once(Event::Transitioned(transitioned))
            .chain(opened)
            .collect();
        Ok(Decided {
            events,
            ..Decided::default()
        })
    }

    fn learn(&self, key: &ExperimentKey, takeaway: &Takeaway) -> Result<Decided, CommandError> {
        let entry = self.catalog.get(key.as_str());
        let entry = entry.ok_or_else(|| CommandError::UnknownExperiment(key.to_string()))?;
        if entry.lifecycle.takeaway.as_ref() == Some(takeaway) {
            return Ok(Decided::unchanged());
        }
        let learned = Learned {
            experiment: key.clone(),
            takeaway: takeaway.clone(),
            at: self.now,
        };
        Ok(Decided {
            events: vec![Event::Learned(learned)],
            ..Decided::default()
        })
    }

    fn opened(&self, before: Option<&Entry>, after: &Entry) -> Option<Event> {
        let epoch = bandit::opened_by_change(before, after, self.cells(after), self.now)?;
        Some(Event::Opened {
            experiment: after.experiment.key.clone(),
            epoch,
        })
    }
}

/// Files own their experiments; between writers of the API the version decides.
fn may_redefine(entry: &Entry, source: &Source, expected: Option<u32>) -> Result<(), CommandError> {
    if let (Source::Api, Source::File(file)) = (source, &entry.lifecycle.source) {
        return Err(CommandError::OwnedByFile(file.clone()));
    }
    let version = entry.experiment.version;
    let stale = expected.is_some_and(|expected| expected != version);
    if stale {
        Err(CommandError::Stale(version))
    } else {
        Ok(())
    }
}
