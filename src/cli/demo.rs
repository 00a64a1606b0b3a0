//! `upswing demo`: a shop's traffic against a running server, and what the bandit made of it.

mod gallery;
mod play;
mod shop;

use clap::Args;
use serde::Deserialize;

use super::client::{Client, ClientError};
use super::{Failure, progress, report, say};
use crate::catalog::experiment::Status;
use crate::catalog::metric::Role;
use crate::id::ExperimentKey;
use crate::time::Timestamp;
use play::{Scene, Tally, play};

/// What is played.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Play two months with experiments in every state instead, for a dashboard to look at; needs `serve --clock manual`
    #[arg(long, conflicts_with = "experiment")]
    gallery: bool,
    /// How many visitors come [default: 20000, in the gallery 60000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    visitors: Option<u32>,
    /// Over how many connections
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: u32,
    /// The experiment whose variants make visitors buy more or less
    #[arg(long, value_name = "KEY", default_value = "cart-nudge", value_parser = ExperimentKey::parse)]
    experiment: ExperimentKey,
    /// Which visitors come; the same seed again brings the same visitors, who keep their variants
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Visitors, unless another number is asked for.
const SHOPPERS: u32 = 20_000;

/// What of the definition matters here.
#[derive(Deserialize)]
struct Definition {
    status: Status,
    control: Option<String>,
    variants: Vec<Variant>,
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Variant {
    key: String,
}

#[derive(Deserialize)]
struct Metric {
    event: Option<String>,
    role: Role,
}

#[derive(Deserialize)]
struct Now {
    now: Timestamp,
}

/// Plays, and tells what came of it.
///
/// # Errors
/// As the server refuses, or can not be reached.
pub(super) fn run(client: &Client, args: &DemoArgs) -> Result<(), Failure> {
    if args.gallery {
        return gallery::run(client, args);
    }
    let scene = scene(client, args)?;
    let bar = progress(Some(u64::from(scene.shoppers)), "visitors");
    let tally = play(&scene, &bar)?;
    bar.finish_and_clear();
    report::print(client, &args.experiment)?;
    say(&gain(&scene, &tally));
    Ok(())
}

fn scene(client: &Client, args: &DemoArgs) -> Result<Scene, Failure> {
    let experiment = &args.experiment;
    let definition: Definition = client.get(&format!("/api/v1/experiments/{experiment}"))?;
    if definition.status != Status::Running {
        return Err(Failure::input(format!(
            "{experiment} is not running, so nobody would enter it"
        )));
    }
    let goal = definition.metrics.into_iter();
    let mut goal = goal.filter(|metric| metric.role == Role::Goal);
    let goal = goal.find_map(|metric| metric.event);
    let keys = definition.variants.into_iter().map(|variant| variant.key);
    let keys: Vec<String> = keys.collect();
    let control = definition.control;
    let control = control.and_then(|control| keys.iter().position(|key| *key == control));
    let control = control.unwrap_or(0);
    let rates = shop::rates(keys.len(), control);
    Ok(Scene {
        client: client.clone(),
        experiment: experiment.to_string(),
        goal: goal.unwrap_or_else(|| shop::ORDERED.to_owned()),
        base: rates.get(control).copied().unwrap_or_default(),
        rates: keys.into_iter().zip(rates).collect(),
        shoppers: args.visitors.unwrap_or(SHOPPERS),
        seed: args.seed,
        connections: args.connections,
        manual: manual(client)?,
    })
}

/// The server's time if its clock is moved by hand.
fn manual(client: &Client) -> Result<Option<Timestamp>, ClientError> {
    match client.get::<Now>("/api/v1/clock") {
        Ok(clock) => Ok(Some(clock.now)),
        Err(ClientError::Refused(refusal)) if refusal.status == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the bandit was worth, in a sentence or two.
fn gain(scene: &Scene, tally: &Tally) -> String {
    let visitors: u32 = tally.visitors.iter().sum();
    if visitors == 0 {
        return format!("No visitor entered {}.", scene.experiment);
    }
    let rates: Vec<String> = scene
        .rates
        .iter()
        .zip(&tally.visitors)
        .map(|((variant, rate), visitors)| {
            let rate = 100.0 * rate;
            format!("{variant} {rate:.1} % ({visitors} visitors)")
        })
        .collect();
    let (expected, even) = (tally.expected.round(), tally.even.round());
    let (more, percent) = (expected - even, 100.0 * (tally.expected / tally.even - 1.0));
    format!(
        "True conversion rates: {}.\nAs {} assigned its {visitors} visitors, {expected:.0} conversions were to be expected; \
         an even split of the same visitors would let expect {even:.0}: {more:+.0} ({percent:+.1} %).",
        rates.join(", "),
        scene.experiment,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_compares_with_an_even_split() {
        let scene = Scene {
            client: Client::new("http://127.0.0.1:1", None),
            experiment: "cart-nudge".into(),
            goal: shop::ORDERED.into(),
            rates: vec![("none".into(), 0.06), ("more".into(), 0.084)],
            base: 0.06,
            shoppers: 100,
            seed: 1,
            connections: 1,
            manual: None,
        };
        let tally = Tally {
            visitors: vec![20, 80],
            expected: 8.0,
            even: 7.2,
        };
        assert_eq!(
            gain(&scene, &tally),
            "True conversion rates: none 6.0 % (20 visitors), more 8.4 % (80 visitors).\n\
             As cart-nudge assigned its 100 visitors, 8 conversions were to be expected; \
             an even split of the same visitors would let expect 7: +1 (+11.1 %)."
        );
        assert_eq!(
            gain(&scene, &Tally::default()),
            "No visitor entered cart-nudge."
        );
    }
}
