//! Segments with opposite winners, segments that do not matter, and what epochs and receipts say of contexts.

mod control;

use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Binomial, Distribution};

use super::*;
use crate::allocation::Propensity;
use crate::cell::ContextKey;
use crate::epoch::context::ContextCell;

const DAY: i64 = 86_400;
const VISITORS: u64 = 50_000;

/// Conversion rates by segment and variant; segments have the same traffic.
type Truth = Vec<[f64; 2]>;

/// Two segments, in which the other variant is best.
fn opposite() -> Truth {
    vec![[0.03, 0.05], [0.05, 0.03]]
}

/// Ten segments with the same rates.
fn irrelevant() -> Truth {
    vec![[0.03, 0.035]; 10]
}

fn segments(count: usize) -> Entry {
    let values: Vec<String> = (0..count).map(|segment| format!("s{segment}")).collect();
    entry(|spec| {
        spec["dimensions"] = serde_json::json!([{ "key": "segment", "values": values }]);
        spec["variants"] = serde_json::json!([{ "key": "a" }, { "key": "b" }]);
        spec["allocation"] = serde_json::json!({
            "policy": "contextual", "context": ["segment"], "metric": "buy", "floor_total": 0.0, "burn_in": 0, "refresh": "60s",
        });
    })
}

fn running(count: usize) -> Entry {
    let entry = segments(count);
    let epoch = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    opened(entry, epoch)
}

fn add(cells: &mut Cells, key: ContextKey, (n, x): (u64, u64)) {
    let ContextKey { epoch, row, .. } = key;
    let of = |y| Moments::of(Observation { y, x: 0 });
    let moments = promotion::times(n - x, of(0)) + promotion::times(x, of(1));
    *cells.contexts.entry(key).or_default() += moments;
    let metric = MetricIndex(0);
    let plain = PlainKey { metric, epoch, row };
    *cells.plain.entry(plain).or_default() += moments;
    cells.information += n + x;
}

fn row(arm: u16) -> Row {
    Row {
        arm: Arm(arm),
        holdout: false,
    }
}

/// Draws of one run.
struct Draws(StdRng);

impl Draws {
    fn binomial(&mut self, n: u64, p: f64) -> u64 {
        Binomial::new(n, p).unwrap().sample(&mut self.0)
    }

    /// How many of so many visitors fall into each segment.
    fn parted(&mut self, mut visitors: u64, segments: usize) -> Vec<u64> {
        let part = |left: usize| {
            let own = self.binomial(visitors, 1.0 / left as f64);
            visitors -= own;
            own
        };
        (1..=segments).rev().map(part).collect()
    }
}

fn regret(rates: [f64; 2], arm: usize, visitors: u64) -> f64 {
    (rates[0].max(rates[1]) - rates[arm]) * visitors as f64
}

/// The regret of the contextual bandit in one run.
fn contextual(truth: &Truth, batch: u64, seed: u64) -> f64 {
    let mut draws = Draws(StdRng::seed_from_u64(seed));
    let (mut entry, mut cells, mut lost) = (running(truth.len()), Cells::default(), 0.0);
    for step in 1..=VISITORS / batch {
        let epoch = entry.epoch().unwrap();
        let visitors = draws.parted(batch, truth.len());
        for ((segment, rates), visitors) in (0..).zip(truth).zip(visitors) {
            let context = epoch.context(&[segment]);
            let share = epoch.drawn_from(context).propensity(Arm(1));
            let second = draws.binomial(visitors, share.map_or(0.0, Propensity::get));
            for (arm, n) in [(0, visitors - second), (1, second)] {
                let x = draws.binomial(n, rates[usize::from(arm)]);
                let key = ContextKey {
                    metric: MetricIndex(0),
                    epoch: epoch.number,
                    context: context.unwrap(),
                    row: row(arm),
                };
                add(&mut cells, key, (n, x));
                lost += regret(*rates, usize::from(arm), n);
            }
        }
        let now = at(i64::try_from(step).unwrap() * DAY);
        if let Proposal::Open(epoch) = reallocate(&entry, &cells, now, Urgency::Tick) {
            entry = opened(entry, epoch);
        }
    }
    lost
}

/// The regret of Beta(1, 1) Thompson sampling in batches, by segment or with all of them pooled.
fn thompson(truth: &Truth, (batch, by_segment): (u64, bool), seed: u64) -> f64 {
    let mut draws = Draws(StdRng::seed_from_u64(seed));
    let mut counts = vec![[(0_u64, 0_u64); 2]; if by_segment { truth.len() } else { 1 }];
    let mut lost = 0.0;
    for _ in 0..VISITORS / batch {
        let visitors = draws.parted(batch, truth.len());
        let before = counts.clone();
        for ((segment, rates), visitors) in truth.iter().enumerate().zip(visitors) {
            let at = if by_segment { segment } else { 0 };
            let second = drawn(&mut draws, before[at], visitors);
            for (arm, n) in [(0, visitors - second), (1, second)] {
                let x = draws.binomial(n, rates[arm]);
                counts[at][arm].0 += n;
                counts[at][arm].1 += x;
                lost += regret(*rates, arm, n);
            }
        }
    }
    lost
}

/// How many visitors get the second variant, by its P(best).
fn drawn(draws: &mut Draws, counts: [(u64, u64); 2], visitors: u64) -> u64 {
    let posteriors = counts.map(|(n, x)| crate::posterior::Posterior::beta(x, n));
    let best = crate::posterior::best::evaluate(&posteriors).prob_best[1];
    draws.binomial(visitors, best)
}

/// Mean and standard error over some runs.
fn over(seeds: std::ops::Range<u64>, of: &dyn Fn(u64) -> f64) -> (f64, f64) {
    let lost: Vec<f64> = seeds.map(of).collect();
    let n = lost.len() as f64;
    let mean = lost.iter().sum::<f64>() / n;
    let squares: f64 = lost.iter().map(|of| (of - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// The cases of the module's doc that nothing was chosen on.
fn fresh() -> Vec<(&'static str, Truth)> {
    let (low, high) = ([0.03, 0.05], [0.05, 0.03]);
    let mut one_of_eight = vec![[0.03, 0.045]; 8];
    one_of_eight[3] = [0.045, 0.03];
    vec![
        ("opposite", opposite()),
        ("opposite, rare", vec![[0.02, 0.03], [0.03, 0.02]]),
        ("opposite, six", vec![low, high, low, high, low, high]),
        ("one of eight", one_of_eight),
        ("irrelevant", irrelevant()),
        ("irrelevant, large", vec![[0.04, 0.05]; 10]),
        ("irrelevant, five", vec![[0.02, 0.024]; 5]),
    ]
}

/// The regret of the bandit and of Thompson sampling in batches, per segment and pooled, told.
#[expect(clippy::print_stderr, reason = "the figures are its result")]
fn told(name: &str, truth: &Truth, batch: u64, seeds: std::ops::Range<u64>) {
    let runs = |of: &dyn Fn(u64) -> f64| over(seeds.clone(), of);
    let ours = runs(&|seed| contextual(truth, batch, seed));
    let segments = runs(&|seed| thompson(truth, (batch, true), seed));
    let pooled = runs(&|seed| thompson(truth, (batch, false), seed));
    eprintln!(
        "{name} {batch}: contextual {ours:.1?}, per segment {segments:.1?}, pooled {pooled:.1?}"
    );
}

#[test]
#[ignore = "the figures of the module's doc; minutes, in an optimised build"]
fn regret_by_context() {
    told("opposite", &opposite(), 1_000, 0..200);
    told("irrelevant", &irrelevant(), 1_000, 0..150);
    for (name, truth) in fresh() {
        told(name, &truth, 1_000, 70_000..70_040);
    }
}

#[test]
fn contexts_with_opposite_winners_get_opposite_traffic() {
    let (entry, mut cells) = (running(2), Cells::default());
    for (segment, rates) in (0..).zip(opposite()) {
        for (arm, rate) in (0..).zip(rates) {
            let key = ContextKey {
                metric: MetricIndex(0),
                epoch: EpochNumber(1),
                context: ContextCell(segment),
                row: row(arm),
            };
            let x = if rate > 0.04 { 100 } else { 60 };
            add(&mut cells, key, (2_000, x));
        }
    }
    let Proposal::Open(epoch) = reallocate(&entry, &cells, at(61), Urgency::Tick) else {
        panic!("nothing opened")
    };
    let share = |segment| {
        let context = epoch.context(&[segment]);
        epoch.drawn_from(context).propensity(Arm(1)).unwrap().get()
    };
    assert!(
        share(0) > 0.98 && share(1) < 0.02,
        "{} {}",
        share(0),
        share(1)
    );
    assert!((share(7) - 0.5).abs() < 0.02, "other: {}", share(7));
    assert!(
        (weights(&epoch)[1] - 0.5).abs() < 0.02,
        "the average: {epoch:?}"
    );
    let said = &epoch.receipt.sentence;
    assert!(
        said.contains("segment=s0: b best") && said.contains("segment=s1: a best"),
        "{said}"
    );
    let beliefs = &epoch.contexts.as_ref().unwrap().beliefs;
    assert_eq!(beliefs.len(), 3);
    let believed = &beliefs[0][1];
    assert_eq!((believed.visitors, believed.arm), (2_000, Arm(1)));
    assert!(believed.prob_best > 0.98 && (believed.before - 0.5).abs() < 1e-12);
}

#[test]
fn few_conversions_make_one_context_of_all() {
    let (entry, mut cells) = (running(2), Cells::default());
    for (segment, arm, x) in [(0, 0, 2), (0, 1, 8), (1, 0, 1), (1, 1, 8)] {
        let key = ContextKey {
            metric: MetricIndex(0),
            epoch: EpochNumber(1),
            context: ContextCell(segment),
            row: row(arm),
        };
        add(&mut cells, key, (150, x));
    }
    let Proposal::Open(epoch) = reallocate(&entry, &cells, at(61), Urgency::Tick) else {
        panic!("nothing opened")
    };
    let contexts = epoch.contexts.as_ref().unwrap();
    assert_eq!(contexts.allocations, vec![epoch.allocation.clone(); 3]);
    assert!(weights(&epoch)[1] > 0.9, "{epoch:?}");
}
