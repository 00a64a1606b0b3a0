//! The results of a scenario as plain text for a terminal.

use crate::report::table::cells::{Aligned, grouped};
use crate::simulation::{PolicySummary, Ratio, Summary};

/// What the columns mean.
pub(super) const LEGEND: &str = "\
regret: expected conversions or currency lost against the best variant; ± one standard error.
right: runs that want to give most traffic to the best variant at the end.
50 % / 80 %: visitors after the last change until so much of the traffic is on the best variant, over all runs.
days, decided: days until the report's first verdict to stop, and the share of runs with one.
covered: 95 % intervals for one planned look at the end that cover the true lift, where shown.
ever excl.: runs in which an always-valid interval excluded the true lift at any look.";

/// Renders a scenario's results.
pub(super) fn render(summary: &Summary) -> String {
    let mut table = Aligned::new(&[
        "Policy",
        "regret",
        "× uniform",
        "× exact TS",
        "right",
        "50 % / 80 %",
        "days",
        "decided",
        "covered",
        "ever excl.",
        "epochs",
    ]);
    for policy in &summary.policies {
        table.row(row(policy));
    }
    format!(
        "{}: {} runs of {} visitors\n{}",
        summary.scenario,
        grouped(summary.runs as u64),
        grouped(summary.visitors),
        table.render()
    )
}

fn row(of: &PolicySummary) -> Vec<String> {
    let after = |visitors: Option<u64>| visitors.map_or("–".to_owned(), grouped);
    let report = of.report.as_ref();
    let changed = match (of.half_after, of.most_after) {
        (None, None) => String::new(),
        (half, most) => format!("{} / {}", after(half), after(most)),
    };
    vec![
        of.policy.clone(),
        with_error(Some(of.regret), 1),
        with_error(of.to_uniform, 3),
        with_error(of.to_thompson, 3),
        share(Some(of.right)),
        changed,
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
