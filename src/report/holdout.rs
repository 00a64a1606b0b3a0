//! What personalization earns: everybody else, as a policy, against the holdout.
//!
//! Being held out is drawn apart from the variants and with a fixed share, so the holdout and the others are two samples of
//! the same visitors whatever a bandit did with the others, and plain sums may be compared. Where the share moved, days
//! with a large holdout weigh more on one side than on the other; then both means come from the epochs by AIPW, with the
//! propensities h and 1 − h. Epochs in which nobody could be held out, and imported ones, have nothing to compare.
//!
//! As of an earlier day sums per epoch are not kept: there, figures need a split and a share that never moved.

use std::collections::{BTreeMap, BTreeSet};

use super::adaptive::Adaptive;
use super::always::{Split, evidence};
use super::design::{Basis, Design};
use super::figure::{Figure, Group, Reader};
use super::metrics::{kind, untested};
use super::profit::{self, Span};
use super::totals::Totals;
use super::{
    Adjustment, AlwaysValid, ComparisonReport, Effect, HoldoutReport, Mean, Money, PolicyMetric,
    Question, Range, TimelineMoney,
};
use crate::catalog::metric::{Metric, MetricIndex, MetricKind};
use crate::cell::Row;
use crate::epoch::{Epoch, EpochNumber};
use crate::stats::Caveat;

/// What is compared with the holdout.
struct Policy<'a> {
    reader: Reader<'a>,
    held: Vec<Row>,
    others: Vec<Row>,
    /// The holdout's share, where it never moved while visitors came.
    share: Option<f64>,
    /// Visitors who were not held out.
    personalized: u64,
    personalized_per_day: Option<f64>,
}

/// The holdout of an experiment; `None` if nobody could ever be held out.
pub(super) fn report(
    question: &Question<'_>,
    design: &Design<'_>,
    totals: &Totals,
) -> Option<HoldoutReport> {
    let assigned = question.cells.analysed(question.until);
    let present = assigned.iter().filter(|(_, visitors)| **visitors > 0);
    let visited: BTreeSet<EpochNumber> = present.map(|((number, _), _)| *number).collect();
    let epochs = visited
        .iter()
        .filter_map(|number| design.entry.epochs.get(*number));
    let compared = || {
        let epochs = epochs.clone();
        epochs.filter(|epoch| design.held_share(epoch).is_some())
    };
    let since = compared().map(|epoch| epoch.opened_at).min()?;
    let compared: BTreeSet<EpochNumber> = compared().map(|epoch| epoch.number).collect();
    let (held, others) = sides(design);
    let count = |rows: &[Row]| visitors(&assigned, rows, &compared);
    let personalized_per_day = question.cells.per_day(None, |key| {
        let is_past = question.until.is_none_or(|until| key.day <= until);
        is_past && compared.contains(&key.epoch) && others.contains(&key.row)
    });
    let policy = Policy {
        reader: Reader::new(design, totals),
        share: steady(design, epochs),
        personalized: count(&others),
        personalized_per_day,
        held,
        others,
    };
    let metrics = (0..).map(MetricIndex).zip(&design.entry.experiment.metrics);
    let mut report = HoldoutReport {
        since,
        held_out: count(&policy.held),
        personalized: policy.personalized,
        personalized_per_day,
        metrics: metrics
            .map(|(index, metric)| policy.metric(index, metric))
            .collect(),
        profit: None,
    };
    let counted = question.cells.visitors.iter();
    let mut counted = counted.filter(|(key, of)| of.n > 0 && compared.contains(&key.epoch));
    let first = counted.by_ref().map(|(key, _)| key.day).min();
    report.profit = question.costs.zip(first).and_then(|(costs, first)| {
        let span = Span {
            as_of: question.as_of,
            first,
            last: question.today,
        };
        profit::profit(&report, costs, span)
    });
    Some(report)
}

/// The rows that are held out, and all others.
fn sides(design: &Design<'_>) -> (Vec<Row>, Vec<Row>) {
    let rows = design.rows.iter().map(|named| named.row);
    rows.partition(|row| design.is_held(*row))
}

/// What the policy had brought when these were the sums, for each sum metric where that can be told; `personalized`
/// visitors had come by then, and the share of the holdout never moved.
pub(super) fn earned(reader: Reader<'_>, share: f64, personalized: u64) -> Vec<TimelineMoney> {
    let design = reader.design;
    let (held, others) = sides(design);
    let policy = Policy {
        reader,
        share: Some(share),
        personalized,
        personalized_per_day: None,
        held,
        others,
    };
    let metrics = (0..).map(MetricIndex).zip(&design.entry.experiment.metrics);
    let sums = metrics.filter(|(_, metric)| is_sum(metric));
    let of = |(index, metric)| {
        let PolicyMetric { key, so_far, .. } = policy.metric(index, metric);
        Some(TimelineMoney {
            metric: key,
            so_far: so_far?,
        })
    };
    sums.filter_map(of).collect()
}

fn is_sum(metric: &Metric) -> bool {
    matches!(metric.kind, MetricKind::Sum { .. })
}

/// The share of the holdout if it is the same in all epochs.
pub(super) fn steady<'a>(
    design: &Design<'_>,
    mut epochs: impl Iterator<Item = &'a Epoch>,
) -> Option<f64> {
    let first = design.held_share(epochs.next()?)?;
    let same = |epoch: &Epoch| {
        let share = design.held_share(epoch);
        share.is_some_and(|share| (share - first).abs() < f64::EPSILON)
    };
    epochs.all(same).then_some(first)
}

fn visitors(
    assigned: &BTreeMap<(EpochNumber, Row), i64>,
    rows: &[Row],
    epochs: &BTreeSet<EpochNumber>,
) -> u64 {
    let counted = assigned
        .iter()
        .filter(|((number, row), _)| epochs.contains(number) && rows.contains(row));
    let visitors: i64 = counted.map(|(_, visitors)| visitors).sum();
    u64::try_from(visitors).unwrap_or(0)
}

impl Policy<'_> {
    fn metric(&self, index: MetricIndex, metric: &Metric) -> PolicyMetric {
        let adaptive = self
            .share
            .is_none()
            .then(|| self.reader.against_holdout(index))
            .flatten();
        let figure = |rows: &[Row]| {
            let group = Group {
                rows,
                eras: None,
                basis: Basis::Drawn,
            };
            self.reader.figure(index, group)
        };
        let (held, others) = (figure(&self.held), figure(&self.others));
        let (compared, means) = self.compared(metric, adaptive.as_ref(), (&held, &others));
        let split = Split {
            share: self.share.map(|share| 1.0 - share),
            is_known: true,
            arms: 2,
        };
        let always_valid = (adaptive.is_some() || self.share.is_some())
            .then(|| evidence(metric, split, adaptive.as_ref(), (&held, &others)))
            .flatten()
            .and_then(|of| of.figures(1.0));
        let [holdout, policy] = means;
        let is_costly = self.reader.design.is_costly(metric);
        PolicyMetric {
            key: metric.key.as_str().to_owned(),
            kind: metric.kind.name().to_owned(),
            role: metric.role,
            direction: metric.direction,
            holdout,
            policy,
            method: compared.method,
            adjustments: Vec::from_iter(is_costly.then_some(Adjustment::Cost)),
            per_day: self.personalized_per_day.and_then(|visitors| {
                self.money(metric, (compared.absolute, always_valid), visitors)
            }),
            so_far: self.money(
                metric,
                (compared.absolute, always_valid),
                self.personalized as f64,
            ),
            absolute: compared.absolute,
            relative: compared.relative,
            p_value: compared.p_value,
            always_valid,
            caveats: compared.caveats,
        }
    }

    /// The comparison for one planned look, and both means.
    fn compared(
        &self,
        metric: &Metric,
        adaptive: Option<&Adaptive>,
        (held, others): (&Figure, &Figure),
    ) -> (ComparisonReport, [Option<Mean>; 2]) {
        let blank = |caveat| untested(kind(metric), caveat);
        if held.n == 0 || others.n == 0 {
            let means = [held, others].map(|figure| mean(figure).filter(|_| self.share.is_some()));
            return (blank(Caveat::NoData), means);
        }
        if let Some(adaptive) = adaptive {
            let compared = adaptive.compared(blank(Caveat::NoData));
            let means = adaptive.means().map(|means| means.map(Some));
            return (
                compared.unwrap_or_else(|| blank(Caveat::TooFew)),
                means.unwrap_or_default(),
            );
        }
        if self.share.is_none() || held.is_weighted || others.is_weighted {
            return (blank(Caveat::AdaptiveAllocation), [None, None]);
        }
        let compared = self.reader.tested(kind(metric), (held, others));
        (compared, [held, others].map(mean))
    }

    /// What the difference comes to for so many visitors.
    fn money(
        &self,
        metric: &Metric,
        (absolute, always_valid): (Option<Effect>, Option<AlwaysValid>),
        visitors: f64,
    ) -> Option<Money> {
        let absolute = absolute.filter(|_| is_sum(metric))?;
        let watched = always_valid.and_then(|figures| figures.absolute);
        let spec = &self.reader.design.entry.experiment.spec;
        Some(Money {
            currency: spec.currency.clone(),
            amount: Effect {
                estimate: absolute.estimate * visitors,
                low: absolute.low.map(|low| low * visitors),
                high: absolute.high.map(|high| high * visitors),
            },
            always_valid: watched.map(|range| Range {
                low: range.low * visitors,
                high: range.high * visitors,
            }),
        })
    }
}

fn mean(figure: &Figure) -> Option<Mean> {
    let mean = figure.mean().filter(|_| !figure.is_weighted)?;
    Some(Mean {
        mean,
        std_error: figure.std_error(),
        interval: figure.interval,
    })
}
