//! Effects over time, with their intervals as a band.

use std::fmt;

use askama::Template;

use super::axis::Axes;
use super::days::{Mark, Span};
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
            .flat_map(|track| self.points(track).map(|(_, effect)| effect))
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
            let (_, last) = self.points(track).last()?;
            Some(Line {
                y: height * (1.0 - scale.place(last.estimate())),
                label: &track.label,
                class: look.class.clone(),
            })
        });
        let drawn = |(track, look): (&Track, &Look)| place.drawn(self, track, &look.class);
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
            last.map_or(f64::NEG_INFINITY, |(_, effect)| effect.estimate())
        };
        let values: Vec<f64> = self.tracks.iter().map(last).collect();
        series::looks(&values)
    }

    /// The days of a variant that are known.
    fn points<'a>(&self, track: &'a Track) -> impl Iterator<Item = (usize, Effect)> + use<'a> {
        let days = track.effects.iter().take(self.days.len()).enumerate();
        days.filter_map(|(day, effect)| effect.map(|effect| (day, effect)))
    }

    /// The last known day of a variant in words.
    fn sentence(&self, track: &Track) -> String {
        match self.points(track).last() {
            Some((day, effect)) => format!(
                "{}: {} as of {}",
                track.label,
                said(&self.unit, Some(effect), None),
                self.days[day]
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
        let head = ["Day", "Variant", "Estimate", "Low", "High"];
        let mut rows = Vec::new();
        for (day, label) in self.days.iter().enumerate() {
            for track in &self.tracks {
                let Some(effect) = track.effects.get(day).copied().flatten() else {
                    continue;
                };
                let mut row = vec![label.to_string(), track.label.to_string()];
                row.push(self.unit.signed(effect.estimate()));
                let ends = effect.interval().into_iter().flatten();
                row.extend(ends.map(|end| self.unit.signed(end)));
                row.resize(head.len(), String::new());
                rows.push(row);
            }
        }
        Table {
            head: head.map(str::to_owned).to_vec(),
            texts: 2,
            rows,
        }
    }
}

/// Where days and differences lie in the picture.
struct Place {
    time: Span,
    scale: Scale,
}

impl Place {
    fn x(&self, day: usize) -> f64 {
        WIDTH * self.time.place(day as f64)
    }

    fn y(&self, value: f64) -> f64 {
        f64::from(HEIGHT) * (1.0 - self.scale.beyond(value))
    }

    /// A variant, in pieces without missing days.
    fn drawn(&self, of: &Band, track: &Track, class: &str) -> Drawn {
        let points: Vec<(usize, Effect)> = of.points(track).collect();
        let (mut line, mut area) = (Path::default(), Path::default());
        for piece in points.chunk_by(|(one, _), (other, _)| other - one == 1) {
            for (at, (day, effect)) in piece.iter().enumerate() {
                let (x, y) = (self.x(*day), self.y(effect.estimate()));
                line.on(at == 0, x, y);
            }
            if let [(day, _)] = piece {
                // A line without length whose round caps are a dot.
                line.across(self.x(*day));
            }
            self.band(piece, &mut area);
        }
        Drawn {
            class: class.to_owned(),
            title: of.sentence(track),
            line,
            area,
        }
    }

    /// Along the upper ends and back along the lower.
    fn band(&self, piece: &[(usize, Effect)], area: &mut Path) {
        let known = piece.iter().filter_map(|(day, effect)| {
            let interval = effect.interval()?;
            Some((*day, interval))
        });
        let known: Vec<(usize, [f64; 2])> = known.collect();
        for piece in known.chunk_by(|(one, _), (other, _)| other - one == 1) {
            for (at, (day, [_, high])) in piece.iter().enumerate() {
                area.on(at == 0, self.x(*day), self.y(*high));
            }
            for (day, [low, _]) in piece.iter().rev() {
                area.on(false, self.x(*day), self.y(*low));
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
