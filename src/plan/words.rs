//! A plan in words: the answer in one sentence, and what it takes for granted.

use super::{HORIZONS, Horizon, Origin, Outlook, Plan, Question};
use crate::catalog::experiment::Policy;
use crate::catalog::metric::Metric;
use crate::report::table::cells::grouped;

/// The answer.
pub(super) fn sentence(plan: &Plan) -> String {
    let (lift, power) = (change(plan.lift), percent(plan.power));
    match plan.outlook {
        Outlook::Enough => format!(
            "The visitors so far are enough: they show {lift} with a probability of {}.",
            percent(plan.now.power)
        ),
        Outlook::InTime => format!(
            "Your traffic can decide this: in {} it shows {lift} with a probability of {power}.",
            time(plan.days)
        ),
        Outlook::TooSlow => format!(
            "Your traffic can not decide this: it would take {} to see {lift}; {}.",
            time(plan.days),
            instead(plan)
        ),
    }
}

/// What can be seen instead: by the deadline, else in the second of the usual times.
fn instead(plan: &Plan) -> String {
    let usual = plan.horizons.iter().find(|of| of.days == HORIZONS[1]);
    let Some(Horizon {
        days, detectable, ..
    }) = plan.deadline.as_ref().or(usual)
    else {
        return String::new();
    };
    let seen = match detectable {
        Some(seen) if *seen < 0.0 => format!("{} or a larger drop", change(*seen)),
        Some(seen) => format!("{} or more", change(*seen)),
        None => "no change at all".to_owned(),
    };
    match days {
        0 => format!("with the visitors so far you can see {seen}"),
        _ => format!("in {} you can see {seen}", time(Some(*days))),
    }
}

/// What the answer takes for granted.
pub(super) fn notes(plan: &Plan, question: &Question<'_>, metric: &Metric) -> Vec<String> {
    let mut notes = Vec::new();
    let comparisons = plan.variants.len().saturating_sub(1);
    if comparisons > 1 {
        notes.push(format!(
            "{comparisons} variants are held against the control, each at 5 % / {comparisons}; the slowest of them sets the time."
        ));
    }
    notes.push(format!(
        "This is for one look at the end. If you watch it and stop as soon as it shows, allow {}.",
        time(plan.days_when_watched)
    ));
    notes.push(format!(
        "Visitors have {} to convert; those of the last days have had less of it.",
        metric.window
    ));
    match question.experiment.policy {
        Policy::Fixed => {}
        Policy::Bandit(_) => notes.push(
            "A bandit moves traffic while it learns, and what gets less of it takes longer than these shares say."
                .to_owned(),
        ),
    }
    if plan.days.is_some_and(|days| days < 7) {
        notes.push(
            "Run it for at least 7 days all the same, so that every weekday counts.".to_owned(),
        );
    }
    if plan.baseline_from == Origin::Measured {
        notes.push("The baseline is what the control has done so far.".to_owned());
    }
    notes
}

/// Days in words; without a number it is beyond what is worth one.
pub(super) fn time(days: Option<u32>) -> String {
    match days {
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{} days", grouped(u64::from(days))),
        None => "more than 10 years".to_owned(),
    }
}

/// +5 %, +7.3 %, and +0.25 % where it is small.
pub(super) fn change(change: f64) -> String {
    let percent = change * 100.0;
    let decimals = match percent.abs() {
        size if size < 1.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let number = format!("{percent:+.decimals$}");
    let number = if decimals > 0 {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number.as_str()
    };
    format!("{number} %")
}

fn percent(probability: f64) -> String {
    if probability > 0.99 {
        "more than 99 %".to_owned()
    } else {
        format!("{:.0} %", probability * 100.0)
    }
}
