//! What a bandit wants in each context: its cohorts → the posterior by context → shares and limits of each.
//!
//! Only epochs that told the same contexts apart count; what was learned before the policy became contextual, or from
//! imported history, has no contexts. Until there are 10 conversions per variant, all contexts are one.

use std::collections::BTreeMap;

use super::belief::{believed, estimates, facts, sign};
use super::maturity::Maturity;
use super::target::{Bounds, Evidence, Situation};
use super::{Opening, memory, name};
use crate::allocation::{Allocation, Arm};
use crate::catalog::experiment::Delay;
use crate::epoch::context::{ContextCell, Contexts};
use crate::epoch::receipt::Receipt;
use crate::epoch::{Cause, EpochNumber};
use crate::moments::Moments;
use crate::posterior::cohort::{Cohort, Cohorts};
use crate::posterior::contextual::{Contextual, posterior};

/// Conversions per variant from which contexts are told apart. With opposite winners, all of them together look as if
/// nothing mattered, so to wait costs more than an inexact normal.
const MIN_CONVERSIONS: usize = 10;
/// The contexts with most visitors that a sentence names.
const NAMED: usize = 3;

/// What one context saw.
struct Seen {
    cell: ContextCell,
    cohorts: Cohorts,
    arms: Vec<Evidence>,
}

impl Seen {
    /// Visitors, the older the fewer.
    fn visitors(&self) -> f64 {
        let of = |cohort: &Cohort| cohort.weight * cohort.visitors.iter().sum::<f64>();
        self.cohorts.values().map(of).sum()
    }

    fn conversions(&self) -> f64 {
        let of = |cohort: &Cohort| cohort.weight * cohort.converted.iter().sum::<f64>();
        self.cohorts.values().map(of).sum()
    }
}

/// The allocation by context; `None` where contexts are not told apart, or too little is known of them.
pub(super) fn target(situation: Situation<'_>) -> Option<Opening> {
    let experiment = &situation.entry.experiment;
    let mut wanted = experiment.contexts(&experiment.starting_allocation())?;
    let seen = seen(situation, &wanted);
    let enough = (MIN_CONVERSIONS * situation.arms.len()) as f64;
    if seen.iter().map(Seen::conversions).sum::<f64>() < enough {
        return None;
    }
    let cohorts: Vec<Cohorts> = seen.iter().map(|seen| seen.cohorts.clone()).collect();
    let known = posterior(situation.arms.len(), &cohorts);
    let bounds = Bounds::new(situation);
    for ((seen, rates), allocation) in seen
        .iter()
        .zip(&known.contexts)
        .zip(&mut wanted.allocations)
    {
        let own = Situation {
            arms: &seen.arms,
            ..situation
        };
        let chances = rates.times(sign(own)).prob_best();
        let before = situation.entry.epoch();
        let before = before.map(|epoch| epoch.drawn_from(Some(seen.cell)));
        let arms = believed(own, &estimates(&rates.moments(), &chances), before);
        let among = |others: &[usize]| rates.among(others).times(sign(own)).prob_best();
        let shares = bounds.divided(situation, chances, among);
        *allocation = bounds.applied(situation, &shares, Some(seen.cell));
        wanted.beliefs.push(arms);
    }
    let traffic: Vec<f64> = seen.iter().map(Seen::visitors).collect();
    Some(Opening {
        allocation: average(&wanted, &traffic),
        receipt: receipt(situation, &wanted, (&known, &bounds), &traffic),
        contexts: Some(Box::new(wanted)),
        linear: None,
        cause: Cause::Reallocated,
    })
}

/// The share of each variant among the visitors of all contexts.
fn average(contexts: &Contexts, traffic: &[f64]) -> Allocation {
    let mut weights: BTreeMap<Arm, f64> = BTreeMap::new();
    for (allocation, visitors) in contexts.allocations.iter().zip(traffic) {
        for (arm, weight) in allocation.iter() {
            *weights.entry(arm).or_default() += visitors * weight;
        }
    }
    Allocation::normalised(weights)
}

/// What the bandit knew of all visitors, with their average chance, and who leads in the largest contexts.
fn receipt(
    situation: Situation<'_>,
    wanted: &Contexts,
    (known, bounds): (&Contextual, &Bounds),
    traffic: &[f64],
) -> Receipt {
    let (experiment, total) = (&situation.entry.experiment, traffic.iter().sum::<f64>());
    let chance = |position: usize| {
        let pairs = wanted.beliefs.iter().zip(traffic);
        let chances = pairs.map(|(arms, visitors)| arms[position].prob_best * visitors / total);
        chances.sum::<f64>()
    };
    let chances: Vec<f64> = (0..situation.arms.len()).map(chance).collect();
    let before = situation.entry.epoch().map(|epoch| &epoch.allocation);
    let beliefs = believed(
        situation,
        &estimates(&known.common.moments(), &chances),
        before,
    );
    let mut order: Vec<usize> = (0..traffic.len()).collect();
    order.sort_by(|a, b| traffic[*b].total_cmp(&traffic[*a]));
    let leader = |at: usize| {
        let cell = ContextCell(u8::try_from(at).ok()?);
        let arms = wanted.beliefs.get(at)?.iter();
        let best = arms.max_by(|a, b| a.prob_best.total_cmp(&b.prob_best))?;
        let (variant, percent) = (name(experiment, best.arm), best.prob_best * 100.0);
        let context = experiment.context_name(wanted, cell)?;
        Some(format!("{context}: {variant} best with {percent:.1} %"))
    };
    let leaders = order.into_iter().take(NAMED).filter_map(leader);
    let leaders: Vec<String> = leaders.collect();
    let sentence = format!(
        "{} Compared by context, whose levels stay over the epochs with {:.0} %; from one to the next a variant's rate changes by a factor of about {:.2}. {}.{}{}",
        facts(situation, &beliefs),
        known.steady * 100.0,
        known.interaction.exp(),
        leaders.join("; "),
        memory::said(situation.bandit),
        bounds.said(situation),
    );
    Receipt { sentence, beliefs }
}

/// What each context saw of the live variants, without the holdout. Trials of variants whose conversions take longer than
/// the others' count by what has come.
fn seen(situation: Situation<'_>, wanted: &Contexts) -> Vec<Seen> {
    let alike = alike(situation, wanted);
    let arms: Vec<Arm> = situation.arms.iter().map(|seen| seen.arm).collect();
    let positions: BTreeMap<Arm, usize> = arms.iter().copied().zip(0..).collect();
    let mut cohorts: BTreeMap<(ContextCell, EpochNumber), Cohort> = BTreeMap::new();
    let mut totals: BTreeMap<(ContextCell, Arm), Moments> = BTreeMap::new();
    let cells = situation.cells.by_context(situation.bandit.metric);
    for (key, moments) in cells.filter(|(key, _)| !key.row.holdout) {
        let (Some(weight), Some(position)) = (alike.get(&key.epoch), positions.get(&key.row.arm))
        else {
            continue;
        };
        let at = (key.context, key.epoch);
        let cohort = cohorts.entry(at).or_insert_with(|| Cohort {
            visitors: vec![0.0; positions.len()],
            converted: vec![0.0; positions.len()],
            weight: *weight,
            reached: 1.0,
        });
        cohort.visitors[*position] = moments.n.max(0) as f64;
        cohort.converted[*position] = moments.y.max(0) as f64;
        *totals.entry((key.context, key.row.arm)).or_default() += *moments;
    }
    let maturity = maturity(situation, &arms);
    for ((_, epoch), cohort) in &mut cohorts {
        maturity.apply(*epoch, &arms, cohort);
    }
    let of = |(cell, _): (ContextCell, _)| {
        let all = (cell, EpochNumber(0))..=(cell, EpochNumber(u32::MAX));
        let total = |arm: Arm| totals.get(&(cell, arm)).copied().unwrap_or_default();
        let arms = arms.iter().map(|arm| Evidence {
            arm: *arm,
            moments: total(*arm),
        });
        Seen {
            cell,
            cohorts: cohorts
                .range(all)
                .map(|((_, epoch), cohort)| (epoch.0, cohort.clone()))
                .collect(),
            arms: arms.collect(),
        }
    };
    wanted.iter().map(of).collect()
}

/// The epochs that told the same contexts apart, with what they count.
fn alike(situation: Situation<'_>, wanted: &Contexts) -> BTreeMap<EpochNumber, f64> {
    let weight = memory::weights(situation);
    let epochs = situation.entry.epochs.iter();
    epochs
        .filter(|epoch| epoch.contexts.as_ref().is_some_and(|of| of.is_like(wanted)))
        .map(|epoch| (epoch.number, weight(epoch.number)))
        .collect()
}

fn maturity(situation: Situation<'_>, arms: &[Arm]) -> Maturity {
    let asked = (situation.bandit.metric, situation.now);
    match situation.bandit.delay {
        Delay::Auto => Maturity::where_different(situation.entry, situation.cells, asked, arms),
        Delay::Ignore => Maturity::default(),
    }
}
