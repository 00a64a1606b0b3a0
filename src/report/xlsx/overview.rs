//! The first sheet: what the experiment is, what follows from it, and whether the data can be trusted.

use super::{Cell, Sheet};
use crate::catalog::Entry;
use crate::report::Report;
use crate::stats::srm::Srm;

type Facts = Vec<(&'static str, Cell)>;

pub(super) fn sheet(report: &Report, entry: &Entry) -> Sheet {
    let mut facts = about(report, entry);
    facts.extend(verdict(report));
    facts.extend(health(report));
    facts.extend(outlook(report));
    let known = facts.into_iter().filter(|(_, cell)| *cell != Cell::Blank);
    let rows = known.map(|(what, cell)| vec![Cell::text(what), cell]);
    Sheet::new("Overview", vec!["what", "value"], rows)
}

fn text(value: Option<&str>) -> Cell {
    value.map_or(Cell::Blank, Cell::text)
}

fn about(report: &Report, entry: &Entry) -> Facts {
    let (about, spec) = (&report.experiment, &entry.experiment.spec);
    vec![
        ("experiment", Cell::text(&about.key)),
        ("name", Cell::text(&about.name)),
        ("status", Cell::code(&about.status)),
        ("version", Cell::Count(about.version.into())),
        ("policy", Cell::text(&about.policy)),
        ("hypothesis", text(about.hypothesis.as_deref())),
        ("owner", text(spec.owner.as_deref())),
        ("touchpoint", text(spec.touchpoint.as_deref())),
        ("review", spec.review.clone().map_or(Cell::Blank, Cell::Day)),
        (
            "started at (UTC)",
            about.started_at.map_or(Cell::Blank, Cell::Time),
        ),
        ("as of (UTC)", Cell::Time(report.as_of)),
        ("currency", text(about.currency.as_deref())),
        ("visitors", Cell::Count(report.visitors)),
        ("visitors per day", Cell::number(report.visitors_per_day)),
        ("epochs", Cell::Count(report.epochs as u64)),
        ("adaptive", Cell::Flag(report.adaptive)),
    ]
}

fn verdict(report: &Report) -> Facts {
    let verdict = &report.verdict;
    let mut facts = vec![
        ("verdict", Cell::text(&verdict.headline)),
        ("decision", Cell::code(&verdict.decision)),
        ("variant", text(verdict.variant.as_deref())),
        ("days left", Cell::count(verdict.days_left.map(u64::from))),
    ];
    let reasons = verdict.reasons.iter();
    facts.extend(reasons.map(|reason| ("reason", Cell::text(&reason.text))));
    facts.push(("evidence shown", Cell::code(&report.shown.view)));
    facts.push(("what it promises", Cell::text(&report.shown.promise)));
    facts
}

fn health(report: &Report) -> Facts {
    let health = &report.health;
    let fresh = &health.freshness;
    let lost = health.lost_exposures;
    let days = |days: Option<u32>| Cell::count(days.map(u64::from));
    let mut facts = sample_ratio(
        ["sample ratio", "sample ratio p", "sample ratio e-value"],
        &health.srm,
    );
    facts.push(("crossovers", Cell::Count(health.crossovers)));
    facts.push(("joined unequally", Cell::Flag(health.joined_unequally)));
    facts.extend(health.exposed_srm.iter().flat_map(|srm| {
        let names = ["exposed ratio", "exposed ratio p", "exposed ratio e-value"];
        sample_ratio(names, srm)
    }));
    facts.extend([
        (
            "lost exposures",
            Cell::count(lost.map(|lost| lost.visitors)),
        ),
        (
            "share of lost exposures",
            Cell::share(lost.and_then(|lost| lost.share)),
        ),
        (
            "exposed to another variant",
            Cell::count(lost.map(|lost| lost.unlike)),
        ),
        ("data arriving", Cell::code(&fresh.verdict)),
        ("days without visitors", days(fresh.days_without_visitors)),
        ("days without rewards", days(fresh.days_without_rewards)),
    ]);
    facts.extend(health.drift.iter().flat_map(|drift| {
        [
            ("drift since (UTC)", Cell::Time(drift.since)),
            ("drift evidence", Cell::Number(drift.evidence)),
        ]
    }));
    facts
}

fn sample_ratio([fits, p, e]: [&'static str; 3], srm: &Srm) -> Facts {
    vec![
        (fits, Cell::code(&srm.verdict)),
        (p, Cell::Number(srm.p_value)),
        (e, Cell::number(srm.e_value)),
    ]
}

/// Where a mismatch comes from: a line per way in which visitors were counted, then one per hour that does not fit.
pub(super) fn sources(report: &Report) -> Sheet {
    let columns = vec![
        "source", "hour", "visitors", "verdict", "chi2", "df", "p_value", "e_value",
    ];
    let rows = report.health.srm_by_source.iter().flat_map(|of| {
        let source = of
            .source
            .map_or_else(|| Cell::text("assignments"), |source| Cell::code(&source));
        let whole = tested([source.clone(), Cell::Blank], of.visitors, &of.srm);
        let hours = of.hours.iter().map(move |hour| {
            let place = [source.clone(), Cell::Count(hour.hour.into())];
            tested(place, hour.visitors, &hour.srm)
        });
        std::iter::once(whole).chain(hours)
    });
    Sheet::new("Sample ratio", columns, rows)
}

fn tested([source, hour]: [Cell; 2], visitors: u64, srm: &Srm) -> Vec<Cell> {
    vec![
        source,
        hour,
        Cell::Count(visitors),
        Cell::code(&srm.verdict),
        Cell::number(srm.chi2),
        Cell::Count(srm.df as u64),
        Cell::Number(srm.p_value),
        Cell::number(srm.e_value),
    ]
}

/// The champion, the goal and the planned looks.
fn outlook(report: &Report) -> Facts {
    let mut facts = Facts::new();
    facts.extend(report.champion.iter().flat_map(|of| {
        [
            ("champion", Cell::text(&of.variant)),
            ("champion is best", Cell::Share(of.prob_best)),
            (
                "champion is within 1 % of the best",
                Cell::share(of.prob_near_best),
            ),
        ]
    }));
    facts.extend(report.goal.iter().flat_map(|goal| {
        [
            ("goal", Cell::text(&goal.metric)),
            ("goal lift", Cell::Share(goal.target_lift)),
            ("goal by (UTC)", Cell::Time(goal.by)),
            ("goal variant", text(goal.variant.as_deref())),
            ("goal reached", Cell::share(goal.prob_reached)),
        ]
    }));
    facts.extend(report.looks.iter().flat_map(|looks| {
        let days: Vec<String> = looks.days.iter().map(u32::to_string).collect();
        [
            ("looks planned after days", Cell::Text(days.join(", "))),
            ("looks taken", Cell::Count(looks.taken as u64)),
            (
                "next look in days",
                Cell::count(looks.next_in_days.map(u64::from)),
            ),
        ]
    }));
    facts.extend(report.holdout.iter().flat_map(|holdout| {
        [
            ("held out since (UTC)", Cell::Time(holdout.since)),
            ("held out", Cell::Count(holdout.held_out)),
            ("personalized", Cell::Count(holdout.personalized)),
            (
                "personalized per day",
                Cell::number(holdout.personalized_per_day),
            ),
        ]
    }));
    facts
}
