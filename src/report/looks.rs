//! Planned looks: the group-sequential boundaries of a fixed split (statistics §11).
//!
//! A look is taken when its last day is over, on what was known of the days up to it. The information of a look is its
//! share of the planned days, which was fixed before the start; with K − 1 variants against the control each has its share
//! of the error. What crossed its boundary at a look stays decided, so later looks do not take it back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::design::Design;
use super::headline::{Evidence, Headline};
use super::metrics;
use super::totals::Totals;
use super::{ALPHA, ComparisonReport, MetricReport, Question};
use crate::catalog::spec::{LooksSpec, Spending};
use crate::stats::group_sequential::{self, Bound};
use crate::time::Day;

/// The planned looks, and where the experiment stands among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Looks {
    /// After how many whole days each is taken.
    pub days: Vec<u32>,
    /// How many were taken.
    pub taken: usize,
    /// Whole days until the next; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_in_days: Option<u32>,
}

/// A look that was taken.
struct Taken {
    bound: Bound,
    metrics: Vec<MetricReport>,
}

/// Gives every comparison the headline of the looks taken so far; `None` where none were planned.
pub(super) fn apply(
    question: &Question<'_>,
    design: &Design<'_>,
    metrics: &mut [MetricReport],
) -> Option<Looks> {
    let plan = design.entry.experiment.spec.looks.as_ref()?;
    let first = question.cells.first_day();
    let over = first.map_or(0, |first| question.today.0 - first.0);
    let over = u32::try_from(over).unwrap_or(0);
    let contrasts = design.pairings.len().max(1) as f64;
    let bounds = boundaries(plan, ALPHA / contrasts);
    let looks = plan.days.iter().zip(bounds);
    let taken = looks.take_while(|(day, _)| **day <= over);
    let taken: Vec<Taken> = taken
        .filter_map(|(day, bound)| {
            let last = Day(first?.0 + i32::try_from(*day).ok()? - 1);
            let totals = Totals::until(question.cells, last);
            let metrics = metrics::at_level(design, &totals, bound.nominal_p);
            Some(Taken { bound, metrics })
        })
        .collect();
    for (at, metric) in metrics.iter_mut().enumerate() {
        for (position, with) in metric.comparisons.iter_mut().enumerate() {
            with.headline = headline(&taken, at, position);
        }
    }
    Some(Looks {
        days: plan.days.clone(),
        taken: taken.len(),
        next_in_days: plan.days.get(taken.len()).map(|day| day - over),
    })
}

/// The first look whose boundary was crossed, else the latest.
fn headline(taken: &[Taken], metric: usize, position: usize) -> Option<Headline> {
    let at = |taken: &Taken| {
        let with = taken.metrics.get(metric)?.comparisons.get(position)?;
        Some(shown(with, &taken.bound))
    };
    let mut all = taken.iter().filter_map(at);
    let crossed = all.find(|headline| headline.conclusive);
    crossed.or_else(|| at(taken.last()?))
}

/// The repeated confidence interval (Jennison and Turnbull 1989): the boundary instead of the usual quantile.
fn shown(with: &ComparisonReport, bound: &Bound) -> Headline {
    let z = with
        .absolute
        .zip(with.std_error)
        .map(|(effect, error)| effect.estimate / error);
    Headline {
        evidence: Evidence::GroupSequential,
        absolute: with.absolute,
        relative: with.relative,
        p_value: with.p_value,
        conclusive: z.is_some_and(|z| z.abs() >= bound.z),
    }
}

fn boundaries(plan: &LooksSpec, alpha: f64) -> Vec<Bound> {
    let last = plan.days.last().copied().unwrap_or(1);
    let fractions: Vec<f64> = plan
        .days
        .iter()
        .map(|day| f64::from(*day) / f64::from(last))
        .collect();
    let spending = match plan.spending {
        Spending::OBrienFleming => group_sequential::Spending::OBrienFleming,
        Spending::Pocock => group_sequential::Spending::Pocock,
        Spending::Linear => group_sequential::Spending::Power(1.0),
        Spending::Quadratic => group_sequential::Spending::Power(2.0),
        Spending::Cubic => group_sequential::Spending::Power(3.0),
    };
    group_sequential::boundaries(&fractions, alpha, spending).unwrap_or_default()
}
