//! `upswing evaluate`: what another policy would have earned from the visitors of a log; needs no server.

mod input;
mod sheet;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Failure, say};
use crate::amount::MICROS;
use crate::report::table::cells::{Aligned, decimal, grouped, percent, signed_percent, wrapped};
use crate::stats::Estimate;
use crate::stats::offpolicy::log::Prior;
use crate::stats::offpolicy::{Evaluation, Overlap, Refusal, evaluate};

/// The intervals' confidence is 1 − this.
const ALPHA: f64 = 0.05;
/// Standard errors by which the mean weight may miss 1 before it is told.
const ODD_ERRORS: f64 = 4.0;
/// The share of visitors for whom the log may know nothing before it is told.
const TOLD_SHARE: f64 = 0.01;

const EXAMPLE: &str = "A policy that goes by the device, for logs with --context device:

  arm,probability,context
  old,0.1,phone
  new,0.9,phone
  old,1,desktop
  new,0,desktop

Nothing is said (exit code 1) when the log's visitors are worth fewer than 100
for the policy, or one of them has more than 5 % of all weight.";

/// Which log, and which policy.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct EvaluateArgs {
    /// CSV file with a header line and a row per decision; a name in `.gz` is decompressed
    file: PathBuf,
    /// The policy to judge: a CSV file with the columns arm and probability, and with --context also context; the
    /// probabilities of a context add up to 1, and an arm that is never given has 0
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Column of the log that names the arm that was given
    #[arg(long, value_name = "COLUMN")]
    arm: String,
    /// Column with the probability under which it was given, above 0
    #[arg(long, value_name = "COLUMN")]
    propensity: String,
    /// Column with what it earned: a number, true/false or yes/no; an empty cell is 0
    #[arg(long, value_name = "COLUMN")]
    reward: String,
    /// Column with what the policy goes by, such as a device or a position
    #[arg(long, value_name = "COLUMN")]
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

/// What is printed.
#[derive(Debug, Serialize)]
struct Judged {
    #[serde(flatten)]
    evaluation: Evaluation,
    /// The share of visitors to whom the policy gives an arm that the log never gave in their context.
    unsupported: f64,
    notes: Vec<String>,
}

/// Prints what the policy is worth.
///
/// # Errors
/// The mistakes of the files, and a log that tells too little about the policy.
pub(super) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let input = input::read(args)?;
    let unit = MICROS as f64;
    let prior = Prior::of(&input.log, unit);
    let cells = input.log.cells(&input.policy, prior, unit);
    let evaluation = evaluate(&cells, ALPHA).map_err(|why| Failure::input(refusal(why)))?;
    let unsupported = input.log.unsupported(&input.policy);
    let judged = Judged {
        notes: notes(&evaluation.overlap, unsupported),
        evaluation,
        unsupported,
    };
    match args.format {
        Format::Table => say(table(&judged).trim_end()),
        Format::Json => {
            let json = serde_json::to_string_pretty(&judged);
            say(&json.map_err(|error| Failure::input(error.to_string()))?);
        }
    }
    Ok(())
}

fn refusal(why: Refusal) -> String {
    match why {
        Refusal::NoData => {
            "The log never gave what the policy gives: it tells nothing about it.".to_owned()
        }
        Refusal::Unusable => {
            "The weights are beyond the range of numbers: check the column of propensities."
                .to_owned()
        }
        Refusal::FewEffective(overlap) => format!(
            "The log tells too little about the policy: its visitors are worth fewer than 100.\n{}",
            figures(&overlap)
        ),
        Refusal::Concentrated(overlap) => format!(
            "One visitor decides what the policy is worth: it has more than 5 % of all weight.\n{}",
            figures(&overlap)
        ),
    }
}

fn figures(overlap: &Overlap) -> String {
    format!(
        "{} visitors, worth {:.0} for this policy; mean weight {}, largest weight {} ({} of all).",
        grouped(overlap.visitors),
        overlap.effective,
        decimal(overlap.mean_weight),
        decimal(overlap.largest_weight),
        percent(Some(overlap.largest_share), 1)
    )
}

fn notes(overlap: &Overlap, unsupported: f64) -> Vec<String> {
    let mut notes = Vec::new();
    if unsupported > TOLD_SHARE {
        notes.push(format!(
            "To {} of visitors the policy gives an arm that the log never gave there. IPS counts them as earning nothing, SNIPS as \
             earning what the others do.",
            percent(Some(unsupported), 1)
        ));
    }
    // Var(w) = mean² · (n/ESS − 1), as ESS = (Σw)²/Σw².
    let excess = (overlap.visitors as f64 / overlap.effective - 1.0).max(0.0);
    let error = overlap.mean_weight * (excess / overlap.visitors as f64).sqrt();
    let miss = (overlap.mean_weight + unsupported - 1.0).abs();
    if miss > ODD_ERRORS * error + 1e-6 {
        notes.push(format!(
            "The mean weight is {}, which should be near {}: the propensities are not those under which the arms were given.",
            decimal(overlap.mean_weight),
            decimal(1.0 - unsupported)
        ));
    }
    notes
}

fn table(judged: &Judged) -> String {
    let of = &judged.evaluation;
    let mut table = Aligned::new(&["Mean reward", "Estimate", "95 %", "Against the log"]);
    table.row(vec![
        "the log's own policy".to_owned(),
        decimal(of.logged),
        String::new(),
        String::new(),
    ]);
    for (name, estimate) in [
        ("this policy, IPS", of.ips),
        ("this policy, SNIPS", of.snips),
        ("this policy, doubly robust", of.doubly_robust),
    ] {
        table.row(row(name, &estimate, of.logged));
    }
    let mut out = table.render();
    out.push('\n');
    out += &wrapped("Overlap:", &figures(&of.overlap));
    for note in &judged.notes {
        out += &wrapped("  !", note);
    }
    out
}

fn row(name: &str, estimate: &Estimate, logged: f64) -> Vec<String> {
    let interval = estimate
        .interval
        .map(|of| format!("{} to {}", decimal(of.low), decimal(of.high)));
    let against = (logged > 0.0).then(|| {
        let change = estimate.estimate / logged - 1.0;
        signed_percent(change)
    });
    vec![
        name.to_owned(),
        decimal(estimate.estimate),
        interval.unwrap_or_default(),
        against.unwrap_or_default(),
    ]
}
