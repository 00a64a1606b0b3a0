//! Effects over time, with their intervals as a band.

use std::fmt;

use askama::Template;

use super::axis::Axes;
use super::days::{Mark, Span, shown};
use super::ends::{End, Line, ends};
use super::figure::{Figure, Key, Table};
use super::forest::said;
use super::label::{Heading, Label};
use super::number::{Effect, span};
use super::path::{Coord, Path, WIDTH};
use super::scale::Scale;
use super::series::{self, Look};
use super::unit::Unit;

/// Height of the picture, in pixels.
const HEIGHT: u32 = 240;

/// What a [`Band`] shows of one variant.
#[derive(Debug, Clone)]
pub struct Track {
    /// The variant.
    pub label: Label,
    /// Its place among all variants of the page, from zero: there it has the same colour in every chart.
    pub place: usize,
    /// The difference as of each day of the chart, from the first; none where it is missing.
    pub effects: Vec<Option<Effect>>,
}

/// Differences as of each day, with their intervals.
#[derive(Debug, Clone)]
pub struct Band {
    /// Id and title.
    pub heading: Heading,
    /// Unit of the differences.
    pub unit: Unit,
    /// The days from the first to the last, without gaps.
    pub days: Vec<Label>,
    /// The variants.
    pub tracks: Vec<Track>,
    /// Changes of settings.
    pub marks: Vec<Mark>,
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.tracks.iter().zip(self.looks());
        let figure = Figure {
            heading: &self.heading,
            kind: "time",
            picture: self.picture(),
            legend: Key::of_lines(keys.map(|(track, look)| (&track.label, look))),
            table: self.table(),
        };
        figure.write(f)
    }
}

impl askama::filters::HtmlSafe for Band {}

impl Band {
    fn picture(&self) -> Option<Picture<'_>> {
        let tracks = || self.tracks.iter();
        let known: Vec<Effect> = tracks()
            .flat_map(|track| self.points(track).map(|point| point.effect))
            .collect();
        if known.is_empty() {
            return None;
        }
        let [low, high] = span(&known, Some(0.0));
        let scale = Scale::around(low, high, 5);
        let time = Span::of_points(self.days.len());
        let height = f64::from(HEIGHT);
        let place = Place { time, scale };
        let looks = self.looks();
        let set_off = || tracks().zip(&looks).filter(|(_, look)| !look.is_quiet);
        let lines = set_off().filter_map(|(track, look)| {
            let last = self.points(track).last()?.effect;
            Some(Line {
                y: height * (1.0 - scale.place(last.estimate())),
                label: &track.label,
                class: look.class.clone(),
            })
        });
        let drawn = |(track, look): (&Track, &Look)| place.drawn(self, track, look);
        // Those that are set off lie above the others.
        let quiet = tracks().zip(&looks).filter(|(_, look)| look.is_quiet);
        let drawn = quiet.map(drawn).chain(set_off().map(drawn));
        Some(Picture {
            heading: &self.heading,
            description: self.description(),
            zero: Coord(height * (1.0 - scale.place(0.0))),
            ends: ends(lines.collect(), height),
            tracks: drawn.collect(),
            axes: Axes {
                height: HEIGHT,
                down: Axes::down(&scale, &self.unit, "+", HEIGHT),
                across: time.ticks(&self.days),
                marks: time.marks(&self.marks),
            },
        })
    }

    /// Colours of the variants. Of many, those are set off whose last day is the best.
    fn looks(&self) -> Vec<Look> {
        let last = |track: &Track| {
            let last = self.points(track).last();
            let value = last.map_or(f64::NEG_INFINITY, |point| point.effect.estimate());
            (track.place, value)
        };
        let values: Vec<(usize, f64)> = self.tracks.iter().map(last).collect();
        series::looks(&values)
    }

    /// The days of a variant that are shown and known: their places among those shown, and in the chart.
    fn points<'a>(&self, track: &'a Track) -> impl Iterator<Item = Point> + use<'a> {
        let days = shown(self.days.len(), self.tracks.len()).into_iter();
        days.enumerate().filter_map(|(place, day)| {
            let effect = track.effects.get(day).copied().flatten()?;
            Some(Point { place, day, effect })
        })
    }

    /// The last known day of a variant in words.
    fn sentence(&self, track: &Track) -> String {
        match self.points(track).last() {
            Some(last) => format!(
                "{}: {} as of {}",
                track.label,
                said(&self.unit, Some(last.effect), None),
                self.days[last.day]
            ),
            None => format!("{}: no data yet", track.label),
        }
    }

    fn description(&self) -> String {
        let shown = self.tracks.iter().take(series::SHOWN);
        let told: Vec<String> = shown.map(|track| self.sentence(track)).collect();
        told.join(". ") + "."
    }

    fn table(&self) -> Table {
        let labels = self.tracks.iter().map(|track| track.label.to_string());
        let row = |day: usize| {
            let cells = self.tracks.iter().map(|track| {
                let effect = track.effects.get(day).copied().flatten();
                effect.map_or_else(String::new, |of| said(&self.unit, Some(of), None))
            });
            [self.days[day].to_string()]
                .into_iter()
                .chain(cells)
                .collect()
        };
        let days = shown(self.days.len(), self.tracks.len());
        Table {
            head: ["Day".to_owned()].into_iter().chain(labels).collect(),
            texts: 1,
            rows: days.into_iter().map(row).collect(),
        }
    }
}

/// A variant on a day.
#[derive(Clone, Copy)]
struct Point {
    /// Among the days that are shown.
    place: usize,
    /// Among all days.
    day: usize,
    effect: Effect,
}

impl Point {
    /// Whether no day is missing before the other.
    fn is_before(&self, other: &Self) -> bool {
        other.place - self.place == 1
    }
}

/// Where days and differences lie in the picture.
struct Place {
    time: Span,
    scale: Scale,
}

impl Place {
    fn x(&self, point: &Point) -> f64 {
        WIDTH * self.time.place(point.day as f64)
    }

    fn y(&self, value: f64) -> f64 {
        f64::from(HEIGHT) * (1.0 - self.scale.beyond(value))
    }

    /// A variant, in pieces without missing days.
    fn drawn(&self, of: &Band, track: &Track, look: &Look) -> Drawn {
        let points: Vec<Point> = of.points(track).collect();
        let (mut line, mut area) = (Path::default(), Path::default());
        for piece in points.chunk_by(Point::is_before) {
            for (at, point) in piece.iter().enumerate() {
                line.on(at == 0, self.x(point), self.y(point.effect.estimate()));
            }
            if let [point] = piece {
                // A line without length whose round caps are a dot.
                line.across(self.x(point));
            }
            if !look.is_quiet {
                self.band(piece, &mut area);
            }
        }
        Drawn {
            class: look.class.clone(),
            title: if look.is_quiet {
                track.label.to_string()
            } else {
                of.sentence(track)
            },
            line,
            area,
        }
    }

    /// Along the upper ends and back along the lower.
    fn band(&self, piece: &[Point], area: &mut Path) {
        let known = piece
            .iter()
            .filter(|point| point.effect.interval().is_some());
        let known: Vec<Point> = known.copied().collect();
        for piece in known.chunk_by(Point::is_before) {
            let ends = |point: &Point| {
                let ends = point.effect.interval().unwrap_or_default();
                ends.map(|end| self.y(end))
            };
            for (at, point) in piece.iter().enumerate() {
                let [_, high] = ends(point);
                area.on(at == 0, self.x(point), high);
            }
            for point in piece.iter().rev() {
                let [low, _] = ends(point);
                area.on(false, self.x(point), low);
            }
            area.close();
        }
    }
}

/// A variant in the picture.
struct Drawn {
    class: String,
    title: String,
    line: Path,
    area: Path,
}

#[derive(Template)]
#[template(path = "chart/band.svg", config = "src/askama.toml")]
struct Picture<'a> {
    heading: &'a Heading,
    description: String,
    zero: Coord,
    tracks: Vec<Drawn>,
    ends: Vec<End>,
    axes: Axes,
}
