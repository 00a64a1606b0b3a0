//! Breakdowns and the timeline as text.

use std::fmt::Write;

use super::cells::{Aligned, grouped, label, signed_percent, wrapped};
use super::{metric_table, range, row_name};
use crate::catalog::metric::Role;
use crate::report::{Breakdown, Report, TimelineDay, TimelineEffect};

/// The metrics of each value, and whether lifts differ between them.
pub(super) fn breakdowns(report: &Report) -> String {
    let mut out = String::new();
    for breakdown in &report.breakdowns {
        let dimension = label(&breakdown.dimension);
        for value in &breakdown.values {
            let _ = write!(out, "\n{dimension} = {}\n", label(&value.value));
            for metric in &value.metrics {
                out += &metric_table(report, metric);
            }
        }
        out += &interactions(breakdown);
    }
    out
}

fn interactions(breakdown: &Breakdown) -> String {
    let mut out = String::new();
    for of in &breakdown.interactions {
        let name = row_name(&of.variant, of.revision, "");
        let text = format!("{} of {name}: {}", label(&of.metric), of.text);
        out += &wrapped(&format!("{}:", label(&breakdown.dimension)), &text);
    }
    if out.is_empty() {
        out
    } else {
        format!("\n{out}")
    }
}

/// The goal's lifts as of the end of each day.
pub(super) fn timeline(report: &Report) -> String {
    let is_goal = |role: &Role| *role == Role::Goal;
    let position = report.metrics.iter().position(|of| is_goal(&of.role));
    let position = position.unwrap_or(0);
    let Some((last, metric)) = report.timeline.last().zip(report.metrics.get(position)) else {
        return String::new();
    };
    let effects = |day: &TimelineDay| -> Vec<TimelineEffect> {
        let metric = day.metrics.get(position);
        metric.map_or_else(Vec::new, |of| of.comparisons.clone())
    };
    let names: Vec<String> = effects(last)
        .iter()
        .map(|of| row_name(&of.variant, of.revision, ""))
        .collect();
    let mut out = String::new();
    for (column, name) in names.iter().enumerate() {
        let mut table = Aligned::new(&["Day", "Visitors", "Lift", "95 % interval"]);
        for day in &report.timeline {
            let effects = effects(day);
            let of = effects.get(column);
            let lift = of.and_then(|of| of.relative);
            let watched = of.and_then(|of| of.always_valid?.relative);
            table.row(vec![
                day.day.clone(),
                grouped(day.visitors),
                lift.map_or_else(String::new, |lift| signed_percent(lift.estimate)),
                watched.map_or_else(String::new, range),
            ]);
        }
        let _ = write!(
            out,
            "\n{} of {name}, as of the end of each day\n",
            label(&metric.key)
        );
        out += &table.render();
    }
    out
}
