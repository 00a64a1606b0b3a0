//! What a reader may do to an experiment from its page.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::super::Server;
use super::super::access::Caller;
use super::super::allocation::proposed;
use super::super::body::Body;
use super::super::error::{Code, Problem};
use super::super::experiments::{find, key, run};
use super::form::Form;
use super::{PageProblem, frame, html, to};
use crate::catalog::Scope;
use crate::catalog::takeaway::{Takeaway, TakeawayError};
use crate::dashboard::reallocation;
use crate::engine::command::Command;
use crate::id::{ExperimentKey, VariantKey};

/// What was done, for the page that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It was defined.
    Created,
    /// It was defined anew.
    Changed,
    /// It was started.
    Started,
    /// It was paused.
    Paused,
    /// It was decided.
    Concluded,
    /// The policy was asked.
    Reallocated,
    /// What was learned was written down.
    Learned,
    /// It was put away.
    Archived,
}

impl Done {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Changed,
        Self::Started,
        Self::Paused,
        Self::Concluded,
        Self::Reallocated,
        Self::Learned,
        Self::Archived,
    ];

    /// The one of this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Started => "started",
            Self::Paused => "paused",
            Self::Concluded => "concluded",
            Self::Reallocated => "reallocated",
            Self::Learned => "learned",
            Self::Archived => "archived",
        }
    }

    /// The same in a sentence.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Created => {
                "The experiment is defined. It serves the control until somebody starts it."
            }
            Self::Changed => "The experiment is changed.",
            Self::Started => "The experiment runs.",
            Self::Paused => {
                "The experiment is paused: visitors keep their variant, nobody new enters."
            }
            Self::Concluded => "The experiment is concluded.",
            Self::Reallocated => "New visitors are shared as the bandit says now.",
            Self::Learned => "What was learned is in the playbook.",
            Self::Archived => {
                "The experiment is archived: nobody is served by it, and its report stays."
            }
        }
    }

    /// The page of the experiment, which says so.
    pub(super) fn after(self, key: &str) -> String {
        format!("/experiments/{key}?done={}", self.name())
    }
}

/// Starts or resumes.
pub(in crate::http) async fn start(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let asked = (path.as_str(), body);
    act(&server, &caller, asked, (Command::Start, Done::Started)).await
}

/// Pauses.
pub(in crate::http) async fn pause(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let asked = (path.as_str(), body);
    act(&server, &caller, asked, (Command::Pause, Done::Paused)).await
}

/// Decides.
pub(in crate::http) async fn conclude(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let form = Form::read(body).await?;
    let key = unchanged(&server, &path, &form)?;
    let winner = VariantKey::parse(form.text("winner"));
    let winner =
        winner.map_err(|error| Problem::at(Code::InvalidField, "winner", error.to_string()))?;
    let scope = match form.text("scope") {
        "everyone" => Scope::Everyone,
        _ => Scope::New,
    };
    let command = Command::Conclude {
        experiment: key.clone(),
        winner: Some(winner),
        scope,
        takeaway: takeaway(&form).transpose()?,
    };
    done(&server, &caller, (&key, command), Done::Concluded).await
}

/// Writes down what was learned.
pub(in crate::http) async fn learn(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let form = Form::read(body).await?;
    let key = find(&server, &path)?.experiment.key.clone();
    let said = takeaway(&form).transpose()?;
    let takeaway =
        said.ok_or_else(|| Problem::at(Code::InvalidField, "takeaway", "must say something"))?;
    let command = Command::Learn {
        experiment: key.clone(),
        takeaway,
    };
    done(&server, &caller, (&key, command), Done::Learned).await
}

/// What was learned, if anything is said.
fn takeaway(form: &Form) -> Option<Result<Takeaway, Problem>> {
    let text = Some(form.text("takeaway")).filter(|text| !text.trim().is_empty())?;
    let wrong =
        |error: TakeawayError| Problem::at(Code::InvalidField, "takeaway", error.to_string());
    Some(Takeaway::parse(text).map_err(wrong))
}

/// Puts it away.
pub(in crate::http) async fn archive(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let asked = (path.as_str(), body);
    act(&server, &caller, asked, (Command::Archive, Done::Archived)).await
}

/// What a reallocation would change now.
pub(in crate::http) async fn proposal(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, PageProblem> {
    let entry = find(&server, &path)?;
    let proposal = proposed(&server, &entry);
    let page = reallocation::page(&frame(&caller, None), &entry, &proposal);
    Ok(html(HttpResponse::Ok(), page))
}

/// Asks the policy now.
pub(in crate::http) async fn reallocate(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, PageProblem> {
    let asked = (path.as_str(), body);
    act(
        &server,
        &caller,
        asked,
        (Command::Reallocate, Done::Reallocated),
    )
    .await
}

/// Does what a form asks for with one press of a button.
async fn act(
    server: &Server,
    caller: &Caller,
    (path, body): (&str, Body),
    (command, what): (fn(ExperimentKey) -> Command, Done),
) -> Result<HttpResponse, PageProblem> {
    let key = unchanged(server, path, &Form::read(body).await?)?;
    done(server, caller, (&key, command(key.clone())), what).await
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
    Ok(to(&done.after(key.as_str())))
}
