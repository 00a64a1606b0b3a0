//! Metrics: which events count, and how a visitor's total becomes the value that is analysed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::amount::{Amount, MAX_MICROS, MICROS};
use crate::id::{EventName, MetricKey};
use crate::time::Window;
use crate::winsor::Percentile;

/// A metric's position in its experiment's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricIndex(pub u16);

/// What a metric measures per visitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its key, unique in the experiment.
    pub key: MetricKey,
    /// How it is computed.
    pub kind: MetricKind,
    /// What it is for.
    pub role: Role,
    /// Which direction is good.
    pub direction: Direction,
    /// How long after the assignment an event still counts.
    pub window: Window,
    /// For guardrails with a limit: when it trips, and what happens then.
    pub guard: Option<Guard>,
    /// The visitor's own past that takes variance away (CUPED); never of a ratio.
    pub covariate: Option<Covariate>,
}

/// The same measure of a visitor, taken before the assignment: the metric's value of the total over these events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covariate {
    /// The event; a sum adds the same property of it.
    pub event: EventName,
    /// How far back from the assignment.
    pub window: Window,
}

/// When a guardrail trips, and what happens then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// The relative harm that is too much, positive.
    pub limit: f64,
    /// What happens.
    pub on_trip: OnTrip,
}

/// What a guardrail does when it trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTrip {
    /// The experiment runs on; the trip is logged and shown.
    Notify,
    /// The experiment pauses, and everybody gets control.
    Pause,
}

/// The closed set of metric kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricKind {
    /// 1 if the visitor has at least one (unrefunded) event, else 0.
    Conversion {
        /// The event that converts.
        event: EventName,
    },
    /// The number of (unrefunded) events.
    Count {
        /// The event that is counted.
        event: EventName,
    },
    /// The sum of a property over the visitor's events.
    Sum {
        /// The event that carries it.
        event: EventName,
        /// Dotted path into the event's properties.
        property: String,
        /// Where larger totals are cut off (winsorising).
        cap: Option<Cap>,
    },
    /// One metric per another, such as revenue per order.
    Ratio {
        /// The metric above the line.
        numerator: MetricIndex,
        /// The metric below the line.
        denominator: MetricIndex,
    },
}

/// Where totals are cut off: what lies above counts as the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// At an amount.
    Fixed(Amount),
    /// At a percentile of all visitors' totals, frozen in an epoch once enough of them are known.
    Percentile(Percentile),
}

/// What a metric is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one metric that decides.
    Goal,
    /// Reported beside it.
    Secondary,
    /// Must not get worse.
    Guardrail,
}

/// Which direction of a metric is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Increase,
    /// Less is better.
    Decrease,
}

impl Metric {
    /// The events the metric reads itself: what it counts, and its covariate's.
    pub fn events(&self) -> impl Iterator<Item = &EventName> {
        let covariate = self.covariate.as_ref().map(|covariate| &covariate.event);
        self.kind.event().into_iter().chain(covariate)
    }

    /// How many integers make one unit of y and of x: above and below the line, or of the metric and its covariate.
    pub fn units(&self, metrics: &[Self]) -> (f64, f64) {
        let unit = |index: MetricIndex| {
            let of = metrics.get(usize::from(index.0));
            of.map_or(1.0, |of| of.kind.unit())
        };
        match self.kind {
            MetricKind::Ratio {
                numerator,
                denominator,
            } => (unit(numerator), unit(denominator)),
            MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => {
                (self.kind.unit(), self.kind.unit())
            }
        }
    }
}

impl MetricKind {
    /// The event the metric reads; `None` for a ratio, which reads two metrics.
    pub fn event(&self) -> Option<&EventName> {
        match self {
            Self::Conversion { event } | Self::Count { event } | Self::Sum { event, .. } => {
                Some(event)
            }
            Self::Ratio { .. } => None,
        }
    }

    /// The field's name of the kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conversion { .. } => "conversion",
            Self::Count { .. } => "count",
            Self::Sum { .. } => "sum",
            Self::Ratio { .. } => "ratio",
        }
    }

    /// How many integers of a visitor's value make one unit of the metric.
    pub fn unit(&self) -> f64 {
        match self {
            Self::Sum { .. } => MICROS as f64,
            Self::Conversion { .. } | Self::Count { .. } | Self::Ratio { .. } => 1.0,
        }
    }

    /// The percentile at which totals are cut off, if they are.
    pub fn percentile(&self) -> Option<Percentile> {
        match self {
            Self::Sum {
                cap: Some(Cap::Percentile(percentile)),
                ..
            } => Some(*percentile),
            Self::Sum { .. }
            | Self::Conversion { .. }
            | Self::Count { .. }
            | Self::Ratio { .. } => None,
        }
    }

    /// The cap in force, in micro-units: the metric's own, or the one that an epoch has frozen for it.
    pub fn cap(&self, frozen: Option<i64>) -> Option<i64> {
        match self {
            Self::Sum { cap, .. } => match (*cap)? {
                Cap::Fixed(cap) => Some(cap.micros()),
                Cap::Percentile(_) => frozen,
            },
            Self::Conversion { .. } | Self::Count { .. } | Self::Ratio { .. } => None,
        }
    }

    /// f: the value analysed for a visitor's total (events for conversions and counts, micro-units for sums) under the
    /// cap that the epoch of the assignment has frozen, if any.
    /// The cap and the clamp at ±10⁹ units act here; the total itself is never changed.
    pub fn value(&self, total: i128, frozen: Option<i64>) -> i64 {
        let clamped = total.clamp(-i128::from(MAX_MICROS), i128::from(MAX_MICROS));
        let clamped = i64::try_from(clamped).unwrap_or(MAX_MICROS);
        match self {
            Self::Conversion { .. } => i64::from(total > 0),
            Self::Count { .. } | Self::Ratio { .. } => clamped,
            Self::Sum { .. } => self.cap(frozen).map_or(clamped, |cap| clamped.min(cap)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_capped_and_clamped_but_may_be_negative() {
        let event = EventName::parse("Order Completed").unwrap();
        let sum = |cap| MetricKind::Sum {
            event: event.clone(),
            property: "revenue".into(),
            cap: Some(cap),
        };
        let fixed = sum(Cap::Fixed(Amount::from_f64(100.0).unwrap()));
        assert_eq!(fixed.value(250 * i128::from(MICROS), None), 100 * MICROS);
        assert_eq!(fixed.value(-7, None), -7);
        assert_eq!(fixed.value(i128::MIN, None), -MAX_MICROS);
        let moving = sum(Cap::Percentile(Percentile::new(99.0, true).unwrap()));
        assert_eq!(
            (moving.value(250, None), moving.value(250, Some(30))),
            (250, 30)
        );
        assert_eq!(
            MetricKind::Conversion {
                event: event.clone()
            }
            .value(3, None),
            1
        );
        assert_eq!(
            MetricKind::Conversion {
                event: event.clone()
            }
            .value(0, None),
            0
        );
        assert_eq!(MetricKind::Count { event }.value(3, Some(2)), 3);
    }
}
