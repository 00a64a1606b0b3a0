//! Recorded bandits: the visitors of the golden event streams, in the order of their arrival.

use std::io::Read;

use super::{Case, cases};

/// A recorded bandit.
pub(crate) struct Recorded {
    /// How many arms it has.
    pub(crate) arms: usize,
    /// Its visitors.
    pub(crate) visitors: Vec<Visitor>,
}

/// One visitor.
pub(crate) struct Visitor {
    /// The epoch, from 0.
    pub(crate) epoch: usize,
    /// The arm served.
    pub(crate) arm: usize,
    /// The propensity of every arm.
    pub(crate) propensities: Vec<f64>,
    /// The plug-in mean of every arm.
    pub(crate) plug_ins: Vec<f64>,
    /// What came of it.
    pub(crate) reward: f64,
}

/// The cases of the recorded bandits.
pub(crate) fn bandits() -> Vec<Case> {
    cases(include_str!("../../tests/golden/adaptive.json"))
}

impl Recorded {
    /// The stream of a case.
    pub(crate) fn of(case: &Case) -> Self {
        let packed: &[u8] = match case.name.as_str() {
            "bern2" => include_bytes!("../../tests/golden/adaptive/bern2.csv.gz"),
            "bern3" => include_bytes!("../../tests/golden/adaptive/bern3.csv.gz"),
            "rev3" => include_bytes!("../../tests/golden/adaptive/rev3.csv.gz"),
            other => panic!("no stream for {other}"),
        };
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(packed);
        unpacked.read_to_string(&mut text).unwrap();
        let arms = usize::try_from(case.input["K"].as_u64().unwrap()).unwrap();
        let visitor = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            let numbers = |from: usize| {
                let part = cells[from..from + arms].iter();
                part.map(|cell| cell.parse().unwrap()).collect()
            };
            Visitor {
                epoch: cells[1].parse().unwrap(),
                arm: cells[2].parse().unwrap(),
                propensities: numbers(3),
                plug_ins: numbers(3 + arms),
                reward: cells[3 + 2 * arms].parse().unwrap(),
            }
        };
        Self {
            arms,
            visitors: text.lines().skip(1).map(visitor).collect(),
        }
    }

    /// The first so many visitors, epoch by epoch.
    pub(crate) fn epochs(&self, first: usize) -> impl Iterator<Item = &[Visitor]> {
        self.visitors[..first].chunk_by(|a, b| a.epoch == b.epoch)
    }
}
