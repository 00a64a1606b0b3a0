//! Identifiers, parsed once at the edge and never carried as bare strings.
//!
//! Every identifier is a cheap-to-clone newtype over `Arc<str>` with one fallible constructor, so that two of them can
//! not be swapped in a call and an invalid one can not exist inside the program.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Longest visitor, session and event id accepted, in bytes.
pub const MAX_ID_BYTES: usize = 256;
/// Longest key of an experiment, layer, variant or metric, in characters.
pub const MAX_KEY_CHARS: usize = 64;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than the limit of its kind.
    #[error("is longer than {limit} {unit}")]
    TooLong {
        /// The limit.
        limit: usize,
        /// What the limit counts: bytes or characters.
        unit: &'static str,
    },
    /// The text holds a character that its kind does not allow.
    #[error("holds a character outside {allowed}")]
    BadCharacter {
        /// The allowed characters in words.
        allowed: &'static str,
    },
}

fn slug(text: &str) -> Result<(), IdError> {
    bounded_chars(text)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.chars().all(allowed) {
        Ok(())
    } else {
        Err(IdError::BadCharacter {
            allowed: "[a-z0-9-]",
        })
    }
}

fn printable(text: &str) -> Result<(), IdError> {
    bounded_chars(text)?;
    if text.chars().any(char::is_control) {
        return Err(IdError::BadCharacter {
            allowed: "printable characters",
        });
    }
    Ok(())
}

fn bounded_chars(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.chars().count() > MAX_KEY_CHARS {
        return Err(IdError::TooLong {
            limit: MAX_KEY_CHARS,
            unit: "characters",
        });
    }
    Ok(())
}

fn opaque(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong {
            limit: MAX_ID_BYTES,
            unit: "bytes",
        });
    }
    Ok(())
}

/// The shape of a [`slug`] in the API's description.
fn slug_shape() -> ObjectBuilder {
    let pattern = format!("^[a-z0-9-]{{1,{MAX_KEY_CHARS}}}$");
    Object::builder()
        .schema_type(Type::String)
        .pattern(Some(pattern))
}

/// The shape of [`printable`].
fn printable_shape() -> ObjectBuilder {
    Object::builder()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_KEY_CHARS))
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]+$"))
}

/// The shape of [`opaque`], whose limit counts bytes.
fn opaque_shape() -> ObjectBuilder {
    Object::builder()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_ID_BYTES))
}

macro_rules! identifier {
    ($(#[doc = $doc:literal])* $name:ident, $check:path, $shape:path) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the identifier.
            ///
            /// # Errors
            /// [`IdError`] says which rule the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                $check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $shape()
                    .description(Some(concat!($($doc),*).trim()))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier!(
    /// Key of an experiment: `[a-z0-9-]{1,64}`, unique, never reused.
    ExperimentKey, slug, slug_shape
);
identifier!(
    /// Key of a layer of mutually exclusive experiments: `[a-z0-9-]{1,64}`.
    LayerKey, slug, slug_shape
);
identifier!(
    /// Key of a variant: 1–64 printable characters.
    VariantKey, printable, printable_shape
);
identifier!(
    /// Key of a metric: 1–64 printable characters.
    MetricKey, printable, printable_shape
);
identifier!(
    /// Name of an API key: 1–64 printable characters.
    KeyName, printable, printable_shape
);
identifier!(
    /// Id of a visitor, the unit of randomisation: 1–256 bytes.
    VisitorId, opaque, opaque_shape
);
identifier!(
    /// Id of a group of visitors, such as a company: 1–256 bytes.
    GroupId, opaque, opaque_shape
);
identifier!(
    /// Id of a session, the unit of experiments with `sticky = "session"`: 1–256 bytes.
    SessionId, opaque, opaque_shape
);
identifier!(
    /// Id of an event, unique per visitor: 1–256 bytes.
    EventId, opaque, opaque_shape
);
identifier!(
    /// Name of an event, as the shop sends it: 1–256 bytes.
    EventName, opaque, opaque_shape
);

/// A visitor's name in the store: a keyed hash of the id. Keyed, because an unkeyed one can be forged to collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VisitorKey(pub u128);

impl VisitorKey {
    /// The key of a visitor in a log with this seed.
    pub fn of(seed: u64, visitor: &VisitorId) -> Self {
        Self(xxh3_128_with_seed(visitor.as_str().as_bytes(), seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiment_keys_are_slugs() {
        assert!(ExperimentKey::parse("homepage-hero-2").is_ok());
        assert_eq!(ExperimentKey::parse(""), Err(IdError::Empty));
        assert!(matches!(
            ExperimentKey::parse("Homepage"),
            Err(IdError::BadCharacter { .. })
        ));
        assert!(matches!(
            ExperimentKey::parse(&"a".repeat(65)),
            Err(IdError::TooLong { limit: 64, .. })
        ));
    }

    #[test]
    fn variant_keys_may_be_any_printable_text() {
        assert!(VariantKey::parse("Mens E-Mail ✓").is_ok());
        assert!(matches!(
            VariantKey::parse("a\u{7}b"),
            Err(IdError::BadCharacter { .. })
        ));
    }

    #[test]
    fn opaque_ids_count_bytes() {
        assert!(VisitorId::parse(&"v".repeat(256)).is_ok());
        assert!(matches!(
            VisitorId::parse(&"v".repeat(257)),
            Err(IdError::TooLong { limit: 256, .. })
        ));
        assert!(matches!(
            VisitorId::parse(&"é".repeat(129)),
            Err(IdError::TooLong { .. })
        ));
    }

    #[test]
    fn an_invalid_id_can_not_enter_by_serde() {
        assert!(serde_json::from_str::<ExperimentKey>("\"Bad Key\"").is_err());
        let key: ExperimentKey = serde_json::from_str("\"good-key\"").unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"good-key\"");
    }
}
