//! What goes wrong inside, as problems.

use super::{At, Code, Problem};
use crate::bandit::revert::Irreversible;
use crate::engine::Refused;
use crate::engine::command::CommandError;
use crate::store::StoreError;

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Overloaded => {
                crate::telemetry::overloaded();
                Self::new(
                    Code::Overloaded,
                    "The queue of writes is full; try again in a second.",
                )
            }
            Refused::Stopped => Self::new(
                Code::Unavailable,
                "The writer has stopped; nothing was accepted.",
            ),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed to read");
        Self::new(Code::Internal, "The store could not be read.")
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let code = match &error {
            CommandError::UnknownExperiment(_) => Code::UnknownExperiment,
            CommandError::UnknownVariant(_) => Code::UnknownVariant,
            CommandError::Illegal(_) => Code::IllegalTransition,
            CommandError::Invalid(_) => Code::InvalidDefinition,
            CommandError::OwnedByFile(_) => Code::OwnedByFile,
            CommandError::Stale(_) => Code::VersionConflict,
            CommandError::Irreversible(Irreversible::Unknown(_)) => Code::UnknownEpoch,
            CommandError::Irreversible(_) => Code::Irreversible,
            CommandError::MetricsWithData => Code::MetricsWithData,
        };
        let detail = error.to_string();
        let errors = match error {
            CommandError::Invalid(mistakes) => mistakes.into_iter().map(At::from).collect(),
            CommandError::UnknownExperiment(_)
            | CommandError::UnknownVariant(_)
            | CommandError::Illegal(_)
            | CommandError::OwnedByFile(_)
            | CommandError::Stale(_)
            | CommandError::Irreversible(_)
            | CommandError::MetricsWithData => Vec::new(),
        };
        Self {
            code,
            detail,
            errors,
        }
    }
}

impl From<crate::catalog::mistake::Mistake> for At {
    fn from(mistake: crate::catalog::mistake::Mistake) -> Self {
        Self {
            path: mistake.key.clone(),
            detail: mistake.detail,
        }
    }
}
