//! What a policy costs as visitors pass.

/// Most points of a curve.
const POINTS: u64 = 200;

/// Where a policy stood after some visitors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Visitors so far.
    pub visitors: u64,
    /// Regret so far.
    pub regret: f64,
    /// Share of the visitors since the last point who got the variant that was best for them.
    pub best: f64,
}

/// The regret of a policy, and its curve.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    sign: f64,
    every: u64,
    visitors: u64,
    regret: f64,
    on_best: u64,
    last: u64,
    curve: Vec<Point>,
}

impl Tally {
    /// For so many visitors in batches of so many; `sign` is −1 where less is better.
    pub(super) fn new(visitors: u64, batch: u64, sign: f64) -> Self {
        let batches = visitors.div_ceil(batch.max(1));
        Self {
            sign,
            every: batches.div_ceil(POINTS) * batch.max(1),
            visitors: 0,
            regret: 0.0,
            on_best: 0,
            last: 0,
            curve: Vec::new(),
        }
    }

    /// Counts a visitor who got a variant, given what each would have earned.
    pub(super) fn count(&mut self, variant: usize, rewards: &[f64]) {
        let signed = |reward: &f64| self.sign * reward;
        let best = rewards.iter().map(signed).fold(f64::NEG_INFINITY, f64::max);
        let got = rewards.get(variant).map_or(best, signed);
        self.visitors += 1;
        self.regret += best - got;
        self.on_best += u64::from(got >= best);
    }

    /// Notes a point, if one is due.
    pub(super) fn mark(&mut self, is_last: bool) {
        let passed = self.visitors - self.last;
        if passed == 0 || passed < self.every && !is_last {
            return;
        }
        self.curve.push(Point {
            visitors: self.visitors,
            regret: self.regret,
            best: self.on_best as f64 / passed as f64,
        });
        self.last = self.visitors;
        self.on_best = 0;
    }

    pub(super) fn visitors(&self) -> u64 {
        self.visitors
    }

    pub(super) fn finish(self) -> (f64, Vec<Point>) {
        (self.regret, self.curve)
    }
}
