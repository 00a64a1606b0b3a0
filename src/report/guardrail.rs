//! Guardrails: whether a variant does more harm to a metric than its limit allows (statistics R16).
//!
//! Harm is the relative change in the bad direction. A guardrail trips when the estimate reaches the limit and the
//! one-sided always-valid bound leaves no doubt that there is harm at all. The bound has a level of .05/(m(K − 1)) for m
//! guardrails and K − 1 variants against the control, so a harmless experiment, however often it is looked at, ever trips
//! with a probability of at most 5 %.
//!
//! What tripped once trips again only when there is more to say: when the bound exceeds the harm that was estimated at the
//! last trip. Whoever starts a paused experiment again accepts so much, and is not stopped by the same evidence.

use crate::catalog::metric::{Direction, Guard, Metric, MetricIndex, OnTrip, Role};
use crate::catalog::{Entry, Trip};
use crate::cell::Cells;
use crate::stats::sequence::Side;
use crate::time::Timestamp;

use super::always::Evidence;
use super::design::{Design, Pairing};
use super::figure::Reader;
use super::table::cells::percent;
use super::totals::Totals;
use super::{ALPHA, ComparisonReport, GuardrailStatus, Harm, MetricReport};

impl Harm {
    /// The estimate, or where the control is at zero what the harm is at least.
    fn size(&self) -> Option<f64> {
        self.estimate.or(self.low)
    }

    fn status(&self, guard: Guard) -> Option<GuardrailStatus> {
        let too_much = self.size()? >= guard.limit;
        let is_certain = self.low.is_some_and(|low| low > 0.0);
        Some(match (too_much, is_certain) {
            (false, _) => GuardrailStatus::Ok,
            (true, false) => GuardrailStatus::AtRisk,
            (true, true) => GuardrailStatus::Tripped,
        })
    }
}

impl Reader<'_> {
    /// The α of one guardrail of one variant.
    fn guard_level(self) -> f64 {
        let metrics = &self.design.entry.experiment.metrics;
        let guardrails = metrics.iter().filter(|of| of.role == Role::Guardrail);
        ALPHA / (guardrails.count() * self.design.pairings.len()).max(1) as f64
    }

    /// Holds a guardrail against its limit.
    pub(super) fn guarded(
        self,
        metric: &Metric,
        evidence: Option<&Evidence>,
        comparison: ComparisonReport,
    ) -> ComparisonReport {
        if metric.role != Role::Guardrail {
            return comparison;
        }
        let (side, sign) = match metric.direction {
            Direction::Increase => (Side::Below, -1.0),
            Direction::Decrease => (Side::Above, 1.0),
        };
        let bound = evidence.and_then(|of| of.lift_beyond(side, self.guard_level()));
        let harm = Harm {
            estimate: comparison.relative.map(|lift| sign * lift.estimate),
            low: bound
                .filter(|lift| lift.is_finite())
                .map(|lift| sign * lift),
        };
        ComparisonReport {
            harm: harm.size().map(|_| harm),
            status: metric.guard.and_then(|guard| harm.status(guard)),
            ..comparison
        }
    }

    fn trip(self, index: MetricIndex, pairing: &Pairing, at: Timestamp) -> Option<Trip> {
        let metric = self.design.entry.experiment.metric(index)?;
        let guard = metric.guard?;
        let figures = self.pair(index, pairing);
        let comparison = self.contrasted(metric, (index, pairing), (&figures.0, &figures.1));
        let harm = comparison.harm?;
        let (size, low) = (harm.size()?, harm.low?);
        let arm = pairing.named.row.arm;
        let known = self.design.entry.lifecycle.known_harm(&metric.key, arm);
        let trips = comparison.status == Some(GuardrailStatus::Tripped) && low > known;
        trips.then(|| Trip {
            metric: metric.key.clone(),
            arm,
            harm: size,
            low,
            action: guard.on_trip,
            receipt: receipt(metric, guard, pairing, harm),
            at,
        })
    }
}

/// The harm in plain words.
fn receipt(metric: &Metric, guard: Guard, pairing: &Pairing, harm: Harm) -> String {
    let lead = match guard.on_trip {
        OnTrip::Pause => "Paused",
        OnTrip::Notify => "Tripped",
    };
    let where_to = match metric.direction {
        Direction::Increase => "below",
        Direction::Decrease => "above",
    };
    let named = &pairing.named;
    let revision = named.revision.map(|revision| format!("@{revision}"));
    let at_least = percent(harm.low, 1);
    let size = match harm.estimate {
        Some(_) => format!(
            "{} {where_to} the control (at least {at_least}, however often one looks)",
            percent(harm.estimate, 1)
        ),
        None => format!("at least {at_least} {where_to} the control, which is at zero"),
    };
    format!(
        "{lead}: {} of {}{} is {size}; the limit is {}.",
        metric.key,
        named.key,
        revision.unwrap_or_default(),
        percent(Some(guard.limit), 1)
    )
}

/// The metrics of some visitors only: their guardrails are looked at and never trip, since the level is that of the whole.
pub(super) fn of_a_part(mut metrics: Vec<MetricReport>) -> Vec<MetricReport> {
    for with in metrics.iter_mut().flat_map(|of| &mut of.comparisons) {
        with.harm = with.harm.map(|harm| Harm { low: None, ..harm });
        if with.status == Some(GuardrailStatus::Tripped) {
            with.status = Some(GuardrailStatus::AtRisk);
        }
    }
    metrics
}

/// The guardrails of a running experiment that trip now: those of live variants that show more harm than is known.
pub fn trips(entry: &Entry, cells: &Cells, at: Timestamp) -> Vec<Trip> {
    let mut metrics = entry.experiment.metrics.iter();
    if !entry.is_running() || metrics.all(|metric| metric.guard.is_none()) {
        return Vec::new();
    }
    let design = Design::new(entry, at, &cells.analysed(None)).with_delays(cells, at);
    let totals = Totals::present(cells, &entry.epochs);
    let reader = Reader::new(&design, &totals);
    let metrics = (0..).map(MetricIndex).zip(&entry.experiment.metrics);
    let live = || design.pairings.iter().filter(|of| of.named.live);
    metrics
        .filter(|(_, metric)| metric.guard.is_some())
        .flat_map(|(index, _)| live().filter_map(move |pairing| reader.trip(index, pairing, at)))
        .collect()
}
