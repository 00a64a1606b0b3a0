//! `upswing plan`: what the traffic can decide, from an experiment file; needs no server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Failure, say};
use crate::catalog::experiment::Experiment;
use crate::catalog::read_files;
use crate::clock::Clock;
use crate::plan::{Ask, Question, plan, table};

/// Which experiment, and what is to be seen.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// A file of the experiments directory
    file: PathBuf,
    /// The relative change to find, such as 0.05 for +5 % [default: that of the goal]
    #[arg(long, allow_negative_numbers = true)]
    lift: Option<f64>,
    /// Visitors of its audience per day
    #[arg(long, value_name = "NUMBER")]
    visitors_per_day: f64,
    /// The control's mean of the goal metric: a rate such as 0.03 for a conversion
    #[arg(long, value_name = "MEAN", allow_negative_numbers = true)]
    baseline: f64,
    /// The standard deviation between visitors, for a metric that is no conversion
    #[arg(long)]
    sd: Option<f64>,
    /// By when it should be decided, in days [default: its `ends` or `goal.by`]
    #[arg(long)]
    days: Option<u32>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for a terminal
    Table,
    /// What the API answers
    Json,
}

/// Prints a plan.
///
/// # Errors
/// The file's mistakes, and figures that are impossible or missing.
pub(super) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let experiment = read(args)?;
    let planned = plan(&Question {
        experiment: &experiment,
        own: None,
        now: Clock::System.now(),
        ask: Ask {
            lift: args.lift,
            visitors_per_day: Some(args.visitors_per_day),
            baseline: Some(args.baseline),
            sd: args.sd,
            days: args.days,
        },
    });
    let planned = planned.map_err(|error| Failure::input(error.to_string()))?;
    match args.format {
        Format::Table => say(table::render(&planned).trim_end()),
        Format::Json => {
            let json = serde_json::to_string_pretty(&planned);
            say(&json.map_err(|error| Failure::input(error.to_string()))?);
        }
    }
    Ok(())
}

fn read(args: &PlanArgs) -> Result<Experiment, Failure> {
    let file = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::input(format!("{file}: {error}")))?;
    let (mut specs, mut mistakes) = read_files(&[(file, text)]);
    if let Some((_, spec)) = specs.pop() {
        match Experiment::compile(spec, None) {
            Ok(experiment) => return Ok(experiment),
            Err(found) => mistakes = found,
        }
    }
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Err(Failure::input(lines.join("\n")))
}
