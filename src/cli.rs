//! The command line. `report`, `import`, `demo` and `evaluate --experiment` talk to a running server; `analyze`, `evaluate`,
//! `simulate`, `check`, `plan` and `replay` open files.
//!
//! Exit codes: 0 done, 1 the input has mistakes, 2 usage, 3 the store or log failed.

pub mod analyze;
mod check;
mod client;
mod demo;
mod evaluate;
mod import;
mod keys;
mod plan;
mod replay;
mod report;
mod serve;
mod simulate;
mod tls;
mod watch;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::catalog::mistake::Mistake;
use crate::config::{Config, Options};
use client::Client;

/// A multi-armed-bandit experimentation server.
#[derive(Debug, Parser)]
#[command(name = "upswing", version, about)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve (the default)
    Serve {
        /// Where the time comes from
        #[arg(long, value_enum, default_value_t = ClockKind::System)]
        clock: ClockKind,
    },
    /// Check experiment files
    Check {
        /// The directory [default: that of --experiments]
        directory: Option<PathBuf>,
    },
    /// Say what an experiment file's traffic can decide; needs no server
    Plan(plan::PlanArgs),
    /// Print what an experiment shows
    Report(report::ReportArgs),
    /// Send history from a CSV or NDJSON file to the server
    Import(import::ImportArgs),
    /// Report on an experiment that ran elsewhere, from a CSV file; needs no server
    Analyze(analyze::AnalyzeArgs),
    /// Say what another policy would have earned, from a log with propensities or from an experiment
    Evaluate(evaluate::EvaluateArgs),
    /// Try policies on scenarios of made-up visitors; needs no server
    Simulate(simulate::SimulateArgs),
    /// Play a shop's traffic against the server
    Demo(demo::DemoArgs),
    /// Make, list and revoke API keys, at the server or in the store of one that does not run
    #[command(subcommand)]
    Keys(keys::KeysVerb),
    /// Rebuild the state from the log and compare it with the stored one
    Replay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClockKind {
    /// The machine's clock
    System,
    /// A stopped clock, moved by PUT /api/v1/clock
    Manual,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The input has mistakes.
    pub fn input(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// The command was not used as it is meant.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 2,
        }
    }

    /// The store or log failed.
    pub fn store(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 3,
        }
    }

    fn mistakes(mistakes: &[Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Self::input(format!(
            "{}\n{} mistakes; nothing is served",
            lines.join("\n"),
            mistakes.len()
        ))
    }
}

impl From<analyze::AnalyzeError> for Failure {
    fn from(error: analyze::AnalyzeError) -> Self {
        Self::input(error.to_string())
    }
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when stderr is closed.
            drop(writeln!(std::io::stderr(), "{}", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = Config::new(arguments.options, Path::new("upswing.toml"));
    let config = config.map_err(|error| Failure::usage(error.to_string()))?;
    let client = || Client::new(&config.server, config.api_key.as_deref());
    match arguments.command {
        None => serve::run(&config, false),
        Some(Verb::Serve { clock }) => serve::run(&config, clock == ClockKind::Manual),
        Some(Verb::Check { directory }) => {
            check::run(directory.as_deref().unwrap_or(&config.experiments))
        }
        Some(Verb::Plan(args)) => plan::run(&args),
        Some(Verb::Report(args)) => report::run(&client(), &args),
        Some(Verb::Import(args)) => import::run(&client(), &args),
        Some(Verb::Analyze(args)) => {
            args.format.may_go_out()?;
            analyze::run(&args, &mut std::io::stdout().lock())?;
            Ok(())
        }
        Some(Verb::Evaluate(args)) => evaluate::run(&client(), &args),
        Some(Verb::Simulate(args)) => simulate::run(&args),
        Some(Verb::Demo(args)) => demo::run(&client(), &args),
        Some(Verb::Keys(verb)) => keys::run(&config, verb),
        Some(Verb::Replay) => replay::run(&config),
    }
}

/// Prints a line; a closed pipe is the reader's choice.
fn say(line: &str) {
    let mut out = std::io::stdout();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// A progress bar on stderr: over a known total, or counting.
fn progress(total: Option<u64>, unit: &str) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            format!("{{bar:40}} {{pos}}/{{len}} {unit} ({{eta}} left)"),
        ),
        None => (
            ProgressBar::new_spinner(),
            format!("{{spinner}} {{pos}} {unit} ({{per_sec}})"),
        ),
    };
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
