//! `GET …/history`: every change of an experiment, by whom and when.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;
use utoipa::ToSchema;

use super::Server;
use super::error::Problem;
use super::experiments::find;
use crate::catalog::Entry;
use crate::catalog::history::{Author, Change};
use crate::catalog::told::Told;
use crate::id::KeyName;
use crate::key::KeyId;
use crate::key::ring::Keyring;
use crate::time::Timestamp;

/// The changes of an experiment.
#[derive(Serialize, ToSchema)]
#[schema(as = ExperimentHistory)]
pub(super) struct Changes<'a> {
    /// Newest first.
    changes: Vec<Changed<'a>>,
    /// How many are not kept any more: they came after the first 50 of the list.
    dropped: u32,
}

/// A change of an experiment.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
struct Changed<'a> {
    /// Its number, from 1.
    number: u32,
    /// When.
    at: Timestamp,
    /// Who asked for it.
    by: By<'a>,
    /// What.
    what: Told<'a>,
}

/// Who asked for a change.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = HistoryAuthor)]
enum By<'a> {
    /// Whoever holds this API key.
    #[schema(title = "AuthorKey")]
    Key {
        /// The id of the key.
        id: KeyId,
        /// What people call it; null of a key that this server never had.
        #[schema(required)]
        name: Option<&'a KeyName>,
        /// Whether it is void by now.
        revoked: bool,
    },
    /// Somebody, while there never was a key.
    #[schema(title = "AuthorAnybody")]
    Anybody {},
    /// A file of the experiments directory: it says something else, is gone, or has come back.
    #[schema(title = "AuthorFile")]
    File {
        /// Its name.
        file: &'a str,
    },
    /// The settings of the process.
    #[schema(title = "AuthorSettings")]
    Settings {},
    /// Nobody: it happened by itself.
    #[schema(title = "AuthorItself")]
    Itself {},
}

/// The changes of one experiment.
pub(super) async fn history(
    server: Data<Server>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let entry = find(&server, &path)?;
    let snapshot = server.engine.snapshot();
    Ok(HttpResponse::Ok().json(changes(&entry, &snapshot.keys)))
}

fn changes<'a>(entry: &'a Entry, keys: &'a Keyring) -> Changes<'a> {
    let newest = entry.history.iter().rev();
    let shown = newest.filter_map(|(number, change)| {
        let Change { at, by, what } = change;
        Some(Changed {
            number: *number,
            at: *at,
            by: author(by.as_ref(), keys),
            what: entry.told(what)?,
        })
    });
    Changes {
        changes: shown.collect(),
        dropped: entry.history.dropped(),
    }
}

fn author<'a>(by: Option<&'a Author>, keys: &'a Keyring) -> By<'a> {
    match by {
        None => By::Itself {},
        Some(Author::Anybody) => By::Anybody {},
        Some(Author::File(file)) => By::File { file },
        Some(Author::Settings) => By::Settings {},
        Some(Author::Key(id)) => By::Key {
            id: *id,
            name: keys.get(*id).map(|key| &key.name),
            revoked: !keys.holds(*id),
        },
    }
}
