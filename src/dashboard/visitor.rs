//! Who visitors are: everything that is held about one, and what may be done with it.

use askama::Template;
use serde_json::Value;

use super::fate::{self, Line, has_page};
use super::moment::Moment;
use super::number::Number;
use super::{Frame, render};
use crate::profile::{Consent, Said};
use crate::time::Timestamp;
use crate::visitor::held::{Held, HeldAssignment, HeldEvent, HeldTrait};

/// What was looked for, and what is held.
#[derive(Clone, Copy)]
pub enum Search<'a> {
    /// Nobody yet.
    Nobody,
    /// Somebody about whom nothing is held, or who can not be; the id and why.
    Missing(&'a str, &'a str),
    /// A visitor.
    Found(&'a Held<'a>),
}

#[derive(Template)]
#[template(path = "dashboard/visitor.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    search: Search<'a>,
}

#[derive(Template)]
#[template(path = "dashboard/erasure.html", config = "src/askama.toml")]
struct Erasure<'a> {
    frame: &'a Frame,
    id: &'a str,
}

/// The page with the search field, and what is held of whoever was looked for.
pub fn page(frame: &Frame, search: Search<'_>) -> String {
    render(&Page { frame, search })
}

/// The page that asks once more before somebody is erased.
pub fn erasure(frame: &Frame, id: &str) -> String {
    render(&Erasure { frame, id })
}

/// The page of a visitor.
pub fn address(id: &str) -> String {
    at("/visitors", "id", id)
}

fn at(path: &str, name: &str, id: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(name, id);
    format!("{path}?{}", query.finish())
}

impl Erasure<'_> {
    fn back(&self) -> String {
        address(self.id)
    }
}

impl Page<'_> {
    /// What is in the search field.
    fn id(&self) -> &str {
        match self.search {
            Search::Nobody => "",
            Search::Missing(id, _) => id,
            Search::Found(held) => held.visitor.as_str(),
        }
    }

    fn export(&self) -> String {
        at("/visitors/export", "id", self.id())
    }

    fn events(&self) -> String {
        at("/events", "visitor", self.id())
    }

    fn erase(&self) -> String {
        at("/visitors/erase", "id", self.id())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what a template passes")]
fn moment(at: &Timestamp) -> Moment {
    Moment(*at)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what a template passes")]
fn amount(of: &f64) -> Number {
    Number::decimal(*of)
}

/// What somebody allows.
fn consent(said: &Said) -> &'static str {
    match said.state {
        Consent::Granted => "Granted",
        Consent::Denied => "Denied",
    }
}

/// A trait's value: a text as it is, anything else as JSON.
fn value(of: &HeldTrait) -> String {
    let text = of.value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| Value::to_string(&of.value))
}

/// What is to be known of an assignment.
fn notes(of: &HeldAssignment<'_>) -> Vec<String> {
    let flags = [
        (of.holdout, "held out on control"),
        (of.session, "of a session"),
        (of.crossover, "seen under another variant, too"),
    ];
    let flags = flags.into_iter().filter(|(is, _)| *is);
    let flags = flags.map(|(_, word)| word.to_owned());
    let dimensions = of.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| format!("{name} {value}"));
    let settled = of.settled.iter();
    let settled = settled.map(|of| format!("{} {} settled on {}", of.total, of.metric, of.day));
    flags.chain(dimensions).chain(settled).collect()
}

fn lines(of: &HeldEvent<'_>) -> Vec<Line> {
    fate::metrics(&of.metrics)
}
