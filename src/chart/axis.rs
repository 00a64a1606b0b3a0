//! Ticks of an axis, at their places.

use super::days::Line;
use super::path::Coord;
use super::scale::Scale;
use super::unit::Unit;

/// A tick with its number.
pub(super) struct Tick {
    /// In percent of the width from the left, or in pixels from above.
    pub(super) at: Coord,
    pub(super) text: String,
    /// Whether a narrow chart leaves it out.
    pub(super) wide: bool,
}

impl Tick {
    /// The ticks of an axis from left to right. A narrow chart has every other, zero among them.
    pub(super) fn across(scale: &Scale, unit: &Unit, plus: &str) -> Vec<Self> {
        let ticks: Vec<f64> = scale.ticks().collect();
        let zero = ticks.iter().position(|tick| *tick >= 0.0).unwrap_or(0);
        let is_many = ticks.len() > 4;
        let numbered = ticks.into_iter().enumerate();
        let tick = |(at, value): (usize, f64)| Self {
            at: Coord(100.0 * scale.place(value)),
            text: unit.tick(value, scale.step(), plus),
            wide: is_many && !at.abs_diff(zero).is_multiple_of(2),
        };
        numbered.map(tick).collect()
    }
}

/// Both axes of a chart over time.
pub(super) struct Axes {
    /// Height of the picture, in pixels.
    pub(super) height: u32,
    pub(super) down: Vec<Tick>,
    pub(super) across: Vec<Tick>,
    pub(super) marks: Vec<Line>,
}

impl Axes {
    /// The ticks of an axis that is so many pixels high.
    pub(super) fn down(scale: &Scale, unit: &Unit, plus: &str, height: u32) -> Vec<Tick> {
        let tick = |value: f64| Tick {
            at: Coord(f64::from(height) * (1.0 - scale.place(value))),
            text: unit.tick(value, scale.step(), plus),
            wide: false,
        };
        scale.ticks().map(tick).collect()
    }
}
