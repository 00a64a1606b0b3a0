//! What a design comes to, and the band it must lie in.

use std::sync::LazyLock;

use serde_json::Value;

/// The bars: per design how often it is run, and the band of its figures.
static BARS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let file = include_str!("../golden/simulation_bars.json");
    let file: Value = serde_json::from_str(file).unwrap();
    file["bars"].as_array().unwrap().clone()
});

/// The ids of all bars.
pub(crate) fn bars() -> impl Iterator<Item = &'static str> {
    BARS.iter().map(|bar| bar["id"].as_str().unwrap())
}

/// How often a design of the bars is run.
pub(crate) fn runs_of(id: &str) -> Option<u32> {
    let runs = bar(id)?["R"].as_u64().unwrap();
    Some(u32::try_from(runs).unwrap())
}

fn bar(id: &str) -> Option<&'static Value> {
    BARS.iter().find(|bar| bar["id"] == id)
}

/// Where a figure must lie, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Band {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What 95 % intervals must cover.
pub(crate) const COVERAGE: Band = Band {
    low: 0.93,
    high: 0.97,
};

impl Band {
    /// The band of a bar.
    pub(crate) fn of(id: &str) -> Self {
        let bar = bar(id).unwrap();
        match bar["pass_band"].as_array() {
            Some(band) => Self {
                low: band[0].as_f64().unwrap(),
                high: band[1].as_f64().unwrap(),
            },
            None => Self::at_most(bar["pass_max"].as_f64().unwrap()),
        }
    }

    pub(crate) fn at_most(high: f64) -> Self {
        Self { low: 0.0, high }
    }

    pub(crate) fn at_least(low: f64) -> Self {
        Self { low, high: 1.0 }
    }
}

/// One figure of a design.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What it is.
    pub(crate) what: String,
    /// The figure; absent where there was nothing to take it from.
    pub(crate) value: Option<f64>,
    /// The standard error of the simulation.
    pub(crate) error: f64,
    /// Its band; a figure without one is for information.
    pub(crate) band: Option<Band>,
}

impl Figure {
    /// The share of cases that are true; those without an answer do not count.
    pub(crate) fn rate(
        what: &str,
        cases: impl IntoIterator<Item = impl Into<Option<bool>>>,
        band: Band,
    ) -> Self {
        let answers: Vec<bool> = cases.into_iter().filter_map(Into::into).collect();
        let n = answers.len() as f64;
        let shown = Self::shown(what, answers);
        // A share outside its band is judged by the error it would have at the edge.
        let likely = shown
            .value
            .map_or(0.5, |share| share.clamp(band.low, band.high));
        Self {
            error: (likely * (1.0 - likely) / n).sqrt(),
            band: Some(band),
            ..shown
        }
    }

    /// The same for information.
    pub(crate) fn shown(
        what: &str,
        cases: impl IntoIterator<Item = impl Into<Option<bool>>>,
    ) -> Self {
        let answers: Vec<bool> = cases.into_iter().filter_map(Into::into).collect();
        let hits = answers.iter().filter(|hit| **hit).count();
        let n = answers.len() as f64;
        let share = hits as f64 / n;
        Self {
            what: what.to_owned(),
            value: (n > 0.0).then_some(share),
            error: (share * (1.0 - share) / n).sqrt(),
            band: None,
        }
    }

    /// The distance of the mean of some figures from the truth, as a share of `unit`.
    pub(crate) fn bias(
        what: &str,
        figures: impl IntoIterator<Item = Option<f64>>,
        (truth, unit): (f64, f64),
        band: Band,
    ) -> Self {
        let figures: Vec<f64> = figures.into_iter().flatten().collect();
        let n = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / n;
        let spread: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
        Self {
            what: what.to_owned(),
            value: (n > 0.0).then_some((mean - truth).abs() / unit),
            error: (spread / n / n).sqrt() / unit,
            band: Some(band),
        }
    }

    /// Whether it lies in its band. A run of fewer replicates than the band was made for has `slack` more errors.
    pub(crate) fn is_ok(&self, slack: f64) -> bool {
        let slack = slack * self.error;
        let Some(band) = self.band else {
            return true;
        };
        let inside = |value| value >= band.low - slack && value <= band.high + slack;
        self.value.is_some_and(inside)
    }
}
