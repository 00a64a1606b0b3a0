//! What a visitor contributes to the cells: a pure function of the record, compared before and after a change.

use super::attribution::{Path, Span, first_counted, path};
use super::presence::Presence;
use super::{Assignment, Record, refund_signals, signal};
use crate::age::AgeBucket;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::catalog::{Catalog, Serial};
use crate::cell::{
    Cells, ContextKey, DelayKey, Facet, NEW, PlainKey, RETURNING, Row, SketchKey, VISITOR_TYPE,
    WeightedKey,
};
use crate::epoch::context::ContextCell;
use crate::epoch::linear::Drawn;
use crate::epoch::{Epoch, EpochNumber, Era};
use crate::moments::vectors::{Chances, Products};
use crate::moments::{Moments, Orders, Tally, Weighted};
use crate::time::{Window, Zone};
use crate::winsor::Percentile;

/// What a record contributes for one assignment and metric (or, with no metric, the visitor itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    serial: Serial,
    epoch: EpochNumber,
    era: Era,
    row: Row,
    weight: u64,
    dimensions: Vec<u8>,
    visitor_type: u8,
    metric: Option<MetricIndex>,
    path: Path,
    /// Without a metric: where the visitor is counted.
    presence: Option<Presence>,
    /// The context, if a bandit reads the metric by context.
    context: Option<ContextCell>,
    /// The features, if a linear bandit learns from the metric; without a metric the shares of the draw.
    drawn: Option<Box<Drawn>>,
    /// The percentile of the metric's cap, while it is not frozen.
    percentile: Option<Percentile>,
    /// For a conversion metric: how long after the assignment the visitor converted.
    age: Option<AgeBucket>,
    /// Of a sum, what a bandit learns of the visitor's orders.
    orders: Orders,
    /// What a bandit takes the value for: a sum cut off.
    value: i64,
}

/// Which bookings a change of the record can touch: a cheap way not to compute the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Everything,
    /// Those of metrics that read the event with this name (see [`signal`]).
    Event(u64),
}

impl Reach {
    /// What an event's arrival can touch: a refund reaches every metric that counted the order.
    pub fn of_event(name: u64) -> Self {
        if refund_signals().contains(&name) {
            Self::Everything
        } else {
            Self::Event(name)
        }
    }

    fn includes(self, metric: &Metric, metrics: &[Metric]) -> bool {
        let Self::Event(name) = self else { return true };
        let reads = |metric: &Metric| {
            let mut events = metric.events();
            events.any(|event| signal(event.as_str()) == name)
        };
        match &metric.kind {
            MetricKind::Ratio {
                numerator,
                denominator,
            } => [numerator, denominator]
                .iter()
                .any(|part| metrics.get(usize::from(part.0)).is_some_and(reads)),
            MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Sum { .. } => {
                reads(metric)
            }
        }
    }
}

/// What a record contributes: per assignment the visitor, and the path of every metric within reach.
pub fn contribution(record: &Record, catalog: &Catalog, zone: &Zone, reach: Reach) -> Vec<Booking> {
    let mut bookings = Vec::new();
    for assignment in &record.assignments {
        let Some(entry) = catalog.by_serial(assignment.experiment) else {
            continue;
        };
        let span = record.span(assignment, entry, zone);
        let epoch = entry.epochs.get(assignment.epoch);
        if reach == Reach::Everything {
            bookings.push(Booking {
                presence: Some(Presence::of(record, assignment, entry, zone)),
                drawn: drawn(epoch, None, span),
                ..Booking::blank(record, assignment, epoch)
            });
        }
        let metrics = &entry.experiment.metrics;
        for (index, metric) in (0..).map(MetricIndex).zip(metrics) {
            if reach.includes(metric, metrics) {
                let unfrozen = span.cap(index).is_none();
                let path = path(record, span, metrics, index);
                let value = learned(&metric.kind, &path, epoch, index);
                bookings.push(Booking {
                    metric: Some(index),
                    context: epoch.and_then(|of| context(of, index, &assignment.dimensions)),
                    drawn: drawn(epoch, Some(index), span),
                    percentile: metric.kind.percentile().filter(|_| unfrozen),
                    age: age(record, span, (metric, index), &path),
                    orders: orders(&metric.kind, value),
                    value,
                    path,
                    ..Booking::blank(record, assignment, epoch)
                });
            }
        }
    }
    bookings
}

/// How long after the start the visitor converted, if the metric is a conversion and has come to anything.
fn age(
    record: &Record,
    span: Span<'_>,
    (metric, index): (&Metric, MetricIndex),
    path: &Path,
) -> Option<AgeBucket> {
    let is_conversion = matches!(metric.kind, MetricKind::Conversion { .. });
    let has_converted = path.last().is_some_and(|(_, last)| last.y > 0);
    if !is_conversion || !has_converted {
        return None;
    }
    let converted = first_counted(record, span, (metric, index))?;
    let since = span.start?.millis();
    Some(AgeBucket::of(Window::from_millis(
        converted.millis() - since,
    )))
}

/// The value at the end of a path as bandits learn it: of a sum, what the epoch's cap of orders leaves.
fn learned(kind: &MetricKind, path: &Path, epoch: Option<&Epoch>, index: MetricIndex) -> i64 {
    let value = path.last().map_or(0, |(_, last)| last.y);
    match kind {
        MetricKind::Sum { .. } => {
            let cap = epoch.and_then(|epoch| epoch.order_cap(usize::from(index.0)));
            let cap = cap.unwrap_or(i64::MAX).max(0);
            value.clamp(-cap, cap)
        }
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Ratio { .. } => {
            value
        }
    }
}

/// The orders behind a value, if the metric is a sum.
fn orders(kind: &MetricKind, value: i64) -> Orders {
    match kind {
        MetricKind::Sum { .. } => Orders::of(value),
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Ratio { .. } => {
            Orders::default()
        }
    }
}

/// What a booking needs of how the visitor was drawn.
fn drawn(epoch: Option<&Epoch>, metric: Option<MetricIndex>, span: Span<'_>) -> Option<Box<Drawn>> {
    let linear = epoch?.linear.as_ref()?;
    let is_read = metric.is_none_or(|metric| linear.metric == metric.0);
    let is_needed = is_read && span.start.is_some();
    span.assignment.drawn.clone().filter(|_| is_needed)
}

/// The context of these dimension values, if the bandit of the epoch reads the metric by context.
fn context(epoch: &Epoch, metric: MetricIndex, dimensions: &[u8]) -> Option<ContextCell> {
    let is_read = epoch.contexts.as_ref()?.metrics.contains(&metric.0);
    is_read.then(|| epoch.context(dimensions))?
}

/// The change of cells between two contributions of a record, by experiment.
pub fn change(before: &[Booking], after: &[Booking]) -> Vec<(Serial, Cells)> {
    let mut changes: Vec<(Serial, Cells)> = Vec::new();
    let unchanged = |i: usize| before.get(i) == after.get(i);
    for i in (0..before.len().max(after.len())).filter(|i| !unchanged(*i)) {
        for (booking, sign) in [(before.get(i), -1), (after.get(i), 1)] {
            let Some(booking) = booking else { continue };
            let position = changes
                .iter()
                .position(|(serial, _)| *serial == booking.serial);
            let position = position.unwrap_or_else(|| {
                changes.push((booking.serial, Cells::default()));
                changes.len() - 1
            });
            if let Some((_, cells)) = changes.get_mut(position) {
                booking.add_to(cells, sign);
            }
        }
    }
    changes
}

impl Booking {
    /// What all bookings of an assignment have in common.
    fn blank(record: &Record, assignment: &Assignment, epoch: Option<&Epoch>) -> Self {
        let is_returning = record.is_returning(assignment);
        Self {
            serial: assignment.experiment,
            epoch: assignment.epoch,
            era: epoch.map_or(Era(0), |epoch| epoch.era),
            row: Row {
                arm: assignment.arm,
                holdout: assignment.holdout,
            },
            weight: assignment.weight,
            dimensions: assignment.dimensions.clone(),
            visitor_type: if is_returning { RETURNING } else { NEW },
            metric: None,
            path: Path::new(),
            presence: None,
            context: None,
            drawn: None,
            percentile: None,
            age: None,
            orders: Orders::default(),
            value: 0,
        }
    }

    /// Adds the booking to cells (`sign` 1) or takes it out (−1).
    fn add_to(&self, cells: &mut Cells, sign: i64) {
        if let Some(presence) = &self.presence {
            presence.add_to(cells, sign);
            self.chances(cells, sign);
        }
        let Some((metric, (_, last))) = self.metric.zip(self.path.last()) else {
            return;
        };
        let last = *last;
        let signed = |weighted: Weighted| if sign < 0 { -weighted } else { weighted };
        let plain = Moments::of(last);
        self.learn(cells, metric, (plain, sign));
        self.tally(cells, (metric, last.y), sign);
        let mut yesterday = Weighted::default();
        for (day, observation) in &self.path {
            let today = Weighted::of(self.weight, *observation);
            self.weigh(cells, Facet::Day(*day), signed(today - yesterday));
            yesterday = today;
        }
        let declared = (0..).zip(self.dimensions.iter().copied());
        for (dimension, value) in declared.chain([(VISITOR_TYPE, self.visitor_type)]) {
            self.weigh(
                cells,
                Facet::Dimension { dimension, value },
                signed(yesterday),
            );
        }
    }

    /// Adds to what bandits read: moments, by context too, and orders.
    fn learn(&self, cells: &mut Cells, metric: MetricIndex, (plain, sign): (Moments, i64)) {
        let (epoch, row) = (self.epoch, self.row);
        let plain = if sign < 0 { -plain } else { plain };
        let key = PlainKey { metric, epoch, row };
        *cells.plain.entry(key).or_default() += plain;
        if !self.orders.is_zero() {
            let orders = self.orders;
            *cells.orders.entry(key).or_default() += if sign < 0 { -orders } else { orders };
        }
        if let Some(context) = self.context {
            let key = ContextKey {
                metric,
                epoch,
                context,
                row,
            };
            *cells.contexts.entry(key).or_default() += plain;
        }
        if let Some(drawn) = &self.drawn {
            let products = Products::of(&drawn.features, self.value, sign);
            *cells.features.entry(key).or_default() += &products;
        }
    }

    /// Adds the shares that the visitor was drawn from.
    fn chances(&self, cells: &mut Cells, sign: i64) {
        let drawn = self.drawn.as_ref().filter(|drawn| !drawn.shares.is_empty());
        if let Some(drawn) = drawn {
            let chances = Chances::of(&drawn.shares, sign);
            *cells.chances.entry(self.epoch).or_default() += &chances;
        }
    }

    /// Adds the visitor to the buckets of the total and of the age.
    fn tally(&self, cells: &mut Cells, (metric, total): (MetricIndex, i64), sign: i64) {
        let percentile = self.percentile.iter();
        for bucket in percentile.filter_map(|percentile| percentile.bucket(total)) {
            let key = SketchKey { metric, bucket };
            *cells.sketches.entry(key).or_default() += Tally { n: sign };
        }
        if let Some(age) = self.age {
            let row = self.row;
            let key = DelayKey { metric, row, age };
            *cells.delays.entry(key).or_default() += Tally { n: sign };
        }
    }

    fn weigh(&self, cells: &mut Cells, facet: Facet, weighted: Weighted) {
        let Some(metric) = self.metric else { return };
        let key = WeightedKey {
            facet,
            era: self.era,
            row: self.row,
            metric,
        };
        *cells.weighted.entry(key).or_default() += weighted;
    }
}
