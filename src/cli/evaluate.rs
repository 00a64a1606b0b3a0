//! `upswing evaluate`: what another policy would have earned from the visitors of a log, or of a server's experiment.

mod input;
mod policy;
mod sheet;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::{Failure, say};
use crate::amount::MICROS;
use crate::evaluate::Answer;
use crate::evaluate::judged::{ALPHA, Judged, Worth, refusal, weights};
use crate::id::ExperimentKey;
use crate::report::table::cells::{Aligned, decimal, signed_percent, wrapped};
use crate::stats::offpolicy::evaluate;
use crate::stats::offpolicy::log::Prior;

const EXAMPLE: &str = "A policy that goes by the device, for --context device:

  arm,probability,context
  old,0.1,phone
  new,0.9,phone
  old,1,desktop
  new,0,desktop

Of an experiment, arms are its variants and --context is one of its dimensions:

  upswing evaluate --experiment cart-nudge --policy policy.csv --metric revenue

Nothing is said (exit code 1) when the log's visitors are worth fewer than 100
for the policy, or one of them has more than 5 % of all weight.";

/// Which visitors, and which policy.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct EvaluateArgs {
    /// CSV file with a header line and a row per decision; a name in `.gz` is decompressed
    #[arg(required_unless_present = "experiment")]
    file: Option<PathBuf>,
    /// Judge by the visitors of an experiment of the server instead of a file
    #[arg(
        long,
        value_name = "KEY",
        value_parser = ExperimentKey::parse,
        conflicts_with_all = ["file", "arm", "propensity", "reward"]
    )]
    experiment: Option<ExperimentKey>,
    /// The policy to judge: a CSV file with the columns arm and probability, and with --context also context; the
    /// probabilities of a context add up to 1, and an arm that is never given has 0
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// What the experiment's visitors earned [default: its goal]
    #[arg(long, value_name = "KEY", requires = "experiment")]
    metric: Option<String>,
    /// Column of the log that names the arm that was given
    #[arg(long, value_name = "COLUMN", required_unless_present = "experiment")]
    arm: Option<String>,
    /// Column with the probability under which it was given, above 0
    #[arg(long, value_name = "COLUMN", required_unless_present = "experiment")]
    propensity: Option<String>,
    /// Column with what it earned: a number, true/false or yes/no; an empty cell is 0
    #[arg(long, value_name = "COLUMN", required_unless_present = "experiment")]
    reward: Option<String>,
    /// Column with what the policy goes by, such as a device or a position; of an experiment, the dimension
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for a terminal
    Table,
    /// All figures
    Json,
}

/// The columns of a log.
struct Columns<'a> {
    arm: &'a str,
    propensity: &'a str,
    reward: &'a str,
    context: Option<&'a str>,
}

/// Prints what the policy is worth.
///
/// # Errors
/// The mistakes of the files, visitors who tell too little about the policy, and no answer of the server.
pub(super) fn run(client: &Client, args: &EvaluateArgs) -> Result<(), Failure> {
    if let (Some(file), Some(arm), Some(propensity), Some(reward)) =
        (&args.file, &args.arm, &args.propensity, &args.reward)
    {
        let columns = Columns {
            arm,
            propensity,
            reward,
            context: args.context.as_deref(),
        };
        let judged = of_log(file, &args.policy, &columns)?;
        return show(args.format, &judged, &judged);
    }
    let answer = of_experiment(client, args)?;
    show(args.format, &answer, &answer.judged)
}

fn of_log(file: &Path, policy: &Path, columns: &Columns<'_>) -> Result<Judged, Failure> {
    let input = input::read(file, policy, columns)?;
    let unit = MICROS as f64;
    let prior = Prior::of(&input.log, unit);
    let cells = input.log.cells(&input.policy, prior, unit);
    let evaluation = evaluate(&cells, ALPHA).map_err(|why| Failure::input(refusal(why)))?;
    Ok(Judged::new(
        &evaluation,
        input.log.unsupported(&input.policy),
    ))
}

fn of_experiment(client: &Client, args: &EvaluateArgs) -> Result<Answer, Failure> {
    let mut shares = Vec::new();
    policy::read(&args.policy, args.context.is_some(), |stated| {
        let mut share = json!({ "arm": stated.arm, "probability": stated.probability });
        if let Some(context) = stated.context {
            share["context"] = json!(context);
        }
        shares.push(share);
        Ok(())
    })?;
    let mut body = json!({ "policy": shares });
    for (name, value) in [("metric", &args.metric), ("context", &args.context)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    let key = args.experiment.as_ref().map_or("", ExperimentKey::as_str);
    Ok(client.post(&format!("/api/v1/experiments/{key}/evaluate"), &body)?)
}

fn show(format: Format, whole: &impl Serialize, judged: &Judged) -> Result<(), Failure> {
    match format {
        Format::Table => say(table(judged).trim_end()),
        Format::Json => {
            let json = serde_json::to_string_pretty(whole);
            say(&json.map_err(|error| Failure::input(error.to_string()))?);
        }
    }
    Ok(())
}

fn table(of: &Judged) -> String {
    let mut table = Aligned::new(&["Mean reward", "Estimate", "95 %", "Lift"]);
    table.row(vec![
        "as it was".to_owned(),
        decimal(of.logged),
        String::new(),
        String::new(),
    ]);
    for (name, estimate) in [
        ("this policy, IPS", of.ips),
        ("this policy, SNIPS", of.snips),
        ("this policy, doubly robust", of.doubly_robust),
    ] {
        table.row(row(name, &estimate));
    }
    let mut out = table.render();
    out.push('\n');
    out += &wrapped("Overlap:", &weights(&of.overlap));
    for note in &of.notes {
        out += &wrapped("  !", note);
    }
    out
}

fn row(name: &str, worth: &Worth) -> Vec<String> {
    let interval = worth
        .mean
        .interval
        .map(|of| format!("{} to {}", decimal(of.low), decimal(of.high)));
    vec![
        name.to_owned(),
        decimal(worth.mean.estimate),
        interval.unwrap_or_default(),
        worth.lift.map(signed_percent).unwrap_or_default(),
    ]
}
