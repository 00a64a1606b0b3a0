//! Attribution: which reward counts for which assignment, and what it makes of the visitor's total.
//!
//! Everything here is a pure function of the visitor's record, so a late or out-of-order event, a duplicate and a
//! refund need no code of their own: change the record, subtract the old contribution, add the new one.
//!
//! # Rules
//! - An event counts if assigned ≤ event time < assigned + window, for the unit's last assignment before it, and not
//!   after the experiment was concluded. Where only exposed visitors are analysed, the first exposure stands for the
//!   assignment, and without one nothing counts.
//! - `Order Refunded` with an `order_id` takes the order out of every metric that counted it: wholly when it names no
//!   amount (or at least the order's), else by its amount, which leaves the order counted. `Order Cancelled` takes it out
//!   wholly, whatever it names. Either acts whenever it
//!   arrives, on its own day (or the order's, if that is later), as long as the order is in the record's list.
//! - What happens while an experiment is concluded counts nowhere, rewards and refunds alike.
//! - Events that left the bounded list survive as totals per day, so the contribution does not change.
//!
//! # History
//! A metric's covariate is the same measure over the time before the assignment: its events with
//! assigned − window ≤ event time < assigned, less the refunds that happened before the assignment. It is frozen by event
//! time: nothing that happens from the assignment on changes it, while old events may arrive whenever they like.

use serde::{Deserialize, Serialize};

use super::{Assignment, MetricEvent, Record, refund_signals, signal};
use crate::catalog::Frozen;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::moments::Observation;
use crate::time::{Day, Timestamp, Zone};

/// The value of a metric over time: from each day on, the observation as of its end. Starts with the day from which on the
/// visitor is analysed; a day on which the observation did not change is absent.
pub type Path = Vec<(Day, Observation)>;

/// What attribution needs to know of an assignment besides its record.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The assignment.
    pub assignment: &'a Assignment,
    /// From when on rewards count: the assignment or, where the exposed are analysed, the first exposure; `None` before it.
    pub start: Option<Timestamp>,
    /// The unit's next assignment, from which on events belong to it.
    pub next: Option<Timestamp>,
    /// When the comparison was frozen by concluding the experiment.
    pub frozen: &'a [Frozen],
    /// The caps that the epoch of the assignment has frozen, by metric.
    pub caps: &'a [Option<i64>],
    /// The zone in which days are counted.
    pub zone: &'a Zone,
}

/// What an event is to an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// It came after: a reward.
    Reward,
    /// It came before: the covariate.
    History,
}

impl Span<'_> {
    /// Whether an event at this time counts for the assignment.
    fn covers(&self, at: Timestamp, metric: &Metric, part: Part) -> bool {
        let assigned = self.assignment.at;
        match (part, &metric.covariate) {
            (Part::Reward, _) => self.start.is_some_and(|start| {
                at >= start
                    && at < start.plus(metric.window)
                    && self.next.is_none_or(|next| at < next)
                    && !self.is_frozen(at)
            }),
            (Part::History, Some(covariate)) => {
                at >= assigned.minus(covariate.window) && at < assigned
            }
            (Part::History, None) => false,
        }
    }

    /// Whether a refund at this time counts.
    fn takes_back(&self, at: Timestamp, part: Part) -> bool {
        match part {
            Part::Reward => !self.is_frozen(at),
            Part::History => at < self.assignment.at,
        }
    }

    /// The day on which something at this time counts: all history, on the day of the assignment.
    fn day(&self, at: Timestamp, part: Part) -> Day {
        self.zone.day(match part {
            Part::Reward => at,
            Part::History => self.assignment.at,
        })
    }

    /// The cap that the epoch of the assignment has frozen for a metric.
    pub(super) fn cap(&self, metric: MetricIndex) -> Option<i64> {
        self.caps.get(usize::from(metric.0)).copied().flatten()
    }

    /// Whether what happened at this time counts nowhere.
    fn is_frozen(&self, at: Timestamp) -> bool {
        self.frozen.iter().any(|frozen| frozen.covers(at))
    }
}

/// The path of a metric for an assignment; empty for a visitor who is not analysed. `metrics` is the experiment's list, by
/// [`MetricIndex`].
pub fn path(record: &Record, span: Span<'_>, metrics: &[Metric], index: MetricIndex) -> Path {
    let Some(metric) = metrics.get(usize::from(index.0)) else {
        return Path::new();
    };
    let Some(start) = span.start else {
        return Path::new();
    };
    let first = span.zone.day(start);
    let MetricKind::Ratio {
        numerator,
        denominator,
    } = metric.kind
    else {
        let x = history(record, span, metric, index);
        let values = values(record, span, metric, index);
        return observe(first, (0, values), |y| Observation { y, x });
    };
    let part = |index: MetricIndex| {
        let of = metrics.get(usize::from(index.0));
        of.map_or_else(Vec::new, |metric| values(record, span, metric, index))
    };
    let (above, below) = (part(numerator), part(denominator));
    let as_of = |values: &[(Day, i64)], day: Day| {
        values
            .iter()
            .rev()
            .find(|(d, _)| *d <= day)
            .map_or(0, |(_, v)| *v)
    };
    let mut days: Vec<Day> = above.iter().chain(&below).map(|(day, _)| *day).collect();
    days.sort_unstable();
    days.dedup();
    let pairs = days
        .into_iter()
        .map(|day| (day, (as_of(&above, day), as_of(&below, day))))
        .collect();
    observe(first, ((0, 0), pairs), |(y, x)| Observation { y, x })
}

/// The visitor's history before the assignment, as the metric values it; 0 without a covariate.
fn history(record: &Record, span: Span<'_>, metric: &Metric, index: MetricIndex) -> i64 {
    if metric.covariate.is_none() {
        return 0;
    }
    let steps = steps(record, span, (metric, index), Part::History);
    let total = steps.iter().map(|(_, step)| step).sum();
    metric.kind.value(total, span.cap(index))
}

/// Prepends the first day, on which nothing had come yet, and drops days that change nothing.
fn observe<V>(
    first: Day,
    (nothing, values): (V, Vec<(Day, V)>),
    observation: impl Fn(V) -> Observation,
) -> Path {
    let mut path = vec![(first, observation(nothing))];
    for (day, value) in values {
        let observation = observation(value);
        match path.last_mut() {
            Some((last, latest)) if *last == day => *latest = observation,
            Some((_, latest)) if *latest == observation => {}
            Some(_) | None => path.push((day, observation)),
        }
    }
    path
}

/// f(total) at the end of every day on which the total changed, in order of days.
fn values(record: &Record, span: Span<'_>, metric: &Metric, index: MetricIndex) -> Vec<(Day, i64)> {
    let mut steps = steps(record, span, (metric, index), Part::Reward);
    steps.sort_unstable_by_key(|(day, _)| *day);
    let cap = span.cap(index);
    let mut total = 0;
    let mut values: Vec<(Day, i64)> = Vec::with_capacity(steps.len());
    for (day, step) in steps {
        total += step;
        let value = metric.kind.value(total, cap);
        match values.last_mut() {
            Some((last, latest)) if *last == day => *latest = value,
            Some(_) | None => values.push((day, value)),
        }
    }
    values
}

/// What all events add to the total of a part of a metric, those that left the list included; in no order.
fn steps(
    record: &Record,
    span: Span<'_>,
    (metric, index): (&Metric, MetricIndex),
    part: Part,
) -> Vec<(Day, i128)> {
    let settled = span.assignment.settled.iter();
    let own = settled.filter(|settled| settled.metric == index && settled.part == part);
    let listed = record.events.iter();
    own.map(|settled| (settled.day, settled.total))
        .chain(listed.flat_map(|event| event_steps(record, span, (metric, part), event)))
        .collect()
}

/// When a conversion metric first counted what it still counts; `None` if the visitor has not converted.
pub(super) fn first_counted(
    record: &Record,
    span: Span<'_>,
    (metric, index): (&Metric, MetricIndex),
) -> Option<Timestamp> {
    let settled = span.assignment.settled.iter();
    let own = settled.filter(|of| of.metric == index && of.part == Part::Reward);
    let settled = own.filter_map(|settled| settled.first).min();
    let mut listed = record.events.iter();
    let counts = |event: &&MetricEvent| {
        is_counted(&event_steps(record, span, (metric, Part::Reward), event))
    };
    // The list is in order of time.
    let first = listed.find(counts).map(|event| event.at);
    settled.into_iter().chain(first).min()
}

/// Whether anything of an event is left after its refunds.
pub(super) fn is_counted(steps: &[(Day, i128)]) -> bool {
    steps.iter().map(|(_, step)| step).sum::<i128>() > 0
}

/// What one event, with the refunds of its order, adds to the total of a part of a metric, by day. Empty if it does not
/// count.
pub fn event_steps(
    record: &Record,
    span: Span<'_>,
    (metric, part): (&Metric, Part),
    event: &MetricEvent,
) -> Vec<(Day, i128)> {
    let step = step(metric, part, event).filter(|_| span.covers(event.at, metric, part));
    let Some(step) = step else {
        return Vec::new();
    };
    let mut steps = vec![(span.day(event.at, part), step)];
    let names = refund_signals();
    let Some(order) = event.order.filter(|_| !names.contains(&event.name)) else {
        return steps;
    };
    let refunds = record.events.iter().filter(|refund| {
        refund.order == Some(order)
            && names.contains(&refund.name)
            && span.takes_back(refund.at, part)
    });
    let mut left = step;
    let mut refunded = 0;
    for refund in refunds {
        let amount = refund.refunded().map(i128::from);
        refunded += amount.unwrap_or(i128::MAX / 4);
        let whole = event
            .amount(signal(AMOUNT))
            .is_none_or(|order| refunded >= i128::from(order));
        let back = match metric.kind {
            MetricKind::Sum { .. } if !whole => amount.unwrap_or(left).min(left),
            MetricKind::Conversion { .. } | MetricKind::Count { .. } if !whole => 0,
            MetricKind::Conversion { .. }
            | MetricKind::Count { .. }
            | MetricKind::Sum { .. }
            | MetricKind::Ratio { .. } => left,
        };
        left -= back;
        steps.push((span.day(refund.at.max(event.at), part), -back));
    }
    steps
}

/// The property that holds an order's amount, and a refund's: `revenue`, else `value`, else `total`.
pub const AMOUNT: &str = "revenue";

/// What an event adds to a metric's total, in the metric's integers.
fn step(metric: &Metric, part: Part, event: &MetricEvent) -> Option<i128> {
    let name = match part {
        Part::Reward => metric.kind.event()?,
        Part::History => &metric.covariate.as_ref()?.event,
    };
    if event.name != signal(name.as_str()) {
        return None;
    }
    match &metric.kind {
        MetricKind::Conversion { .. } | MetricKind::Count { .. } => Some(1),
        MetricKind::Sum { property, .. } => event.amount(signal(property)).map(i128::from),
        MetricKind::Ratio { .. } => None,
    }
}
