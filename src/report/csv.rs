//! A report as CSV: one line per metric and variant, with the comparison against the control; then the same of breakdowns,
//! of the days of the timeline, and of the policy against the holdout, told apart by `section`.
//!
//! Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a formula, so a text that does gets an apostrophe
//! in front. Numbers are written in full and are left alone.

use super::Report;
use super::lines::{self, Cell, Column};

/// All columns; a section leaves those blank that it does not have.
const COLUMNS: [&[Column]; 21] = [
    &lines::REPORT,
    &lines::DAY,
    &lines::FACET,
    &lines::METRIC,
    &lines::VARIANT,
    &lines::MEAN,
    &lines::BASELINE,
    &lines::HEADLINE,
    &lines::METHOD,
    &lines::EFFECT,
    &lines::TEST,
    &lines::ALWAYS_VALID,
    &lines::BAYES,
    &lines::SCALED,
    &lines::HARM,
    &lines::CAVEATS,
    &lines::DEFINED,
    &lines::DELAYS,
    &lines::INTERACTION,
    &lines::TIMELINE,
    &lines::TRAFFIC,
];

/// Renders a report.
pub fn render(report: &Report) -> String {
    let columns = COLUMNS.iter().flat_map(|group| group.iter());
    let names: Vec<&str> = columns.map(|column| column.name).collect();
    let mut out = names.join(",") + "\n";
    for line in lines::lines(report) {
        let cells: Vec<String> = line.cells(&COLUMNS).into_iter().map(written).collect();
        out += &cells.join(",");
        out.push('\n');
    }
    out
}

fn written(cell: Cell) -> String {
    match cell {
        Cell::Blank => String::new(),
        Cell::Text(of) => text(&of),
        Cell::Day(day) => day,
        Cell::Time(at) => at.to_string(),
        Cell::Count(count) => count.to_string(),
        Cell::Number(value) | Cell::Share(value) => value.to_string(),
        Cell::Flag(flag) => flag.to_string(),
    }
}

/// A text as one cell that no spreadsheet runs.
fn text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_run_by_a_spreadsheet() {
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(text("\tx"), "'\tx");
        assert_eq!(text("\r=1"), "\"'\r=1\"");
        assert_eq!(text("-2, \"x\""), "\"'-2, \"\"x\"\"\"");
        assert_eq!(text("plain"), "plain");
        assert_eq!(written(Cell::Number(-0.5)), "-0.5");
    }
}
