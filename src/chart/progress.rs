//! How far something is, in a cell of a table.

use std::fmt;

use askama::Template;

use super::label::Label;
use super::number::Number;
use super::path::Coord;
use super::unit::Unit;

/// A bar towards a goal, with notches at the looks that are planned on the way.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What is on its way, such as "Visitors: 12,000 of 40,000".
    pub label: Label,
    /// The part that is done, from 0 to 1.
    pub part: Number,
    /// Where notches are, from 0 to 1.
    pub notches: Vec<Number>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |of: &Number| Coord(100.0 * of.get().clamp(0.0, 1.0));
        let picture = Picture {
            label: format!("{} ({})", self.label, Unit::Percent.text(self.part.get())),
            part: place(&self.part),
            notches: self.notches.iter().map(place).collect(),
        };
        picture.render_into(f).map_err(|_| fmt::Error)
    }
}

impl askama::filters::HtmlSafe for Progress {}

#[derive(Template)]
#[template(path = "chart/progress.svg", config = "src/askama.toml")]
struct Picture {
    label: String,
    part: Coord,
    notches: Vec<Coord>,
}
