//! Days along a chart, and what happened on them.

use super::axis::Tick;
use super::label::{Isolated, Label};
use super::number::Number;
use super::path::Coord;

/// Days between two ticks.
const STEPS: [usize; 10] = [1, 2, 7, 14, 28, 56, 112, 224, 364, 728];
/// Ticks at most.
const TICKS: usize = 7;
/// Columns of a label at a mark.
const COLUMNS: usize = 18;
/// Width that is kept for the label of a mark, in percent of the width.
const LABEL: f64 = 22.0;
/// The same in a narrow chart.
const NARROW_LABEL: f64 = 100.0;

/// Something that happened, as a vertical line.
#[derive(Debug, Clone)]
pub struct Mark {
    /// When, in days since the first day of the chart: 1.5 is the noon of the second day.
    pub at: Number,
    /// What it is called in the picture.
    pub label: Label,
    /// The whole sentence.
    pub title: Label,
}

/// A part of time, in days since the first of some days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) until: f64,
}

impl Span {
    /// All of some days, each of which is a point.
    pub(super) fn of_points(days: usize) -> Self {
        let last = days.saturating_sub(1);
        Self {
            from: 0.0,
            until: last as f64,
        }
    }

    /// The part of the way, from 0 to 1; a span without length lies in the middle.
    pub(super) fn place(self, at: f64) -> f64 {
        let length = self.until - self.from;
        if length > 0.0 {
            ((at - self.from) / length).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// Ticks at the beginning of days.
    pub(super) fn ticks(self, days: &[Label]) -> Vec<Tick> {
        let within = |at: &usize| (self.from..=self.until).contains(&(*at as f64));
        let inside: Vec<usize> = (0..days.len()).filter(within).collect();
        let step = STEPS.into_iter().find(|step| inside.len() <= TICKS * step);
        let step = step.unwrap_or_else(|| inside.len().div_ceil(TICKS));
        let ticks: Vec<usize> = inside.into_iter().step_by(step).collect();
        let is_many = ticks.len() > 3;
        let tick = |(at, day): (usize, &usize)| Tick {
            at: Coord(100.0 * self.place(*day as f64)),
            text: days[*day].short(12).to_string(),
            wide: is_many && !at.is_multiple_of(3),
        };
        ticks.iter().enumerate().map(tick).collect()
    }

    /// Marks in the span, in order. Those whose labels would lie on the one before are drawn without.
    pub(super) fn marks(self, marks: &[Mark]) -> Vec<Line> {
        let mut inside: Vec<&Mark> = marks
            .iter()
            .filter(|mark| (self.from..=self.until).contains(&mark.at.get()))
            .collect();
        inside.sort_by(|one, other| one.at.get().total_cmp(&other.at.get()));
        let (mut free, mut free_narrow) = (0.0, 0.0);
        let mut lines = Vec::new();
        for mark in inside {
            let at = 100.0 * self.place(mark.at.get());
            let is_free = at >= free;
            let is_wide = at < free_narrow;
            if is_free {
                free = at + LABEL;
            }
            if !is_wide {
                free_narrow = at + NARROW_LABEL;
            }
            lines.push(Line {
                at: Coord(at),
                label: is_free.then(|| mark.label.short(COLUMNS)),
                title: mark.title.clone(),
                is_late: at > 60.0,
                is_wide,
            });
        }
        lines
    }
}

/// A mark at its place.
pub(super) struct Line {
    /// In percent from the left.
    pub(super) at: Coord,
    pub(super) label: Option<Isolated>,
    pub(super) title: Label,
    /// Whether its label stands to its left.
    pub(super) is_late: bool,
    /// Whether a narrow chart leaves its label out.
    pub(super) is_wide: bool,
}
