//! `upswing report`: what an experiment shows, as the server reports it.

use std::io::Write;

use clap::Args;

use super::analyze::Format;
use super::client::Client;
use super::{Failure, say};
use crate::catalog::GLOBAL_HOLDOUT;
use crate::id::ExperimentKey;
use crate::report::{Report, table};

/// Which report, and how.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The experiment, or global-holdout for all of them together
    #[arg(value_parser = ExperimentKey::parse)]
    key: ExperimentKey,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// As of which moment, such as 2026-12-24T18:00:00Z [default: now]
    #[arg(long)]
    as_of: Option<String>,
    /// Break the metrics down by these dimensions, with commas between them, or by all
    #[arg(long)]
    dimension: Option<String>,
    /// Show the evidence another way: always-valid, planned-looks, one-look, msprt or bayes
    #[arg(long)]
    method: Option<String>,
    /// Show the lifts as of the end of each of the last days
    #[arg(long)]
    days: Option<u32>,
}

/// Prints a report.
///
/// # Errors
/// As the server refuses, or can not be reached.
pub(super) fn run(client: &Client, args: &ReportArgs) -> Result<(), Failure> {
    let mut query = Vec::new();
    if let Some(as_of) = &args.as_of {
        query.push(("as_of", as_of.as_str()));
    }
    if let Some(dimension) = &args.dimension {
        query.push(("dimension", dimension.as_str()));
    }
    if let Some(method) = &args.method {
        query.push(("method", method.as_str()));
    }
    let days = args.days.map(|days| days.to_string());
    if let Some(days) = &days {
        query.push(("days", days.as_str()));
    }
    args.format.may_go_out()?;
    let format = match args.format {
        Format::Table | Format::Json => "json",
        Format::Csv => "csv",
        Format::Xlsx => "xlsx",
    };
    query.push(("format", format));
    let path = path(&args.key);
    match args.format {
        Format::Table => {
            let report = client.read(&client.get_bytes(&path, &query)?)?;
            say(table::render(&report).trim_end());
        }
        Format::Json | Format::Csv => say(client.get_text(&path, &query)?.trim_end()),
        Format::Xlsx => {
            let workbook = client.get_bytes(&path, &query)?;
            // A closed pipe is the reader's choice.
            drop(std::io::stdout().write_all(&workbook));
        }
    }
    Ok(())
}

/// Prints the table of an experiment as it is now.
///
/// # Errors
/// As the server refuses, or can not be reached.
pub(super) fn print(client: &Client, experiment: &ExperimentKey) -> Result<(), Failure> {
    let report: Report = client.get(&path(experiment))?;
    say(&table::render(&report));
    Ok(())
}

fn path(experiment: &ExperimentKey) -> String {
    if experiment.as_str() == GLOBAL_HOLDOUT {
        return "/api/v1/holdout/report".to_owned();
    }
    format!("/api/v1/experiments/{experiment}/report")
}
