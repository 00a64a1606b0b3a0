//! An experiment made by hand and the visitors sent to it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::assert_sound;
use crate::allocation::{Allocation, Arm, Propensity};
use crate::catalog::experiment::{Experiment, Status};
use crate::catalog::metric::MetricIndex;
use crate::catalog::{self, Entry, Lifecycle, Serial, Source};
use crate::cell::{Cells, Facet, PlainKey, Row, VISITOR_TYPE, VisitorsKey, WeightedKey};
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::moments::{Moments, Observation, Visitors, Weighted};
use crate::report::{Question, Report, report};
use crate::time::{Day, Timestamp};

pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").unwrap()
}

/// The day of the report, unless it is as of an earlier one.
pub(super) const TODAY: Day = Day(30);

/// A shop: an experiment, and the cells of the visitors that were sent in.
pub(super) struct Shop {
    pub(super) entry: Entry,
    pub(super) cells: Cells,
}

/// Visitors of one epoch and row on one day: so many, of whom so many have this value, the others nothing.
pub(super) struct Group {
    pub(super) epoch: u32,
    pub(super) row: Row,
    pub(super) day: i32,
    pub(super) n: i64,
    pub(super) with: (i64, Observation),
}

pub(super) const CONVERTED: Observation = Observation { y: 1, x: 0 };

pub(super) fn row(arm: u16) -> Row {
    Row {
        arm: Arm(arm),
        holdout: false,
    }
}

pub(super) fn held() -> Row {
    Row {
        arm: Arm(0),
        holdout: true,
    }
}

pub(super) fn times(n: i64, one: impl Fn() -> Moments) -> Moments {
    (0..n).fold(Moments::default(), |sum, _| sum + one())
}

impl Shop {
    pub(super) fn new(definition: &Value) -> Self {
        let spec = catalog::read_json(&definition.to_string()).unwrap();
        let experiment = Experiment::compile(spec, None).unwrap();
        let entry = Entry {
            serial: Serial(0),
            lifecycle: Lifecycle {
                status: Status::Running,
                started_at: Some(now()),
                ..Lifecycle::draft(Source::Api, now())
            },
            experiment,
            epochs: Arc::default(),
            history: Arc::default(),
        };
        Self {
            entry,
            cells: Cells::default(),
        }
    }

    /// Two variants and one conversion.
    pub(super) fn two(changes: &Value) -> Self {
        let mut definition = json!({
            "key": "hero", "status": "running", "control": "a",
            "variants": [{"key": "a", "payload": 1}, {"key": "b", "payload": 2}],
            "allocation": {"policy": "fixed"},
            "metrics": [{"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"}],
        });
        let (into, from) = (
            definition.as_object_mut().unwrap(),
            changes.as_object().unwrap(),
        );
        into.extend(from.clone());
        let mut shop = Self::new(&definition);
        shop.open(&[0.5, 0.5], true);
        shop
    }

    /// Opens an epoch with these weights by arm; 0 is not live.
    pub(super) fn open(&mut self, weights: &[f64], propensity_known: bool) {
        let allocation = Allocation::normalised((0..).map(Arm).zip(weights.iter().copied()));
        let epochs = Arc::make_mut(&mut self.entry.epochs);
        epochs.push(Epoch {
            number: epochs.next_number(),
            era: epochs.era_of(&allocation),
            allocation,
            holdout: self.entry.experiment.holdout,
            opened_at: now(),
            cause: Cause::Started,
            receipt: "".into(),
            basis: 0,
            plug_ins: Vec::new(),
            caps: Vec::new(),
            order_caps: Vec::new(),
            label: None,
            contexts: None,
            linear: None,
            propensity_known,
        });
    }

    pub(super) fn send(&mut self, group: &Group) {
        let (epoch, row) = (EpochNumber(group.epoch), group.row);
        let drawn = self.entry.epochs.get(epoch).unwrap();
        let served = drawn.served(row.arm, self.entry.experiment.control, None);
        let (era, weight) = (drawn.era, served.map_or(0, Propensity::weight));
        let key = VisitorsKey {
            epoch,
            day: Day(group.day),
            row,
        };
        *self.cells.visitors.entry(key).or_default() += Visitors::all(group.n);
        let (with, value) = group.with;
        let without = Observation::default();
        for metric in (0..)
            .map(MetricIndex)
            .take(self.entry.experiment.metrics.len())
        {
            let plain =
                times(with, || Moments::of(value)) + times(group.n - with, || Moments::of(without));
            let key = PlainKey { metric, epoch, row };
            *self.cells.plain.entry(key).or_default() += plain;
            let day = Facet::Day(Day(group.day));
            // Even days come on phones.
            let device = Facet::Dimension {
                dimension: 0,
                value: u8::from(group.day % 2 != 0),
            };
            // Visitors of later days than the first two were there before.
            let visitor_type = Facet::Dimension {
                dimension: VISITOR_TYPE,
                value: u8::from(group.day > 1),
            };
            for facet in [day, device, visitor_type] {
                let key = WeightedKey {
                    facet,
                    era,
                    row,
                    metric,
                };
                let cell = self.cells.weighted.entry(key).or_default();
                (0..with).for_each(|_| *cell += Weighted::of(weight, value));
                (with..group.n).for_each(|_| *cell += Weighted::of(weight, without));
            }
        }
    }

    /// Sends conversions: (epoch, row, day, visitors, converted).
    pub(super) fn convert(&mut self, groups: &[(u32, Row, i32, i64, i64)]) {
        for (epoch, row, day, n, converted) in groups.iter().copied() {
            self.send(&Group {
                epoch,
                row,
                day,
                n,
                with: (converted, CONVERTED),
            });
        }
    }

    pub(super) fn report(&self, until: Option<i32>) -> Report {
        self.ask(until, &[], 0)
    }

    /// The report with breakdowns and a timeline.
    pub(super) fn ask(&self, until: Option<i32>, dimensions: &[&str], days: u32) -> Report {
        let today = until.map_or(TODAY, Day);
        let report = report(&Question {
            until: until.map(Day),
            dimensions,
            days,
            ..Question::present(&self.entry, &self.cells, (now(), today))
        });
        assert_sound(&report);
        report
    }
}
