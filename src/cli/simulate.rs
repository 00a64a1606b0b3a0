//! `upswing simulate`: policies tried on scenarios, on all cores; needs no server.

mod svg;
mod table;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;

use super::{Failure, progress, say};
use crate::simulation::{Run, Scenario, Summary, play, read, summary};

const EXAMPLE: &str = "A scenario, whose [experiment] is an ordinary definition:

  [traffic]
  visitors = 100_000
  per_day = 10_000
  batch = 1_000          # visitors between two calls of the policy
  reallocate = \"forced\"  # or \"tick\": by the server's rules for new epochs
  together = true        # the visitors of a batch come at one instant, as to a server whose clock is moved by hand
  looks = 10             # how often the report is read

  [truth]
  weekly = [1, 1, 1, 1, 1, 2, 2]
  promotions = [{ from = 20_000, until = 30_000, factor = 3 }]
  changes = [{ at = 50_000, variant = \"new\", rate = 0.02 }]
  variants = [
    { key = \"old\", rate = 0.03, value = { law = \"lognormal\", mean = 60, sigma = 1 } },
    { key = \"new\", rate = 0.04, delay = \"12h\" },
  ]

  [truth.segments]       # visitors that differ, by an attribute that the server is told
  attribute = \"segment\"
  values = [{ value = \"member\", share = 0.2, rates = { new = 0.02 } }, { value = \"guest\", share = 0.8 }]

  [[policies]]
  name = \"pooled\"
  allocation = { model = \"pooled\" }  # replaces keys of [experiment.allocation]
  against = \"exact TS\"  # another policy or a reference whose regret is its measure

experiments/scenarios/ has more.";

/// Which scenarios, and how often.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct SimulateArgs {
    /// A scenario file, or a directory with some
    file: PathBuf,
    /// Runs of each scenario
    #[arg(long, default_value_t = 200)]
    runs: u64,
    /// Seed of the first run; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads [default: one per core]
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Try this policy alone
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for a terminal
    Table,
    /// All figures
    Json,
    /// A picture of regret and of the share of the best variant over time
    Svg,
}

/// Plays the scenarios and prints what came of them.
///
/// # Errors
/// The mistakes of the files, and a policy that no scenario has.
pub(super) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    let scenarios = scenarios(args)?;
    let bar = progress(Some(args.runs * scenarios.len() as u64), "runs");
    let mut summaries = Vec::new();
    for scenario in &scenarios {
        let runs = played(scenario, args, &bar);
        summaries.push(summary(scenario, &runs));
    }
    bar.finish_and_clear();
    match args.format {
        Format::Table => {
            for summary in &summaries {
                say(&table::render(summary));
            }
            say(table::LEGEND);
        }
        Format::Json => say(&json(&summaries)?),
        Format::Svg => say(&svg::render(&summaries)?),
    }
    Ok(())
}

fn json(summaries: &[Summary]) -> Result<String, Failure> {
    serde_json::to_string_pretty(summaries).map_err(|error| Failure::input(error.to_string()))
}

/// The scenarios of the arguments, by file name.
fn scenarios(args: &SimulateArgs) -> Result<Vec<Scenario>, Failure> {
    let mut scenarios = Vec::new();
    let mut mistakes = Vec::new();
    for path in files(&args.file)? {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::input(format!("{file}: {error}")))?;
        match read(&text) {
            Ok(scenario) => scenarios.push(scenario),
            Err(found) => mistakes.extend(found.into_iter().map(|of| of.in_file(&file))),
        }
    }
    if !mistakes.is_empty() {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        return Err(Failure::input(lines.join("\n")));
    }
    if let Some(policy) = &args.policy {
        scenarios.retain_mut(|scenario| scenario.keep(policy));
        if scenarios.is_empty() {
            return Err(Failure::input(format!(
                "no scenario has a policy \"{policy}\""
            )));
        }
    }
    Ok(scenarios)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| Failure::input(format!("{}: {error}", path.display()));
    let mut files = Vec::new();
    for item in std::fs::read_dir(path).map_err(failed)? {
        let file = item.map_err(failed)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::input(format!(
            "{}: has no scenarios",
            path.display()
        )));
    }
    Ok(files)
}

/// All runs of a scenario in the order of their seeds, on as many threads as asked.
fn played(scenario: &Scenario, args: &SimulateArgs, bar: &ProgressBar) -> Vec<Run> {
    let threads = args
        .threads
        .or_else(|| thread::available_parallelism().ok());
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.runs {
                return done;
            }
            done.push((number, play(scenario, args.seed.wrapping_add(number))));
            bar.inc(1);
        }
    };
    let mut runs: Vec<(u64, Run)> = thread::scope(|scope| {
        let threads = threads.map_or(1, NonZero::get);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    });
    runs.sort_by_key(|(number, _)| *number);
    runs.into_iter().map(|(_, run)| run).collect()
}
