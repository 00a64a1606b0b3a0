//! Defining an experiment: a form for the usual ones, a text for all of them. Mistakes stand beside what they are about.

use std::collections::BTreeMap;

use askama::Template;

use super::{Frame, Tab, render};
use crate::catalog::mistake::Mistake;

/// Rows for variants that a form has.
const VARIANTS: usize = 6;

/// What a new experiment is defined with.
#[derive(Debug, Clone)]
pub enum Draft {
    /// The fields of a form, by the path of the definition that each is for, such as `variants[0].key`.
    Fields(BTreeMap<String, String>),
    /// TOML or JSON.
    Text(String),
}

/// A definition that is being written.
#[derive(Debug, Clone)]
pub struct Editing {
    /// What stands there so far.
    pub draft: Draft,
    /// The experiment that it changes, with the version that the text was made from; none: a new one.
    pub of: Option<(String, u32)>,
    /// What is wrong with it; none: it was not looked at yet.
    pub mistakes: Option<Vec<Mistake>>,
}

/// The script that asks while somebody writes, and says of what was written what is wrong with it.
pub(super) const SCRIPT: &str = include_str!("define/check.js");

/// A definition to begin with.
pub const EXAMPLE: &str = include_str!("define/example.toml");

#[derive(Template)]
#[template(path = "dashboard/define.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    editing: &'a Editing,
    tabs: Vec<Tab>,
    action: String,
    groups: Vec<Group>,
    /// Mistakes that no field is shown for.
    others: Vec<&'a Mistake>,
}

/// Fields that belong together.
struct Group {
    title: &'static str,
    fields: Vec<Field>,
}

/// A field of the form.
struct Field {
    path: String,
    label: String,
    hint: &'static str,
    value: String,
    kind: Kind,
    mistakes: Vec<String>,
}

impl Field {
    fn is(&self, value: &str) -> bool {
        self.value == value
    }
}

/// How a field is filled in.
enum Kind {
    /// A line of text.
    Line,
    /// Several lines.
    Words,
    /// A day.
    Day,
    /// One of several, each with its value and its words.
    Choice(&'static [(&'static str, &'static str)]),
}

const POLICIES: &[(&str, &str)] = &[
    ("fixed", "Fixed split: for a decision to be sure of"),
    (
        "thompson",
        "Bandit: moves traffic to what works while it runs",
    ),
    (
        "top_two",
        "Bandit that finds the best soonest, for three and more",
    ),
];
const KINDS: &[(&str, &str)] = &[
    ("conversion", "Share of visitors who do it"),
    ("sum", "Total of a property, such as revenue"),
    ("count", "How often it happens"),
];
const SIDES: &[(&str, &str)] = &[
    ("increase", "More is better"),
    ("decrease", "Less is better"),
];

/// The page.
pub fn page(frame: &Frame, editing: &Editing) -> String {
    let mistakes = editing.mistakes.as_deref().unwrap_or_default();
    let groups = match &editing.draft {
        Draft::Fields(fields) => groups(fields, mistakes),
        Draft::Text(_) => Vec::new(),
    };
    let shown = groups.iter().flat_map(|group| &group.fields);
    let shown: Vec<&str> = shown.map(|field| field.path.as_str()).collect();
    let others = mistakes
        .iter()
        .filter(|mistake| !shown.contains(&mistake.key.as_str()));
    let others = others.collect();
    let action = match &editing.of {
        Some((key, _)) => format!("/experiments/{key}/edit"),
        None => "/new".to_owned(),
    };
    render(&Page {
        frame,
        editing,
        tabs: tabs(editing),
        action,
        groups,
        others,
    })
}

fn tabs(editing: &Editing) -> Vec<Tab> {
    if editing.of.is_some() {
        return Vec::new();
    }
    let is_text = match editing.draft {
        Draft::Text(_) => true,
        Draft::Fields(_) => false,
    };
    let tab = |word: &str, value: &str, is_current| Tab {
        word: word.to_owned(),
        value: value.to_owned(),
        is_current,
    };
    vec![
        tab("Form", "/new", !is_text),
        tab("Text (TOML or JSON)", "/new?as=text", is_text),
    ]
}

fn groups(fields: &BTreeMap<String, String>, mistakes: &[Mistake]) -> Vec<Group> {
    let field = |path: String, label: String, hint, kind| {
        let own = mistakes.iter().filter(|mistake| mistake.key == path);
        Field {
            value: fields.get(&path).cloned().unwrap_or_default(),
            mistakes: own.map(|mistake| mistake.detail.clone()).collect(),
            path,
            label,
            hint,
            kind,
        }
    };
    let named = |(path, label, hint, kind): (&str, &str, &'static str, Kind)| {
        field(path.to_owned(), label.to_owned(), hint, kind)
    };
    let variants = (0..VARIANTS).map(|at| {
        let label = match at {
            0 => "Control".to_owned(),
            _ => format!("Variant {at}"),
        };
        field(format!("variants[{at}].key"), label, "", Kind::Line)
    });
    let of = |title, fields: Vec<Field>| Group { title, fields };
    vec![
        of("What it is", about().into_iter().map(named).collect()),
        of("Variants", variants.collect()),
        of("Traffic", traffic().into_iter().map(named).collect()),
        of(
            "Goal: what it is decided by",
            goal().into_iter().map(named).collect(),
        ),
        of(
            "Guardrail: what must not get worse",
            guardrail().into_iter().map(named).collect(),
        ),
    ]
}

/// A field's path, label, hint and kind.
type Asked = (&'static str, &'static str, &'static str, Kind);

fn about() -> [Asked; 7] {
    [
        (
            "key",
            "Key",
            "As programs know it: small letters, digits and dashes.",
            Kind::Line,
        ),
        ("name", "Name", "As people know it.", Kind::Line),
        (
            "hypothesis",
            "Hypothesis",
            "What is believed to happen, and why.",
            Kind::Words,
        ),
        ("owner", "Owner", "Who answers for it.", Kind::Line),
        (
            "touchpoint",
            "Touchpoint",
            "Where visitors meet it, such as web/cart.",
            Kind::Line,
        ),
        (
            "review",
            "To be reviewed",
            "When somebody looks at it again.",
            Kind::Day,
        ),
        (
            "audience",
            "Audience",
            "Who is eligible, such as device == \"mobile\"; empty: everybody.",
            Kind::Line,
        ),
    ]
}

fn traffic() -> [Asked; 4] {
    [
        (
            "allocation.policy",
            "How visitors are shared",
            "",
            Kind::Choice(POLICIES),
        ),
        (
            "traffic",
            "Share of the audience that enters",
            "From 0 to 1; empty: all.",
            Kind::Line,
        ),
        (
            "holdout",
            "Share that is held out",
            "Kept on the control for the whole time, such as 0.05.",
            Kind::Line,
        ),
        (
            "min_days",
            "Days before a verdict",
            "Whole weeks show all days alike; empty: 7.",
            Kind::Line,
        ),
    ]
}

fn goal() -> [Asked; 6] {
    [
        ("metrics[0].key", "Name", "Such as purchase.", Kind::Line),
        (
            "metrics[0].kind",
            "What is measured",
            "",
            Kind::Choice(KINDS),
        ),
        (
            "metrics[0].event",
            "Event",
            "As the shop sends it, such as Order Completed.",
            Kind::Line,
        ),
        (
            "metrics[0].property",
            "Property",
            "For totals: which one is added, such as revenue.",
            Kind::Line,
        ),
        ("metrics[0].direction", "Direction", "", Kind::Choice(SIDES)),
        (
            "currency",
            "Currency",
            "For amounts, such as EUR.",
            Kind::Line,
        ),
    ]
}

fn guardrail() -> [Asked; 4] {
    [
        (
            "metrics[1].key",
            "Name",
            "Such as returns; empty: no guardrail.",
            Kind::Line,
        ),
        (
            "metrics[1].event",
            "Event",
            "Such as Order Returned.",
            Kind::Line,
        ),
        ("metrics[1].direction", "Direction", "", Kind::Choice(SIDES)),
        (
            "metrics[1].limit",
            "Limit",
            "The relative harm that is too much, such as 0.1.",
            Kind::Line,
        ),
    ]
}
