//! Charts: SVG from templates, for pages that need no script.
//!
//! A chart is a plain value of labels and numbers; its `Display` is a `<figure>` with the picture and, behind it, a table
//! of the same numbers. Charts for a cell of a table are a bare `<svg>` with an accessible label. Every text is escaped,
//! every number is finite by its type ([`Number`], [`Effect`]), and a chart without data says so.
//!
//! Pictures are as wide as their place. Lines and areas stretch; text, markers and strokes keep their size, so that a
//! phone, a desktop and paper show them equally well. Colours come from the page alone: `--series-1` to `--series-8`,
//! `--good`, `--bad`, `--quiet`, `--ink`, `--line` and `--paper`; what they tell is also told by dashes, patterns, shapes
//! and words. The page includes [`STYLE`] once.

mod allocation;
mod axis;
mod band;
mod counts;
mod days;
mod densities;
mod ends;
mod figure;
mod forest;
mod inline;
mod label;
mod lines;
mod number;
mod path;
mod progress;
mod rows;
mod scale;
mod series;
mod stack;
mod unit;

pub use allocation::{Allocation, Step};
pub use band::{Band, Track};
pub use counts::{Counts, Tally};
pub use days::Mark;
pub use densities::{Belief, Densities, Density, Shape};
pub use forest::{Comparison, Forest, Status};
pub use inline::{Inline, Reach};
pub use label::{Heading, Label};
pub use lines::{Curve, Lines, Series};
pub use number::{Effect, Number};
pub(crate) use path::{Coord, Path};
pub use progress::Progress;
pub(crate) use scale::Scale;
pub use unit::Unit;

/// The stylesheet of all charts.
pub const STYLE: &str = include_str!("chart/chart.css");

#[cfg(test)]
mod tests;
