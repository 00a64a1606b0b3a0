//! For which metrics an event of a visitor counts: asked by people, never on the way of an event.

use super::attribution::{Part, event_steps};
use super::{MetricEvent, Record, refund_signals};
use serde::Serialize;
use utoipa::ToSchema;

use crate::allocation::Arm;
use crate::catalog::metric::MetricIndex;
use crate::catalog::{Catalog, Serial};
use crate::time::Zone;

/// What an event does to a metric of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The experiment.
    pub experiment: Serial,
    /// The variant assigned.
    pub arm: Arm,
    /// The metric.
    pub metric: MetricIndex,
    /// What it does there.
    pub effect: Effect,
}

/// What an event does to a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MetricEffect)]
pub enum Effect {
    /// It counts as a reward.
    Reward,
    /// It is history: it belongs to the covariate.
    History,
    /// It takes a reward back.
    TakesBack,
}

/// What the event with this hash of its id does; `None` if the record does not list it (any more).
pub fn counted(record: &Record, catalog: &Catalog, zone: &Zone, id: u64) -> Option<Vec<Counted>> {
    let event = record.events.iter().find(|event| event.id == id)?;
    let refunds = refund_signals().contains(&event.name);
    let is_order = |other: &&MetricEvent| {
        refunds && event.order.is_some() && other.order == event.order && other.id != event.id
    };
    let order = record.events.iter().find(is_order);
    let mut all = Vec::new();
    for assignment in &record.assignments {
        let Some(entry) = catalog.by_serial(assignment.experiment) else {
            continue;
        };
        let span = record.span(assignment, entry, zone);
        for (index, metric) in (0..).map(MetricIndex).zip(&entry.experiment.metrics) {
            let steps = |part, event| event_steps(record, span, (metric, part), event);
            let is_taken = order.is_some_and(|order| steps(Part::Reward, order).len() > 1);
            let effects = [
                (!steps(Part::Reward, event).is_empty(), Effect::Reward),
                (!steps(Part::History, event).is_empty(), Effect::History),
                (is_taken, Effect::TakesBack),
            ];
            all.extend(
                effects
                    .into_iter()
                    .filter(|of| of.0)
                    .map(|(_, effect)| Counted {
                        experiment: assignment.experiment,
                        arm: assignment.arm,
                        metric: index,
                        effect,
                    }),
            );
        }
    }
    Some(all)
}
