//! The frame of every chart: title, picture, keys of its lines, and the table behind it.

use std::fmt;

use askama::Template;

use super::label::{Heading, Label};
use super::series::Look;
use super::stack::Layer;

/// Numbers of a chart as a table. The first cell of each row is its head.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    /// How many columns, from the first, are texts.
    pub(super) texts: usize,
    pub(super) rows: Vec<Vec<String>>,
}

/// What a line or an area stands for, in full.
#[derive(Debug)]
pub(super) struct Key {
    class: String,
    /// The pattern of an area.
    fill: Option<usize>,
    label: Label,
}

impl Key {
    /// Keys of lines that are set off, and one for all others.
    pub(super) fn of_lines<'a>(lines: impl Iterator<Item = (&'a Label, Look)>) -> Vec<Self> {
        let (quiet, set_off): (Vec<_>, Vec<_>) = lines.partition(|(_, look)| look.is_quiet);
        let key = |(label, look): (&Label, Look)| Self {
            class: look.class,
            fill: None,
            label: label.clone(),
        };
        let others = quiet.first().map(|(_, look)| Self {
            class: look.class.clone(),
            fill: None,
            label: format!("{} others", quiet.len()).into(),
        });
        set_off.into_iter().map(key).chain(others).collect()
    }

    /// Keys of areas, from the highest.
    pub(super) fn of_layers(layers: &[Layer]) -> Vec<Self> {
        let key = |layer: &Layer| Self {
            class: layer.class.clone(),
            fill: Some(layer.fill),
            label: layer.label.clone(),
        };
        layers.iter().rev().map(key).collect()
    }
}

/// A picture in its frame; without a picture there is no data yet.
#[derive(Template)]
#[template(path = "chart/figure.html", config = "src/askama.toml")]
pub(super) struct Figure<'a, P: fmt::Display> {
    pub(super) heading: &'a Heading,
    /// Class of the picture.
    pub(super) kind: &'static str,
    pub(super) picture: Option<P>,
    pub(super) legend: Vec<Key>,
    pub(super) table: Table,
}

impl<P: fmt::Display> Figure<'_, P> {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render_into(f).map_err(|_| fmt::Error)
    }
}
