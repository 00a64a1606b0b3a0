//! What is believed about each variant, as curves with their intervals below.

use std::fmt;

use askama::Template;

use super::axis::Tick;
use super::figure::{Figure, Key, Table};
use super::label::{Heading, Isolated, Label};
use super::number::{Effect, Number, span};
use super::path::{Path, WIDTH};
use super::rows::{Bar, Row};
use super::scale::Scale;
use super::series::{self, Look};
use super::unit::Unit;

/// Height of the curves, in pixels, and of each row below.
const HEIGHT: usize = 160;
const ROW: usize = 34;
/// Points of a curve that is set off, and of one of the others.
const POINTS: [usize; 2] = [48, 16];
/// The greatest density.
const MOST: f64 = 1e300;
/// Standard deviations from the middle of a curve to its ends.
const REACH: f64 = 3.5;

/// The form of a belief.
#[derive(Debug, Clone)]
pub enum Shape {
    /// The normal density around the estimate.
    Normal {
        /// Standard deviation, positive.
        sd: Number,
    },
    /// Points in the order of their values.
    Points(Vec<Density>),
}

/// A point of a density.
#[derive(Debug, Clone, Copy)]
pub struct Density {
    /// The value.
    pub at: Number,
    /// How dense it is, not negative.
    pub density: Number,
}

/// What is believed about one variant.
#[derive(Debug, Clone)]
pub struct Belief {
    /// The variant.
    pub label: Label,
    /// Its mean with a credible interval; none as long as there is no data.
    pub effect: Option<Effect>,
    /// Its density.
    pub shape: Shape,
}

/// The densities of all variants above their intervals.
#[derive(Debug, Clone)]
pub struct Densities {
    /// Id and title.
    pub heading: Heading,
    /// Unit of the values.
    pub unit: Unit,
    /// The variants.
    pub beliefs: Vec<Belief>,
}

impl fmt::Display for Densities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let means = self.beliefs.iter().map(|belief| {
            let mean = belief.effect.map(Effect::estimate);
            mean.unwrap_or(f64::NEG_INFINITY)
        });
        let looks = series::looks(&means.enumerate().collect::<Vec<(usize, f64)>>());
        let figure = Figure {
            heading: &self.heading,
            kind: "densities",
            picture: self.picture(&looks),
            legend: Vec::<Key>::new(),
            table: self.table(),
        };
        figure.write(f)
    }
}

impl askama::filters::HtmlSafe for Densities {}

impl Densities {
    fn picture(&self, looks: &[Look]) -> Option<Picture<'_>> {
        let known = self.beliefs.iter().filter_map(|belief| belief.effect);
        let known: Vec<Effect> = known.collect();
        if known.is_empty() {
            return None;
        }
        let [low, high] = span(&known, None);
        let margin = 0.1 * (high - low);
        let scale = Scale::within(low - margin, high + margin, 6);
        let each = || self.beliefs.iter().zip(looks);
        let curve = |(belief, look): (&Belief, &Look)| belief.curve(look, &scale);
        let curves: Vec<Vec<[f64; 2]>> = each().map(curve).collect();
        let peaks = curves.iter().flatten().map(|[_, density]| *density);
        let peak = peaks.fold(f64::MIN_POSITIVE, f64::max);
        let drawn = curves.iter().zip(each());
        let drawn = drawn.map(|(points, (belief, look))| Drawn {
            class: look.class.clone(),
            label: &belief.label,
            is_quiet: look.is_quiet,
            path: path(points, peak),
        });
        let mut curves: Vec<Drawn<'_>> = drawn.collect();
        // Those that are set off lie above the others.
        curves.sort_by_key(|drawn| !drawn.is_quiet);
        let rows = each().enumerate();
        Some(Picture {
            heading: &self.heading,
            description: self.description(),
            height: HEIGHT + ROW * self.beliefs.len() + ROW / 2,
            base: HEIGHT,
            ticks: Tick::across(&scale, &self.unit, ""),
            rows: rows.map(|(at, of)| self.row(at, of, &scale)).collect(),
            curves,
        })
    }

    fn row(&self, at: usize, (of, look): (&Belief, &Look), scale: &Scale) -> Row {
        Row {
            top: HEIGHT + ROW / 4 + ROW * at,
            title: format!("{}: {}", of.label, self.said(of)),
            label: of.label.short(24),
            note: Isolated::default(),
            class: look.class.clone(),
            shape: "unclear",
            word: None,
            value: of.effect.map_or_else(
                || "no data yet".to_owned(),
                |of| self.unit.text(of.estimate()),
            ),
            range: None,
            aside: of.effect.and_then(|effect| {
                let ends = effect.interval()?;
                Some(Unit::between(ends, |end| self.unit.text(end)))
            }),
            bar: of.effect.map(|effect| Bar::new(effect, scale)),
        }
    }

    /// A mean and its interval in words.
    fn said(&self, of: &Belief) -> String {
        let Some(effect) = of.effect else {
            return "no data yet".to_owned();
        };
        let mean = self.unit.text(effect.estimate());
        match effect.interval() {
            Some(ends) => format!(
                "{mean} ({})",
                Unit::between(ends, |end| self.unit.text(end))
            ),
            None => mean,
        }
    }

    fn description(&self) -> String {
        let shown = self.beliefs.iter().take(series::SHOWN);
        let told: Vec<String> = shown
            .map(|of| format!("{}: {}", of.label, self.said(of)))
            .collect();
        told.join(". ") + "."
    }

    fn table(&self) -> Table {
        let head = ["Variant", "Mean", "Low", "High"];
        let row = |of: &Belief| {
            let effect = of.effect.into_iter();
            let ends = effect.clone().filter_map(Effect::interval).flatten();
            let numbers = effect.map(Effect::estimate).chain(ends);
            let mut row = vec![of.label.to_string()];
            row.extend(numbers.map(|number| self.unit.text(number)));
            row.resize(head.len(), String::new());
            row
        };
        Table {
            head: head.map(str::to_owned).to_vec(),
            texts: 1,
            rows: self.beliefs.iter().map(row).collect(),
        }
    }
}

impl Belief {
    /// Points of the curve, each its place from 0 to 1 and its density.
    fn curve(&self, look: &Look, scale: &Scale) -> Vec<[f64; 2]> {
        let Some(effect) = self.effect else {
            return Vec::new();
        };
        let count = POINTS[usize::from(look.is_quiet)];
        match &self.shape {
            Shape::Normal { sd } if sd.get() > 0.0 => {
                let (mean, sd) = (effect.estimate(), sd.get());
                let point = |at: usize| {
                    let z = REACH * (2.0 * at as f64 / count as f64 - 1.0);
                    let density = (-z * z / 2.0).exp() / sd;
                    [scale.beyond(mean + sd * z), density.min(MOST)]
                };
                (0..=count).map(point).collect()
            }
            Shape::Normal { .. } => Vec::new(),
            Shape::Points(points) => {
                let step = points.len().div_ceil(count).max(1);
                let shown = points.iter().step_by(step);
                let point = |of: &Density| [scale.beyond(of.at.get()), of.density.get().max(0.0)];
                shown.map(point).collect()
            }
        }
    }
}

/// The curve of a density whose highest point may have the whole height.
fn path(points: &[[f64; 2]], peak: f64) -> Path {
    let mut path = Path::default();
    for (at, [place, density]) in points.iter().enumerate() {
        let height = 0.96 * HEIGHT as f64;
        path.on(
            at == 0,
            WIDTH * place,
            HEIGHT as f64 - height * density / peak,
        );
    }
    path
}

/// A curve in the picture.
struct Drawn<'a> {
    class: String,
    label: &'a Label,
    is_quiet: bool,
    path: Path,
}

#[derive(Template)]
#[template(path = "chart/densities.svg", config = "src/askama.toml")]
struct Picture<'a> {
    heading: &'a Heading,
    description: String,
    height: usize,
    /// Where the curves stand, in pixels from above.
    base: usize,
    ticks: Vec<Tick>,
    curves: Vec<Drawn<'a>>,
    rows: Vec<Row>,
}
