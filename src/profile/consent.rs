//! Whether a visitor may be kept in mind.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// What a visitor allows. Of whoever denies nothing is stored but that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// To be assigned variants and counted.
    Granted,
    /// Nothing.
    Denied,
}

/// What a visitor said of it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConsentSaid)]
pub struct Said {
    /// What.
    pub state: Consent,
    /// When.
    pub at: Timestamp,
}

/// Why a text is no consent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is granted or denied, not {0:?}")]
pub struct ConsentError(String);

impl FromStr for Consent {
    type Err = ConsentError;

    fn from_str(text: &str) -> Result<Self, ConsentError> {
        match text {
            "granted" => Ok(Self::Granted),
            "denied" => Ok(Self::Denied),
            other => Err(ConsentError(other.to_owned())),
        }
    }
}
