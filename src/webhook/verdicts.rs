//! Verdicts are no events: they are asked for, and compared with the last that a target knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::Entry;
use crate::engine::Engine;
use crate::id::ExperimentKey;
use crate::report::{Decision, Question, Verdict, report};

/// The verdict that a target knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// What to do.
    pub(super) decision: Decision,
    /// The variant it is about.
    pub(super) variant: Option<String>,
}

impl Known {
    /// What is known of an experiment that is new.
    pub(super) fn nothing() -> Self {
        Self {
            decision: Decision::NotStarted,
            variant: None,
        }
    }

    /// What is known once a verdict was told.
    pub(super) fn of(verdict: &Verdict) -> Self {
        Self {
            decision: verdict.decision,
            variant: verdict.variant.clone(),
        }
    }
}

/// The verdicts that a target knows, by experiment.
pub(super) type Verdicts = BTreeMap<ExperimentKey, Known>;

/// The present verdict on each running experiment.
pub(super) fn present(engine: &Engine) -> Vec<(std::sync::Arc<Entry>, Verdict)> {
    let snapshot = engine.snapshot();
    let running = snapshot.catalog.iter().filter(|entry| entry.is_running());
    let now = engine.clock().now();
    let judged = running.map(|entry| {
        let moment = (now, snapshot.zone.day(now));
        let verdict = engine.with_cells(entry.serial, |cells| {
            report(&Question::present(entry, cells, moment)).verdict
        });
        (std::sync::Arc::clone(entry), verdict)
    });
    judged.collect()
}
