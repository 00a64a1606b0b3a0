//! Coordinates, and the lines made of them.

use std::fmt;

/// A coordinate to one decimal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coord(pub(crate) f64);

impl fmt::Display for Coord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Adding zero makes zero of minus zero.
        let rounded = (self.0 * 10.0).round() / 10.0 + 0.0;
        write!(f, "{rounded}")
    }
}

/// Width of the stretched pictures, in their own units.
pub(super) const WIDTH: f64 = 1000.0;

/// The `d` of a path.
#[derive(Debug, Default)]
pub(crate) struct Path {
    d: String,
}

impl Path {
    /// Goes on to a point, or starts a new piece there.
    pub(crate) fn on(&mut self, starts: bool, x: f64, y: f64) -> &mut Self {
        self.push(if starts { 'M' } else { 'L' }, &[x, y])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.d.is_empty()
    }

    pub(super) fn across(&mut self, x: f64) -> &mut Self {
        self.push('H', &[x])
    }

    pub(super) fn down(&mut self, y: f64) -> &mut Self {
        self.push('V', &[y])
    }

    pub(super) fn close(&mut self) -> &mut Self {
        self.push('Z', &[])
    }

    fn push(&mut self, command: char, numbers: &[f64]) -> &mut Self {
        use fmt::Write;
        self.d.push(command);
        for (at, number) in numbers.iter().enumerate() {
            let gap = if at > 0 { " " } else { "" };
            // Writing to a text never fails.
            let _ = write!(self.d, "{gap}{}", Coord(*number));
        }
        self
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.d)
    }
}
