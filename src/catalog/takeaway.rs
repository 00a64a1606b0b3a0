//! The takeaway of an experiment: what was learned, for those who come after.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::spec::MAX_TEXT_CHARS;

/// What was learned from an experiment: 1 to [`MAX_TEXT_CHARS`] characters, none of them white space at either end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Takeaway(Arc<str>);

/// Why a text is no takeaway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TakeawayError {
    /// Nothing but white space.
    #[error("must say something")]
    Empty,
    /// Too long.
    #[error("is longer than {MAX_TEXT_CHARS} characters")]
    TooLong,
}

impl Takeaway {
    /// Reads a text, without the white space around it.
    ///
    /// # Errors
    /// [`TakeawayError`].
    pub fn parse(text: &str) -> Result<Self, TakeawayError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TakeawayError::Empty);
        }
        if text.chars().count() > MAX_TEXT_CHARS {
            return Err(TakeawayError::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Takeaway {
    type Error = TakeawayError;

    fn try_from(text: String) -> Result<Self, TakeawayError> {
        Self::parse(&text)
    }
}

impl From<Takeaway> for String {
    fn from(takeaway: Takeaway) -> Self {
        takeaway.0.as_ref().to_owned()
    }
}

impl PartialSchema for Takeaway {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_TEXT_CHARS))
            .pattern(Some(r"\S"))
            .description(Some("What was learned."))
            .into()
    }
}

impl ToSchema for Takeaway {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_takeaway_says_something_and_not_too_much() {
        let parsed = Takeaway::parse("  Free shipping wins.\n").unwrap();
        assert_eq!(parsed.as_str(), "Free shipping wins.");
        assert_eq!(Takeaway::parse(" \n\t"), Err(TakeawayError::Empty));
        assert!(Takeaway::parse(&"é".repeat(MAX_TEXT_CHARS)).is_ok());
        let longer = "é".repeat(MAX_TEXT_CHARS + 1);
        assert_eq!(Takeaway::parse(&longer), Err(TakeawayError::TooLong));
    }
}
