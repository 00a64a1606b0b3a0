//! `upswing analyze`: the report of an experiment that ran elsewhere, from a CSV file with a row per visitor.
//!
//! The file becomes what the server would have: a definition, one epoch under the weights given, and cells. The report is
//! the server's. Rows are streamed; only with `--visitor`, whose rows are added up per visitor, and with a percentile as
//! `--cap`, which is the exact one, memory grows with visitors.
//! The report describes the moment at which the file was last changed.

mod definition;
mod rows;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use flate2::read::MultiGzDecoder;

use super::Failure;
use crate::amount::AmountError;
use crate::catalog::spec::{CapSpec, PercentileSpec};
use crate::report::{self, Question};
use crate::time::{Timestamp, Zone};
use definition::Columns;
pub(super) use rows::converted;

/// Arguments of `upswing analyze`.
#[derive(Debug, Clone, Args)]
pub struct AnalyzeArgs {
    /// CSV file with a header line and a row per visitor; a name in `.gz` is decompressed.
    pub file: PathBuf,
    /// Column that names the variant.
    #[arg(long, value_name = "COLUMN")]
    pub variant: String,
    /// The variant that the others are compared with.
    #[arg(long, value_name = "NAME")]
    pub control: String,
    /// Column that names the visitor; rows of one visitor are added up. Without it every row is a visitor.
    #[arg(long, value_name = "COLUMN")]
    pub visitor: Option<String>,
    /// Column that says whether the visitor converted: 0/1, true/false, yes/no, or a number (above 0 is yes). An empty
    /// cell is no. Repeatable; the first is the goal.
    #[arg(long, value_name = "COLUMN")]
    pub conversion: Vec<String>,
    /// Column with an amount, such as revenue; an empty cell is 0. Repeatable.
    #[arg(long, value_name = "COLUMN")]
    pub sum: Vec<String>,
    /// Where a sum's totals are cut off (winsorised): COLUMN=AMOUNT, or COLUMN=PERCENT% for that percentile of the totals of
    /// all visitors. Repeatable.
    #[arg(long, value_name = "COLUMN=CAP", value_delimiter = ',', value_parser = cap)]
    pub cap: Vec<(String, CapSpec)>,
    /// Take the percentiles of --cap over the visitors whose total is not zero.
    #[arg(long, requires = "cap")]
    pub ignore_zeros: bool,
    /// How visitors were split: NAME=WEIGHT, separated by commas. Without it the split was even over the variants found.
    #[arg(long, value_name = "NAME=WEIGHT", value_delimiter = ',', value_parser = weight)]
    pub weights: Vec<(String, f64)>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How to print a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a terminal.
    Table,
    /// What the API answers.
    Json,
    /// One line per metric and variant.
    Csv,
    /// A workbook, to be sent to a file.
    Xlsx,
}

impl Format {
    /// Whether it may go to where output goes: a terminal shows no workbook.
    ///
    /// # Errors
    /// A [`Failure`] that tells how to send it to a file.
    pub(super) fn may_go_out(self) -> Result<(), Failure> {
        if self == Self::Xlsx && io::stdout().is_terminal() {
            let hint = "a workbook is not for a terminal: send it to a file, as in --format xlsx > report.xlsx";
            return Err(Failure::usage(hint));
        }
        Ok(())
    }
}

/// Why a file cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file is no well-formed CSV.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// No metric was asked for.
    #[error("name at least one column with --conversion or --sum")]
    NoMetric,
    /// A column does not exist.
    #[error("there is no column \"{column}\"; the header has: {known}")]
    MissingColumn {
        /// The column.
        column: String,
        /// The header.
        known: String,
    },
    /// A cell cannot be used.
    #[error("line {line}, column \"{column}\": {problem}")]
    Cell {
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: CellProblem,
    },
    /// No row has the control.
    #[error("no row has the control \"{control}\"; the variants are: {known}")]
    NoControl {
        /// The control asked for.
        control: String,
        /// The variants found.
        known: String,
    },
    /// The columns make no valid experiment.
    #[error("{0}")]
    Definition(String),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Output(#[from] io::Error),
}

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellProblem {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is no amount.
    #[error("\"{0}\" {1}")]
    Amount(String, AmountError),
    /// It is neither yes nor no.
    #[error("\"{0}\" is neither 0/1, true/false, yes/no nor a number")]
    Conversion(String),
    /// It is a variant without a weight.
    #[error("\"{0}\" is none of the variants of --weights")]
    UnknownVariant(String),
    /// There are more variants than an experiment can have.
    #[error("\"{0}\" is one variant too many: is this the column that names the variant?")]
    TooManyVariants(String),
    /// The visitor has another variant on an earlier line.
    #[error("the visitor \"{visitor}\" is in \"{variant}\" and was in \"{before}\" before")]
    Crossover {
        /// The visitor.
        visitor: String,
        /// The variant of this line.
        variant: String,
        /// The variant of an earlier line.
        before: String,
    },
}

/// Analyses a file and prints its report to `out`.
///
/// # Errors
/// [`AnalyzeError`] for a file, column or cell that cannot be used, and for a report that cannot be written.
pub fn run(args: &AnalyzeArgs, out: &mut dyn Write) -> Result<(), AnalyzeError> {
    let columns = Columns::new(args)?;
    let as_of = changed_at(&args.file)?;
    let counted = rows::read(open(&args.file)?, args, &columns)?;
    let entry = definition::entry(args, &columns, &counted, as_of)?;
    let cells = counted.cells();
    // A file without times has one day, which is not over: it tells nothing about a day's traffic.
    let today = cells.first_day().unwrap_or_else(|| Zone::utc().day(as_of));
    let report = report::report(&Question::present(&entry, &cells, (as_of, today)));
    match args.format {
        Format::Table => out.write_all(report::table::render(&report).as_bytes())?,
        Format::Csv => out.write_all(report::csv::render(&report).as_bytes())?,
        Format::Xlsx => {
            let workbook = report::xlsx::render(&report, &entry).map_err(io::Error::other)?;
            out.write_all(&workbook)?;
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(out.flush()?)
}

fn failed(file: &Path) -> impl Fn(io::Error) -> AnalyzeError {
    let file = file.display().to_string();
    move |source| AnalyzeError::Open {
        file: file.clone(),
        source,
    }
}

/// When the file was last changed.
fn changed_at(file: &Path) -> Result<Timestamp, AnalyzeError> {
    let metadata = std::fs::metadata(file).map_err(failed(file))?;
    let modified = metadata.modified().map_err(failed(file))?;
    let since_1970 = modified
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let millis = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(millis).map_err(|error| {
        let odd = io::Error::new(io::ErrorKind::InvalidData, format!("its time {error}"));
        failed(file)(odd)
    })
}

/// Opens a file; one whose name ends in `.gz` is decompressed.
pub(super) fn open(file: &Path) -> Result<Box<dyn Read>, AnalyzeError> {
    let opened = File::open(file).map_err(failed(file))?;
    let is_compressed = file
        .extension()
        .is_some_and(|of| of.eq_ignore_ascii_case("gz"));
    Ok(if is_compressed {
        Box::new(MultiGzDecoder::new(opened))
    } else {
        Box::new(opened)
    })
}

/// Reads NAME=WEIGHT.
pub(super) fn weight(text: &str) -> Result<(String, f64), String> {
    let (name, weight) = text.rsplit_once('=').ok_or("is not NAME=WEIGHT")?;
    let weight: f64 = weight
        .trim()
        .parse()
        .map_err(|_| "has a weight that is not a number")?;
    if weight.is_finite() && weight > 0.0 {
        Ok((name.trim().to_owned(), weight))
    } else {
        Err("has a weight that is not above 0".to_owned())
    }
}

/// Reads COLUMN=AMOUNT or COLUMN=PERCENT%.
fn cap(text: &str) -> Result<(String, CapSpec), String> {
    let (name, cap) = text.rsplit_once('=').ok_or("is not COLUMN=CAP")?;
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let cap = match cap.trim().strip_suffix('%') {
        Some(percentage) => number(percentage).map(|percentile| {
            CapSpec::Percentile(PercentileSpec {
                percentile,
                ignore_zeros: false,
            })
        }),
        None => number(cap).map(CapSpec::Fixed),
    };
    let cap = cap.filter(|cap| cap.compiled().is_some());
    let cap = cap.ok_or(
        "has a cap that is neither a positive amount nor a percentage from 50 % to below 100 %",
    )?;
    Ok((name.trim().to_owned(), cap))
}

/// Whether a list names something twice.
fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests;
