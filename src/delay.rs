//! Delays of an experiment's conversions, as its cells tell them to [`crate::posterior::delay`].
//!
//! Visitors are known by epoch and day, so those of an epoch's day are taken to have come evenly through it. Days are taken
//! to begin at midnight UTC.

use std::collections::BTreeMap;

use crate::age::BUCKETS;
use crate::catalog::Entry;
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Row};
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::posterior::delay::difference::{self, Difference};
use crate::posterior::delay::{ByAge, Cohort, Curve, MIN_CONVERSIONS, Sample, followed};
use crate::time::{DAY_MS, Timestamp};

/// Points of an epoch's day that stand for its visitors.
const POINTS: [f64; 4] = [0.125, 0.375, 0.625, 0.875];
/// The share of conversions within the first minute from which they come at once.
const AT_ONCE: f64 = 0.99;
/// Cohorts whose ages differ by less than one part in so many of an octave are taken together.
const PARTS: f64 = 4.0;

/// When the conversions of a metric come.
#[derive(Debug, Clone, PartialEq)]
pub struct Delays {
    /// Of all variants together.
    pub common: Curve,
    /// By row, in the order asked for.
    pub curves: Vec<Curve>,
    /// What is known by row.
    pub samples: Vec<Sample>,
    /// Whether they differ.
    pub difference: Option<Difference>,
    /// The metric's window, in milliseconds.
    pub window: f64,
    /// How far the visitors of each epoch were followed.
    followed: BTreeMap<EpochNumber, ByAge>,
}

/// The delays of a conversion metric in some rows, as of now; `None` with too few conversions to tell, and where they
/// come at once.
pub fn delays(
    entry: &Entry,
    cells: &Cells,
    (metric, rows): (MetricIndex, &[Row]),
    now: Timestamp,
) -> Option<Delays> {
    let window = entry.experiment.metric(metric)?.window.millis() as f64;
    let mut ages = cells.ages(metric);
    let mut all = [0.0; BUCKETS];
    for of_row in rows.iter().filter_map(|row| ages.get(row)) {
        for (sum, count) in all.iter_mut().zip(of_row) {
            *sum += count;
        }
    }
    let total: f64 = all.iter().sum();
    if total < MIN_CONVERSIONS || all[0] >= AT_ONCE * total {
        return None;
    }
    let followed = followed_by_epoch(entry, cells, window, now);
    let mut cohorts = cohorts(cells, metric, &followed);
    let mut sample = |row: &Row| Sample {
        ages: ages.remove(row).unwrap_or([0.0; BUCKETS]),
        cohorts: cohorts.remove(row).unwrap_or_default(),
    };
    let samples: Vec<Sample> = rows.iter().map(&mut sample).collect();
    let common = Curve::of(&Sample::pooled(&samples), window);
    Some(Delays {
        difference: difference::difference(&samples, &common),
        curves: Curve::each(&samples, window),
        common,
        samples,
        window,
        followed,
    })
}

impl Delays {
    /// The share of the conversions to come that has come to an epoch's visitors, by a curve.
    pub fn reached(&self, epoch: EpochNumber, curve: &Curve) -> f64 {
        let followed = self.followed.get(&epoch);
        followed.map_or(1.0, |followed| curve.reached(followed))
    }

    /// The same share for the visitors of a sample in all, by a curve; 1 without visitors.
    pub fn reached_in_all(sample: &Sample, curve: &Curve) -> f64 {
        let visitors: f64 = sample.cohorts.iter().map(|of| of.visitors).sum();
        let cohorts = sample.cohorts.iter();
        let exposed: f64 = cohorts
            .map(|of| of.visitors * curve.reached(&of.followed))
            .sum();
        if visitors > 0.0 {
            exposed / visitors
        } else {
            1.0
        }
    }
}

/// How far the visitors of each epoch were followed, on average.
fn followed_by_epoch(
    entry: &Entry,
    cells: &Cells,
    window: f64,
    now: Timestamp,
) -> BTreeMap<EpochNumber, ByAge> {
    let mut days: BTreeMap<EpochNumber, BTreeMap<i64, f64>> = BTreeMap::new();
    for (key, visitors) in &cells.visitors {
        let of_epoch = days.entry(key.epoch).or_default();
        *of_epoch.entry(i64::from(key.day.0)).or_insert(0.0) += visitors.n.max(0) as f64;
    }
    let mut by_epoch = BTreeMap::new();
    let mut closed = now;
    for epoch in entry.epochs.iter().rev() {
        let span = (epoch.opened_at.millis(), closed.millis());
        let is_over = (now.millis() - closed.millis()) as f64 >= window;
        if is_over && epoch.cause != Cause::Imported {
            by_epoch.insert(epoch.number, followed(window, window));
        } else if let Some(days) = days.get(&epoch.number) {
            let spans = days.iter().map(|(day, n)| (within(epoch, *day, span), *n));
            let age = |at: f64| now.millis() as f64 - at;
            by_epoch.insert(epoch.number, average(spans, age, window));
        }
        if epoch.cause != Cause::Imported {
            closed = epoch.opened_at;
        }
    }
    by_epoch
}

/// The part of a day that belongs to an epoch; imported visitors came at any time of it.
fn within(epoch: &Epoch, day: i64, (opened, closed): (i64, i64)) -> (f64, f64) {
    let (from, to) = (day * DAY_MS, (day + 1) * DAY_MS);
    if epoch.cause == Cause::Imported {
        return (from as f64, to as f64);
    }
    let closed = closed.max(opened);
    let part = |at: i64| at.clamp(opened, closed) as f64;
    (part(from), part(to))
}

/// How far visitors who came evenly through these spans were followed, on average.
fn average(
    spans: impl Iterator<Item = ((f64, f64), f64)>,
    age: impl Fn(f64) -> f64,
    window: f64,
) -> ByAge {
    let (mut sum, mut total) = ([0.0; BUCKETS], 0.0);
    for ((from, to), visitors) in spans {
        total += visitors;
        for point in POINTS {
            let shares = followed(age(from + (to - from) * point), window);
            for (sum, share) in sum.iter_mut().zip(shares) {
                *sum += share * visitors / POINTS.len() as f64;
            }
        }
    }
    if total > 0.0 {
        for share in &mut sum {
            *share /= total;
        }
    }
    sum
}

/// The cohorts of a metric by row: epochs, taken together where they are about equally old.
fn cohorts(
    cells: &Cells,
    metric: MetricIndex,
    followed: &BTreeMap<EpochNumber, ByAge>,
) -> BTreeMap<Row, Vec<Cohort>> {
    let mut cohorts: BTreeMap<(Row, i64), Cohort> = BTreeMap::new();
    for (key, moments) in cells.plain.iter().filter(|(key, _)| key.metric == metric) {
        let Some(own) = followed.get(&key.epoch) else {
            continue;
        };
        let cohort = cohorts.entry((key.row, age_class(own))).or_insert(Cohort {
            visitors: 0.0,
            converted: 0.0,
            followed: [0.0; BUCKETS],
        });
        let visitors = moments.n.max(0) as f64;
        let all = cohort.visitors + visitors;
        for (mean, share) in cohort.followed.iter_mut().zip(own) {
            *mean += (share - *mean) * if all > 0.0 { visitors / all } else { 1.0 };
        }
        cohort.visitors = all;
        cohort.converted += moments.y.max(0) as f64;
    }
    let mut rows: BTreeMap<Row, Vec<Cohort>> = BTreeMap::new();
    for ((row, _), cohort) in cohorts {
        rows.entry(row).or_default().push(cohort);
    }
    rows
}

/// Which ages are taken together: buckets followed through, in parts.
fn age_class(followed: &ByAge) -> i64 {
    let buckets: f64 = followed.iter().sum();
    #[expect(clippy::cast_possible_truncation, reason = "at most 35 times 4")]
    let class = (buckets * PARTS).floor() as i64;
    class
}

#[cfg(test)]
mod tests;
