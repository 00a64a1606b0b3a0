//! The figures a plan starts from: given, or taken from the experiment, or wrong.

use super::shape::Origin;
use super::{MAX_DAYS, PlanError, Question};
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::stats::power::Baseline;
use crate::time::{DAY_MS, Timestamp};

/// The lift to find: given, or that of the goal.
pub(super) fn lift(
    question: &Question<'_>,
    goal: MetricIndex,
    baseline: Baseline,
) -> Result<f64, PlanError> {
    let of_goal = question.experiment.goal.as_ref();
    let of_goal = of_goal.filter(|of| of.metric == goal).map(|of| of.lift);
    let lift = question.ask.lift.or(of_goal);
    let lift =
        lift.ok_or_else(|| missing("lift", "must be given: the experiment names no goal"))?;
    if !lift.is_finite() || lift.abs() < 1e-6 || lift <= -1.0 {
        return Err(invalid(
            "lift",
            "must be a relative change such as 0.05 for 5 %",
        ));
    }
    match baseline {
        Baseline::Proportion(rate) if rate * (1.0 + lift) > 1.0 => Err(invalid(
            "lift",
            &format!("would take the rate of {rate} above 1"),
        )),
        Baseline::Proportion(_) | Baseline::Mean { .. } => Ok(lift),
    }
}

/// What the control does: given, or measured on it.
pub(super) fn baseline(
    question: &Question<'_>,
    goal: MetricIndex,
    metric: &Metric,
) -> Result<(Baseline, Origin), PlanError> {
    let (given, sd) = (question.ask.baseline, question.ask.sd);
    let is_share = matches!(metric.kind, MetricKind::Conversion { .. });
    if is_share && sd.is_some() {
        return Err(invalid(
            "sd",
            "is not used: the rate of a conversion says it",
        ));
    }
    if sd.is_some_and(|sd| !sd.is_finite() || sd <= 0.0) {
        return Err(invalid("sd", "must be above 0"));
    }
    let Some(mean) = given else {
        let measured = question.own.and_then(|own| own.baseline(goal));
        let few = "must be given: the control has too few conversions of its own to tell";
        let measured = measured.ok_or_else(|| missing("baseline", few))?;
        return Ok(match (measured, sd) {
            (Baseline::Mean { mean, .. }, Some(sd)) => {
                (Baseline::Mean { mean, sd }, Origin::Measured)
            }
            (Baseline::Proportion(_) | Baseline::Mean { .. }, _) => (measured, Origin::Measured),
        });
    };
    if is_share {
        let detail = "must be a rate between 0 and 1";
        let is_rate = mean > 0.0 && mean < 1.0;
        let rate = is_rate.then_some((Baseline::Proportion(mean), Origin::Given));
        return rate.ok_or_else(|| invalid("baseline", detail));
    }
    if !mean.is_finite() || mean.abs() < f64::MIN_POSITIVE {
        return Err(invalid(
            "baseline",
            "must not be 0: nothing is relative to it",
        ));
    }
    let detail = "must be given with the baseline of a metric that is no conversion";
    let sd = sd.ok_or_else(|| missing("sd", detail))?;
    Ok((Baseline::Mean { mean, sd }, Origin::Given))
}

/// Visitors that enter per day.
pub(super) fn traffic(question: &Question<'_>) -> Result<(f64, Origin), PlanError> {
    if let Some(given) = question.ask.visitors_per_day {
        if !given.is_finite() || given <= 0.0 || given > 1e12 {
            return Err(invalid("visitors_per_day", "must be above 0"));
        }
        return Ok((given * question.experiment.traffic, Origin::Given));
    }
    let measured = question.own.and_then(|own| own.per_day());
    let detail = "must be given: the experiment has no whole day of traffic of its own";
    let measured = measured.ok_or_else(|| missing("visitors_per_day", detail))?;
    Ok((measured, Origin::Measured))
}

/// The days that are left.
pub(super) fn deadline(question: &Question<'_>) -> Result<Option<u32>, PlanError> {
    if let Some(days) = question.ask.days {
        let days = (1..=MAX_DAYS).contains(&days).then_some(days);
        let detail = format!("must lie between 1 and {MAX_DAYS}");
        return days.map(Some).ok_or_else(|| invalid("days", &detail));
    }
    let experiment = question.experiment;
    let by = experiment.goal.as_ref().map(|goal| goal.by);
    let ends = experiment.schedule.ends;
    let left = |at: Timestamp| {
        let days = at.millis().saturating_sub(question.now.millis()) / DAY_MS;
        u32::try_from(days).unwrap_or(0).min(MAX_DAYS)
    };
    Ok(by.into_iter().chain(ends).min().map(left))
}

fn invalid(field: &'static str, detail: &str) -> PlanError {
    let detail = detail.to_owned();
    PlanError::Invalid { field, detail }
}

fn missing(field: &'static str, detail: &str) -> PlanError {
    let detail = detail.to_owned();
    PlanError::Missing { field, detail }
}
