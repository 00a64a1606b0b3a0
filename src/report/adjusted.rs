//! Comparisons of a fixed split with less variance: what the visitors did before their assignment is taken out (CUPED).
//!
//! The slope comes from all arms over the eras of the pair. Rows of variants keep their plain means; an adjusted
//! conversion is compared as a mean, for it is no share any more. The lift is that of the adjusted means, by Fieller, so
//! that its interval and the p-value agree about 0.

use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::cell::Row;
use crate::moments::Moments;
use crate::stats::Sample;
use crate::stats::cuped::{self, Joint};

use super::design::{Basis, Pairing};
use super::figure::{Figure, Group, Reader};

/// Visitors from whom the slope of a covariate is taken at least.
pub(super) const MIN_VISITORS: i64 = 100;

/// Conversions in the arm with fewer of them below which shares have better intervals of their own.
const MIN_CONVERSIONS: u64 = 30;

/// A pair of adjusted arms.
pub(super) struct Adjusted {
    pub(super) control: Figure,
    pub(super) treatment: Figure,
    /// The share of the difference's variance that is gone.
    pub(super) reduction: Option<f64>,
}

impl Reader<'_> {
    /// The pair of a metric with a covariate; `None` where sums are weighted or the covariate tells nothing.
    pub(super) fn adjusted(
        self,
        index: MetricIndex,
        pairing: &Pairing,
        (control, treatment): (&Figure, &Figure),
    ) -> Option<Adjusted> {
        let metrics = &self.design.entry.experiment.metrics;
        let metric = metrics.get(usize::from(index.0))?;
        metric.covariate.as_ref()?;
        let is_conversion = matches!(metric.kind, MetricKind::Conversion { .. });
        let is_rare = is_conversion && control.orders.min(treatment.orders) < Some(MIN_CONVERSIONS);
        if control.is_weighted || treatment.is_weighted || is_rare {
            return None;
        }
        let basis = pairing.basis;
        let units = metric.units(metrics);
        let group = |rows| Group {
            rows,
            eras: Some(&pairing.eras),
            basis,
        };
        let side = |arm| self.design.side(arm, basis);
        let (of_control, of_treatment) = (side(self.design.control()), side(pairing.named.row.arm));
        let net = |rows| self.net(index, group(rows)).plain;
        let of = |moments: Moments| Joint::of(&moments, units.0, units.1);
        let rows = self.design.rows.iter().map(|named| named.row);
        let all: Vec<Row> = rows
            .filter(|row| basis != Basis::Drawn || !row.holdout)
            .collect();
        let all = self
            .sums(index, group(&all))
            .plain
            .filter(|all| all.n >= MIN_VISITORS)?;
        let adjustment = cuped::Adjustment::of(&of(all)?);
        if adjustment.theta.abs() <= 0.0 {
            return None;
        }
        let of_control = of(net(&of_control)?)?;
        let of_treatment = of(net(&of_treatment)?)?;
        let with = |figure: &Figure, sample: Sample| Figure {
            sample: Some(sample),
            ..*figure
        };
        Some(Adjusted {
            control: with(control, adjustment.sample(&of_control)),
            treatment: with(treatment, adjustment.sample(&of_treatment)),
            reduction: adjustment.reduction(&of_control, &of_treatment),
        })
    }
}
