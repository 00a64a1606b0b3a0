//! A course in a cell of a table.

use std::fmt;

use askama::Template;

use super::label::Label;
use super::number::Number;
use super::path::{Coord, Path};

/// Size of the picture without its margin, in pixels.
const SIZE: [f64; 2] = [92.0, 16.0];
const MARGIN: f64 = 4.0;
/// Points at most.
const POINTS: usize = 60;

/// A line through some numbers from the least to the greatest, 100 × 24 pixels, with a dot at its end.
#[derive(Debug, Clone)]
pub struct Sparkline {
    /// What it shows and how it ends, in words: nothing else of it can be heard.
    pub label: Label,
    /// The numbers at equal distances; none where one is missing.
    pub values: Vec<Option<Number>>,
}

impl fmt::Display for Sparkline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let picture = Picture {
            label: &self.label,
            line: self.line(),
            end: self.points().last().copied(),
        };
        picture.render_into(f).map_err(|_| fmt::Error)
    }
}

impl askama::filters::HtmlSafe for Sparkline {}

impl Sparkline {
    /// The places of the numbers that are known, and where they are in the row.
    fn points(&self) -> Vec<Point> {
        let step = self.values.len().div_ceil(POINTS).max(1);
        let last = self.values.len().saturating_sub(1);
        let numbered = self.values.iter().enumerate();
        // From the last back, so that the line ends where the data does.
        let known = numbered.filter(|(at, _)| (last - at).is_multiple_of(step));
        let known = known.filter_map(|(at, value)| Some((at, value.as_ref()?.get())));
        let known: Vec<(usize, f64)> = known.collect();
        let values = || known.iter().map(|(_, value)| *value);
        let (low, high) = (
            values().fold(f64::INFINITY, f64::min),
            values().fold(f64::NEG_INFINITY, f64::max),
        );
        let part = |value: f64| {
            if high > low {
                (value - low) / (high - low)
            } else {
                0.5
            }
        };
        let point = |(at, value): &(usize, f64)| Point {
            place: at / step,
            x: Coord(MARGIN + SIZE[0] * *at as f64 / last.max(1) as f64),
            y: Coord(MARGIN + SIZE[1] * (1.0 - part(*value))),
        };
        known.iter().map(point).collect()
    }

    fn line(&self) -> Path {
        let mut path = Path::default();
        for piece in self
            .points()
            .chunk_by(|one, other| other.place - one.place == 1)
        {
            for (at, Point { x, y, .. }) in piece.iter().enumerate() {
                path.on(at == 0, x.0, y.0);
            }
        }
        path
    }
}

#[derive(Clone, Copy)]
struct Point {
    place: usize,
    x: Coord,
    y: Coord,
}

#[derive(Template)]
#[template(path = "chart/sparkline.svg", config = "src/askama.toml")]
struct Picture<'a> {
    label: &'a Label,
    line: Path,
    end: Option<Point>,
}
