//! Status and verdict in a word each, with a tone that colour repeats.

use crate::catalog::Entry;
use crate::catalog::experiment::Status;
use crate::report::{Decision, Report};

/// Whether it is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// Something is wrong.
    Bad,
    /// Something is to be looked at.
    Warn,
    /// Good news.
    Good,
    /// Neither.
    None,
}

impl Tone {
    /// The class that styles it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Good => "good",
            Self::None => "none",
        }
    }
}

/// A word with its tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Badge {
    /// The word, with a sign where the tone matters.
    pub(super) word: String,
    /// Its tone.
    pub(super) tone: Tone,
}

/// Where an experiment stands.
pub(super) fn status(status: Status, archived: bool) -> &'static str {
    if archived {
        return "Archived";
    }
    match status {
        Status::Draft => "Draft",
        Status::Running => "Running",
        Status::Paused => "Paused",
        Status::Concluded => "Concluded",
    }
}

/// What to do; of a concluded experiment, what was decided.
pub(super) fn verdict(entry: &Entry, report: &Report) -> Badge {
    if entry.lifecycle.status == Status::Concluded {
        return decided(entry);
    }
    let (word, tone) = match report.verdict.decision {
        Decision::Investigate => ("✕ Unhealthy".to_owned(), Tone::Bad),
        Decision::Ship => ("▲ Ship now".to_owned(), Tone::Good),
        Decision::RollBack => ("▼ Roll back now".to_owned(), Tone::Bad),
        Decision::StopFutile => ("■ Ready for review: no difference".to_owned(), Tone::Warn),
        Decision::NotStarted => ("No data".to_owned(), Tone::None),
        Decision::KeepRunning => (waiting(report), Tone::None),
    };
    Badge { word, tone }
}

fn decided(entry: &Entry) -> Badge {
    let conclusion = entry.lifecycle.conclusion.as_ref();
    let winner = conclusion.and_then(|conclusion| conclusion.winner);
    let winner = winner.unwrap_or(entry.experiment.control);
    let winner = entry.experiment.label(winner).unwrap_or_default();
    Badge {
        word: format!("Decided: {winner}"),
        tone: Tone::None,
    }
}

fn waiting(report: &Report) -> String {
    match (report.experiment.status, report.verdict.days_left) {
        (Status::Running, Some(1)) => "About 1 day left".to_owned(),
        (Status::Running, Some(days)) => format!("About {days} days left"),
        (Status::Running, None) => "Collecting data".to_owned(),
        (Status::Draft | Status::Paused | Status::Concluded, _) => "Undecided".to_owned(),
    }
}
