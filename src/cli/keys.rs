//! `upswing keys`: make, list and revoke API keys. A running server is asked; the store of one that does not run is
//! opened.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::client::{Client, ClientError};
use super::{Failure, say, serve};
use crate::config::Config;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::KeyName;
use crate::key::secret::Secret;
use crate::key::{KeyError, KeyId, Made, Origin, Scope, Scopes, Shown, Wanted};
use crate::store::{Store, StoreError};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum KeysVerb {
    /// Make a key and print its secret, which is never shown again
    New(NewArgs),
    /// List all keys
    List,
    /// Make a key void, at once and for ever
    Revoke {
        /// The key's id
        id: KeyId,
    },
}

/// What the key is to be.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// What it may be used for: assign and events (public), force, read, write, admin; repeatable
    #[arg(long, value_name = "SCOPE", required = true, value_delimiter = ',')]
    scope: Vec<Scope>,
    /// A web page that may use it, such as `https://shop.example`; repeatable [default: any]
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    origin: Vec<Origin>,
    /// Requests per second that it may make [default: any number]
    #[arg(long)]
    rate: Option<NonZeroU32>,
    /// A single OFREP evaluation with it only decides [default: it is an exposure, too]
    #[arg(long)]
    no_exposure: bool,
    /// What people call it [default: its scopes]
    #[arg(long, value_parser = KeyName::parse)]
    name: Option<KeyName>,
}

/// The server's list.
#[derive(Deserialize)]
struct Listed {
    keys: Vec<Shown>,
}

/// Where the keys are.
enum Place {
    Server(Client),
    Store(Engine),
}

/// Makes, lists or revokes keys.
///
/// # Errors
/// As the server refuses, or the store can not be opened.
pub(super) fn run(config: &Config, verb: KeysVerb) -> Result<(), Failure> {
    let client = Client::new(&config.server, config.api_key.as_deref());
    let Some(store) = store(config, &client, matches!(verb, KeysVerb::New(_)))? else {
        return act(&Place::Server(client), verb);
    };
    let (engine, writer) = Engine::start(serve::setup(config, store, false))?;
    let result = act(&Place::Store(engine.clone()), verb);
    engine.stop();
    writer.join()?;
    result
}

/// The store of the data directory, if no server runs on it and none was named.
fn store(config: &Config, client: &Client, may_create: bool) -> Result<Option<Store>, Failure> {
    if config.server_is_named {
        return Ok(None);
    }
    let answers = || client.get::<serde_json::Value>("/health/live");
    if !config.data.join("db").exists() {
        if answers().is_ok() {
            return Ok(None);
        }
        if !may_create {
            let data = config.data.display();
            return Err(Failure::input(format!(
                "there is no store in {data}, and no server answers at {}: name one with --data or --server",
                config.server
            )));
        }
    }
    match Store::open(&config.data, config.cache_bytes) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Locked(path)) => match answers() {
            Err(ClientError::Unreachable { .. }) => Err(Failure::store(format!(
                "the store in {} is in use by a running server, which does not answer at {}: name it with --server",
                path.display(),
                config.server
            ))),
            Ok(_) | Err(_) => Ok(None),
        },
        Err(error) => Err(error.into()),
    }
}

fn act(place: &Place, verb: KeysVerb) -> Result<(), Failure> {
    match verb {
        KeysVerb::New(args) => {
            let made = place.make(wanted(args)?)?;
            say(&line(&made.key));
            say(&made.secret);
        }
        KeysVerb::List => {
            for key in place.list()? {
                say(&line(&key));
            }
        }
        KeysVerb::Revoke { id } => say(&line(&place.revoke(id)?)),
    }
    Ok(())
}

fn wanted(args: NewArgs) -> Result<Wanted, Failure> {
    let unusable = |error: KeyError| Failure::usage(error.to_string());
    let scopes = Scopes::new(&args.scope).map_err(unusable)?;
    let own = || KeyName::parse(&scopes.to_string());
    let name = args.name.map_or_else(own, Ok);
    Ok(Wanted {
        name: name.map_err(|error| Failure::usage(error.to_string()))?,
        scopes,
        origins: args.origin,
        rate: args.rate,
        exposes: !args.no_exposure,
    })
}

impl Place {
    fn make(&self, wanted: Wanted) -> Result<Made, Failure> {
        let engine = match self {
            Self::Server(client) => return Ok(client.post("/api/v1/keys", &wanted)?),
            Self::Store(engine) => engine,
        };
        let secret = Secret::new(KeyId(rand::random()), rand::random());
        let key = wanted.with(&secret, engine.clock().now());
        let made = Made {
            key: Shown::from(&key),
            secret: secret.to_string(),
        };
        record(engine, Event::KeyCreated(Box::new(key)))?;
        Ok(made)
    }

    fn list(&self) -> Result<Vec<Shown>, Failure> {
        match self {
            Self::Server(client) => Ok(client.get::<Listed>("/api/v1/keys")?.keys),
            Self::Store(engine) => Ok(engine.snapshot().keys.shown()),
        }
    }

    fn revoke(&self, id: KeyId) -> Result<Shown, Failure> {
        let engine = match self {
            Self::Server(client) => return Ok(client.delete(&format!("/api/v1/keys/{id}"))?),
            Self::Store(engine) => engine,
        };
        let at = engine.clock().now();
        record(engine, Event::KeyRevoked { id, at })?;
        let snapshot = engine.snapshot();
        let key = snapshot.keys.get(id);
        let key = key.ok_or_else(|| Failure::input(format!("there is no key {id}")))?;
        Ok(Shown::from(&**key))
    }
}

fn record(engine: &Engine, event: Event) -> Result<(), Failure> {
    let answered = engine.record(vec![event]);
    let answered = answered.map_err(|refused| Failure::store(refused.to_string()))?;
    let stopped = |_| Failure::store("the store failed while the key was written");
    answered.blocking_recv().map_err(stopped)?;
    Ok(())
}

/// A key in one line.
fn line(key: &Shown) -> String {
    let mut parts = vec![
        key.id.to_string(),
        key.name.to_string(),
        key.scopes.to_string(),
    ];
    if !key.origins.is_empty() {
        let origins: Vec<&str> = key.origins.iter().map(Origin::as_str).collect();
        parts.push(format!("for {}", origins.join(",")));
    }
    parts.extend(key.rate.map(|rate| format!("{rate}/s")));
    parts.extend((!key.exposes).then(|| "no exposure".to_owned()));
    parts.push(format!("made {}", key.created_at));
    parts.extend(key.revoked_at.map(|at| format!("revoked {at}")));
    parts.join("  ")
}
