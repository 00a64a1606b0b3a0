//! Effects with their intervals around zero, one below the other.

use std::fmt;

use askama::Template;

use super::axis::Tick;
use super::figure::{Figure, Table};
use super::label::{Heading, Label};
use super::number::{Effect, span};
use super::path::Coord;
use super::rows::{Bar, Row};
use super::scale::Scale;
use super::unit::Unit;

/// Height of a row, in pixels.
const ROW: usize = 48;
/// Rows whose numbers the description of the picture tells.
const TOLD: usize = 6;

/// What an effect means for the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Better than what it is compared with.
    Good,
    /// Worse than what it is compared with.
    Bad,
    /// Not decided.
    Unclear,
}

impl Status {
    /// The word that says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "better",
            Self::Bad => "worse",
            Self::Unclear => "unclear",
        }
    }

    /// Class and shape of its marker.
    pub(super) fn class(status: Option<Self>) -> &'static str {
        match status {
            Some(Self::Good) => "good",
            Some(Self::Bad) => "bad",
            Some(Self::Unclear) => "unclear",
            None => "plain",
        }
    }
}

/// A row of a [`Forest`].
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What is compared: a variant, a segment, a metric.
    pub label: Label,
    /// A remark, such as "B vs A"; may be empty.
    pub note: Label,
    /// The difference; none as long as there is no data.
    pub effect: Option<Effect>,
    /// What it means, if anything can be said.
    pub status: Option<Status>,
}

/// Differences with their intervals on a common axis around zero.
#[derive(Debug, Clone)]
pub struct Forest {
    /// Id and title.
    pub heading: Heading,
    /// Unit of the differences.
    pub unit: Unit,
    /// The rows, from above.
    pub rows: Vec<Comparison>,
}

impl fmt::Display for Forest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = Figure {
            heading: &self.heading,
            kind: "forest",
            picture: self.picture(),
            legend: Vec::new(),
            table: self.table(),
        };
        figure.write(f)
    }
}

impl askama::filters::HtmlSafe for Forest {}

impl Forest {
    fn picture(&self) -> Option<Picture<'_>> {
        let effects: Vec<Effect> = self.rows.iter().filter_map(|row| row.effect).collect();
        if effects.is_empty() {
            return None;
        }
        let [low, high] = span(&effects, Some(0.0));
        let scale = Scale::around(low, high, 6);
        let rows = self.rows.iter().enumerate();
        Some(Picture {
            heading: &self.heading,
            description: self.description(),
            height: ROW * self.rows.len(),
            zero: Coord(100.0 * scale.place(0.0)),
            ticks: Tick::across(&scale, &self.unit, "+"),
            rows: rows.map(|(at, row)| self.row(at, row, &scale)).collect(),
        })
    }

    fn row(&self, at: usize, of: &Comparison, scale: &Scale) -> Row {
        let ends = of.effect.and_then(Effect::interval);
        Row {
            top: ROW * at,
            title: self.sentence(of),
            label: of.label.short(26),
            note: of.note.short(30),
            class: match of.effect {
                Some(_) => Status::class(of.status).to_owned(),
                None => Status::class(Some(Status::Unclear)).to_owned(),
            },
            shape: Status::class(of.status),
            word: of.status.map(Status::word),
            value: of
                .effect
                .map_or_else(|| "no data yet".to_owned(), |of| self.estimate(of)),
            aside: None,
            range: ends.map(|ends| Unit::between(ends, |end| self.unit.signed(end))),
            bar: of.effect.map(|effect| Bar::new(effect, scale)),
        }
    }

    fn estimate(&self, effect: Effect) -> String {
        self.unit.signed(effect.estimate())
    }

    /// One row in words.
    fn sentence(&self, of: &Comparison) -> String {
        let said = said(&self.unit, of.effect, of.status);
        if of.note.is_empty() {
            format!("{}: {said}", of.label)
        } else {
            format!("{}, {}: {said}", of.label, of.note)
        }
    }

    fn description(&self) -> String {
        let told = self.rows.iter().take(TOLD).map(|row| self.sentence(row));
        let mut sentences: Vec<String> = told.collect();
        if self.rows.len() > TOLD {
            sentences.push(format!("{} more in the table", self.rows.len() - TOLD));
        }
        sentences.join(". ") + "."
    }

    fn table(&self) -> Table {
        let head = ["Comparison", "Note", "Status", "Estimate", "Low", "High"];
        let end = |effect: Option<Effect>, of: fn([f64; 2]) -> f64| {
            let ends = effect.and_then(Effect::interval);
            ends.map_or_else(String::new, |ends| self.unit.signed(of(ends)))
        };
        let row = |of: &Comparison| {
            vec![
                of.label.to_string(),
                of.note.to_string(),
                of.status.map_or("", Status::word).to_owned(),
                of.effect
                    .map_or_else(String::new, |effect| self.estimate(effect)),
                end(of.effect, |[low, _]| low),
                end(of.effect, |[_, high]| high),
            ]
        };
        Table {
            head: head.map(str::to_owned).to_vec(),
            texts: 3,
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

/// An effect in words: better, +3.1 % (+0.4 % to +5.9 %).
pub(super) fn said(unit: &Unit, effect: Option<Effect>, status: Option<Status>) -> String {
    let Some(effect) = effect else {
        return "no data yet".to_owned();
    };
    let word = status.map_or_else(String::new, |status| format!("{}, ", status.word()));
    let estimate = unit.signed(effect.estimate());
    match effect.interval() {
        Some(ends) => {
            let interval = Unit::between(ends, |end| unit.signed(end));
            format!("{word}{estimate} ({interval})")
        }
        None => word + &estimate,
    }
}

#[derive(Template)]
#[template(path = "chart/forest.svg", config = "src/askama.toml")]
struct Picture<'a> {
    heading: &'a Heading,
    description: String,
    height: usize,
    zero: Coord,
    ticks: Vec<Tick>,
    rows: Vec<Row>,
}
