//! `upswing import`: history from a file to a running server.
//!
//! NDJSON goes out as it is, in one streamed request. Records of CSV become rows of NDJSON, sent in requests of bounded
//! size, so that a rejection can be told with its line. Importing a file again changes nothing.

mod rows;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use indicatif::{HumanCount, ProgressBar};
use serde::Deserialize;

use super::analyze::weight;
use super::client::Client;
use super::{Failure, progress, say};
use crate::clock;
use crate::id::ExperimentKey;
use crate::time::Timestamp;
use rows::{Columns, EventColumns, Layout, Unusable, event_columns};

/// Where rows go.
const PATH: &str = "/api/v1/import";
/// Rows of a request made of CSV.
const BATCH: usize = 20_000;
/// Rejections that are told; all are counted.
const TOLD: usize = 10;

/// What is imported.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// A file named .csv or .ndjson, or either with .gz
    file: PathBuf,
    /// CSV: the experiment that the visitors were in
    #[arg(long, value_name = "KEY", value_parser = ExperimentKey::parse)]
    experiment: Option<ExperimentKey>,
    /// CSV: column that names the visitor [default: every record is a visitor, named by its number]
    #[arg(long, value_name = "COLUMN")]
    visitor: Option<String>,
    /// CSV: column that names the variant
    #[arg(long, value_name = "COLUMN")]
    variant: Option<String>,
    /// CSV: column with the time of the assignment [default: when the experiment started, else 2026-01-01]
    #[arg(long, value_name = "COLUMN")]
    at: Option<String>,
    /// CSV: column with the time of the events [default: a second after the assignment]
    #[arg(long, value_name = "COLUMN")]
    event_at: Option<String>,
    /// CSV: how visitors were split: NAME=WEIGHT, separated by commas [default: unknown, and the report says so]
    #[arg(long, value_name = "NAME=WEIGHT", value_delimiter = ',', value_parser = weight)]
    weights: Vec<(String, f64)>,
    /// CSV: column with an attribute of the visitor, for dimensions; repeatable
    #[arg(long, value_name = "COLUMN")]
    attribute: Vec<String>,
    /// CSV: an event, the column that says whether it happened (0/1, true/false, yes/no, a number), and the column of
    /// its revenue; repeatable
    #[arg(long, value_name = "EVENT=FLAG[:AMOUNT]", value_parser = event_columns)]
    event: Vec<EventColumns>,
}

/// What the server made of a request.
#[derive(Deserialize)]
struct Answer {
    accepted: u64,
    duplicates: u64,
    rejected: Vec<Rejection>,
    rejected_count: u64,
}

#[derive(Deserialize)]
struct Rejection {
    index: usize,
    code: String,
    path: String,
    detail: String,
}

/// What of the definition matters here.
#[derive(Deserialize)]
struct Definition {
    started_at: Option<Timestamp>,
}

/// What became of all rows.
#[derive(Default)]
struct Total {
    accepted: u64,
    duplicates: u64,
    rejected: u64,
    told: Vec<String>,
}

/// Imports a file.
///
/// # Errors
/// A file that can not be read, rows that were rejected, a server that refuses or can not be reached.
pub(super) fn run(client: &Client, args: &ImportArgs) -> Result<(), Failure> {
    let name = args.file.to_string_lossy().to_lowercase();
    let unpacked = name.strip_suffix(".gz");
    let packed = unpacked.is_some();
    let (_, kind) = unpacked
        .unwrap_or(&name)
        .rsplit_once('.')
        .unwrap_or_default();
    let unreadable = |error| Failure::input(format!("{}: {error}", args.file.display()));
    let file = File::open(&args.file).map_err(unreadable)?;
    let bar = progress(
        Some(file.metadata().map_err(unreadable)?.len()),
        "bytes imported",
    );
    let file = bar.wrap_read(file);
    let total = if kind == "ndjson" {
        pass_on(client, file, packed)
    } else if kind == "csv" {
        let columns = columns(client, args)?;
        let text: Box<dyn Read> = if packed {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        convert(client, text, &columns)
    } else {
        return Err(Failure::usage(
            "the file's name must end in .csv, .csv.gz, .ndjson or .ndjson.gz",
        ));
    };
    finish(&bar, total?)
}

fn finish(bar: &ProgressBar, total: Total) -> Result<(), Failure> {
    bar.finish_and_clear();
    say(&format!(
        "{} accepted, {} duplicates, {} rejected",
        HumanCount(total.accepted),
        HumanCount(total.duplicates),
        HumanCount(total.rejected)
    ));
    if total.rejected == 0 {
        return Ok(());
    }
    let mut lines = total.told;
    if total.rejected > lines.len() as u64 {
        lines.push("…".to_owned());
    }
    Err(Failure::input(lines.join("\n")))
}

/// Sends NDJSON as it is.
fn pass_on(client: &Client, file: impl Read, packed: bool) -> Result<Total, Failure> {
    let answer: Answer = if packed {
        let mut file = file;
        client.upload(PATH, &mut file)?
    } else {
        let mut packing = flate2::read::GzEncoder::new(file, Compression::fast());
        client.upload(PATH, &mut packing)?
    };
    let mut total = Total::default();
    total.add(answer, |index| format!("row {}", index + 1));
    Ok(total)
}

/// Which columns mean what, and when the experiment started.
fn columns(client: &Client, args: &ImportArgs) -> Result<Columns, Failure> {
    let (Some(experiment), Some(variant)) = (&args.experiment, &args.variant) else {
        return Err(Failure::usage(
            "a CSV file needs --experiment and --variant",
        ));
    };
    let definition: Definition = client.get(&format!("/api/v1/experiments/{experiment}"))?;
    let earliest = || Timestamp::parse(clock::MANUAL_START).ok();
    let fixed_time = definition.started_at.or_else(earliest);
    Ok(Columns {
        experiment: experiment.clone(),
        visitor: args.visitor.clone(),
        variant: variant.clone(),
        at: args.at.clone(),
        event_at: args.event_at.clone(),
        attributes: args.attribute.clone(),
        events: args.event.clone(),
        allocation: allocation(&args.weights),
        fixed_time: fixed_time.unwrap_or_else(Timestamp::earliest),
    })
}

/// Weights as probabilities.
fn allocation(weights: &[(String, f64)]) -> Option<BTreeMap<String, f64>> {
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let shares = weights.iter();
    let shares = shares.map(|(variant, weight)| (variant.clone(), weight / total));
    (total > 0.0).then(|| shares.collect())
}

/// Sends the records of a CSV file.
fn convert(client: &Client, text: impl Read, columns: &Columns) -> Result<Total, Failure> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().map_err(|error| broken(&error))?.clone();
    let layout =
        Layout::new(columns, &header).map_err(|error| Failure::input(error.to_string()))?;
    let mut record = csv::StringRecord::new();
    let (mut total, mut request) = (Total::default(), Request::default());
    for number in 1.. {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(number + 1, csv::Position::line);
                match layout.rows(number, &record) {
                    Ok(rows) => rows.iter().try_for_each(|row| request.push(line, row))?,
                    Err(error) => total.unusable(line, &error),
                }
            }
            Err(error) if error.is_io_error() => return Err(broken(&error)),
            Err(error) => {
                let line = error.position().map_or(number + 1, csv::Position::line);
                total.reject(|| format!("line {line}: {error}"));
            }
        }
        if request.lines.len() >= BATCH {
            std::mem::take(&mut request).send(client, &mut total)?;
        }
    }
    request.send(client, &mut total)?;
    Ok(total)
}

fn broken(error: &csv::Error) -> Failure {
    Failure::input(format!("the file can not be read: {error}"))
}

/// Rows on their way, compressed, and the line that each comes from.
struct Request {
    packed: GzEncoder<Vec<u8>>,
    lines: Vec<u64>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            packed: GzEncoder::new(Vec::new(), Compression::fast()),
            lines: Vec::new(),
        }
    }
}

impl Request {
    fn push(&mut self, line: u64, row: &rows::Row<'_>) -> Result<(), Failure> {
        let packed = serde_json::to_writer(&mut self.packed, row).map_err(std::io::Error::from);
        let packed = packed.and_then(|()| self.packed.write_all(b"\n"));
        packed.map_err(|error| Failure::input(format!("line {line}: {error}")))?;
        self.lines.push(line);
        Ok(())
    }

    fn send(self, client: &Client, total: &mut Total) -> Result<(), Failure> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let packed = self.packed.finish();
        let packed = packed.map_err(|error| Failure::input(error.to_string()))?;
        let answer: Answer = client.upload(PATH, &mut packed.as_slice())?;
        total.add(answer, |index| {
            format!(
                "line {}",
                self.lines.get(index).copied().unwrap_or_default()
            )
        });
        Ok(())
    }
}

impl Total {
    fn add(&mut self, answer: Answer, place: impl Fn(usize) -> String) {
        self.accepted += answer.accepted;
        self.duplicates += answer.duplicates;
        let unlisted = answer
            .rejected_count
            .saturating_sub(answer.rejected.len() as u64);
        for rejection in answer.rejected {
            self.reject(|| {
                let (at, code) = (place(rejection.index), &rejection.code);
                format!("{at}: {code}: {} {}", rejection.path, rejection.detail)
            });
        }
        self.rejected += unlisted;
    }

    fn unusable(&mut self, line: u64, error: &Unusable) {
        self.reject(|| format!("line {line}: {error}"));
    }

    fn reject(&mut self, reason: impl FnOnce() -> String) {
        self.rejected += 1;
        if self.told.len() < TOLD {
            self.told.push(reason());
        }
    }
}
