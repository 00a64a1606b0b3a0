//! Signing in with an API key.

use askama::Template;

use super::{Frame, render};

#[derive(Template)]
#[template(path = "dashboard/login.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: Frame,
    next: &'a str,
    problem: Option<&'a str>,
}

/// The form; `next` is the page to go on to, a path of this server.
pub fn page(next: &str, problem: Option<&str>) -> String {
    render(&Page {
        frame: Frame::default(),
        next,
        problem,
    })
}
