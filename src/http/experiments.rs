//! Experiments: list, read, define, and move through their lifecycle.

mod shown;

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Server;
use super::access::Caller;
use super::allocation;
use super::body::{self, Body};
use super::error::{At, Code, Problem};
use crate::catalog::history::Author;
use crate::catalog::mistake::Mistake;
use crate::catalog::takeaway::Takeaway;
use crate::catalog::{Entry, Scope, Source, read_json};
use crate::engine::command::{Command, Done};
use crate::epoch::EpochNumber;
use crate::id::{ExperimentKey, VariantKey};
use crate::key::KeyId;
pub(super) use shown::{List, Shown, show};

/// All experiments that are not archived.
pub(super) async fn list(server: Data<Server>) -> HttpResponse {
    let snapshot = server.engine.snapshot();
    let shown = snapshot
        .catalog
        .iter()
        .filter(|entry| !entry.lifecycle.archived);
    HttpResponse::Ok().json(List {
        experiments: shown.map(|entry| show(entry)).collect(),
    })
}

/// One experiment.
pub(super) async fn get(server: Data<Server>, path: Path<String>) -> Result<HttpResponse, Problem> {
    let entry = find(&server, &path)?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(&entry)))
        .json(show(&entry)))
}

/// The entry of an experiment.
///
/// # Errors
/// [`Code::UnknownExperiment`].
pub(super) fn find(server: &Server, key: &str) -> Result<std::sync::Arc<Entry>, Problem> {
    let snapshot = server.engine.snapshot();
    let entry = snapshot.catalog.get(key).cloned();
    entry.ok_or_else(|| {
        Problem::new(
            Code::UnknownExperiment,
            format!("There is no experiment {key:?}."),
        )
    })
}

fn etag(entry: &Entry) -> String {
    format!("\"{}\"", entry.experiment.version)
}

/// Options of a definition.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct PutOptions {
    /// Whether the change touches words alone, so that no new version of the experiment begins.
    #[serde(default)]
    cosmetic: bool,
}

/// Defines a new experiment or version.
pub(super) async fn put(
    server: Data<Server>,
    request: HttpRequest,
    path: Path<String>,
    options: Result<Query<PutOptions>, actix_web::Error>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let options = options.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    let body = body::bytes(body).await?;
    let text = std::str::from_utf8(&body)
        .map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
    let spec = read_json(text).map_err(invalid_definition)?;
    if spec.key != *path {
        return Err(Problem::at(
            Code::InvalidDefinition,
            "key",
            format!("is {:?}, but the path says {:?}", spec.key, path.as_str()),
        ));
    }
    let expected = expected_version(&request)?;
    let (key, caller) = (key(&path)?, Caller::of(&request));
    let command = Command::Define {
        spec: Box::new(spec),
        source: Source::Api,
        cosmetic: options.cosmetic,
        expected,
    };
    done(&server, &caller, &key, command).await
}

/// All mistakes of a definition.
pub(super) fn invalid_definition(mistakes: Vec<Mistake>) -> Problem {
    Problem {
        code: Code::InvalidDefinition,
        detail: format!(
            "The definition has {} mistakes; nothing was changed.",
            mistakes.len()
        ),
        errors: mistakes.into_iter().map(At::from).collect(),
    }
}

/// The version of `If-Match`.
fn expected_version(request: &HttpRequest) -> Result<Option<u32>, Problem> {
    let Some(header) = request.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let version = header
        .to_str()
        .ok()
        .map(|value| value.trim().trim_matches('"'));
    match version {
        Some("*") => Ok(None),
        Some(version) => version.parse().map(Some).map_err(|_| unreadable_version()),
        None => Err(unreadable_version()),
    }
}

fn unreadable_version() -> Problem {
    Problem::at(Code::InvalidField, "If-Match", "must be the ETag of a GET")
}

/// Puts an experiment away.
pub(super) async fn archive(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = key(&path)?;
    done(&server, &caller, &key, Command::Archive(key.clone())).await
}

/// Starts or resumes.
pub(super) async fn start(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = key(&path)?;
    done(&server, &caller, &key, Command::Start(key.clone())).await
}

/// Pauses.
pub(super) async fn pause(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = key(&path)?;
    done(&server, &caller, &key, Command::Pause(key.clone())).await
}

/// How an experiment ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConclusionRequest)]
pub(super) struct Conclusion {
    /// The variant to serve; absent: the control.
    winner: Option<VariantKey>,
    /// To whom; absent: new visitors.
    #[serde(default = "for_new")]
    scope: Scope,
    /// What was learned; it may be written down later, too.
    takeaway: Option<Takeaway>,
}

fn for_new() -> Scope {
    Scope::New
}

/// Decides.
pub(super) async fn conclude(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let key = key(&path)?;
    let body = body::bytes(body).await?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    let conclusion: Conclusion = body::json(text)?;
    let command = Command::Conclude {
        experiment: key.clone(),
        winner: conclusion.winner,
        scope: conclusion.scope,
        takeaway: conclusion.takeaway,
    };
    done(&server, &caller, &key, command).await
}

/// What was learned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TakeawayRequest)]
pub(super) struct Learned {
    /// What was learned, in place of what was written down before.
    text: Takeaway,
}

/// Writes down what was learned, whoever defined the experiment.
pub(super) async fn learn(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let key = key(&path)?;
    let learned: Learned = body::json(&body::bytes(body).await?)?;
    let command = Command::Learn {
        experiment: key.clone(),
        takeaway: learned.text,
    };
    done(&server, &caller, &key, command).await
}

/// Options of a reallocation.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ReallocateOptions {
    /// Shows the epoch that would open, and opens none.
    #[serde(default)]
    dry_run: bool,
}

/// Asks the policy now; as a dry run, what it would answer.
pub(super) async fn reallocate(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    options: Result<Query<ReallocateOptions>, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let options = options.map_err(|error| Problem::new(Code::InvalidQuery, error.to_string()))?;
    if options.dry_run {
        let entry = find(&server, &path)?;
        return Ok(allocation::dry_run(&server, &entry));
    }
    let key = key(&path)?;
    done(&server, &caller, &key, Command::Reallocate(key.clone())).await
}

/// Which weights come back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevertRequest)]
pub(super) struct Revert {
    /// The number of the epoch that had them.
    epoch: u32,
}

/// Brings back the weights of an earlier epoch.
pub(super) async fn revert(
    server: Data<Server>,
    caller: Caller,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let key = key(&path)?;
    let Revert { epoch } = body::json(&body::bytes(body).await?)?;
    done(
        &server,
        &caller,
        &key,
        Command::Revert(key.clone(), EpochNumber(epoch)),
    )
    .await
}

/// The key that a path has.
///
/// # Errors
/// [`Code::UnknownExperiment`].
pub(super) fn key(path: &str) -> Result<ExperimentKey, Problem> {
    let parsed = ExperimentKey::parse(path);
    parsed.map_err(|error| Problem::at(Code::UnknownExperiment, "key", error.to_string()))
}

/// Runs a command and answers with the experiment as it is then.
async fn done(
    server: &Server,
    caller: &Caller,
    key: &ExperimentKey,
    command: Command,
) -> Result<HttpResponse, Problem> {
    let done: Done = run(server, command, caller.id()).await?;
    let entry = find(server, key.as_str())?;
    let mut shown = show(&entry);
    shown.note = done.note;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(&entry)))
        .json(shown))
}

/// Runs a command, asked for with a key or while there is none; the answer comes once it is durable.
///
/// # Errors
/// What the command was refused for.
pub(super) async fn run(
    server: &Server,
    command: Command,
    by: Option<KeyId>,
) -> Result<Done, Problem> {
    decided(server, command, Some(by.into())).await
}

/// Asks the policies by their own rules.
///
/// # Errors
/// As the writer fails.
pub(super) async fn tick(server: &Server) -> Result<Done, Problem> {
    decided(server, Command::Tick, None).await
}

async fn decided(server: &Server, command: Command, by: Option<Author>) -> Result<Done, Problem> {
    let answered = server.engine.command(command, by)?;
    let stopped = |_| {
        Problem::new(
            Code::Unavailable,
            "The writer stopped before the change was durable.",
        )
    };
    Ok(answered.await.map_err(stopped)??)
}
