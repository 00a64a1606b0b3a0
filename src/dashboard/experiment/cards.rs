//! The few figures to read first.

use crate::catalog::experiment::Status;
use crate::dashboard::number::{Number, Spanned};
use crate::report::playbook::leading;
use crate::report::{Decision, Report, Scaled};

/// A figure, and what it is.
pub(super) struct Card {
    pub(super) title: &'static str,
    /// How it comes about, and what not to read into it.
    pub(super) tip: &'static str,
    pub(super) value: Value,
    /// What stands below it.
    pub(super) note: String,
}

/// What a card shows.
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// An effect with its interval, and its unit.
    Effect(Spanned, String),
}

/// The cards that there are figures for; none while no figure may be believed.
pub(super) fn cards(report: &Report) -> Vec<Card> {
    if report.verdict.decision == Decision::Investigate {
        return Vec::new();
    }
    let cards = [best(report), lift(report), money(report), time(report)];
    cards.into_iter().flatten().collect()
}

fn best(report: &Report) -> Option<Card> {
    let champion = report.champion.as_ref()?;
    let chance = crate::report::table::cells::probability(champion.prob_best);
    Some(Card {
        title: "Likely best variant",
        tip: "The variant with the highest probability of being the best of all, given the data so far. An aid for decisions, \
            not a significance test.",
        value: Value::Text(champion.variant.clone()),
        note: format!("best of all with a probability of {chance}"),
    })
}

fn lift(report: &Report) -> Option<Card> {
    let (metric, with) = leading(report, None)?;
    let headline = with.headline.and_then(|headline| headline.relative);
    let lift = Spanned::new(headline.or(with.relative)?, Number::change);
    Some(Card {
        title: "Lift",
        tip: "The change of the goal against the control, in percent, and the range in which it lies with 95 % confidence.",
        value: Value::Effect(lift, String::new()),
        note: format!("{}, {} against {}", metric.key, with.variant, with.baseline),
    })
}

/// What the leading variant brings in money per day: of the goal if it is a sum, else of the first metric that is.
fn money(report: &Report) -> Option<Card> {
    let (_, lead) = leading(report, None)?;
    let sums = report.metrics.iter().filter(|metric| metric.kind == "sum");
    let with = sums.filter_map(|metric| {
        let mut comparisons = metric.comparisons.iter();
        let with = comparisons
            .find(|with| (&with.variant, with.revision) == (&lead.variant, lead.revision))?;
        Some((metric, with.scaled?))
    });
    let (metric, Scaled { per_day, .. }) = with.into_iter().next()?;
    let unit = report.experiment.currency.clone().unwrap_or_default();
    Some(Card {
        title: "Per day, if everyone got it",
        tip: "The lift times what the control brings on a day with as many visitors as of late. The range follows from that \
            of the lift; the traffic is taken as it is.",
        value: Value::Effect(Spanned::new(per_day?, Number::amount), unit),
        note: format!("{}, {} for all visitors", metric.key, lead.variant),
    })
}

fn time(report: &Report) -> Option<Card> {
    let (days, note) = match (&report.looks, report.verdict.days_left) {
        (Some(looks), _) => (
            looks.next_in_days?,
            "until the next planned look".to_owned(),
        ),
        (None, Some(days)) => (days, "if the effect is what it seems".to_owned()),
        (None, None) => return None,
    };
    (report.experiment.status == Status::Running).then(|| Card {
        title: "Days left",
        tip: "How many more days are likely to decide it at the present traffic. It changes with every day's data.",
        value: Value::Number(Number::count(u64::from(days))),
        note,
    })
}
