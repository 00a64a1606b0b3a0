//! Whether the data can be trusted, as alarms in plain words.

use super::badge::Tone;
use super::number::Number;
use crate::catalog::Entry;
use crate::report::{Arriving, Report};
use crate::stats::srm::{Srm, Verdict};

/// From this share of lost exposures on it is said aloud.
const MANY_LOST: f64 = 0.05;

/// Something to know before believing a figure.
pub(super) struct Alarm {
    /// How bad it is.
    pub(super) tone: Tone,
    /// What, in a few words.
    pub(super) title: &'static str,
    /// What it means, and what to do.
    pub(super) text: String,
    /// The figures it rests on, as names and numbers.
    pub(super) figures: Vec<(&'static str, Number)>,
}

/// All alarms, worst first; one that says so where there is none.
pub(super) fn alarms(entry: &Entry, report: &Report) -> Vec<Alarm> {
    if report.visitors == 0 {
        return Vec::new();
    }
    let mut alarms: Vec<Alarm> = [
        ratio(&report.health.srm, "Visitors do not split as planned"),
        exposed(report),
        freshness(report),
        halted(entry),
        joined(report),
        lost(report),
        drift(report),
    ]
    .into_iter()
    .flatten()
    .collect();
    alarms.sort_by_key(|alarm| alarm.tone);
    if alarms.is_empty() {
        alarms.push(Alarm {
            tone: Tone::Good,
            title: "✓ The data look healthy",
            text: healthy(&report.health.srm).to_owned(),
            figures: vec![("p of the split", Number::p(report.health.srm.p_value))],
        });
    }
    alarms
}

fn healthy(srm: &Srm) -> &'static str {
    match srm.verdict {
        Verdict::TooFew => "There are too few visitors yet to test whether they split as planned.",
        Verdict::Ok | Verdict::Mismatch => {
            "Visitors split between the variants as they should, and data keep arriving."
        }
    }
}

fn ratio(srm: &Srm, title: &'static str) -> Option<Alarm> {
    (srm.verdict == Verdict::Mismatch).then(|| Alarm {
        tone: Tone::Bad,
        title,
        text: "Do not trust the figures below. Visitors of some variant are missing or counted twice; find out why before \
            you decide: redirects, crashes, bots, or a page that reports only one of its variants."
            .to_owned(),
        figures: vec![("p of the split", Number::p(srm.p_value))],
    })
}

fn exposed(report: &Report) -> Option<Alarm> {
    let srm = report.health.exposed_srm.as_ref()?;
    ratio(
        srm,
        "Visitors who saw their variant do not split as planned",
    )
}

fn freshness(report: &Report) -> Option<Alarm> {
    let health = &report.health.freshness;
    let (title, text, days) = match health.verdict {
        Arriving::Ok => return None,
        Arriving::NoVisitors => (
            "No visitors arrive any more",
            "They used to. See whether the page still asks for its variant.",
            health.days_without_visitors,
        ),
        Arriving::NoRewards => (
            "No rewards arrive any more",
            "Visitors do, but none of them seems to convert. See whether the shop still sends its events.",
            health.days_without_rewards,
        ),
    };
    let days = days.map(|days| ("days", Number::count(u64::from(days))));
    Some(Alarm {
        tone: Tone::Bad,
        title,
        text: text.to_owned(),
        figures: days.into_iter().collect(),
    })
}

fn halted(entry: &Entry) -> Option<Alarm> {
    let trip = entry.lifecycle.trips.last()?;
    Some(Alarm {
        tone: Tone::Bad,
        title: "A guardrail tripped",
        text: trip.receipt.clone(),
        figures: Vec::new(),
    })
}

fn joined(report: &Report) -> Option<Alarm> {
    let health = &report.health;
    if health.crossovers == 0 && !health.joined_unequally {
        return None;
    }
    let share = health.crossovers as f64 / report.visitors.max(1) as f64;
    let (tone, text) = if health.joined_unequally {
        let text = "It depends on the variant who is recognised under several ids, so the variants' visitors are not alike: \
            do not trust small differences.";
        (Tone::Bad, text)
    } else if share >= 0.01 {
        let text = "They count for the first one. As there are many, differences between variants look smaller than they are.";
        (Tone::Warn, text)
    } else {
        (
            Tone::None,
            "They count for the first one; so few change nothing.",
        )
    };
    Some(Alarm {
        tone,
        title: "Some visitors were assigned two variants",
        text: text.to_owned(),
        figures: vec![("visitors", Number::count(health.crossovers))],
    })
}

fn lost(report: &Report) -> Option<Alarm> {
    let lost = report.health.lost_exposures.as_ref()?;
    let share = lost.share.filter(|share| *share >= MANY_LOST)?;
    Some(Alarm {
        tone: Tone::Warn,
        title: "Many assigned visitors are not known to have seen their variant",
        text: "Either they left before it was shown, or exposures get lost on their way."
            .to_owned(),
        figures: vec![
            ("visitors", Number::count(lost.visitors)),
            ("of the assigned", Number::share(share)),
        ],
    })
}

fn drift(report: &Report) -> Option<Alarm> {
    let drift = report.health.drift?;
    Some(Alarm {
        tone: Tone::Warn,
        title: "What works has changed",
        text: format!(
            "Since about {} the variants compare differently than before: averages over the whole time mix two truths.",
            day(&drift.since.to_string())
        ),
        figures: vec![("Bayes factor", Number::decimal(drift.evidence))],
    })
}

/// The day of a time.
pub(super) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}
