//! What a page says instead, when it can not be shown or an act was refused.

use askama::Template;

use super::{Frame, render};

/// What is wrong.
#[derive(Debug, Clone)]
pub struct Refused {
    /// In a few words.
    pub title: String,
    /// In this very case.
    pub detail: String,
    /// The stable code.
    pub code: String,
    /// Each place, and what is wrong there.
    pub places: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "dashboard/refused.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    refused: &'a Refused,
    back: &'a str,
}

/// The page; `back` is where its reader goes on, a path of this server.
pub fn page(frame: &Frame, refused: &Refused, back: &str) -> String {
    render(&Page {
        frame,
        refused,
        back,
    })
}
