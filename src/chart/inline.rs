//! An effect in a cell of a table.

use std::fmt;

use askama::Template;

use super::forest::{Status, said};
use super::label::Label;
use super::number::{Effect, span};
use super::path::Coord;
use super::scale::Scale;
use super::unit::Unit;

/// Size of the picture, and the width that its markers need at both ends.
const WIDTH: f64 = 160.0;
const MARGIN: f64 = 8.0;

/// A common axis for the cells of a table, with zero in its middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach(f64);

impl Reach {
    /// The axis on which all of some effects can be compared.
    pub fn of(effects: impl IntoIterator<Item = Effect>) -> Self {
        let effects: Vec<Effect> = effects.into_iter().collect();
        let [low, high] = span(&effects, Some(0.0));
        Self(high.max(-low))
    }
}

/// An effect with its interval around zero, 160 × 20 pixels.
#[derive(Debug, Clone)]
pub struct Inline {
    /// What is compared, for those who hear the page.
    pub label: Label,
    /// Unit of the difference.
    pub unit: Unit,
    /// The axis.
    pub reach: Reach,
    /// The difference; none as long as there is no data.
    pub effect: Option<Effect>,
    /// What it means, if anything can be said.
    pub status: Option<Status>,
}

impl fmt::Display for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reach(reach) = self.reach;
        let scale = Scale::within(-reach, reach, 2);
        let place = |value: f64| MARGIN + (WIDTH - 2.0 * MARGIN) * scale.place(value);
        let bar = self.effect.map(|effect| {
            let [low, high] = effect.interval().unwrap_or([effect.estimate(); 2]);
            Bar {
                low: Coord(place(low)),
                high: Coord(place(high)),
                opens_low: scale.leaves(low),
                opens_high: scale.leaves(high),
                at: Coord(place(effect.estimate())),
            }
        });
        let picture = Picture {
            label: format!(
                "{}: {}",
                self.label,
                said(&self.unit, self.effect, self.status)
            ),
            class: Status::class(self.status),
            bar,
        };
        picture.render_into(f).map_err(|_| fmt::Error)
    }
}

impl askama::filters::HtmlSafe for Inline {}

/// In pixels from the left.
struct Bar {
    low: Coord,
    high: Coord,
    opens_low: bool,
    opens_high: bool,
    at: Coord,
}

#[derive(Template)]
#[template(path = "chart/inline.svg", config = "src/askama.toml")]
struct Picture {
    label: String,
    class: &'static str,
    bar: Option<Bar>,
}
