//! What personalization earns, as text.

use super::cells::{Aligned, decimal, grouped, label, p_value, percent, signed_percent, wrapped};
use crate::report::{HoldoutReport, PolicyMetric};
use crate::stats::Caveat;

/// Renders the policy against the holdout.
pub(super) fn render(holdout: &HoldoutReport) -> String {
    let (held, others) = (grouped(holdout.held_out), grouped(holdout.personalized));
    let text = format!("{others} visitors with any variant against {held} held out.");
    let mut out = format!("\n{}", wrapped("What personalization earns:", &text));
    let mut table = Aligned::new(&[
        "Metric",
        "Held out",
        "Others",
        "Lift",
        "95 % interval",
        "p",
        "Per day",
    ]);
    for metric in &holdout.metrics {
        table.row(row(metric));
    }
    out += &table.render();
    let mut caveats: Vec<Caveat> = holdout
        .metrics
        .iter()
        .flat_map(|metric| metric.caveats.iter().copied())
        .collect();
    caveats.sort_unstable();
    caveats.dedup();
    for caveat in caveats {
        let concerned = holdout
            .metrics
            .iter()
            .filter(|metric| metric.caveats.contains(&caveat));
        let names: Vec<String> = concerned.map(|metric| label(&metric.key)).collect();
        out += &wrapped(
            "  !",
            &format!("{}: {}", names.join(", "), caveat.explain()),
        );
    }
    if let Some(profit) = &holdout.profit {
        out.push('\n');
        out += &wrapped("Costs:", &profit.sentence);
    }
    out
}

fn row(metric: &PolicyMetric) -> Vec<String> {
    let number = |value: f64| match metric.kind.as_str() {
        "conversion" => percent(Some(value), 2),
        _ => decimal(value),
    };
    let mean = |of: Option<crate::report::Mean>| of.map_or_else(String::new, |of| number(of.mean));
    let watched = metric.always_valid.and_then(|valid| valid.relative);
    let per_day = metric.per_day.as_ref().map(|per_day| {
        let currency = per_day.currency.as_deref().map(label);
        let unit = currency.map_or_else(String::new, |currency| format!(" {currency}"));
        format!("{:+.2}{unit}", per_day.amount.estimate)
    });
    vec![
        label(&metric.key),
        mean(metric.holdout),
        mean(metric.policy),
        metric
            .relative
            .map_or_else(String::new, |lift| signed_percent(lift.estimate)),
        watched.map_or_else(String::new, |range| {
            let (low, high) = (signed_percent(range.low), signed_percent(range.high));
            format!("{low} to {high}")
        }),
        metric.p_value.map_or_else(String::new, p_value),
        per_day.unwrap_or_default(),
    ]
}
