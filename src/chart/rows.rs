//! Rows of intervals: a label at the left, a bar, its number at the right.

use super::label::Isolated;
use super::number::Effect;
use super::path::Coord;
use super::scale::Scale;

/// A row at its place.
pub(super) struct Row {
    /// In pixels from above.
    pub(super) top: usize,
    pub(super) title: String,
    pub(super) label: Isolated,
    pub(super) note: Isolated,
    pub(super) class: String,
    /// Shape of the marker.
    pub(super) shape: &'static str,
    pub(super) word: Option<&'static str>,
    pub(super) value: String,
    /// What follows the value, and what stands below it.
    pub(super) aside: Option<String>,
    pub(super) range: Option<String>,
    pub(super) bar: Option<Bar>,
}

/// An interval and its point, in percent of the width.
pub(super) struct Bar {
    pub(super) low: Coord,
    pub(super) high: Coord,
    /// Whether the interval goes on beyond the axis.
    pub(super) opens_low: bool,
    pub(super) opens_high: bool,
    pub(super) at: Coord,
}

impl Bar {
    pub(super) fn new(effect: Effect, scale: &Scale) -> Self {
        let place = |value| Coord(100.0 * scale.place(value));
        let [low, high] = effect.interval().unwrap_or([effect.estimate(); 2]);
        Self {
            low: place(low),
            high: place(high),
            opens_low: scale.leaves(low),
            opens_high: scale.leaves(high),
            at: place(effect.estimate()),
        }
    }
}
