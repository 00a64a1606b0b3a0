//! What a bandit that forgets still knows: the counts of every epoch, the older the lighter.
//!
//! The visitors of an epoch are as old as its middle. So that none grows too old before it closes, the bandit opens a new
//! one every quarter of a half-life, which leaves their weights within 9 % of what each visitor's own age would give.

use std::collections::BTreeMap;

use super::maturity::Maturity;
use super::target::Situation;
use crate::allocation::Arm;
use crate::catalog::experiment::Bandit;
use crate::cell::PlainKey;
use crate::epoch::{Cause, Epoch, EpochNumber, Epochs};
use crate::posterior::discount::{self, Aged, Remembered};
use crate::time::{Timestamp, Window};

/// Whether the visitors of an epoch would grow too old to be weighed as one.
pub(super) fn is_old(epoch: &Epoch, bandit: &Bandit, now: Timestamp) -> bool {
    bandit.half_life.is_some_and(|half_life| {
        let longest = Window::from_millis(half_life.millis() / 4);
        now >= epoch.opened_at.plus(longest)
    })
}

/// What is to be said of a bandit that forgets.
pub(super) fn said(bandit: &Bandit) -> String {
    bandit.half_life.map_or_else(String::new, |half_life| {
        format!(" What was learned counts half after {half_life}.")
    })
}

/// What is remembered of a conversion metric by variant, without the holdout; `None` where nothing is forgotten.
pub(super) fn remembered(
    situation: Situation<'_>,
    maturity: &Maturity,
) -> Option<BTreeMap<Arm, Remembered>> {
    let half_life = situation.bandit.half_life?;
    let metric = situation.bandit.metric;
    let ages = ages(&situation.entry.epochs, situation.now);
    let mut counts: BTreeMap<Arm, Vec<Aged>> = BTreeMap::new();
    let drawn = |key: &PlainKey| !key.row.holdout;
    let cells = situation.cells.of_metric(metric);
    for (key, moments) in cells.filter(|(key, _)| drawn(key)) {
        counts.entry(key.row.arm).or_default().push(Aged {
            age: ages.get(&key.epoch).copied().unwrap_or(0.0),
            trials: moments.n.max(0) as f64 * maturity.share(key.epoch, key.row.arm),
            conversions: moments.y.max(0) as f64,
        });
    }
    let weighed = |(arm, counts)| (arm, Remembered::of(counts, half_life.millis() as f64));
    Some(counts.into_iter().map(weighed).collect())
}

/// What an epoch counts: 1 where nothing is forgotten.
pub(super) fn weights(situation: Situation<'_>) -> impl Fn(EpochNumber) -> f64 {
    let half_life = situation.bandit.half_life.map(|of| of.millis() as f64);
    let ages = half_life.map(|_| ages(&situation.entry.epochs, situation.now));
    move |epoch| {
        let age = ages.as_ref().and_then(|ages| ages.get(&epoch).copied());
        let weight = |(age, half_life)| discount::weight(age, half_life);
        age.zip(half_life).map_or(1.0, weight)
    }
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
