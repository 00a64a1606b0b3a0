//! The playbook: what was tried, what came of it, and what was learned; to be searched before trying it again.

use askama::Template;

use super::badge;
use super::health::day;
use super::number::{Number, Spanned};
use super::{Frame, Tab, render};
use crate::catalog::Scope;
use crate::catalog::experiment::Status;
use crate::report::playbook::Play;

#[derive(Template)]
#[template(path = "dashboard/playbook.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    words: &'a str,
    statuses: Vec<Tab>,
    plays: Vec<Told<'a>>,
}

/// An entry as it is told.
struct Told<'a> {
    play: &'a Play,
    status: &'static str,
    since: Option<String>,
    visitors: Number,
    lift: Option<Spanned>,
    /// What the definition says of it, as names and words.
    facts: Vec<(&'static str, String)>,
    /// What was decided.
    decided: Option<String>,
}

/// The page: what was found with these words, at this status.
pub fn page(frame: &Frame, (words, status): (&str, Option<Status>), plays: &[Play]) -> String {
    let all = [
        Status::Concluded,
        Status::Running,
        Status::Paused,
        Status::Draft,
    ];
    let tab = |of: Status| Tab {
        word: badge::status(of, false).to_owned(),
        value: badge::status(of, false).to_lowercase(),
        is_current: status == Some(of),
    };
    render(&Page {
        frame,
        words,
        statuses: all.into_iter().map(tab).collect(),
        plays: plays.iter().map(told).collect(),
    })
}

fn told(play: &Play) -> Told<'_> {
    let lift = play.result.lift.as_ref();
    let at = play.concluded_at.or(play.started_at);
    Told {
        play,
        status: badge::status(play.status, play.archived),
        since: at.map(|at| day(&at.to_string()).to_owned()),
        visitors: Number::count(play.result.visitors),
        lift: lift.and_then(|lift| Some(Spanned::new(lift.relative?, Number::change))),
        facts: facts(play),
        decided: decided(play),
    }
}

fn facts(play: &Play) -> Vec<(&'static str, String)> {
    let of = &play.tactic;
    let told = [
        ("Hypothesis", of.hypothesis.clone()),
        ("Audience", of.audience.clone()),
        ("Touchpoint", of.touchpoint.clone()),
        ("Content", of.content.clone()),
        ("Variants", Some(of.variants.join(", "))),
        ("Metric", of.metric.clone()),
        ("Owner", of.owner.clone()),
        ("To be reviewed", of.review.clone()),
    ];
    let told = told.into_iter();
    told.filter_map(|(name, text)| Some((name, text?)))
        .collect()
}

fn decided(play: &Play) -> Option<String> {
    let winner = play.winner.as_ref()?;
    Some(match play.scope? {
        Scope::New => format!("{winner}, for new visitors"),
        Scope::Everyone => format!("{winner}, for everyone"),
    })
}
