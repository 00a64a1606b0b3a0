//! What stays valid however often one looks: conversions by the odds of the converted visitors, any other metric by a
//! confidence sequence (statistics R3). With several variants each has its share of alpha.

use crate::catalog::metric::{Metric, MetricKind};
use crate::stats::Sample;
use crate::stats::sequence::{Sequence, Side, odds};

use super::adaptive::Adaptive;
use super::design::{Design, Pairing};
use super::figure::{Figure, Reader};
use super::weighted;
use super::{ALPHA, AlwaysValid};

/// Orders in the arm with fewer of them below which means are not approximately normal.
const MIN_ORDERS: u64 = 25;

/// What a pair's figures rest on.
pub(super) enum Evidence {
    /// Conversions.
    Odds(odds::Odds),
    /// Any other metric.
    Sequence(Sequence),
}

impl Evidence {
    /// Intervals and p-value for one of so many contrasts.
    pub(super) fn figures(&self, contrasts: f64) -> Option<AlwaysValid> {
        let alpha = ALPHA / contrasts;
        let (absolute, relative, p_value) = match self {
            Self::Odds(odds) => (None, odds.lift(alpha), Some(odds.p_value())),
            Self::Sequence(sequence) => (
                sequence.absolute(alpha),
                sequence.relative(alpha),
                sequence.p_value(alpha),
            ),
        };
        let shown = match self {
            Self::Odds(_) => true,
            Self::Sequence(_) => absolute.is_some(),
        };
        shown.then(|| AlwaysValid {
            absolute: absolute.map(Into::into),
            relative: relative.map(Into::into),
            p_value: p_value.map(|p_value| (p_value * contrasts).min(1.0)),
        })
    }

    /// What the lift is at least ([`Side::Above`]) or at most, at one-sided level alpha.
    pub(super) fn lift_beyond(&self, side: Side, alpha: f64) -> Option<f64> {
        match self {
            Self::Odds(odds) => odds.lift_beyond(side, alpha),
            Self::Sequence(sequence) => sequence.lift_beyond(side, alpha),
        }
    }
}

impl Reader<'_> {
    /// The always-valid figures of a pair; `None` while there are none.
    pub(super) fn always_valid(self, evidence: &Evidence) -> Option<AlwaysValid> {
        let contrasts = self.design.pairings.len().max(1) as f64;
        evidence.figures(contrasts)
    }
}

/// The odds under which the visitors of a pair were drawn.
#[derive(Clone, Copy)]
pub(super) struct Split {
    /// The treatment's share of the two propensities, where it never moved.
    pub(super) share: Option<f64>,
    /// Whether the odds are known at all.
    pub(super) is_known: bool,
    /// How many arms shared the visitors.
    pub(super) arms: usize,
}

impl Split {
    /// Of a pair of an experiment.
    pub(super) fn of(pairing: &Pairing, design: &Design<'_>) -> Self {
        Self {
            share: pairing.share,
            is_known: !pairing.is_unknown,
            arms: design.pairings.len() + 1,
        }
    }
}

/// What is known of a pair at any look; `None` while there is too little.
pub(super) fn evidence(
    metric: &Metric,
    split: Split,
    adaptive: Option<&Adaptive>,
    (control, treatment): (&Figure, &Figure),
) -> Option<Evidence> {
    let is_weighted = adaptive.is_none() && (control.is_weighted || treatment.is_weighted);
    let is_share = matches!(metric.kind, MetricKind::Conversion { .. });
    if is_share && !is_weighted && split.is_known {
        let odds = match adaptive {
            Some(adaptive) => odds::Odds::new(adaptive.odds()),
            None => odds::Odds::new([odds::Cell {
                share: split.share?,
                treatment: treatment.sum?,
                control: control.sum?,
            }]),
        };
        return odds.map(Evidence::Odds);
    }
    let sequence = match adaptive {
        Some(adaptive) => adaptive.sequence()?,
        None if is_weighted => weighted::sequence(control, treatment, split.arms)?,
        None => fixed(control, treatment)?,
    };
    Some(Evidence::Sequence(sequence))
}

/// Two samples of a fixed split.
fn fixed(control: &Figure, treatment: &Figure) -> Option<Sequence> {
    let usable = |figure: &Figure| -> Option<Sample> {
        let is_enough = figure.orders.is_none_or(|orders| orders >= MIN_ORDERS);
        figure.sample.filter(|_| is_enough && !figure.is_noisy)
    };
    Some(Sequence::fixed(&usable(control)?, &usable(treatment)?))
}
