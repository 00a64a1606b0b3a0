//! Signed webhooks: epochs, guardrails, experiments and verdicts, told at least once to every target.
//!
//! Targets are configuration; what they are told is derived from the log, of which each target has read up to its own
//! place. Its place, what it was not told yet, and what could not be told at all lie in one small file per target, outside
//! the store: they are no state of the log. Every message has the same id each time it is sent.
//!
//! One thread reads the log and decides what to send when; one thread per target sends. So a target that hangs holds
//! nothing up but itself.

mod courier;
mod message;
mod outbox;
mod signature;
mod transport;
mod verdicts;

use serde::Serialize;
use utoipa::ToSchema;

pub use courier::{Couriers, Desk};
pub use message::{Kind, Message};
pub use outbox::{Dead, Pending};
pub use signature::{Secret, SecretError};

/// Who is told, and what signs it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Names it in the API and its file: a hash of its URL.
    pub id: String,
    /// Where messages are posted.
    pub url: String,
    /// What signs them: each of these.
    pub secrets: Vec<Secret>,
}

/// Why targets are none.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// No URL of a web server.
    #[error("--webhook {0:?} is not a URL that begins with http:// or https://")]
    Url(String),
    /// Nothing signs the messages.
    #[error("--webhook needs --webhook-secret: whsec_ and the base64 of 24 to 64 random bytes")]
    Unsigned,
    /// A secret is none.
    #[error("--webhook-secret {0}")]
    Secret(#[from] SecretError),
}

/// Why webhooks can not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is known of a target can not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
    /// The log can not be read.
    #[error(transparent)]
    Log(#[from] crate::engine::EngineError),
}

/// The targets that the settings name, each once.
///
/// # Errors
/// [`TargetError`].
pub fn targets(urls: &[String], secrets: &[String]) -> Result<Vec<Target>, TargetError> {
    let secrets = secrets.iter().map(|text| Secret::parse(text));
    let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
    if secrets.is_empty() && !urls.is_empty() {
        return Err(TargetError::Unsigned);
    }
    let mut targets: Vec<Target> = Vec::new();
    for url in urls {
        if !transport::can_reach(url) {
            return Err(TargetError::Url(url.clone()));
        }
        let id = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(url.as_bytes()));
        if targets.iter().all(|target| target.id != id) {
            targets.push(Target {
                id,
                url: url.clone(),
                secrets: secrets.clone(),
            });
        }
    }
    Ok(targets)
}

/// How it stands with a target.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WebhookTarget)]
pub struct Standing {
    /// Its id.
    pub id: String,
    /// Where messages are posted.
    pub url: String,
    /// The sequence of the log's frame that it reads next.
    pub position: u64,
    /// The sequence of the next frame to be written.
    pub end: u64,
    /// Failed attempts since the last delivery.
    pub failures: u64,
    /// The last failure since the last delivery.
    #[schema(required)]
    pub last_error: Option<String>,
    /// What is not delivered yet, oldest first.
    pub pending: Vec<Pending>,
    /// What could not be delivered, oldest first; the last thousand.
    pub dead: Vec<Dead>,
}
