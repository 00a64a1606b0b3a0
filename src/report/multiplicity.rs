//! Several comparisons in one report: which of them are a family, and how its p-values are adjusted (statistics §12).
//!
//! The goal makes the claim, so all its variants together keep the error of one test: Holm. Secondary metrics are scanned
//! for something to look into, so among what looks real at 5 % at most 5 % is expected to be chance: Benjamini–Hochberg
//! over all their variants. Guardrails are not adjusted, and nothing is adjusted for them: a safety check that gets blunter
//! the more there are would be none (stopping an experiment is another matter: `guardrail`). Breakdowns are a search too: one
//! Benjamini–Hochberg family over all values of all dimensions that are asked for, their metrics and variants, the goal
//! included; whether lifts differ between values is another.
//!
//! A comparison that has no p-value yet still belongs to its family and counts as 1, so that a family does not grow while
//! it is watched.

use super::{Breakdown, ComparisonReport, MetricReport};
use crate::catalog::metric::Role;
use crate::stats::multiplicity::{benjamini_hochberg, holm};

/// Adjusts the p-values of a report's metrics.
pub(super) fn metrics(metrics: &mut [MetricReport]) {
    for metric in metrics.iter_mut() {
        match metric.role {
            Role::Goal => adjust(metric.comparisons.iter_mut().collect(), holm),
            Role::Guardrail => adjust(metric.comparisons.iter_mut().collect(), <[f64]>::to_vec),
            Role::Secondary => {}
        }
    }
    let secondary = metrics
        .iter_mut()
        .filter(|metric| metric.role == Role::Secondary);
    let family = secondary.flat_map(|metric| &mut metric.comparisons);
    adjust(family.collect(), benjamini_hochberg);
}

/// Adjusts the p-values of a report's breakdowns.
pub(super) fn breakdowns(breakdowns: &mut [Breakdown]) {
    let values = breakdowns.iter_mut().flat_map(|of| &mut of.values);
    let (guardrails, family): (Vec<_>, Vec<_>) = values
        .flat_map(|value| &mut value.metrics)
        .partition(|metric| metric.role == Role::Guardrail);
    adjust(comparisons(guardrails), <[f64]>::to_vec);
    adjust(comparisons(family), benjamini_hochberg);
    let interactions = || breakdowns.iter().flat_map(|of| &of.interactions);
    let p_values: Vec<f64> = interactions().map(|of| of.p_value).collect();
    let adjusted = benjamini_hochberg(&p_values);
    let interactions = breakdowns.iter_mut().flat_map(|of| &mut of.interactions);
    for (of, adjusted) in interactions.zip(adjusted) {
        of.p_adjusted = adjusted;
    }
}

fn comparisons(metrics: Vec<&mut MetricReport>) -> Vec<&mut ComparisonReport> {
    let each = metrics.into_iter();
    each.flat_map(|metric| &mut metric.comparisons).collect()
}

fn adjust(mut family: Vec<&mut ComparisonReport>, by: fn(&[f64]) -> Vec<f64>) {
    let p_values: Vec<f64> = family
        .iter()
        .map(|with| with.p_value.unwrap_or(1.0))
        .collect();
    for (with, adjusted) in family.iter_mut().zip(by(&p_values)) {
        with.p_adjusted = with.p_value.map(|_| adjusted);
    }
}
