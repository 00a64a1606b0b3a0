//! How many visitors each variant got.

use std::fmt;

use askama::Template;

use super::axis::Axes;
use super::days::{Mark, Span, shown};
use super::ends::{End, ends};
use super::figure::{Figure, Key, Table};
use super::label::{Heading, Label};
use super::number::Number;
use super::scale::Scale;
use super::stack::{Layer, Stack, lines};
use super::unit::Unit;

/// Height of the picture, in pixels.
const HEIGHT: u32 = 200;

/// What a [`Counts`] shows of one variant.
#[derive(Debug, Clone)]
pub struct Tally {
    /// The variant.
    pub label: Label,
    /// How many by the end of each day, from the first. Where days are missing, the count before stands.
    pub counts: Vec<Number>,
}

/// Counts of all variants on each other, as of the end of each day.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Id and title.
    pub heading: Heading,
    /// The days from the first to the last, without gaps.
    pub days: Vec<Label>,
    /// The variants.
    pub tallies: Vec<Tally>,
    /// Changes of settings.
    pub marks: Vec<Mark>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<Label> = self.tallies.iter().map(|of| of.label.clone()).collect();
        let values = self.values();
        let sums = values.iter().map(|counts| counts.iter().sum());
        let most = sums.fold(0.0, f64::max);
        let scale = Scale::around(0.0, most, 4);
        let time = Span::of_points(self.days.len());
        let stack = Stack {
            labels: &labels,
            places: self
                .shown()
                .into_iter()
                .map(|day| time.place(day as f64))
                .collect(),
            values,
            height: f64::from(HEIGHT),
            most: scale.high(),
        };
        let layers = stack.layers(false);
        let figure = Figure {
            heading: &self.heading,
            kind: "time",
            picture: (most > 0.0).then(|| self.picture(&layers, &scale)),
            legend: Key::of_layers(&layers),
            table: self.table(&stack.values),
        };
        figure.write(f)
    }
}

impl askama::filters::HtmlSafe for Counts {}

impl Counts {
    /// The days that are shown.
    fn shown(&self) -> Vec<usize> {
        shown(self.days.len(), self.tallies.len())
    }

    /// By day that is shown, then by variant.
    fn values(&self) -> Vec<Vec<f64>> {
        let as_of = |tally: &Tally, day: usize| {
            let known = tally.counts.get(day).or(tally.counts.last());
            known.map_or(0.0, |count| count.get().max(0.0))
        };
        let day = |day| self.tallies.iter().map(|tally| as_of(tally, day)).collect();
        self.shown().into_iter().map(day).collect()
    }

    fn picture<'a>(&'a self, layers: &'a [Layer], scale: &Scale) -> Picture<'a> {
        let time = Span::of_points(self.days.len());
        let last = self.days.last().map_or("", Label::as_str);
        let told = self.tallies.iter().take(8).filter_map(|tally| {
            let count = tally.counts.last()?;
            Some(format!("{} {}", tally.label, Unit::Plain.text(count.get())))
        });
        let told: Vec<String> = told.collect();
        Picture {
            heading: &self.heading,
            description: format!("As of {last}: {}.", told.join(", ")),
            ends: ends(lines(layers), f64::from(HEIGHT)),
            layers,
            axes: Axes {
                height: HEIGHT,
                down: Axes::down(scale, &Unit::Plain, "", HEIGHT),
                across: time.ticks(&self.days),
                marks: time.marks(&self.marks),
            },
        }
    }

    fn table(&self, values: &[Vec<f64>]) -> Table {
        let labels = self.tallies.iter().map(|tally| tally.label.to_string());
        let row = |(day, counts): (usize, &Vec<f64>)| {
            let counts = counts.iter().map(|count| Unit::Plain.text(*count));
            [self.days[day].to_string()]
                .into_iter()
                .chain(counts)
                .collect()
        };
        Table {
            head: ["Day".to_owned()].into_iter().chain(labels).collect(),
            texts: 1,
            rows: self.shown().into_iter().zip(values).map(row).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "chart/counts.svg", config = "src/askama.toml")]
struct Picture<'a> {
    heading: &'a Heading,
    description: String,
    layers: &'a [Layer],
    ends: Vec<End>,
    axes: Axes,
}
