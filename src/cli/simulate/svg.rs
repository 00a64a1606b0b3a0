//! The results of scenarios as a picture: regret and the share of the best variant over time, a line per policy.

use askama::Template;

use super::super::Failure;
use crate::chart::{Coord, Path, Scale, Unit};
use crate::report::table::cells::grouped;
use crate::simulation::{MeanPoint, PolicySummary, Summary};

const WIDTH: f64 = 960.0;
/// Height of the row of a scenario.
const ROW: f64 = 340.0;
/// A panel's size, and its place in the row.
const PANEL: [f64; 2] = [360.0, 230.0];
const LEFTS: [f64; 2] = [70.0, 510.0];
/// Colours that people with colour blindness can tell apart (Okabe and Ito), for lines on white.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f3c8d",
];
const GREYS: [&str; 2] = ["#999999", "#333333"];

/// The scenarios one below the other.
#[derive(Template)]
#[template(path = "cli/simulate/picture.svg", config = "src/askama.toml")]
struct Picture<'a> {
    width: f64,
    height: f64,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    top: f64,
    of: &'a Summary,
    runs: String,
    panels: [Panel; 2],
    keys: Vec<Key<'a>>,
}

/// A figure over time.
struct Panel {
    title: &'static str,
    left: f64,
    /// Places and numbers of the ticks.
    down: Vec<(Coord, String)>,
    across: Vec<(Coord, String)>,
    lines: Vec<(&'static str, Path)>,
}

/// The name of a line.
struct Key<'a> {
    at: Coord,
    colour: &'static str,
    name: &'a str,
}

/// Renders the scenarios.
///
/// # Errors
/// A picture that cannot be written.
pub(super) fn render(summaries: &[Summary]) -> Result<String, Failure> {
    let numbered = summaries.iter().enumerate();
    let picture = Picture {
        width: WIDTH,
        height: ROW * summaries.len() as f64,
        rows: numbered.map(|(at, of)| row(of, ROW * at as f64)).collect(),
    };
    picture
        .render()
        .map_err(|error| Failure::input(error.to_string()))
}

fn row(of: &Summary, top: f64) -> Row<'_> {
    let points = of.policies.iter().flat_map(|policy| &policy.curve);
    let regret = points.map(|point| point.regret).fold(0.0, f64::max);
    let regrets = Axis {
        scale: Scale::around(0.0, if regret > 0.0 { regret } else { 1.0 }, 5),
        unit: Unit::Plain,
        read: |point| point.regret,
    };
    let shares = Axis {
        scale: Scale::around(0.0, 1.0, 5),
        unit: Unit::Percent,
        read: |point| point.best,
    };
    let each = (WIDTH - 2.0 * LEFTS[0]) / of.policies.len().max(1) as f64;
    let keys = of.policies.iter().enumerate().map(|(at, policy)| Key {
        at: Coord(LEFTS[0] + each * at as f64),
        colour: colour(at, policy),
        name: &policy.policy,
    });
    Row {
        top,
        of,
        runs: grouped(of.runs as u64),
        panels: [
            regrets.panel("Regret", LEFTS[0], of),
            shares.panel("Share of visitors on the best variant", LEFTS[1], of),
        ],
        keys: keys.collect(),
    }
}

fn colour(at: usize, policy: &PolicySummary) -> &'static str {
    let palette: &[&str] = if policy.reference { &GREYS } else { &COLOURS };
    palette[at % palette.len()]
}

/// What a panel shows of a point.
struct Axis {
    scale: Scale,
    unit: Unit,
    read: fn(&MeanPoint) -> f64,
}

impl Axis {
    fn panel(&self, title: &'static str, left: f64, of: &Summary) -> Panel {
        let time = Scale::within(0.0, of.visitors as f64, 4);
        let [width, height] = PANEL;
        let y = |value: f64| height * (1.0 - self.scale.place(value));
        let down = self.scale.ticks();
        let across = time.ticks();
        let line = |(at, policy): (usize, &PolicySummary)| {
            let mut path = Path::default();
            for (at, point) in policy.curve.iter().enumerate() {
                let x = width * time.place(point.visitors as f64);
                path.on(at == 0, x, y((self.read)(point)));
            }
            (colour(at, policy), path)
        };
        Panel {
            title,
            left,
            down: down
                .map(|tick| (Coord(y(tick)), self.unit.tick(tick, self.scale.step(), "")))
                .collect(),
            across: across
                .map(|tick| {
                    let x = Coord(width * time.place(tick));
                    (x, Unit::Plain.tick(tick, time.step(), ""))
                })
                .collect(),
            lines: of.policies.iter().enumerate().map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::simulation::Ratio;

    use super::*;

    #[test]
    fn names_are_escaped_and_axes_end_at_short_numbers() {
        let point = |visitors, regret| MeanPoint {
            visitors,
            regret,
            best: 0.5,
        };
        let ratio = Ratio {
            value: 1.0,
            std_error: None,
        };
        let policy = PolicySummary {
            policy: "a<b & c".to_owned(),
            reference: false,
            regret: ratio,
            to_uniform: None,
            to_thompson: None,
            against: None,
            right: ratio,
            half_after: None,
            most_after: None,
            stop: None,
            report: None,
            curve: vec![point(500, 10.0), point(1_000, 350.0)],
        };
        let summary = Summary {
            scenario: "<one>".to_owned(),
            runs: 1_200,
            visitors: 1_000,
            policies: vec![policy],
        };
        let picture = render(&[summary]).unwrap();
        let document = roxmltree::Document::parse(&picture).unwrap();
        let texts: Vec<&str> = document.descendants().filter_map(|of| of.text()).collect();
        for text in ["<one> (1,200 runs)", "a<b & c", "400", "80 %", "1,000"] {
            assert!(texts.contains(&text), "{text} {texts:?}");
        }
        assert!(picture.contains("M180 224.3L360 28.8"), "{picture}");
    }
}
