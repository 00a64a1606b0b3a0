//! The results of a scenario as plain text for a terminal.

use crate::report::table::cells::{Aligned, grouped};
use crate::simulation::{PolicySummary, Ratio, Summary};

/// What the columns mean.
pub(super) const LEGEND: &str = "\
regret: expected conversions or currency lost against the best variant; ± one standard error.
× other: regret as a multiple of that of the policy named by `against`.
right: runs (visitors, where segments differ) in which the best variant has the largest posterior mean at the end,
    or won the search that ended.
50 % / 80 %: visitors after the last change until so much of the traffic is on the best variant, over all runs.
days, decided: days until the report's first verdict to stop, and the share of runs with one.
stopped: days until the policy ended by itself, the share of runs where it did, and of those the share that was right.
covered: 95 % intervals for one planned look at the end that cover the true lift, where shown.
ever excl.: runs in which an always-valid interval excluded the true lift at any look.";

/// What is shown of each policy, where any has it.
const COLUMNS: [&str; 13] = [
    "Policy",
    "regret",
    "× uniform",
    "× exact TS",
    "× other",
    "right",
    "50 % / 80 %",
    "stopped",
    "days",
    "decided",
    "covered",
    "ever excl.",
    "epochs",
];

/// Renders a scenario's results.
pub(super) fn render(summary: &Summary) -> String {
    let rows: Vec<[String; COLUMNS.len()]> = summary.policies.iter().map(row).collect();
    let is_used = |at: &usize| rows.iter().any(|row| !row[*at].is_empty());
    let used: Vec<usize> = (0..COLUMNS.len()).filter(is_used).collect();
    let titles: Vec<&str> = used.iter().map(|at| COLUMNS[*at]).collect();
    let mut table = Aligned::new(&titles);
    for row in &rows {
        table.row(used.iter().map(|at| row[*at].clone()).collect());
    }
    format!(
        "{}: {} runs of {} visitors\n{}",
        summary.scenario,
        grouped(summary.runs as u64),
        grouped(summary.visitors),
        table.render()
    )
}

fn row(of: &PolicySummary) -> [String; COLUMNS.len()] {
    let after = |visitors: Option<u64>| visitors.map_or("–".to_owned(), grouped);
    let report = of.report.as_ref();
    let changed = match (of.half_after, of.most_after) {
        (None, None) => String::new(),
        (half, most) => format!("{} / {}", after(half), after(most)),
    };
    let against = of.against.as_ref();
    let against = against.map(|of| format!("{} of {}", with_error(Some(of.ratio), 3), of.policy));
    let stopped = of.stop.as_ref().map(|of| {
        let (days, all, right) = (with_error(Some(of.days), 1), of.stopped, of.right);
        format!("{days}, {}, {}", share(Some(all)), share(Some(right)))
    });
    [
        of.policy.clone(),
        with_error(Some(of.regret), 1),
        with_error(of.to_uniform, 3),
        with_error(of.to_thompson, 3),
        against.unwrap_or_default(),
        share(Some(of.right)),
        changed,
        stopped.unwrap_or_default(),
        report.map_or_else(String::new, |report| with_error(report.days, 1)),
        report.map_or_else(String::new, |report| share(Some(report.decided))),
        report.map_or_else(String::new, |report| share(report.coverage)),
        report.map_or_else(String::new, |report| share(report.excluded)),
        report.map_or_else(String::new, |report| format!("{:.0}", report.epochs)),
    ]
}

fn with_error(of: Option<Ratio>, digits: usize) -> String {
    match of {
        None => String::new(),
        Some(Ratio {
            value,
            std_error: None,
        }) => format!("{value:.digits$}"),
        Some(Ratio {
            value,
            std_error: Some(error),
        }) => format!("{value:.digits$} ± {error:.digits$}"),
    }
}

fn share(of: Option<Ratio>) -> String {
    of.map_or_else(String::new, |of| format!("{:.1} %", 100.0 * of.value))
}
