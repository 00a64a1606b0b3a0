//! When a cap by percentile is frozen, and at which amount.
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

use crate::catalog::Entry;
use crate::catalog::metric::{Metric, MetricIndex};
use crate::cell::Cells;
use crate::epoch::{Cause, Epoch};
use crate::time::{Timestamp, Window};
use crate::winsor::{Percentile, Sketched};

use super::{Opening, epoch};

/// Least number of values expected above a cap.
const MIN_ABOVE: u64 = 10;
/// The warm-up lasts so long at least.
const MIN_WARM_UP: Window = Window::days(1);

/// The epoch that freezes every cap whose warm-up is over; `None` without one.
pub fn freeze(entry: &Entry, cells: &Cells, now: Timestamp) -> Option<Epoch> {
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
