//! Probabilities over time, such as that to be the best.

use std::fmt;

use askama::Template;

use super::axis::Axes;
use super::days::{Mark, Span, moment, shown};
use super::ends::{self, End, ends};
use super::figure::{Figure, Key, Table};
use super::label::{Heading, Label};
use super::number::Number;
use super::path::{Path, WIDTH};
use super::scale::Scale;
use super::series::{self, Look};
use super::unit::{Unit, probability};

/// Height of the picture, in pixels.
const HEIGHT: u32 = 220;
/// How a line goes from point to point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// Straight.
    Linear,
    /// A value holds until the next.
    Steps,
}

/// What a [`Lines`] shows of one variant.
#[derive(Debug, Clone)]
pub struct Series {
    /// The variant.
    pub label: Label,
    /// Its value at each of the times of the chart, from 0 to 1; none where it is missing.
    pub values: Vec<Option<Number>>,
}

/// A line per variant from 0 to 100 %.
///
/// Of many times those are shown that a picture can tell apart.
#[derive(Debug, Clone)]
pub struct Lines {
    /// Id and title.
    pub heading: Heading,
    /// The days from the first to the last, without gaps.
    pub days: Vec<Label>,
    /// The times of the values in order, in days since the first day.
    pub times: Vec<Number>,
    /// The variants.
    pub series: Vec<Series>,
    /// How the lines go.
    pub curve: Curve,
    /// Changes of settings.
    pub marks: Vec<Mark>,
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = |series: &Series| {
            let (_, value) = self.points(series).last()?;
            Some(value)
        };
        let last: Vec<Option<f64>> = self.series.iter().map(last).collect();
        let values = last.iter().map(|last| last.unwrap_or(-1.0));
        let values: Vec<(usize, f64)> = values.enumerate().collect();
        let looks = series::looks(&values);
        let has_data = last.iter().any(Option::is_some);
        let keys = self.series.iter().zip(looks.clone());
        let figure = Figure {
            heading: &self.heading,
            kind: "time",
            picture: has_data.then(|| self.picture(&looks)),
            legend: Key::of_lines(keys.map(|(of, look)| (&of.label, look))),
            table: self.table(),
        };
        figure.write(f)
    }
}

impl askama::filters::HtmlSafe for Lines {}

impl Lines {
    /// The places of the times that are shown.
    fn shown(&self) -> Vec<usize> {
        shown(self.times.len(), self.series.len())
    }

    /// The known values of a variant at the times that are shown.
    fn points<'a>(&'a self, series: &'a Series) -> impl Iterator<Item = (f64, f64)> + use<'a> {
        self.shown().into_iter().filter_map(|at| {
            let value = series.values.get(at).copied().flatten()?;
            Some((self.times[at].get(), value.get().clamp(0.0, 1.0)))
        })
    }

    fn time(&self) -> Span {
        let at = |time: Option<&Number>| time.map_or(0.0, |time| time.get());
        Span {
            from: at(self.times.first()),
            until: at(self.times.last()),
        }
    }

    fn picture(&self, looks: &[Look]) -> Picture<'_> {
        let time = self.time();
        let scale = Scale::around(0.0, 1.0, 5);
        let height = f64::from(HEIGHT);
        let each = || self.series.iter().zip(looks);
        let set_off = || each().filter(|(_, look)| !look.is_quiet);
        let labels = set_off().filter_map(|(of, look)| {
            let (_, value) = self.points(of).last()?;
            Some(ends::Line {
                y: height * (1.0 - value),
                label: &of.label,
                class: look.class.clone(),
            })
        });
        let drawn = |(of, look): (&Series, &Look)| Drawn {
            class: look.class.clone(),
            title: self.sentence(of),
            line: self.line(of),
        };
        // Those that are set off lie above the others.
        let quiet = each().filter(|(_, look)| look.is_quiet).map(drawn);
        let lines = quiet.chain(set_off().map(drawn));
        let told: Vec<String> = set_off().map(|(of, _)| self.sentence(of)).collect();
        Picture {
            heading: &self.heading,
            description: told.join(". ") + ".",
            ends: ends(labels.collect(), height),
            lines: lines.collect(),
            axes: Axes {
                height: HEIGHT,
                down: Axes::down(&scale, &Unit::Percent, "", HEIGHT),
                across: time.ticks(&self.days),
                marks: time.marks(&self.marks),
            },
        }
    }

    fn line(&self, of: &Series) -> Path {
        let time = self.time();
        let known = self
            .shown()
            .into_iter()
            .enumerate()
            .filter_map(|(place, at)| {
                let value = of.values.get(at).copied().flatten()?;
                let x = WIDTH * time.place(self.times[at].get());
                let y = f64::from(HEIGHT) * (1.0 - value.get().clamp(0.0, 1.0));
                Some((place, x, y))
            });
        let known: Vec<(usize, f64, f64)> = known.collect();
        let mut path = Path::default();
        for piece in known.chunk_by(|(one, ..), (other, ..)| other - one == 1) {
            for (at, (_, x, y)) in piece.iter().enumerate() {
                match self.curve {
                    Curve::Steps if at > 0 => path.across(*x).down(*y),
                    Curve::Steps | Curve::Linear => path.on(at == 0, *x, *y),
                };
            }
            if let [(_, x, _)] = piece {
                // A line without length whose round caps are a dot.
                path.across(*x);
            }
        }
        path
    }

    fn sentence(&self, of: &Series) -> String {
        match self.points(of).last() {
            Some((_, value)) => format!("{}: {}", of.label, probability(value)),
            None => format!("{}: no data yet", of.label),
        }
    }

    fn table(&self) -> Table {
        let labels = self.series.iter().map(|of| of.label.to_string());
        let row = |at: usize| {
            let values = self.series.iter().map(|of| {
                let value = of.values.get(at).copied().flatten();
                value.map_or_else(String::new, |value| probability(value.get()))
            });
            let day = moment(&self.days, self.times[at].get());
            [day].into_iter().chain(values).collect()
        };
        Table {
            head: ["Time".to_owned()].into_iter().chain(labels).collect(),
            texts: 1,
            rows: self.shown().into_iter().map(row).collect(),
        }
    }
}

/// A variant in the picture.
struct Drawn {
    class: String,
    title: String,
    line: Path,
}

#[derive(Template)]
#[template(path = "chart/lines.svg", config = "src/askama.toml")]
struct Picture<'a> {
    heading: &'a Heading,
    description: String,
    lines: Vec<Drawn>,
    ends: Vec<End>,
    axes: Axes,
}
