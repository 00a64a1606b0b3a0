//! The frame of every chart: title, picture, keys of its lines, and the table behind it.

use std::fmt;

use askama::Template;

use super::label::{Heading, Label};

/// Numbers of a chart as a table. The first cell of each row is its head.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// What a line or an area stands for, in full.
#[derive(Debug)]
pub(super) struct Key<'a> {
    pub(super) class: String,
    pub(super) label: &'a Label,
}

/// A picture in its frame; without a picture there is no data yet.
#[derive(Template)]
#[template(path = "chart/figure.html", config = "src/askama.toml")]
pub(super) struct Figure<'a, P: fmt::Display> {
    pub(super) heading: &'a Heading,
    /// Class of the picture.
    pub(super) kind: &'static str,
    pub(super) picture: Option<P>,
    pub(super) legend: Vec<Key<'a>>,
    pub(super) table: Table,
}

impl<P: fmt::Display> Figure<'_, P> {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render_into(f).map_err(|_| fmt::Error)
    }
}
