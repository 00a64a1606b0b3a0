//! What stays valid however often one looks: conversions by the odds of the converted visitors, any other metric by a
//! confidence sequence (statistics R3). With several variants each has its share of alpha.

use crate::catalog::metric::{Metric, MetricKind};
use crate::stats::Sample;
use crate::stats::sequence::{Sequence, odds};

use super::adaptive::Adaptive;
use super::design::Pairing;
use super::figure::{Figure, Reader};
use super::{ALPHA, AlwaysValid};

/// Orders in the arm with fewer of them below which means are not approximately normal.
const MIN_ORDERS: u64 = 25;

impl Reader<'_> {
    /// The always-valid figures of a pair; `None` while there are none.
    pub(super) fn always_valid(
        self,
        metric: &Metric,
        pairing: &Pairing,
        adaptive: Option<&Adaptive>,
        (control, treatment): (&Figure, &Figure),
    ) -> Option<AlwaysValid> {
        let contrasts = self.design.pairings.len().max(1) as f64;
        if matches!(metric.kind, MetricKind::Conversion { .. }) && !pairing.is_unknown {
            let odds = match adaptive {
                Some(adaptive) => odds::Odds::new(adaptive.odds()),
                None => odds::Odds::new([odds::Cell {
                    share: pairing.share.filter(|_| !is_weighted(control, treatment))?,
                    treatment: treatment.sum?,
                    control: control.sum?,
                }]),
            };
            return odds.map(|odds| of_odds(&odds, contrasts));
        }
        let sequence = match adaptive {
            Some(adaptive) => adaptive.sequence()?,
            None => fixed(control, treatment)?,
        };
        let alpha = ALPHA / contrasts;
        Some(AlwaysValid {
            absolute: sequence.absolute(alpha).map(Into::into),
            relative: sequence.relative(alpha).map(Into::into),
            p_value: sequence
                .p_value(alpha)
                .map(|p_value| (p_value * contrasts).min(1.0)),
        })
        .filter(|figures| figures.absolute.is_some())
    }
}

fn of_odds(odds: &odds::Odds, contrasts: f64) -> AlwaysValid {
    AlwaysValid {
        absolute: None,
        relative: odds.lift(ALPHA / contrasts).map(Into::into),
        p_value: Some((odds.p_value() * contrasts).min(1.0)),
    }
}

fn is_weighted(control: &Figure, treatment: &Figure) -> bool {
    control.is_weighted || treatment.is_weighted
}

/// Two samples of a fixed split.
fn fixed(control: &Figure, treatment: &Figure) -> Option<Sequence> {
    let usable = |figure: &Figure| -> Option<Sample> {
        let is_enough = figure.orders.is_none_or(|orders| orders >= MIN_ORDERS);
        figure
            .sample
            .filter(|_| is_enough && !figure.is_weighted && !figure.is_noisy)
    };
    Some(Sequence::fixed(&usable(control)?, &usable(treatment)?))
}
