//! A report as a workbook: the lines of the CSV on sheets of their own, the verdict and the health in front, and the history
//! of the allocation. Cells are typed: numbers stay numbers, and a text is a text whatever it begins with.
//!
//! A sheet has 50,000 lines at most, since a workbook is made in memory; where there are more, the notes say so, and the CSV
//! has them all.

mod cells;
mod overview;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use super::Report;
use super::lines::{self, Cell, Column, Line, Section};
use crate::catalog::Entry;
use crate::epoch::Epoch;
use cells::Styles;

/// Most lines of a sheet.
const MAX_ROWS: usize = 50_000;

const METRICS: [&[Column]; 5] = [
    &lines::METRIC,
    &lines::VARIANT,
    &lines::MEAN,
    &lines::DEFINED,
    &lines::DELAYS,
];
const COMPARISONS: [&[Column]; 12] = [
    &lines::METRIC,
    &lines::VARIANT,
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
];
const VARIANTS: [&[Column]; 2] = [&lines::VARIANT, &lines::TRAFFIC];
const TIMELINE: [&[Column]; 6] = [
    &lines::DAY,
    &lines::TIMELINE,
    &lines::METRIC,
    &lines::VARIANT,
    &lines::EFFECT,
    &lines::ALWAYS_VALID,
];
const BREAKDOWNS: [&[Column]; 13] = [
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
    &lines::INTERACTION,
    &lines::HARM,
    &lines::CAVEATS,
];
const HOLDOUT: [&[Column]; 9] = [
    &lines::METRIC,
    &lines::DEFINED,
    &lines::MEAN,
    &lines::BASELINE,
    &lines::METHOD,
    &lines::EFFECT,
    &lines::TEST,
    &lines::ALWAYS_VALID,
    &lines::SCALED,
];

/// A table that becomes a sheet.
struct Sheet {
    name: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// Whether there were more.
    cut: bool,
}

impl Sheet {
    fn new(
        name: &'static str,
        columns: Vec<&'static str>,
        mut rows: impl Iterator<Item = Vec<Cell>>,
    ) -> Self {
        Self {
            name,
            columns,
            rows: rows.by_ref().take(MAX_ROWS).collect(),
            cut: rows.next().is_some(),
        }
    }

    fn of_lines<'a>(
        name: &'static str,
        columns: &[&[Column]],
        lines: impl Iterator<Item = Line<'a>>,
    ) -> Self {
        let names = columns.iter().flat_map(|group| group.iter());
        let names = names.map(|column| column.name).collect();
        Self::new(name, names, lines.map(|line| line.cells(columns)))
    }
}

/// Renders a report of an experiment as the bytes of an .xlsx file.
///
/// # Errors
/// [`XlsxError`] where the workbook can not be written.
pub fn render(report: &Report, entry: &Entry) -> Result<Vec<u8>, XlsxError> {
    let of = |section| lines::lines(report).filter(move |line| line.section == section);
    let compared = of(Section::Metrics).filter(|line| line.with.is_some());
    let mut sheets = vec![
        overview::sheet(report, entry),
        Sheet::of_lines("Metrics", &METRICS, of(Section::Metrics)),
        Sheet::of_lines("Comparisons", &COMPARISONS, compared),
        Sheet::of_lines("Variants", &VARIANTS, lines::traffic(report)),
        Sheet::of_lines("Timeline", &TIMELINE, of(Section::Timeline)),
        Sheet::of_lines("Breakdowns", &BREAKDOWNS, of(Section::Breakdowns)),
        epochs(entry),
        overview::sources(report),
        Sheet::of_lines("Holdout", &HOLDOUT, of(Section::Holdout)),
    ];
    sheets.push(notes(report, &sheets));
    let mut workbook = Workbook::new();
    // The moment the report describes, so that the same report is the same file.
    let made = ExcelDateTime::from_timestamp(report.as_of.millis().div_euclid(1_000))?;
    let properties = DocProperties::new().set_title(cells::clipped(&report.experiment.name));
    workbook.set_properties(&properties.set_creation_datetime(&made));
    let styles = Styles::default();
    for sheet in &sheets {
        styles.write(sheet, workbook.add_worksheet())?;
    }
    workbook.save_to_buffer()
}

/// A line per epoch and variant.
fn epochs(entry: &Entry) -> Sheet {
    let columns = vec![
        "epoch",
        "era",
        "opened_at",
        "cause",
        "holdout_share",
        "variant",
        "weight",
        "visitors",
        "mean",
        "sd",
        "prob_best",
        "receipt",
    ];
    let rows = entry.epochs.iter().flat_map(|epoch| of_epoch(entry, epoch));
    Sheet::new("Epochs", columns, rows)
}

fn of_epoch<'a>(entry: &'a Entry, epoch: &'a Epoch) -> impl Iterator<Item = Vec<Cell>> {
    epoch.allocation.iter().map(move |(arm, weight)| {
        let mut believed = epoch.receipt.beliefs.iter();
        let believed = believed.find(|belief| belief.arm == arm);
        let label = entry.experiment.label(arm);
        vec![
            Cell::Count(epoch.number.0.into()),
            Cell::Count(epoch.era.0.into()),
            Cell::Time(epoch.opened_at),
            Cell::code(&epoch.cause),
            Cell::Share(epoch.holdout),
            label.map_or(Cell::Blank, Cell::Text),
            Cell::Share(weight),
            Cell::count(believed.map(|of| of.visitors)),
            Cell::number(believed.map(|of| of.mean)),
            Cell::number(believed.map(|of| of.sd)),
            Cell::share(believed.map(|of| of.prob_best)),
            Cell::text(&epoch.receipt.sentence),
        ]
    })
}

/// What the caveats mean, and which sheets are cut.
fn notes(report: &Report, sheets: &[Sheet]) -> Sheet {
    let told = report
        .notes
        .iter()
        .map(|note| vec![Cell::text(note.code.code()), Cell::text(&note.text)]);
    let cut = sheets.iter().filter(|sheet| sheet.cut).map(|sheet| {
        let text = format!(
            "The sheet {} has the first {MAX_ROWS} lines; the CSV has all.",
            sheet.name
        );
        vec![Cell::text("cut"), Cell::Text(text)]
    });
    Sheet::new("Notes", vec!["code", "meaning"], told.chain(cut))
}

#[cfg(test)]
pub(super) mod tests;
