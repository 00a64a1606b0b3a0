//! By which way an event came in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// By which way an event came in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = EventSource)]
pub enum Source {
    /// `POST /api/v1/events`.
    Native,
    /// The Segment tracking API.
    Segment,
    /// An evaluation by OFREP.
    Ofrep,
    /// An import of history.
    Import,
}

impl Source {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Native, Self::Segment, Self::Ofrep, Self::Import];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Segment => "segment",
            Self::Ofrep => "ofrep",
            Self::Import => "import",
        }
    }
}
