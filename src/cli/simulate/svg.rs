//! The results of scenarios as a picture: regret and the share of the best variant over time, a line per policy.

use std::fmt::Write;

use crate::report::table::cells::grouped;
use crate::simulation::{MeanPoint, PolicySummary, Summary};

const WIDTH: f64 = 960.0;
/// Height of the row of a scenario.
const ROW: f64 = 340.0;
/// A panel's size, and its place in the row.
const PANEL: [f64; 2] = [360.0, 230.0];
const TOP: f64 = 48.0;
const LEFTS: [f64; 2] = [70.0, 510.0];
/// Colours that people with colour blindness can tell apart (Okabe and Ito), for lines on white.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f3c8d",
];
const GREYS: [&str; 2] = ["#999999", "#333333"];

/// What a panel shows of a point.
struct Panel {
    title: &'static str,
    left: f64,
    read: fn(&MeanPoint) -> f64,
    /// The largest value.
    most: f64,
    label: fn(f64) -> String,
}

/// Renders the scenarios one below the other.
pub(super) fn render(summaries: &[Summary]) -> String {
    let height = ROW * summaries.len() as f64;
    let rows = summaries.iter().enumerate();
    let rows: String = rows.map(|(at, of)| row(of, ROW * at as f64)).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n{rows}</svg>"
    )
}

fn row(of: &Summary, top: f64) -> String {
    let points = || of.policies.iter().flat_map(|policy| &policy.curve);
    let regret = points().map(|point| point.regret).fold(0.0, f64::max);
    let panels = [
        Panel {
            title: "Regret",
            left: LEFTS[0],
            read: |point| point.regret,
            most: rounded_up(regret),
            label: |value| format!("{value}"),
        },
        Panel {
            title: "Share of visitors on the best variant",
            left: LEFTS[1],
            read: |point| point.best,
            most: 1.0,
            label: |value| format!("{:.0} %", 100.0 * value),
        },
    ];
    let mut out = format!("<g transform=\"translate(0 {top})\">\n");
    let title = escaped(&of.scenario);
    let runs = grouped(of.runs as u64);
    out += &text((LEFTS[0], 20.0), "start", &format!("{title} ({runs} runs)"));
    for panel in &panels {
        out += &panel.frame(of.visitors);
        for (at, policy) in of.policies.iter().enumerate() {
            out += &panel.line(policy, colour(at, policy), of.visitors);
        }
    }
    out += &legend(&of.policies);
    out + "</g>\n"
}

fn colour(at: usize, policy: &PolicySummary) -> &'static str {
    let palette: &[&str] = if policy.reference { &GREYS } else { &COLOURS };
    palette[at % palette.len()]
}

impl Panel {
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let from_top = 1.0 - (y / self.most).clamp(0.0, 1.0);
        (self.left + PANEL[0] * x, TOP + PANEL[1] * from_top)
    }

    /// Title, grid and numbers.
    fn frame(&self, visitors: u64) -> String {
        let mut out = text((self.left, TOP - 8.0), "start", self.title);
        for step in 0..=4_u64 {
            let part = step as f64 / 4.0;
            let (x, y) = self.place(0.0, self.most * part);
            let right = x + PANEL[0];
            // Writing to a text never fails.
            let _ = writeln!(
                out,
                "<line x1=\"{x}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>"
            );
            out += &text((x - 6.0, y + 4.0), "end", &(self.label)(self.most * part));
            let (x, y) = self.place(part, 0.0);
            out += &text((x, y + 18.0), "middle", &grouped(visitors * step / 4));
        }
        out
    }

    fn line(&self, policy: &PolicySummary, colour: &str, visitors: u64) -> String {
        let mut points = String::new();
        for point in &policy.curve {
            let part = point.visitors as f64 / visitors.max(1) as f64;
            let (x, y) = self.place(part, (self.read)(point));
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        let points = points.trim_end();
        format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n"
        )
    }
}

fn legend(policies: &[PolicySummary]) -> String {
    let mut out = String::new();
    let y = TOP + PANEL[1] + 42.0;
    let each = (WIDTH - 2.0 * LEFTS[0]) / policies.len().max(1) as f64;
    for (at, policy) in policies.iter().enumerate() {
        let x = LEFTS[0] + each * at as f64;
        let (end, colour) = (x + 18.0, colour(at, policy));
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{y}\" x2=\"{end:.1}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        out += &text((end + 6.0, y + 4.0), "start", &escaped(&policy.policy));
    }
    out
}

fn text((x, y): (f64, f64), anchor: &str, content: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The next number above that is 1, 2, 4 or 8 times a power of ten: its quarters are short.
fn rounded_up(number: f64) -> f64 {
    if number <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0].map(|step| step * power);
    let fits = steps.into_iter().find(|step| *step >= number);
    fits.unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_short_numbers() {
        for (number, end) in [
            (0.0, 1.0),
            (0.3, 0.4),
            (350.0, 400.0),
            (800.0, 800.0),
            (801.0, 1000.0),
        ] {
            assert!((rounded_up(number) - end).abs() < 1e-9, "{number}");
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a<b & c"), "a&lt;b &amp; c");
    }
}
