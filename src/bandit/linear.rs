//! What a linear bandit learns from its epochs, and draws the visitors of the next one from.
//!
//! Only epochs that read the same features count. Until there are 10 conversions (or orders of equal value) per variant,
//! the starting weights hold. The epoch keeps the posterior of every variant's coefficients
//! ([`crate::posterior::linear`]); each visitor's shares follow from it when the visitor comes ([`crate::linear`]). The
//! epoch's own allocation is that of the average visitor so far.
//!
//! A newcomer gets at most the share of its ramp from every visitor; what that cuts off goes to the others in proportion.

use std::collections::BTreeMap;

use super::belief::{Estimate, believed, facts, sign};
use super::limits::Limits;
use super::target::{Bounds, Situation};
use super::{Opening, memory, name};
use crate::allocation::{Allocation, Arm};
use crate::catalog::metric::MetricIndex;
use crate::epoch::linear::{Coefficients, Drawn, Feature, Learned, Linear, UNIT};
use crate::epoch::receipt::{Belief, Receipt};
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::linear::{shares, worth};
use crate::moments::vectors::Products;
use crate::posterior::linear::contest::prob_best;
use crate::posterior::linear::{Cohort, Sums, posterior};

/// Conversions per variant from which features are told apart.
const MIN_EVENTS: usize = 10;
/// The kinds of visitors that a sentence names: those whose shares differ most from the average visitor's.
const NAMED: usize = 3;

/// What a linear bandit wants now; `None` under any other policy.
pub(super) fn target(situation: Situation<'_>) -> Option<Opening> {
    let wanted = situation.entry.experiment.linear()?;
    let seen = Seen::new(situation, &wanted);
    let least = MIN_EVENTS * situation.arms.len();
    let events = seen.events();
    let learned = (events >= least as f64).then(|| learn(situation, &wanted, &seen));
    if let Some(learned) = learned.flatten() {
        return Some(opening(situation, wanted, learned));
    }
    let sentence = format!(
        "What features matter is learned from {least} conversions or orders on; there are {events:.0}, and the starting weights hold."
    );
    let experiment = &situation.entry.experiment;
    Some(Opening::starting(experiment, Cause::Reallocated, sentence))
}

/// The posterior and the limits of an epoch; `None` if nothing varies yet.
fn learn(situation: Situation<'_>, wanted: &Linear, seen: &Seen) -> Option<Learned> {
    let columns = wanted.features.columns() + 1;
    let known = posterior(situation.arms.len(), columns, &seen.cohorts)?;
    let limits = Limits::of(situation.bandit);
    let most = Bounds::new(situation).most();
    let arms = situation.arms.iter().zip(known.arms).zip(most);
    let arms = arms.map(|((live, own), most)| {
        let variant = situation.entry.experiment.variant(live.arm);
        let cost = variant.map_or(0.0, |variant| variant.cost);
        let factor = own.factor().concat();
        let mut mean = own.mean;
        if let Some(intercept) = mean.first_mut() {
            *intercept -= cost;
        }
        Coefficients {
            arm: live.arm,
            most,
            mean: single(&mean),
            factor: single(&factor),
        }
    });
    Some(Learned {
        arms: arms.collect(),
        floor_total: limits.floor_total,
        max_share: limits.max_share,
        average: seen.average(),
    })
}

/// Seven digits are more than are known.
fn single(of: &[f64]) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounds")]
    of.iter().map(|of| *of as f32).collect()
}

fn opening(situation: Situation<'_>, wanted: Linear, learned: Learned) -> Opening {
    let arms = learned.arms.iter().map(|own| own.arm);
    let own = shares(&learned, &learned.average).into_iter();
    let allocation = Allocation::normalised(arms.zip(own.map(f64::from)));
    let worth = worth(&learned, &learned.average);
    let estimates: Vec<Estimate> = worth
        .iter()
        .zip(prob_best(&worth))
        .map(|(of, prob_best)| Estimate {
            mean: sign(situation) * of.mean,
            sd: of.sd,
            prob_best,
        })
        .collect();
    let before = situation.entry.epoch().map(|epoch| &epoch.allocation);
    let beliefs = believed(situation, &estimates, before);
    let sentence = sentence(situation, &beliefs, (&wanted, &learned));
    let learned = Some(learned);
    Opening {
        allocation,
        contexts: None,
        linear: Some(Box::new(Linear { learned, ..wanted })),
        cause: Cause::Reallocated,
        receipt: Receipt { sentence, beliefs },
    }
}

/// What was learned: who leads for the average visitor, and for those who differ most.
fn sentence(
    situation: Situation<'_>,
    beliefs: &[Belief],
    (linear, learned): (&Linear, &Learned),
) -> String {
    let chances = |x: &[i16]| prob_best(&worth(learned, x));
    let average = chances(&learned.average);
    let mut others: Vec<(f64, String)> = Vec::new();
    for (name_of, x) in probes(linear, &learned.average) {
        let own = chances(&x);
        let moved = own.iter().zip(&average).map(|(own, all)| (own - all).abs());
        let moved = moved.sum::<f64>() / 2.0;
        let best = own.iter().zip(&learned.arms);
        let best = best.max_by(|a, b| a.0.total_cmp(b.0));
        others.extend(best.map(|(chance, arm)| {
            let key = name(&situation.entry.experiment, arm.arm);
            let percent = chance * 100.0;
            (moved, format!("{name_of}: {key} best with {percent:.1} %"))
        }));
    }
    others.sort_by(|a, b| b.0.total_cmp(&a.0));
    let named: Vec<String> = others
        .into_iter()
        .take(NAMED)
        .map(|(_, said)| said)
        .collect();
    format!(
        "{} That is for an average visitor, compared within epochs by features. {}.{}{}",
        facts(situation, beliefs),
        named.join("; "),
        memory::said(situation.bandit),
        Bounds::new(situation).said(situation),
    )
}

/// Average visitors but for one feature, which has an end of its range or one of its values.
fn probes(linear: &Linear, average: &[i16]) -> Vec<(String, Vec<i16>)> {
    let mut probes = Vec::new();
    let mut at = 0;
    for feature in linear.features.iter() {
        let width = feature.columns();
        let mut probe = |name: String, own: &dyn Fn(usize) -> i16| {
            let mut x = average.to_vec();
            for (column, cell) in x.iter_mut().skip(at).take(width).enumerate() {
                *cell = own(column);
            }
            probes.push((name, x));
        };
        match feature {
            Feature::Number {
                attribute,
                min,
                max,
            } => {
                probe(format!("{attribute}={min}"), &|_| -UNIT);
                probe(format!("{attribute}={max}"), &|_| UNIT);
            }
            Feature::Values { attribute, values } => {
                for (own, value) in values.iter().enumerate() {
                    let is = move |column| if column == own { UNIT } else { 0 };
                    probe(format!("{attribute}={value}"), &is);
                }
            }
        }
        at += width;
    }
    probes
}

/// How much of the traffic moves from one epoch to another: total variation, the largest of all contexts, and under a linear
/// policy of all probes.
pub fn distance(epoch: &Epoch, from: &Epoch) -> f64 {
    let all = epoch.distance(from);
    let learned = |epoch: &Epoch| epoch.linear.as_ref()?.learned.clone();
    let known = [epoch, from].into_iter();
    let mut known = known.filter_map(|of| Some((of.linear.as_ref()?, learned(of)?)));
    let Some((linear, of)) = known.next() else {
        return all;
    };
    let drawn = |epoch: &Epoch, features: &[i16]| {
        let own = epoch.linear.as_ref().filter(|own| own.is_like(linear));
        let own = own.and_then(|own| Some(shares(own.learned.as_ref()?, features)));
        let drawn = Drawn {
            features: Vec::new(),
            shares: own.unwrap_or_default(),
        };
        epoch.drawn_by(&[], Some(&drawn)).into_owned()
    };
    let probes = probes(linear, &of.average).into_iter();
    let moved = probes.map(|(_, x)| drawn(epoch, &x).distance(&drawn(from, &x)));
    moved.fold(all, f64::max)
}

/// What the epochs saw of the live variants, without the holdout.
struct Seen {
    cohorts: Vec<Cohort>,
    /// Visitors, and the sums of their features, whatever their age.
    visitors: i64,
    features: Vec<i64>,
}

impl Seen {
    fn new(situation: Situation<'_>, wanted: &Linear) -> Self {
        let weight = memory::weights(situation);
        let epochs = situation.entry.epochs.iter();
        let alike =
            epochs.filter(|epoch| epoch.linear.as_ref().is_some_and(|of| of.is_like(wanted)));
        let alike: BTreeMap<EpochNumber, f64> = alike
            .map(|epoch| (epoch.number, weight(epoch.number)))
            .collect();
        let arms = situation.arms.iter().map(|seen| seen.arm).zip(0..);
        let positions: BTreeMap<Arm, usize> = arms.collect();
        let columns = wanted.features.columns() + 1;
        let metric = situation.entry.experiment.metric(situation.bandit.metric);
        let unit = metric.map_or(1.0, |metric| metric.kind.unit()) * sign(situation);
        let mut cohorts: BTreeMap<EpochNumber, Cohort> = BTreeMap::new();
        let (mut visitors, mut features) = (0, vec![0; columns - 1]);
        for (key, products) in situation.cells.products(MetricIndex(wanted.metric)) {
            let place = alike.get(&key.epoch).zip(positions.get(&key.row.arm));
            let Some((weight, position)) = place.filter(|_| !key.row.holdout) else {
                continue;
            };
            let cohort = cohorts.entry(key.epoch).or_insert_with(|| Cohort {
                weight: *weight,
                arms: vec![sums(&Products::default(), columns, unit); positions.len()],
            });
            cohort.arms[*position] = sums(products, columns, unit);
            visitors += products.n;
            for (sum, x) in features.iter_mut().zip(&products.x) {
                *sum += x;
            }
        }
        Self {
            cohorts: cohorts.into_values().collect(),
            visitors,
            features,
        }
    }

    /// How many visitors with equal values are worth as much, the older the fewer: of a conversion, those who converted.
    fn events(&self) -> f64 {
        let sum = |of: fn(&Sums) -> f64| {
            let arms = |cohort: &Cohort| cohort.arms.iter().map(of).sum::<f64>() * cohort.weight;
            self.cohorts.iter().map(arms).sum::<f64>()
        };
        let (total, squares) = (sum(|arm| arm.y), sum(|arm| arm.yy));
        if squares > 0.0 {
            total * total / squares
        } else {
            0.0
        }
    }

    /// The features of the average visitor.
    fn average(&self) -> Vec<i16> {
        let n = self.visitors.max(1);
        let mean = |sum: &i64| i16::try_from(sum / n).unwrap_or(0);
        self.features.iter().map(mean).collect()
    }
}

/// In units of the metric, more being better, and of features; the intercept first.
fn sums(of: &Products, columns: usize, unit: f64) -> Sums {
    let one = f64::from(UNIT);
    let (n, y) = (of.n.max(0) as f64, of.y as f64 / unit);
    let x = |at: usize| of.x.get(at).map_or(0.0, |sum| *sum as f64 / one);
    let xy = |at: usize| of.xy.get(at).map_or(0.0, |sum| *sum as f64 / one / unit);
    let xx = |row: usize, column: usize| {
        let cell = of.xx.get(row * (row + 1) / 2 + column);
        cell.map_or(0.0, |sum| *sum as f64 / (one * one))
    };
    let with = |first: f64, of: &dyn Fn(usize) -> f64| {
        let rest = (0..columns - 1).map(of);
        std::iter::once(first).chain(rest).collect::<Vec<f64>>()
    };
    let row = |at: usize| {
        let rest = (0..=at).map(|column| xx(at, column));
        std::iter::once(x(at)).chain(rest).collect()
    };
    let rows = (0..columns - 1).map(row);
    Sums {
        x: with(n, &x),
        xx: std::iter::once(vec![n]).chain(rows).collect(),
        y,
        yy: of.yy.as_f64() / (unit * unit),
        xy: with(y, &xy),
    }
}
