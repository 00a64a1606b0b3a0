//! `upswing demo --gallery`: two months of a shop with experiments in every state, for a dashboard worth looking at.
//!
//! The definitions beside this module are examples, too. What their variants truly do stands in [`cast`].

mod cast;
mod guest;
mod stage;

use serde::Deserialize;
use serde_json::Value;

use super::DemoArgs;
use crate::catalog::experiment::Status;
use crate::catalog::read_files;
use crate::cli::client::{Client, ClientError};
use crate::cli::{Failure, progress, say};
use crate::report::Report;
use crate::report::table::cells::wrapped;
use cast::PARTS;
use stage::Stage;

/// Visitors, unless another number is asked for.
pub(super) const GUESTS: u32 = 60_000;

#[derive(Deserialize)]
struct Known {
    experiments: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    key: String,
}

/// Defines the experiments, plays, and tells what can be seen.
///
/// # Errors
/// As the server refuses, or can not be reached; where time can not be moved; where an experiment is there already.
pub(super) fn run(client: &Client, args: &DemoArgs) -> Result<(), Failure> {
    let Some(start) = super::manual(client)? else {
        return Err(Failure::input(
            "the gallery plays two months, so it needs a clock that can be moved: start the server with \
             `upswing serve --clock manual`, and a directory for --data that may keep what is played",
        ));
    };
    define(client)?;
    let stage = Stage {
        client: client.clone(),
        start,
        guests: args.visitors.unwrap_or(GUESTS),
        seed: args.seed,
        connections: args.connections,
    };
    let bar = progress(Some(u64::from(stage.guests)), "visitors");
    stage.play(&bar)?;
    bar.finish_and_clear();
    show(client)
}

/// Defines all experiments as drafts, or none.
fn define(client: &Client) -> Result<(), Failure> {
    let known: Known = client.get("/api/v1/experiments")?;
    let mut known = known.experiments.iter();
    if let Some(there) = known.find(|of| PARTS.iter().any(|part| part.key == of.key)) {
        return Err(Failure::input(format!(
            "{} is there already: the gallery is played once, into a store without it",
            there.key
        )));
    }
    let files = PARTS.map(|part| (format!("{}.toml", part.key), part.definition.to_owned()));
    let (specs, mistakes) = read_files(&files);
    if !mistakes.is_empty() {
        return Err(Failure::mistakes(&mistakes));
    }
    for (_, spec) in specs {
        let path = format!("/api/v1/experiments/{}", spec.key);
        let _defined: Value = client.put(&path, &spec)?;
    }
    Ok(())
}

/// A line or two for each experiment and for the global holdout, and where to look.
fn show(client: &Client) -> Result<(), Failure> {
    let widest = PARTS.iter().map(|part| part.key.len()).max().unwrap_or(0);
    let line = |name: &str, state: &str, sentence: &str| {
        say(wrapped(&format!("{name:<widest$}  {state:<9} "), sentence).trim_end());
    };
    for part in &PARTS {
        let report: Report = client.get(&format!("/api/v1/experiments/{}/report", part.key))?;
        let state = state(report.experiment.status);
        line(part.key, state, &report.verdict.headline);
    }
    match client.get::<Report>("/api/v1/holdout/report") {
        Ok(report) => line("global-holdout", "", &report.verdict.headline),
        Err(ClientError::Refused(refusal)) if refusal.status == 404 => say(
            "Nobody is held out: `upswing serve --global-holdout 0.05` would show what all of it earns together.",
        ),
        Err(error) => return Err(error.into()),
    }
    say(&format!("\nOpen {}/", client.server()));
    Ok(())
}

fn state(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Concluded => "concluded",
    }
}
