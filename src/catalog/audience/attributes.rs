//! The attributes of a visitor: at most 64 named JSON values, checked once where they enter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Most attributes of a visitor.
pub const MAX_ATTRIBUTES: usize = 64;
/// Longest name of an attribute, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// Why a set of values is not a visitor's attributes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// More than [`MAX_ATTRIBUTES`].
    #[error("has more than {MAX_ATTRIBUTES} attributes")]
    TooMany,
    /// A name that is empty or longer than [`MAX_NAME_CHARS`].
    #[error("attribute names have 1 to {MAX_NAME_CHARS} characters")]
    BadName,
}

/// What is known about a visitor when a decision is taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>", into = "BTreeMap<String, Value>")]
pub struct Attributes(BTreeMap<String, Value>);

impl PartialSchema for Attributes {
    fn schema() -> RefOr<Schema> {
        let name = Object::builder()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_NAME_CHARS))
            .build();
        Object::builder()
            .property_names(Some(name))
            .max_properties(Some(MAX_ATTRIBUTES))
            .description(Some(
                "What is known about a visitor: named values of any type.",
            ))
            .into()
    }
}

impl ToSchema for Attributes {}

impl Attributes {
    /// Checks a set of attributes.
    ///
    /// # Errors
    /// [`AttributesError`].
    pub fn new(values: BTreeMap<String, Value>) -> Result<Self, AttributesError> {
        if values.len() > MAX_ATTRIBUTES {
            return Err(AttributesError::TooMany);
        }
        for name in values.keys() {
            check_name(name)?;
        }
        Ok(Self(values))
    }

    /// An attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// An attribute as text, cut at [`MAX_NAME_CHARS`] characters: what dimensions keep of it. Null, lists and objects are
    /// none.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text.chars().take(MAX_NAME_CHARS).collect()),
            value @ (Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Adds or replaces an attribute.
    ///
    /// # Errors
    /// [`AttributesError`]; nothing is changed then.
    pub fn insert(&mut self, name: &str, value: Value) -> Result<(), AttributesError> {
        check_name(name)?;
        if self.0.len() == MAX_ATTRIBUTES && !self.0.contains_key(name) {
            return Err(AttributesError::TooMany);
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// All attributes in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check_name(name: &str) -> Result<(), AttributesError> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(AttributesError::BadName);
    }
    Ok(())
}

impl TryFrom<BTreeMap<String, Value>> for Attributes {
    type Error = AttributesError;

    fn try_from(values: BTreeMap<String, Value>) -> Result<Self, AttributesError> {
        Self::new(values)
    }
}

impl From<Attributes> for BTreeMap<String, Value> {
    fn from(attributes: Attributes) -> Self {
        attributes.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn at_most_64_attributes_with_short_names() {
        let mut attributes = Attributes::default();
        for n in 0..MAX_ATTRIBUTES {
            attributes.insert(&format!("a{n}"), json!(n)).unwrap();
        }
        assert_eq!(
            attributes.insert("one-more", json!(1)),
            Err(AttributesError::TooMany)
        );
        assert_eq!(attributes.insert("a7", json!("replaced")), Ok(()));
        assert_eq!(attributes.get("a7"), Some(&json!("replaced")));
        assert_eq!(
            attributes.insert(&"x".repeat(65), json!(1)),
            Err(AttributesError::BadName)
        );
        assert_eq!(
            attributes.insert("", json!(1)),
            Err(AttributesError::BadName)
        );
        let mut values: BTreeMap<String, Value> = attributes.clone().into();
        assert_eq!(Attributes::new(values.clone()), Ok(attributes));
        values.insert("one-more".into(), json!(1));
        assert!(serde_json::from_value::<Attributes>(json!(values)).is_err());
    }
}
