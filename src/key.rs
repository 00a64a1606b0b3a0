//! API keys: who may do what. A secret is shown once and never kept: what is stored is its hash, and a presented secret
//! is compared with it in constant time.

pub mod ring;
mod schema;
pub mod secret;
pub mod token;

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::KeyName;
use crate::time::Timestamp;
use secret::{Secret, SecretHash};

/// What a key may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KeyScope)]
pub enum Scope {
    /// Ask for variants and flags, and hear that flags changed. Public: it may stand in a web page.
    Assign,
    /// Send events. Public.
    Events,
    /// Force variants.
    Force,
    /// Read definitions, weights, reports, visitors and metrics.
    Read,
    /// Change experiments, import history; also everything that [`Scope::Read`] may.
    Write,
    /// Everything, keys too.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [
        Self::Assign,
        Self::Events,
        Self::Force,
        Self::Read,
        Self::Write,
        Self::Admin,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Events => "events",
            Self::Force => "force",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this scope has another one, too.
    fn implies(self, other: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Write => matches!(other, Self::Write | Self::Read),
            Self::Assign | Self::Events | Self::Force | Self::Read => self == other,
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is none of what keys are made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An unknown scope.
    #[error("{0:?} is no scope: there are assign, events, force, read, write and admin")]
    Scope(String),
    /// Not an id.
    #[error("{0:?} is no id of a key: these are 16 hexadecimal digits")]
    Id(String),
    /// Not an origin.
    #[error("{0:?} is no origin such as https://shop.example")]
    Origin(String),
    /// A key without scopes could do nothing.
    #[error("a key needs at least one scope")]
    NoScope,
}

impl FromStr for Scope {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let named = Self::ALL.into_iter().find(|scope| scope.name() == text);
        named.ok_or_else(|| KeyError::Scope(text.to_owned()))
    }
}

/// The scopes of a key: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// These scopes.
    ///
    /// # Errors
    /// [`KeyError::NoScope`].
    pub fn new(scopes: &[Scope]) -> Result<Self, KeyError> {
        let bits = scopes.iter().fold(0, |bits, scope| bits | scope.bit());
        if bits == 0 {
            return Err(KeyError::NoScope);
        }
        Ok(Self(bits))
    }

    /// The scopes that were given, in order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let given = move |scope: &Scope| self.0 & scope.bit() != 0;
        Scope::ALL.into_iter().filter(given)
    }

    /// Whether they let do what `scope` is for.
    pub fn allow(self, scope: Scope) -> bool {
        self.iter().any(|given| given.implies(scope))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(","))
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = KeyError;

    fn try_from(scopes: Vec<Scope>) -> Result<Self, KeyError> {
        Self::new(&scopes)
    }
}

/// Names a key; no secret. 16 hexadecimal digits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(pub u64);

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let parsed = secret::hexadecimal(text.as_bytes());
        parsed
            .map(Self)
            .ok_or_else(|| KeyError::Id(text.to_owned()))
    }
}

impl TryFrom<String> for KeyId {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

/// Where a web page comes from, as browsers write it: scheme, host, and port if it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(Arc<str>);

impl Origin {
    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError::Origin(text.to_owned());
        let origin = text.trim_end_matches('/').to_ascii_lowercase();
        let (scheme, host) = origin.split_once("://").ok_or_else(wrong)?;
        let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let in_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let is_origin = !scheme.is_empty()
            && !host.is_empty()
            && host.len() <= MAX_ORIGIN
            && scheme.chars().all(in_scheme)
            && host.chars().all(in_host);
        if is_origin {
            Ok(Self(origin.into()))
        } else {
            Err(wrong())
        }
    }
}

/// Longest host of an origin, in bytes: as names in the DNS, with a port.
const MAX_ORIGIN: usize = 260;

impl TryFrom<String> for Origin {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0.as_ref().to_owned()
    }
}

/// A key, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The web pages that may use it; empty: any.
    pub origins: Vec<Origin>,
    /// Requests per second that it may make, and as many at once; `None`: any number.
    pub rate: Option<NonZeroU32>,
    /// Whether a single OFREP evaluation with it is an exposure, too.
    pub exposes: bool,
    /// The hash of its secret.
    pub hash: SecretHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is void.
    pub revoked_at: Option<Timestamp>,
}

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub struct Wanted {
    /// What people will call it.
    pub name: KeyName,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The web pages that may use it; empty: any.
    #[serde(default)]
    pub origins: Vec<Origin>,
    /// Requests per second, and as many at once; `None`: any number.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub rate: Option<NonZeroU32>,
    /// Whether a single OFREP evaluation is an exposure, too; otherwise it only decides.
    #[serde(default = "by_default")]
    #[schema(default = true)]
    pub exposes: bool,
}

/// Whoever asks for one flag is about to show it.
fn by_default() -> bool {
    true
}

impl Wanted {
    /// The key that a secret opens.
    pub fn with(self, secret: &Secret, at: Timestamp) -> Key {
        Key {
            id: secret.id(),
            name: self.name,
            scopes: self.scopes,
            origins: self.origins,
            rate: self.rate,
            exposes: self.exposes,
            hash: secret.hash(),
            created_at: at,
            revoked_at: None,
        }
    }
}

/// A key as people see it, without its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct Shown {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: KeyName,
    /// Its scopes.
    pub scopes: Scopes,
    /// The pages that may use it; empty: any.
    pub origins: Vec<Origin>,
    /// Requests per second.
    #[schema(required, value_type = Option<u32>, minimum = 1)]
    pub rate: Option<NonZeroU32>,
    /// Whether a single OFREP evaluation is an exposure, too.
    pub exposes: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is void.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
}

impl From<&Key> for Shown {
    fn from(key: &Key) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            scopes: key.scopes,
            origins: key.origins.clone(),
            rate: key.rate,
            exposes: key.exposes,
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A new key, with the secret that is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MadeKey)]
pub struct Made {
    /// The key.
    #[serde(flatten)]
    pub key: Shown,
    /// What opens it.
    pub secret: String,
}

impl Key {
    /// Whether a page of this origin may use it.
    pub fn welcomes(&self, origin: &[u8]) -> bool {
        let same = |known: &Origin| known.as_str().as_bytes().eq_ignore_ascii_case(origin);
        self.origins.is_empty() || self.origins.iter().any(same)
    }

    fn is_live(&self) -> bool {
        self.revoked_at.is_none()
    }
}

#[cfg(test)]
mod tests;
