//! What all personalization earns: everybody against those who are held out of everything, in money, after costs.

use askama::Template;

use super::experiment::charts;
use super::health::day;
use super::number::{Number, Spanned};
use super::{Frame, render};
use crate::chart::{self, Band, Heading, Track, Unit};
use crate::report::{
    Effect, HoldoutReport, Money, PolicyMetric, Profit, Range, Report, TimelineDay,
};

#[derive(Template)]
#[template(path = "dashboard/holdout.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    report: &'a Report,
    since: String,
    held_out: Number,
    personalized: Number,
    earned: Option<Band>,
    profit: Option<Account<'a>>,
    /// The fixed cost per month, as it is asked for.
    monthly: String,
    rows: Vec<Row>,
}

/// What was earned and spent.
struct Account<'a> {
    profit: &'a Profit,
    /// Each with its name and what is to be known of it.
    lines: Vec<Line>,
}

/// An amount, and what it is.
struct Line {
    name: &'static str,
    tip: &'static str,
    value: Option<Spanned>,
    unit: String,
}

/// A metric of everybody and of those held out.
struct Row {
    key: String,
    policy: Option<Number>,
    holdout: Option<Number>,
    lift: Option<Spanned>,
    so_far: Option<(Spanned, String)>,
    caveats: Vec<String>,
}

/// The page of a report that has a holdout.
pub fn page(frame: &Frame, report: &Report, holdout: &HoldoutReport) -> String {
    let monthly = holdout
        .profit
        .as_ref()
        .and_then(|profit| profit.monthly_cost);
    render(&Page {
        frame,
        report,
        since: day(&holdout.since.to_string()).to_owned(),
        held_out: Number::count(holdout.held_out),
        personalized: Number::count(holdout.personalized),
        earned: earned(report, holdout),
        profit: holdout.profit.as_ref().map(account),
        monthly: monthly.map_or_else(String::new, |cost| cost.to_string()),
        rows: holdout.metrics.iter().map(|of| row(report, of)).collect(),
    })
}

#[derive(Template)]
#[template(path = "dashboard/nobody.html", config = "src/askama.toml")]
struct Nobody<'a> {
    frame: &'a Frame,
}

/// The page where nobody is held out.
pub fn nobody(frame: &Frame) -> String {
    render(&Nobody { frame })
}

/// What the money brought so far by day, of the metric that the account is in.
fn earned(report: &Report, holdout: &HoldoutReport) -> Option<Band> {
    let metric = &holdout.profit.as_ref()?.metric;
    let of = |day: &TimelineDay| {
        let money = day.earned.iter().find(|of| of.metric == *metric)?;
        let effect = trusted(&money.so_far);
        charts::effect(effect)
    };
    let effects: Vec<Option<chart::Effect>> = report.timeline.iter().map(of).collect();
    let currency = report.experiment.currency.clone().unwrap_or_default();
    (effects.iter().flatten().count() > 1).then(|| Band {
        heading: Heading::new(
            "earned",
            format!("Earned so far by personalization: {metric}"),
        ),
        unit: Unit::Money(currency.into()),
        days: report
            .timeline
            .iter()
            .map(|day| day.day.as_str().into())
            .collect(),
        tracks: vec![Track {
            label: "personalized".into(),
            place: 0,
            effects,
        }],
        marks: Vec::new(),
    })
}

/// An amount with the interval that holds at every look, where there is one.
fn trusted(money: &Money) -> Effect {
    within(money.amount, money.always_valid)
}

fn within(effect: Effect, range: Option<Range>) -> Effect {
    let Some(range) = range else {
        return effect;
    };
    Effect {
        estimate: effect.estimate,
        low: Some(range.low),
        high: Some(range.high),
    }
}

/// A line's name, what is to be known of it, how its value is written, and whether that is money.
type Named = (&'static str, &'static str, fn(f64) -> Number, bool);

/// The lines of the account.
const LINES: [Named; 6] = [
    (
        "Brought",
        "What all personalized visitors so far brought beyond what they would have brought unpersonalized.",
        Number::amount,
        true,
    ),
    (
        "Fixed costs",
        "The cost per month over these days.",
        Number::plain_amount,
        true,
    ),
    (
        "Costs of variants",
        "What the variants of all experiments cost beyond their controls, such as gifts.",
        Number::plain_amount,
        true,
    ),
    (
        "Net",
        "What it brought less what it cost.",
        Number::amount,
        true,
    ),
    (
        "Return",
        "The net gain per money spent.",
        Number::change,
        false,
    ),
    (
        "Days until it pays",
        "Days of the present gain that cover all costs so far.",
        Number::days,
        false,
    ),
];

fn account(profit: &Profit) -> Account<'_> {
    let currency = profit.gain.as_ref().and_then(|gain| gain.currency.clone());
    let exact = |value: f64| Effect {
        estimate: value,
        low: None,
        high: None,
    };
    let values = [
        profit.gain.as_ref().map(trusted),
        profit.fixed_costs.map(exact),
        Some(exact(profit.variant_costs)),
        profit.net.as_ref().map(trusted),
        profit.returns.map(|of| within(of.roi, of.always_valid)),
        profit.payback.map(|of| Effect {
            estimate: of.days,
            low: Some(of.low),
            high: Some(of.high),
        }),
    ];
    let lines = LINES.into_iter().zip(values);
    let line = |((name, tip, write, is_money), value): (Named, Option<Effect>)| Line {
        name,
        tip,
        value: value.map(|value| Spanned::new(value, write)),
        unit: currency.clone().filter(|_| is_money).unwrap_or_default(),
    };
    Account {
        profit,
        lines: lines.map(line).collect(),
    }
}

fn row(report: &Report, of: &PolicyMetric) -> Row {
    let write: fn(f64) -> Number = match of.kind.as_str() {
        "conversion" => Number::share,
        _ => Number::decimal,
    };
    let valid = of.always_valid.and_then(|valid| valid.relative);
    let lift = of.relative.map(|lift| within(lift, valid));
    let explained = |caveat: &crate::stats::Caveat| {
        let mut notes = report.notes.iter();
        let note = notes.find(|note| note.code == *caveat)?;
        Some(note.text.clone())
    };
    Row {
        key: of.key.clone(),
        policy: of.policy.map(|mean| write(mean.mean)),
        holdout: of.holdout.map(|mean| write(mean.mean)),
        lift: lift.map(|lift| Spanned::new(lift, Number::change)),
        so_far: of.so_far.as_ref().map(|money| {
            let unit = money.currency.clone().unwrap_or_default();
            (Spanned::new(trusted(money), Number::amount), unit)
        }),
        caveats: of.caveats.iter().filter_map(explained).collect(),
    }
}
