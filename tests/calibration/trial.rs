//! An experiment in process: its definition compiled as the server compiles it, its epochs opened by the bandit, its
//! cells filled with counts instead of visitors. What it shows comes from the report that users read.

use std::ops::AddAssign;
use std::sync::Arc;

use serde_json::{Value, json};
use upswing::allocation::{Arm, Propensity};
use upswing::bandit::{Proposal, Urgency, opened_by_change, reallocate};
use upswing::catalog::metric::MetricIndex;
use upswing::catalog::{Catalog, Entry, Source, read_json};
use upswing::cell::{Cells, Facet, PlainKey, Row, VisitorsKey, WeightedKey};
use upswing::epoch::{Epoch, EpochNumber};
use upswing::event::Defined;
use upswing::fold::control::defined_entry;
use upswing::moments::{Moments, Observation, Visitors, Weighted};
use upswing::report::{ComparisonReport, Effect, Question, Range, Report, report};
use upswing::time::{Timestamp, Window, Zone};

/// The first instant of every trial.
const START: &str = "2026-01-01T00:00:00Z";

/// The metric of conversions, and the one that a definition may add.
pub(crate) const CONVERTED: MetricIndex = MetricIndex(0);
pub(crate) const SECOND: MetricIndex = MetricIndex(1);

/// An experiment of so many variants, `v0` being the control, with a conversion metric; its policy is `allocation`.
pub(crate) fn definition(key: &str, arms: u16, allocation: &Value) -> Value {
    let variants: Vec<Value> = (0..arms)
        .map(|arm| json!({ "key": format!("v{arm}") }))
        .collect();
    json!({
        "key": key, "status": "running", "variants": variants, "allocation": allocation,
        "metrics": [{ "key": "purchase", "event": "Order", "kind": "conversion", "role": "goal" }],
    })
}

/// Thompson sampling with a floor for each variant.
pub(crate) fn thompson(floor: f64) -> Value {
    json!({ "policy": "thompson", "metric": "purchase", "floor": floor })
}

/// The same by the Beta posterior of all epochs together: what the source of the bars calls TS.
pub(crate) fn plain_thompson(floor: f64) -> Value {
    let mut allocation = thompson(floor);
    allocation["model"] = json!("pooled");
    allocation
}

/// The same definition with a second metric on the same event.
pub(crate) fn with_metric(mut definition: Value, metric: Value) -> Value {
    definition["metrics"].as_array_mut().unwrap().push(metric);
    definition
}

/// A sum of order values.
pub(crate) fn revenue() -> Value {
    json!({ "key": "revenue", "event": "Order", "kind": "sum", "property": "revenue" })
}

/// A running experiment.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) entry: Entry,
    pub(crate) cells: Cells,
    now: Timestamp,
}

impl Trial {
    pub(crate) fn new(definition: &Value) -> Self {
        let now = Timestamp::parse(START).unwrap();
        let spec = read_json(&definition.to_string()).unwrap();
        let defined = Defined {
            definition: serde_json::to_string(&spec).unwrap(),
            source: Source::Api,
            cosmetic: false,
            at: now,
        };
        let mut entry = defined_entry(&Catalog::default(), &defined).unwrap();
        let first = opened_by_change(None, &entry, &Cells::none(), now).unwrap();
        Arc::make_mut(&mut entry.epochs).push(first);
        Self {
            entry,
            cells: Cells::default(),
            now,
        }
    }

    /// An even split between a control and so many treatments less one.
    pub(crate) fn even(arms: u16) -> Self {
        Self::new(&definition("even", arms, &json!({ "policy": "fixed" })))
    }

    pub(crate) fn epoch(&self) -> &Epoch {
        self.entry.epochs.current().unwrap()
    }

    /// The propensities of now.
    pub(crate) fn shares(&self) -> Vec<f64> {
        self.epoch().allocation.iter().map(|(_, e)| e).collect()
    }

    /// Assigns visitors to a variant, whose values are 0 as yet.
    pub(crate) fn assign(&mut self, arm: u16, visitors: u64) {
        let (epoch, row) = (self.epoch().number, row(arm));
        let day = Zone::utc().day(self.now);
        let key = VisitorsKey { epoch, day, row };
        let n = i64::try_from(visitors).unwrap();
        *self.cells.visitors.entry(key).or_default() += Visitors::all(n);
        self.cells.information += visitors;
        let nothing = Observation::default();
        for metric in self.metrics() {
            self.add((epoch, arm, metric), visitors, |weight| {
                (Moments::of(nothing), Weighted::of(weight, nothing))
            });
        }
    }

    /// Gives a metric's value to visitors of an epoch that had none.
    pub(crate) fn reward(
        &mut self,
        cell: (EpochNumber, u16, MetricIndex),
        value: i64,
        visitors: u64,
    ) {
        if cell.2 == CONVERTED {
            self.cells.information += visitors;
        }
        self.observe(cell, Observation { y: value, x: 0 }, visitors);
    }

    /// The same with a covariate.
    pub(crate) fn observe(
        &mut self,
        cell: (EpochNumber, u16, MetricIndex),
        value: Observation,
        visitors: u64,
    ) {
        let nothing = Observation::default();
        self.add(cell, visitors, |weight| {
            let plain = Moments::of(value) - Moments::of(nothing);
            (
                plain,
                Weighted::of(weight, value) - Weighted::of(weight, nothing),
            )
        });
    }

    /// Assigns visitors of whom some convert at once.
    pub(crate) fn convert(&mut self, arm: u16, visitors: u64, converted: u64) {
        self.assign(arm, visitors);
        let epoch = self.epoch().number;
        for metric in self.metrics() {
            self.reward((epoch, arm, metric), 1, converted);
        }
    }

    /// A day passes, and the bandit may open an epoch.
    pub(crate) fn next_day(&mut self) {
        self.now = self.now.plus(Window::days(1));
        let proposal = reallocate(&self.entry, &self.cells, self.now, Urgency::Tick);
        if let Proposal::Open(epoch) = proposal {
            Arc::make_mut(&mut self.entry.epochs).push(epoch);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn report(&self) -> Report {
        let today = Zone::utc().day(self.now);
        report(&Question::present(
            &self.entry,
            &self.cells,
            (self.now, today),
        ))
    }

    /// Everything so far as the report of a past day has it, from sums per day.
    pub(crate) fn report_of_past(&self) -> Report {
        let today = Zone::utc().day(self.now);
        report(&Question {
            until: Some(today),
            ..Question::present(&self.entry, &self.cells, (self.now, today))
        })
    }

    fn metrics(&self) -> impl Iterator<Item = MetricIndex> + use<> {
        (0..)
            .map(MetricIndex)
            .take(self.entry.experiment.metrics.len())
    }

    /// Adds the same to an epoch cell and to the day's weighted cell, so many times.
    fn add(
        &mut self,
        (number, arm, metric): (EpochNumber, u16, MetricIndex),
        count: u64,
        one: impl Fn(u64) -> (Moments, Weighted),
    ) {
        if count == 0 {
            return;
        }
        let (row, facet) = (row(arm), Facet::Day(Zone::utc().day(self.now)));
        let epoch = self.entry.epochs.get(number).unwrap();
        let served = epoch.served(Arm(arm), self.entry.experiment.control, None);
        let (plain, weighted) = one(served.map_or(0, Propensity::weight));
        let key = WeightedKey {
            facet,
            era: epoch.era,
            row,
            metric,
        };
        *self.cells.weighted.entry(key).or_default() += times(count, weighted);
        let key = PlainKey {
            epoch: number,
            row,
            metric,
        };
        *self.cells.plain.entry(key).or_default() += times(count, plain);
    }
}

fn row(arm: u16) -> Row {
    Row {
        arm: Arm(arm),
        holdout: false,
    }
}

/// n times the same, by doubling.
fn times<T: Copy + Default + AddAssign>(mut n: u64, mut one: T) -> T {
    let mut sum = T::default();
    while n > 0 {
        if n & 1 == 1 {
            sum += one;
        }
        one += one;
        n >>= 1;
    }
    sum
}

/// The comparisons of a metric, one per treatment.
pub(crate) fn compared(report: &Report, metric: MetricIndex) -> &[ComparisonReport] {
    &report.metrics[usize::from(metric.0)].comparisons
}

/// Whether an interval covers the truth; `None` where none is shown.
pub(crate) fn covers(effect: Option<Effect>, truth: f64) -> Option<bool> {
    let effect = effect?;
    Some(effect.low? <= truth && truth <= effect.high?)
}

/// Whether a range is shown and excludes the truth.
pub(crate) fn excludes(range: Option<Range>, truth: f64) -> bool {
    range.is_some_and(|range| truth < range.low || range.high < truth)
}

/// Whether a p-value is shown and below 5 %.
pub(crate) fn rejects(p_value: Option<f64>) -> bool {
    p_value.is_some_and(|p| p < 0.05)
}
