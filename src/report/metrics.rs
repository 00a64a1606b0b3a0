//! The metrics of a report: a row per variant, and every variant against the control.

use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::stats::{self, Caveat, Kind};

use super::adjusted::Adjusted;
use super::always::{self, Split};
use super::bayes::{self, Standings};
use super::design::{Basis, Design, Named, Pairing};
use super::figure::{Figure, Group, Reader};
use super::ripe::Counted;
use super::totals::Totals;
use super::weighted;
use super::{ALPHA, Adjustment, ComparisonReport, Effect, Method, MetricReport, VariantMetric};

/// Is told of metric, position of the pairing, and figures of control and treatment.
pub(super) type Met<'a> = dyn FnMut(MetricIndex, usize, &(Figure, Figure)) + 'a;

/// All metrics over one view of the cells, at the usual confidence.
pub(super) fn all(design: &Design<'_>, totals: &Totals) -> Vec<MetricReport> {
    at_level(design, totals, ALPHA)
}

/// All metrics, with confidence 1 − `alpha`.
pub(super) fn at_level(design: &Design<'_>, totals: &Totals, alpha: f64) -> Vec<MetricReport> {
    let reader = Reader {
        alpha,
        ..Reader::new(design, totals)
    };
    reader.metrics(&mut |_, _, _| {})
}

impl Reader<'_> {
    /// All metrics, in the order of the definition; `met` is told the figures of every pair.
    pub(super) fn metrics(self, met: &mut Met<'_>) -> Vec<MetricReport> {
        let metrics = &self.design.entry.experiment.metrics;
        let numbered = (0..).map(MetricIndex).zip(metrics);
        numbered
            .map(|(index, metric)| self.metric(index, metric, met))
            .collect()
    }

    /// Every pair of a metric.
    pub(super) fn comparisons(self, index: MetricIndex) -> impl Iterator<Item = ComparisonReport> {
        let pairings = self.design.pairings.iter();
        pairings.map(move |pairing| {
            let figures = self.pair(index, pairing);
            self.comparison(index, pairing, &figures, &Standings::new())
        })
    }

    fn metric(self, index: MetricIndex, metric: &Metric, met: &mut Met<'_>) -> MetricReport {
        let standings = bayes::standings(self, index, metric.direction);
        let rows = self.design.rows.iter();
        let pairings = self.design.pairings.iter().enumerate();
        MetricReport {
            key: metric.key.as_str().to_owned(),
            kind: metric.kind.name().to_owned(),
            role: metric.role,
            direction: metric.direction,
            limit: metric.guard.map(|guard| guard.limit),
            cap: self.design.cap(index, metric),
            delays: None,
            variants: rows
                .map(|named| self.variant((index, metric), named, &standings))
                .collect(),
            comparisons: pairings
                .map(|(position, pairing)| {
                    let figures = self.pair(index, pairing);
                    met(index, position, &figures);
                    let comparison = self.comparison(index, pairing, &figures, &standings);
                    comparison
                        .capped(self.design, index)
                        .net(self.design, index, pairing)
                })
                .collect(),
        }
    }

    fn variant(
        self,
        (index, metric): (MetricIndex, &Metric),
        named: &Named,
        standings: &Standings,
    ) -> VariantMetric {
        let basis = self.design.own_basis(named.row);
        let of = |rows: &[_], basis| {
            let group = Group {
                rows,
                eras: None,
                basis,
            };
            self.figure(index, group)
        };
        let own = of(&[named.row], basis);
        let figure = match (own.is_weighted, named.row.holdout) {
            (false, _) => own,
            // The weights are those of being served control at all, not of being held out.
            (true, true) => Figure::default(),
            (true, false) => self.adapted(index, named).unwrap_or_else(|| {
                let rows = self.design.side(named.row.arm, Basis::Weighted);
                of(&rows, Basis::Weighted)
            }),
        };
        let standing = standings.get(&named.row.arm).filter(|_| !named.row.holdout);
        VariantMetric {
            variant: named.key.clone(),
            revision: named.revision,
            holdout: named.row.holdout,
            visitors: own.n,
            sum: own.sum,
            cost: self.design.price(metric, named.row.arm).map(f64::abs),
            mean: figure.mean(),
            std_error: figure.std_error(),
            interval: figure.interval,
            prob_best: standing.map(|(prob_best, _)| *prob_best),
        }
    }

    /// An arm's mean by AIPW, where sums per epoch are kept (R16).
    fn adapted(self, index: MetricIndex, named: &Named) -> Option<Figure> {
        let [own, _] = self.alone(index, named.row.arm)?.means()?;
        Some(Figure {
            sample: Some(stats::Sample {
                n: 0,
                mean: own.mean,
                variance: 0.0,
            }),
            error: own.std_error,
            interval: own.interval,
            is_weighted: true,
            ..Figure::default()
        })
    }

    /// Control and treatment of a pairing, over the eras in which both were live.
    pub(super) fn pair(self, index: MetricIndex, pairing: &Pairing) -> (Figure, Figure) {
        let both = |basis| {
            let of = |arm| {
                let group = Group {
                    rows: &self.design.side(arm, basis),
                    eras: Some(&pairing.eras),
                    basis,
                };
                self.figure(index, group)
            };
            (of(self.design.control()), of(pairing.named.row.arm))
        };
        let (control, treatment) = both(pairing.basis);
        let is_weighted = control.is_weighted || treatment.is_weighted;
        if is_weighted && pairing.basis != Basis::Weighted {
            return both(Basis::Weighted);
        }
        (control, treatment)
    }

    fn comparison(
        self,
        index: MetricIndex,
        pairing: &Pairing,
        (control, treatment): &(Figure, Figure),
        standings: &Standings,
    ) -> ComparisonReport {
        let entry = self.design.entry;
        let Some(metric) = entry.experiment.metric(index) else {
            return untested(Kind::Mean, Caveat::NoData).named(pairing, "");
        };
        let mut comparison = self.contrasted(metric, (index, pairing), (control, treatment));
        comparison.mature = self.mature(index, pairing);
        comparison.baseline_visitors = control.n;
        let standing = standings.get(&pairing.named.row.arm);
        if !self.is_bare {
            comparison.bayes = bayes::compare(control, treatment, metric.direction, standing);
            if comparison.bayes.is_none() && comparison.caveats.is_empty() {
                comparison.caveats.push(Caveat::TooFew);
            }
        }
        if pairing.is_unknown {
            comparison.caveats.push(Caveat::PropensityUnknown);
        }
        let baseline = entry.experiment.variant(self.design.control());
        comparison.named(pairing, baseline.map_or("", |variant| variant.key.as_str()))
    }

    /// What the sums alone say of a pair, and whether a guardrail stands.
    pub(super) fn contrasted(
        self,
        metric: &Metric,
        (index, pairing): (MetricIndex, &Pairing),
        (control, treatment): (&Figure, &Figure),
    ) -> ComparisonReport {
        let adjusted = self.adjusted(index, pairing, (control, treatment));
        let (control, treatment) = match &adjusted {
            Some(adjusted) => (&adjusted.control, &adjusted.treatment),
            None => (control, treatment),
        };
        let is_empty = control.n == 0 || treatment.n == 0;
        let adaptive = self.adaptive(index, pairing).filter(|_| !is_empty);
        let blank = || untested(kind(metric), Caveat::NoData);
        let mut comparison = adaptive
            .as_ref()
            .and_then(|adaptive| adaptive.compared(blank()))
            .unwrap_or_else(|| self.fixed(metric, (control, treatment), adjusted.as_ref()));
        comparison.orders = match &adaptive {
            Some(adaptive) => Some(adaptive.events()),
            None => control
                .events()
                .zip(treatment.events())
                .map(|(a, b)| a.min(b)),
        };
        let counted = self.counted(index, pairing);
        counted.told(&mut comparison);
        let split = Split::of(pairing, self.design);
        let of = |adaptive| always::evidence(metric, split, adaptive, (control, treatment));
        let evidence = match &counted {
            Counted::All => of(adaptive.as_ref()),
            Counted::Ripe(ripe) => ripe.as_ref().and_then(|ripe| of(Some(ripe))),
        };
        comparison.always_valid = evidence.as_ref().and_then(|of| self.always_valid(of));
        self.guarded(metric, evidence.as_ref(), comparison)
    }
}

impl ComparisonReport {
    fn named(self, pairing: &Pairing, baseline: &str) -> Self {
        Self {
            variant: pairing.named.key.clone(),
            revision: pairing.named.revision,
            baseline: baseline.to_owned(),
            ..self
        }
    }
}

pub(super) fn kind(metric: &Metric) -> Kind {
    match metric.kind {
        MetricKind::Conversion { .. } => Kind::Proportion,
        MetricKind::Count { .. } | MetricKind::Sum { .. } => Kind::Mean,
        MetricKind::Ratio { .. } => Kind::Ratio,
    }
}

/// Orders in the arm with fewer of them.
fn fewest(control: &Figure, treatment: &Figure) -> Option<u64> {
    let orders = control.orders.zip(treatment.orders);
    orders.map(|(control, treatment)| control.min(treatment))
}

impl Reader<'_> {
    /// A comparison of a fixed split.
    fn fixed(
        self,
        metric: &Metric,
        figures: (&Figure, &Figure),
        adjusted: Option<&Adjusted>,
    ) -> ComparisonReport {
        match adjusted {
            Some(adjusted) => ComparisonReport {
                adjustments: vec![Adjustment::Cuped],
                variance_reduction: adjusted.reduction,
                ..self.tested(Kind::Mean, figures)
            },
            None => self.tested(kind(metric), figures),
        }
    }

    pub(super) fn tested(
        self,
        kind: Kind,
        (control, treatment): (&Figure, &Figure),
    ) -> ComparisonReport {
        if control.n == 0 || treatment.n == 0 {
            return untested(kind, Caveat::NoData);
        }
        let Some((of_control, of_treatment)) = control.sample.zip(treatment.sample) else {
            return untested(kind, Caveat::TooFew);
        };
        if control.is_weighted || treatment.is_weighted {
            let blank = untested(kind, Caveat::NoData);
            return weighted::compared(control, treatment, blank)
                .unwrap_or_else(|| untested(kind, Caveat::TooFew));
        }
        let fewest = fewest(control, treatment);
        let result = stats::compare(&of_control, &of_treatment, kind, self.alpha, fewest);
        let mut comparison = ComparisonReport {
            method: result.method.into(),
            absolute: result.absolute.map(Effect::from),
            std_error: result.absolute.and_then(|of| of.std_error),
            relative: result.relative.map(Effect::from),
            p_value: result.p_value,
            ..untested(kind, Caveat::NoData)
        };
        comparison.caveats = result.caveats;
        if control.is_noisy || treatment.is_noisy {
            comparison.absolute = comparison.absolute.map(Effect::bare);
            comparison.relative = comparison.relative.map(Effect::bare);
            comparison.p_value = None;
            if !comparison.caveats.contains(&Caveat::TooFew) {
                comparison.caveats.push(Caveat::TooFew);
            }
        }
        comparison
    }
}

/// A comparison without figures.
pub(super) fn untested(kind: Kind, caveat: Caveat) -> ComparisonReport {
    ComparisonReport {
        variant: String::new(),
        revision: None,
        baseline: String::new(),
        baseline_visitors: 0,
        method: match kind {
            Kind::Proportion => Method::PooledZ,
            Kind::Mean => Method::Welch,
            Kind::Ratio => Method::Ratio,
        },
        headline: None,
        adjustments: Vec::new(),
        variance_reduction: None,
        absolute: None,
        std_error: None,
        relative: None,
        mature: None,
        scaled: None,
        orders: None,
        interrupted: None,
        p_value: None,
        p_adjusted: None,
        always_valid: None,
        bayes: None,
        harm: None,
        status: None,
        caveats: vec![caveat],
    }
}

impl From<stats::Estimate> for Effect {
    fn from(of: stats::Estimate) -> Self {
        Self {
            estimate: of.estimate,
            low: of.interval.map(|interval| interval.low),
            high: of.interval.map(|interval| interval.high),
        }
    }
}

impl Effect {
    /// Without its interval.
    fn bare(self) -> Self {
        Self {
            low: None,
            high: None,
            ..self
        }
    }
}
