//! Forms as browsers post them.

use std::collections::BTreeMap;

use super::super::body::{self, Body};
use super::super::error::{Code, Problem};

/// The fields of a form, by name; of two with the same name the last one counts.
#[derive(Clone)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// As the body can not be received.
    pub(super) async fn read(body: Body) -> Result<Self, Problem> {
        let bytes = body::bytes(body).await?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// A field's text; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// All fields.
    pub(super) fn fields(self) -> BTreeMap<String, String> {
        self.0
    }

    /// A field that must be a number, such as the version that the form was made for.
    ///
    /// # Errors
    /// [`Code::InvalidField`].
    pub(super) fn number(&self, name: &str) -> Result<u32, Problem> {
        let number = self.text(name).parse();
        number.map_err(|_| Problem::at(Code::InvalidField, name, "must be a whole number"))
    }
}
