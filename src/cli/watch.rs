//! Watches the experiments directory: what changes in it becomes a command to the writer.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::catalog::Source;
use crate::catalog::experiment::Status;
use crate::catalog::history::Author;
use crate::catalog::spec::Spec;
use crate::engine::Engine;
use crate::engine::command::{Command, CommandError, Done};
use crate::engine::files::{self, Files};
use crate::id::ExperimentKey;

/// How often the directory is read.
const REREAD: Duration = Duration::from_secs(5);

/// A watched directory.
pub(super) struct Watch {
    engine: Engine,
    directory: PathBuf,
    /// Complaints told already, so that a mistake is not told every five seconds.
    told: BTreeSet<String>,
    /// Files that are gone: each pauses its experiment once, which may be started again.
    gone: BTreeSet<String>,
}

impl Watch {
    /// Watches a directory for an engine.
    pub(super) fn new(engine: Engine, directory: PathBuf) -> Self {
        Self {
            engine,
            directory,
            told: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Reads the directory again and again.
    pub(super) async fn run(mut self) {
        loop {
            actix_web::rt::time::sleep(REREAD).await;
            match files::read(&self.directory) {
                Ok(files) => {
                    if let Err(error) = self.apply(&files).await {
                        tracing::warn!(error, "the experiments directory was not applied");
                    }
                }
                Err(error) => tracing::warn!(%error, "the experiments directory can not be read"),
            }
        }
    }

    /// Holds visitors out of everything as the settings say.
    ///
    /// # Errors
    /// The writer does not answer.
    pub(super) async fn hold_out(&self, holdout: Option<Spec>) -> Result<(), String> {
        self.command(Command::HoldOut(holdout.map(Box::new)), Author::Settings)
            .await
            .map(drop)
    }

    /// Brings the catalog to what the files say.
    ///
    /// # Errors
    /// The writer does not answer.
    pub(super) async fn apply(&mut self, files: &Files) -> Result<(), String> {
        let mut complaints: BTreeSet<String> =
            files.mistakes.iter().map(ToString::to_string).collect();
        for (file, spec) in files::changes(files, &self.engine.snapshot().catalog) {
            let (key, source) = (spec.key.clone(), Source::File(file.clone()));
            let define = Command::Define {
                spec: Box::new(spec),
                source,
                cosmetic: false,
                expected: None,
            };
            match self.command(define, Author::File(file.clone())).await? {
                Ok(_) => tracing::info!(experiment.key = key, "defined as its file says"),
                Err(CommandError::Invalid(mistakes)) => {
                    complaints.extend(mistakes.iter().map(|mistake| format!("{file}: {mistake}")));
                }
                Err(refused) => drop(complaints.insert(format!("{file}: {refused}"))),
            }
        }
        for complaint in complaints.difference(&self.told) {
            tracing::warn!("{complaint}");
        }
        self.told = complaints;
        self.pause_orphans(files).await
    }

    /// Pauses the experiments of files that are gone, and starts those again whose file has come back.
    async fn pause_orphans(&mut self, files: &Files) -> Result<(), String> {
        for (file, spec) in &files.specs {
            let key = ExperimentKey::parse(&spec.key);
            if let (true, Status::Running, Ok(key)) = (self.gone.remove(file), spec.status, key) {
                tracing::info!(experiment.key = %key, "started: the file {file} is back");
                let by = Author::File(file.clone());
                drop(self.command(Command::Start(key), by).await?);
            }
        }
        for (file, key) in files::orphans(files, &self.engine.snapshot().catalog) {
            if self.gone.insert(file.clone()) {
                tracing::warn!(experiment.key = %key, "paused: the file {file} is gone");
                let by = Author::File(file);
                drop(self.command(Command::Pause(key), by).await?);
            }
        }
        Ok(())
    }

    async fn command(
        &self,
        command: Command,
        by: Author,
    ) -> Result<Result<Done, CommandError>, String> {
        let answered = self
            .engine
            .command(command, Some(by))
            .map_err(|refused| refused.to_string())?;
        answered
            .await
            .map_err(|_| "the writer has stopped".to_owned())
    }
}
