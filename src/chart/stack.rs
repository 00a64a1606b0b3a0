//! Areas that lie on each other.

use super::ends::Line;
use super::label::Label;
use super::path::{Path, WIDTH};
use super::series::{self, SHOWN};

/// What is stacked: a value per variant at each place.
pub(super) struct Stack<'a> {
    pub(super) labels: &'a [Label],
    /// By place, then by variant; none below zero.
    pub(super) values: Vec<Vec<f64>>,
    /// Places from 0 to 1.
    pub(super) places: Vec<f64>,
    /// Height of the greatest sum, in pixels.
    pub(super) height: f64,
    /// The greatest sum.
    pub(super) most: f64,
}

/// One area in the picture.
pub(super) struct Layer {
    /// Its colour.
    pub(super) class: String,
    /// Number of the pattern that it is filled with, unique in the picture.
    pub(super) fill: usize,
    /// What the pattern is made of.
    pub(super) motif: usize,
    pub(super) label: Label,
    pub(super) path: Path,
    /// Its lower and upper edge at the right, in pixels from above.
    last: [f64; 2],
}

impl Stack<'_> {
    /// The areas from the lowest: the variants that are greatest at the end, and all others as one.
    pub(super) fn layers(&self, is_stepped: bool) -> Vec<Layer> {
        let mut below = vec![0.0; self.places.len()];
        let mut layers = Vec::new();
        for (label, place, variants) in self.groups() {
            let bottom = below.last().copied().unwrap_or(0.0);
            for (sum, values) in below.iter_mut().zip(&self.values) {
                let of = variants.iter().filter_map(|variant| values.get(*variant));
                *sum += of.sum::<f64>();
            }
            let top = below.last().copied().unwrap_or(0.0);
            layers.push(Layer {
                class: format!("s{}", place.map_or(0, series::colour)),
                fill: place.map_or(0, |place| place + 1),
                motif: place.map_or(1, series::motif),
                label,
                path: self.path(&below, is_stepped),
                last: [self.y(bottom), self.y(top)],
            });
        }
        layers
    }

    /// Labels and variants of the areas, and the place of a variant that has one of its own.
    fn groups(&self) -> Vec<(Label, Option<usize>, Vec<usize>)> {
        let none = vec![0.0; self.labels.len()];
        let last = self.values.last().unwrap_or(&none);
        let shown = series::shown(last, if last.len() > SHOWN { SHOWN - 1 } else { SHOWN });
        let mut groups = Vec::new();
        let mut others = Vec::new();
        for (place, label) in self.labels.iter().enumerate() {
            if shown.get(place).copied().unwrap_or(false) {
                groups.push((label.clone(), Some(place), vec![place]));
            } else {
                others.push(place);
            }
        }
        if !others.is_empty() {
            let label = format!("{} others", others.len());
            groups.push((label.into(), None, others));
        }
        groups
    }

    /// All below some sums.
    fn path(&self, sums: &[f64], is_stepped: bool) -> Path {
        let mut path = Path::default();
        path.on(true, 0.0, self.height);
        let mut before = None;
        for (place, sum) in self.places.iter().zip(sums) {
            let (x, y) = (WIDTH * place, self.y(*sum));
            match before {
                Some(same) if is_stepped && f64::abs(y - same) < 0.05 => continue,
                Some(_) if is_stepped => path.across(x).down(y),
                None if is_stepped => path.down(y),
                Some(_) | None => path.on(false, x, y),
            };
            before = Some(y);
        }
        path.across(WIDTH).down(self.height).close();
        path
    }

    fn y(&self, sum: f64) -> f64 {
        self.height * (1.0 - (sum / self.most).clamp(0.0, 1.0))
    }
}

/// Where labels at the right belong: to the middle of each area.
pub(super) fn lines(layers: &[Layer]) -> Vec<Line<'_>> {
    let lines = layers.iter().map(|layer| {
        let [bottom, top] = layer.last;
        Line {
            y: f64::midpoint(bottom, top),
            label: &layer.label,
            class: layer.class.clone(),
        }
    });
    lines.collect()
}
