//! From an experiment's cells to what the estimators read.

use std::collections::{BTreeMap, BTreeSet};

use super::given::{Asked, EVERYWHERE};
use super::judged::{ALPHA, Judged};
use super::{Cause, EvaluateError, Question};
use crate::allocation::{Arm, Propensity};
use crate::catalog::metric::MetricIndex;
use crate::cell::Facet;
use crate::epoch::{Epoch, Era};
use crate::moments::Moments;
use crate::report::dimension_value;
use crate::report::table::cells::grouped;
use crate::stats::offpolicy::evaluate;
use crate::stats::offpolicy::log::{Choice, Log, Prior};
use crate::stats::offpolicy::weighted::WeightedLog;

/// The sums of the visitors who count, and how many do not.
pub(super) struct Sums<'a> {
    question: &'a Question<'a>,
    /// By variant and propensity.
    plain: Log,
    /// By variant and value of the dimension that the policy goes by.
    by_value: WeightedLog,
    /// Visitors of epochs without a variant that the policy gives.
    unserved: i64,
    /// Visitors of epochs with unknown propensities, and of those kept together with them.
    unknown: i64,
    has_held: bool,
}

/// The visitors of an epoch, or of a context in it, by variant, with the propensity of being served it.
struct Met<'a> {
    epoch: &'a Epoch,
    served: Vec<(Arm, Option<f64>, Moments)>,
}

impl Met<'_> {
    fn visitors(&self) -> i64 {
        self.served.iter().map(|(.., moments)| moments.n).sum()
    }

    fn is_known(&self) -> bool {
        let known = |(_, propensity, _): &(Arm, Option<f64>, Moments)| propensity.is_some();
        self.epoch.propensity_known && self.served.iter().all(known)
    }
}

impl<'a> Sums<'a> {
    pub(super) fn new(question: &'a Question<'a>, metric: MetricIndex, asked: &Asked) -> Self {
        let met = met(question, metric);
        let actions = asked.policy.actions();
        let gives = |epoch: &Epoch| {
            let live: BTreeSet<u32> = epoch
                .allocation
                .iter()
                .map(|(arm, _)| action(arm))
                .collect();
            actions.is_subset(&live)
        };
        let unknown = met.iter().filter(|met| !met.is_known());
        let unknown: BTreeSet<Era> = unknown.map(|met| met.epoch.era).collect();
        let mut sums = Self {
            question,
            plain: Log::default(),
            by_value: WeightedLog::default(),
            unserved: 0,
            unknown: 0,
            has_held: false,
        };
        let mut largest = BTreeMap::new();
        for met in &met {
            let together = asked.dimension.is_some() && unknown.contains(&met.epoch.era);
            if !gives(met.epoch) {
                sums.unserved += met.visitors();
            } else if together || !met.is_known() {
                sums.unknown += met.visitors();
            } else {
                sums.has_held |= met.epoch.holdout > 0.0;
                sums.count(met, &mut largest);
            }
        }
        if let Some(dimension) = asked.dimension {
            sums.weigh(metric, dimension, &largest);
        }
        sums
    }

    /// Counts an epoch's visitors, and the largest inverse of a propensity by era and arm.
    fn count(&mut self, met: &Met<'_>, largest: &mut BTreeMap<(Era, Arm), f64>) {
        for (arm, propensity, moments) in &met.served {
            let Some(propensity) = *propensity else {
                continue;
            };
            let choice = Choice {
                context: EVERYWHERE,
                action: action(*arm),
            };
            self.plain.add(choice, propensity, *moments);
            let inverse = largest.entry((met.epoch.era, *arm)).or_insert(0.0_f64);
            *inverse = inverse.max(propensity.recip());
        }
    }

    /// Gathers the weighted sums by value of a dimension: of the eras and arms that were counted.
    fn weigh(&mut self, metric: MetricIndex, dimension: u8, largest: &BTreeMap<(Era, Arm), f64>) {
        for (key, sums) in &self.question.cells.weighted {
            let Facet::Dimension {
                dimension: of,
                value,
            } = key.facet
            else {
                continue;
            };
            let inverse = largest.get(&(key.era, key.row.arm));
            let inverse = inverse.filter(|_| of == dimension && key.metric == metric);
            if let Some(inverse) = inverse {
                let choice = Choice {
                    context: u32::from(value),
                    action: action(key.row.arm),
                };
                self.by_value.add(choice, *sums, *inverse);
            }
        }
    }

    /// The figures, where there are any.
    pub(super) fn judged(&self, asked: &Asked, unit: f64) -> Result<Judged, EvaluateError> {
        let logged = self.plain.mean(unit).ok_or_else(|| self.nobody())?;
        let prior = Prior::of(&self.plain, unit);
        let policy = &asked.policy;
        let Some(dimension) = asked.dimension else {
            let cells = self.plain.cells(policy, prior, unit);
            let evaluation = evaluate(&cells, ALPHA)?;
            return Ok(Judged::new(&evaluation, self.plain.unsupported(policy)));
        };
        self.everywhere(asked, dimension)?;
        let model = self.plain.model(prior, unit);
        let judged = self
            .by_value
            .evaluate(policy, (&model, logged), unit, ALPHA)?;
        Ok(Judged::new(&judged, self.by_value.unsupported(policy)))
    }

    fn nobody(&self) -> EvaluateError {
        let (cause, detail) = if self.unknown > 0 {
            (
                Cause::UnknownPropensity,
                "The propensities of these visitors are not known: they were imported without an allocation, drawn by features \
                 of their own, or by contexts by which this metric is not kept, or are kept together with such visitors.",
            )
        } else if self.unserved > 0 {
            (
                Cause::NoData,
                "While there were visitors, the variants that the policy gives were never live together.",
            )
        } else {
            (Cause::NoData, "The experiment has no visitors yet.")
        };
        EvaluateError::new(cause, detail)
    }

    /// Whether the policy says what it does for every visitor.
    fn everywhere(&self, asked: &Asked, dimension: u8) -> Result<(), EvaluateError> {
        let contexts = self.by_value.contexts();
        let mut untold = contexts
            .iter()
            .filter(|(context, n)| **n > 0 && !asked.policy.knows(**context));
        let Some((context, n)) = untold.next() else {
            return Ok(());
        };
        let value = u8::try_from(*context).ok();
        let value = value.and_then(|value| dimension_value(self.question.entry, dimension, value));
        let detail = format!(
            "gives no probabilities for {:?}, which {} visitors have",
            value.unwrap_or_default(),
            count(*n)
        );
        Err(EvaluateError::at(Cause::InvalidPolicy, "policy", detail))
    }

    /// Visitors who do not count.
    pub(super) fn left_out(&self) -> u64 {
        u64::try_from(self.unserved + self.unknown).unwrap_or(0)
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.unserved > 0 {
            notes.push(format!(
                "Left out are {} visitors of times when not every variant of the policy was live.",
                count(self.unserved)
            ));
        }
        if self.unknown > 0 {
            notes.push(format!(
                "Left out are {} visitors whose propensities are not known: they were imported without an allocation, drawn by features \
                 of their own, or by contexts by which this metric is not kept, or are kept together with such visitors.",
                count(self.unknown)
            ));
        }
        if self.has_held {
            notes.push(
                "Visitors who were held out count as control's; the policy is judged as if nobody was held out."
                    .to_owned(),
            );
        }
        if self.question.context.is_some() {
            notes.push(
                "The largest weight is an upper bound: by dimension, only sums of weights are kept.".to_owned(),
            );
        }
        notes
    }
}

fn count(visitors: i64) -> String {
    grouped(u64::try_from(visitors).unwrap_or(0))
}

fn action(arm: Arm) -> u32 {
    u32::from(arm.0)
}

/// The visitors of a metric epoch by epoch, and context by context where an epoch tells them apart; a metric that is not
/// kept by context has no propensities there, and none has where visitors were drawn by their features.
fn met<'a>(question: &Question<'a>, metric: MetricIndex) -> Vec<Met<'a>> {
    let control = question.entry.experiment.control;
    let is_parted = |epoch: &Epoch| {
        let contexts = epoch.contexts.as_ref();
        contexts.is_some_and(|contexts| contexts.metrics.contains(&metric.0))
    };
    let whole = question.cells.of_metric(metric);
    let whole = whole.map(|(key, moments)| (key.epoch, None, key.row, moments));
    let parts = question.cells.by_context(metric);
    let parts = parts.map(|(key, moments)| (key.epoch, Some(key.context), key.row, moments));
    let mut met: Vec<Met<'a>> = Vec::new();
    let mut last = None;
    for (number, context, row, moments) in whole.chain(parts).filter(|(.., of)| of.n > 0) {
        let Some(epoch) = question.entry.epochs.get(number) else {
            continue;
        };
        if context.is_none() && is_parted(epoch) {
            continue;
        }
        let is_told = context.is_some() || epoch.is_uniform();
        let served = epoch.served(row.arm, control, context);
        let served = served.filter(|_| is_told).map(Propensity::get);
        let side = (row.arm, served, *moments);
        // The rows of an epoch or context lie together.
        match met.last_mut().filter(|_| last == Some((number, context))) {
            Some(met) => met.served.push(side),
            None => met.push(Met {
                epoch,
                served: vec![side],
            }),
        }
        last = Some((number, context));
    }
    met
}
