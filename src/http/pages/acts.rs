//! What a reader may do to an experiment from its page.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::super::Server;
use super::super::access::Caller;
use super::super::body::Body;
use super::super::error::{Code, Problem};
use super::super::experiments::{find, key, run};
use super::form::Form;
use super::{PageProblem, to};
use crate::engine::command::Command;
use crate::id::ExperimentKey;

/// What was done, for the page that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It was started.
    Started,
    /// It was paused.
    Paused,
}

impl Done {
    const ALL: [Self; 2] = [Self::Started, Self::Paused];

    /// The one of this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Paused => "paused",
        }
    }

    /// The same in a sentence.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Started => "The experiment runs.",
            Self::Paused => {
                "The experiment is paused: visitors keep their variant, nobody new enters."
            }
        }
    }
}

/// Starts or resumes.
pub(in crate::http) async fn start(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let key = unchanged(&server, &path, &Form::read(body).await?)?;
    done(
        &server,
        &caller,
        (&key, Command::Start(key.clone())),
        Done::Started,
    )
    .await
}

/// Pauses.
pub(in crate::http) async fn pause(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let key = unchanged(&server, &path, &Form::read(body).await?)?;
    done(
        &server,
        &caller,
        (&key, Command::Pause(key.clone())),
        Done::Paused,
    )
    .await
}

/// The experiment that a form is about, if it is still the one that the form was made for.
fn unchanged(server: &Server, path: &str, form: &Form) -> Result<ExperimentKey, Problem> {
    let entry = find(server, path)?;
    if form.number("version")? == entry.experiment.version {
        return key(path);
    }
    let detail = "Somebody changed the experiment since this page was loaded; look at it again before you act.";
    Err(Problem::new(Code::VersionConflict, detail))
}

async fn done(
    server: &Server,
    caller: &Caller,
    (key, command): (&ExperimentKey, Command),
    done: Done,
) -> Result<HttpResponse, PageProblem> {
    run(server, command, caller.id()).await?;
    Ok(to(&format!("/experiments/{key}?done={}", done.name())))
}
