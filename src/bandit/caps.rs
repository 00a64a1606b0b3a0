//! When a cap is frozen, and at which amount: one by percentile that the definition asks for, and the one of orders that
//! every bandit on a sum has.
//!
//! A cap that moved with the data could not be taken back from sums, so it is frozen once and stored in the epoch that
//! this opens (statistics R16): visitors of that epoch and of later ones are analysed under it, those of earlier ones in
//! full. Any policy does this, a fixed split too.
//!
//! # The warm-up
//! It lasts a day at least (or the metric's window, if that is shorter), since totals grow for a while and the first hour
//! is no sample of a day. It ends when ten values are expected above the percentile, and as many again lie between zero
//! and it: a cap that cuts most of those who bought at all would turn revenue into a conversion. Where the percentile is
//! taken over all visitors and few of them buy, that may never be; `ignore_zeros` is for them.
//!
//! # The cap of orders
//! A bandit learns what orders are worth from values cut off at `MAX_MULTIPLE` times their mean. The amount is frozen in the
//! first epoch that opens with `MIN_ORDERS` visitors who bought. Reports know nothing of it.

use crate::amount::MAX_MICROS;
use crate::catalog::Entry;
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::cell::Cells;
use crate::epoch::{Cause, Epoch};
use crate::moments::Orders;
use crate::time::{Timestamp, Window};
use crate::winsor::{Percentile, Sketched};

use super::{Opening, epoch};

/// Least number of values expected above a cap.
const MIN_ABOVE: u64 = 10;
/// The warm-up lasts so long at least.
const MIN_WARM_UP: Window = Window::days(1);

/// Least number of visitors with an order from whose mean the cap of orders is taken.
const MIN_ORDERS: i64 = 100;
/// The cap of orders is so many times their mean.
const MAX_MULTIPLE: f64 = 8.0;

/// The caps of orders per metric, in micro-units: those that were frozen before, and those of sums that have orders enough.
pub(super) fn order_caps(entry: &Entry, cells: &Cells) -> Vec<Option<i64>> {
    let frozen = |at| entry.epoch().and_then(|current| current.order_cap(at));
    let metrics = entry.experiment.metrics.iter().enumerate();
    let cap = |(at, metric): (usize, &Metric)| match &metric.kind {
        MetricKind::Sum { .. } => frozen(at).or_else(|| order_cap(cells, at)),
        MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Ratio { .. } => None,
    };
    let caps: Vec<Option<i64>> = metrics.map(cap).collect();
    if caps.iter().any(Option::is_some) {
        caps
    } else {
        Vec::new()
    }
}

fn order_cap(cells: &Cells, metric: usize) -> Option<i64> {
    let own = cells.orders.iter();
    let own = own.filter(|(key, _)| usize::from(key.metric.0) == metric && !key.row.holdout);
    let all = own.fold(Orders::default(), |sum, (_, orders)| sum + *orders);
    let mean = all.y as f64 / all.n.max(1) as f64;
    let cap = (MAX_MULTIPLE * mean).min(MAX_MICROS as f64);
    #[expect(clippy::cast_possible_truncation, reason = "below 10¹⁵")]
    (all.n >= MIN_ORDERS && cap >= 1.0).then_some(cap as i64)
}

/// The epoch that freezes every cap whose warm-up is over; `None` without one.
pub(super) fn freeze(entry: &Entry, cells: &Cells, now: Timestamp) -> Option<Epoch> {
    let current = entry.epoch().filter(|_| entry.is_running())?;
    let metrics = &entry.experiment.metrics;
    let mut caps: Vec<Option<i64>> = (0..metrics.len()).map(|at| current.cap(at)).collect();
    let mut receipts = Vec::new();
    for ((index, metric), cap) in (0..).map(MetricIndex).zip(metrics).zip(&mut caps) {
        let percentile = metric.kind.percentile().filter(|_| cap.is_none());
        let Some(percentile) = percentile.filter(|_| is_warm(entry, metric, now)) else {
            continue;
        };
        if let Some(sketched) = percentile.sketched(cells.sketch(index)).filter(is_enough) {
            *cap = Some(sketched.value);
            receipts.push(receipt(metric, percentile, sketched));
        }
    }
    let opening = Opening {
        allocation: current.allocation.clone(),
        contexts: current.contexts_kept(),
        linear: current.linear.clone(),
        cause: Cause::Capped,
        receipt: receipts.join(" ").into(),
    };
    (!receipts.is_empty()).then(|| Epoch {
        caps,
        ..epoch(entry, cells, now, opening)
    })
}

fn is_warm(entry: &Entry, metric: &Metric, now: Timestamp) -> bool {
    let own = |epoch: &&Epoch| epoch.cause != Cause::Imported;
    let first = entry.epochs.iter().find(own);
    first.is_some_and(|first| now >= first.opened_at.plus(metric.window.min(MIN_WARM_UP)))
}

fn is_enough(sketched: &Sketched) -> bool {
    sketched.above >= MIN_ABOVE && sketched.positive >= 2 * sketched.above
}

fn receipt(metric: &Metric, percentile: Percentile, sketched: Sketched) -> String {
    let amount = sketched.value as f64 / metric.kind.unit();
    let of = if percentile.ignores_zeros() {
        "visitors with any"
    } else {
        "visitors"
    };
    format!(
        "A visitor's {} above {amount:.2} counts as {amount:.2} from here on: percentile {} of {} {of}.",
        metric.key,
        percentile.percentage(),
        sketched.values
    )
}
