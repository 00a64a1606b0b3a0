//! An experiment made by hand, the visitors sent to it, and the policies asked about.

use std::sync::Arc;

use serde_json::json;

use crate::allocation::{Allocation, Arm, Propensity};
use crate::catalog::experiment::{Experiment, Status};
use crate::catalog::metric::MetricIndex;
use crate::catalog::{Entry, Lifecycle, Serial, Source, read_json};
use crate::cell::{Cells, Facet, PlainKey, Row, WeightedKey};
use crate::epoch::{Cause as Opening, Epoch, EpochNumber};
use crate::evaluate::{Answer, Cause, EvaluateError, Question, Share, evaluate};
use crate::moments::{Moments, Observation, Weighted};
use crate::time::Timestamp;

/// A visitor: epoch from 1, variant, whether held out on it, value of the device, and what was paid in cents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paid {
    pub(super) epoch: u32,
    pub(super) arm: u16,
    pub(super) held: bool,
    pub(super) device: u8,
    pub(super) cents: i64,
}

/// An experiment with three variants and a holdout, and the cells of its visitors.
pub(super) struct Shop {
    pub(super) entry: Entry,
    pub(super) cells: Cells,
    /// Inverse propensities by visitor as the server keeps them, with what they got.
    pub(super) kept: Vec<(Paid, f64)>,
}

const REVENUE: MetricIndex = MetricIndex(1);

impl Shop {
    pub(super) fn new() -> Self {
        let definition = json!({
            "key": "hero", "status": "running", "control": "a", "holdout": 0.1,
            "variants": [
                {"key": "a", "payload": 1}, {"key": "b", "payload": 2}, {"key": "c", "payload": 3},
            ],
            "dimensions": ["device"],
            "metrics": [
                {"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"},
                {"key": "revenue", "event": "Order", "kind": "sum", "property": "revenue"},
                {"key": "basket", "kind": "ratio", "numerator": "revenue", "denominator": "purchase"},
            ],
        });
        let spec = read_json(&definition.to_string()).unwrap();
        let at = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let entry = Entry {
            serial: Serial(0),
            lifecycle: Lifecycle {
                status: Status::Running,
                started_at: Some(at),
                seen: vec![vec!["phone".to_owned(), "desktop".to_owned()]],
                ..Lifecycle::draft(Source::Api, at)
            },
            experiment: Experiment::compile(spec, None).unwrap(),
            epochs: Arc::default(),
            history: Arc::default(),
        };
        Self {
            entry,
            cells: Cells::default(),
            kept: Vec::new(),
        }
    }

    /// The same after three epochs, whose weights moved.
    pub(super) fn moved() -> Self {
        let mut shop = Self::new();
        for weights in [[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.45, 0.45]] {
            shop.open(&weights, true);
        }
        shop
    }

    /// Opens an epoch with these weights by variant; 0 is not live.
    pub(super) fn open(&mut self, weights: &[f64], propensity_known: bool) {
        let allocation = Allocation::normalised((0..).map(Arm).zip(weights.iter().copied()));
        let epochs = Arc::make_mut(&mut self.entry.epochs);
        epochs.push(Epoch {
            number: epochs.next_number(),
            era: epochs.era_of(&allocation),
            allocation,
            contexts: None,
            linear: None,
            holdout: 0.1,
            opened_at: self.entry.lifecycle.since,
            cause: Opening::Started,
            receipt: "".into(),
            basis: 0,
            plug_ins: Vec::new(),
            order_caps: Vec::new(),
            caps: Vec::new(),
            label: None,
            propensity_known,
        });
    }

    pub(super) fn served(&self, paid: Paid) -> Propensity {
        let epoch = self.entry.epochs.get(EpochNumber(paid.epoch)).unwrap();
        epoch.served(Arm(paid.arm), Arm(0), None).unwrap()
    }

    pub(super) fn send(&mut self, paid: Paid) {
        let weight = self.served(paid).weight();
        self.kept.push((paid, weight as f64 / 65_536.0));
        let epoch = self.entry.epochs.get(EpochNumber(paid.epoch)).unwrap();
        let row = Row {
            arm: Arm(paid.arm),
            holdout: paid.held,
        };
        let conversion = i64::from(paid.cents != 0);
        for (metric, y) in [(MetricIndex(0), conversion), (REVENUE, paid.cents * 10_000)] {
            let observation = Observation { y, x: 0 };
            let plain = PlainKey {
                epoch: epoch.number,
                row,
                metric,
            };
            *self.cells.plain.entry(plain).or_default() += Moments::of(observation);
            let key = WeightedKey {
                facet: Facet::Dimension {
                    dimension: 0,
                    value: paid.device,
                },
                era: epoch.era,
                row,
                metric,
            };
            *self.cells.weighted.entry(key).or_default() += Weighted::of(weight, observation);
        }
    }

    /// So many visitors of an epoch, a third by variant, in turn on either device.
    pub(super) fn send_even(&mut self, epoch: u32, visitors: u32, arms: u16) {
        for visitor in 0..visitors {
            self.send(Paid {
                epoch,
                arm: u16::try_from(visitor % u32::from(arms)).unwrap(),
                held: false,
                device: u8::from(visitor % 7 > 3),
                cents: i64::from(visitor % 5),
            });
        }
    }

    pub(super) fn ask(
        &self,
        policy: &[Share],
        context: Option<&str>,
    ) -> Result<Answer, EvaluateError> {
        evaluate(&Question {
            entry: &self.entry,
            cells: &self.cells,
            metric: Some("revenue"),
            context,
            policy,
        })
    }

    pub(super) fn refused(
        &self,
        policy: &[Share],
        context: Option<&str>,
        cause: Cause,
        said: &str,
    ) {
        let error = self.ask(policy, context).unwrap_err();
        assert_eq!(error.cause, cause, "{error:?}");
        let told = format!("{} {}", error.place.unwrap_or_default(), error.detail);
        assert!(told.contains(said), "{said}: {told}");
    }
}

pub(super) fn share(arm: &str, probability: f64, context: Option<&str>) -> Share {
    Share {
        place: format!("policy.{arm}"),
        arm: arm.to_owned(),
        probability,
        context: context.map(str::to_owned),
    }
}

pub(super) fn everywhere(probabilities: [f64; 3]) -> Vec<Share> {
    let arms = ["a", "b", "c"].into_iter().zip(probabilities);
    arms.map(|(arm, of)| share(arm, of, None)).collect()
}

pub(super) fn by_device(devices: &[(&str, [f64; 3])]) -> Vec<Share> {
    let of = |(device, probabilities): &(&str, [f64; 3])| {
        let device = (*device).to_owned();
        everywhere(*probabilities)
            .into_iter()
            .map(move |share| Share {
                context: Some(device.clone()),
                ..share
            })
    };
    devices.iter().flat_map(of).collect()
}
