//! What events are sent as.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What something was sent as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EventKind)]
pub enum Kind {
    /// Something happened.
    #[default]
    Track,
    /// A page was seen.
    Page,
    /// The same in an app.
    Screen,
    /// Who the visitor is.
    Identify,
    /// What the visitor belongs to.
    Group,
    /// Two ids of one visitor.
    Alias,
    /// A variant was seen.
    Exposure,
    /// Something was ordered, refunded or cancelled.
    Order,
}
