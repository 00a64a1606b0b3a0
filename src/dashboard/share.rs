//! The page that hands out a link to a report.

use askama::Template;

use super::{Frame, render};

/// For how many days a link may hold.
pub const DAYS: [u16; 3] = [7, 30, 90];

/// A link to a report.
#[derive(Debug, Clone)]
pub struct Link {
    /// The experiment's key.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// The whole address.
    pub address: String,
    /// The last day on which it surely works; `None` if it is the open address of a server without keys.
    pub until: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard/share.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    link: &'a Link,
}

/// The page.
pub fn page(frame: &Frame, link: &Link) -> String {
    render(&Page { frame, link })
}
