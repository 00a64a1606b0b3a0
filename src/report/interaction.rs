//! Whether lifts differ between the values of a dimension (Cochran's Q of their logarithms).
//!
//! The same lift on different base rates gives different differences, so what is compared is ln(treatment / control), with
//! the delta method's variance. It needs orders enough to be about normal, and positive means.

use crate::catalog::metric::MetricIndex;
use crate::stats::heterogeneity::{Effect, heterogeneity};

use super::adaptive::MIN_EVENTS;
use super::design::Design;
use super::figure::Figure;
use super::{ALPHA, Interaction};

/// The log lifts of a breakdown, by metric and pairing.
pub(super) struct Lifts {
    pairings: usize,
    lifts: Vec<Vec<Effect>>,
}

impl Lifts {
    pub(super) fn new(design: &Design<'_>) -> Self {
        let pairings = design.pairings.len();
        Self {
            pairings,
            lifts: vec![Vec::new(); pairings * design.entry.experiment.metrics.len()],
        }
    }

    /// Adds a pair of one value.
    pub(super) fn meet(&mut self, index: MetricIndex, pairing: usize, figures: &(Figure, Figure)) {
        let place = usize::from(index.0) * self.pairings + pairing;
        let lifts = self.lifts.get_mut(place);
        if let Some((lifts, lift)) = lifts.zip(log_lift(figures)) {
            lifts.push(lift);
        }
    }

    /// The tests of all metrics and pairings that can be tested.
    pub(super) fn tested(&self, design: &Design<'_>) -> Vec<Interaction> {
        let metrics = design.entry.experiment.metrics.iter();
        let pairs = metrics.flat_map(|metric| {
            let pairings = design.pairings.iter();
            pairings.map(move |pairing| (metric, pairing))
        });
        let tested = pairs
            .zip(&self.lifts)
            .filter_map(|((metric, pairing), lifts)| {
                let tested = heterogeneity(lifts)?;
                Some(Interaction {
                    metric: metric.key.as_str().to_owned(),
                    variant: pairing.named.key.clone(),
                    revision: pairing.named.revision,
                    values: tested.segments,
                    p_value: tested.p_value,
                    p_adjusted: tested.p_value,
                    text: String::new(),
                })
            });
        tested.collect()
    }
}

impl Interaction {
    /// Says what the adjusted p-value means.
    pub(super) fn explain(&mut self) {
        let values = self.values;
        self.text = if self.p_adjusted < ALPHA {
            format!("The lift really differs between the {values} values that can be compared.")
        } else {
            format!("Nothing says that the lift differs: the {values} values are within chance.")
        };
    }
}

fn log_lift((control, treatment): &(Figure, Figure)) -> Option<Effect> {
    let variance = |figure: &Figure| {
        let sample = figure.sample.filter(|sample| sample.mean > 0.0)?;
        let is_usable = figure.events().is_none_or(|events| events >= MIN_EVENTS);
        let relative = sample.variance / sample.n.max(1) as f64 / (sample.mean * sample.mean);
        (is_usable && !figure.is_noisy).then_some(relative)
    };
    Some(Effect {
        variance: variance(control)? + variance(treatment)?,
        estimate: (treatment.mean()? / control.mean()?).ln(),
    })
}
