//! What a bandit that forgets still knows: the counts of every epoch, the older the lighter.
//!
//! The visitors of an epoch are as old as its middle. So that none grows too old before it closes, the bandit opens a new
//! one every quarter of a half-life, which leaves their weights within 9 % of what each visitor's own age would give.

use std::collections::BTreeMap;

use crate::allocation::Arm;
use crate::catalog::metric::MetricIndex;
use crate::cell::Cells;
use crate::epoch::{Cause, EpochNumber, Epochs};
use crate::posterior::discount::{self, Aged, Remembered};
use crate::time::{Timestamp, Window};

/// When an epoch that opened then has lasted long enough.
pub(super) fn closes(opened_at: Timestamp, half_life: Window) -> Timestamp {
    opened_at.plus(Window::from_millis(half_life.millis() / 4))
}

/// What is remembered of a conversion metric by variant, without the holdout.
pub(super) fn remembered(
    epochs: &Epochs,
    cells: &Cells,
    metric: MetricIndex,
    half_life: Window,
    now: Timestamp,
) -> BTreeMap<Arm, Remembered> {
    let ages = ages(epochs, now);
    let mut counts: BTreeMap<Arm, Vec<Aged>> = BTreeMap::new();
    let drawn = |key: &crate::cell::PlainKey| key.metric == metric && !key.row.holdout;
    for (key, moments) in cells.plain.iter().filter(|(key, _)| drawn(key)) {
        counts.entry(key.row.arm).or_default().push(Aged {
            age: ages.get(&key.epoch).copied().unwrap_or(0.0),
            trials: moments.n.max(0) as f64,
            conversions: moments.y.max(0) as f64,
        });
    }
    let weighed = |(arm, counts)| (arm, Remembered::of(counts, half_life.millis() as f64));
    counts.into_iter().map(weighed).collect()
}

/// What each epoch counts.
pub(super) fn weights(
    epochs: &Epochs,
    half_life: Window,
    now: Timestamp,
) -> BTreeMap<EpochNumber, f64> {
    let weight = |age| discount::weight(age, half_life.millis() as f64);
    let ages = ages(epochs, now).into_iter();
    ages.map(|(epoch, age)| (epoch, weight(age))).collect()
}

/// Milliseconds since the middle of each epoch. The current one, and imported history after it, end now.
fn ages(epochs: &Epochs, now: Timestamp) -> BTreeMap<EpochNumber, f64> {
    let mut ages = BTreeMap::new();
    let mut closed = now;
    for epoch in epochs.iter().rev() {
        let since = |at: Timestamp| (now.millis() - at.millis()) as f64;
        let middle = f64::midpoint(since(epoch.opened_at), since(closed.max(epoch.opened_at)));
        ages.insert(epoch.number, middle.max(0.0));
        if epoch.cause != Cause::Imported {
            closed = epoch.opened_at;
        }
    }
    ages
}
