//! What the posteriors say about the choice between arms. Better means lower where a decrease is good.

use std::collections::BTreeMap;

use crate::allocation::Arm;
use crate::catalog::metric::{Direction, MetricIndex};
use crate::posterior::{Posterior, best};

use super::design::{Basis, Design, Pairing};
use super::figure::{Figure, Group, Reader};
use super::totals::Totals;
use super::{ALPHA, Bayes, Champion, GoalReport, Range};

/// Among the live arms: the probability to be the best one, and the expected loss of choosing it.
pub(super) type Standings = BTreeMap<Arm, (f64, f64)>;

/// Where the live arms stand; empty as long as one of them has no posterior, and where aids are left out.
pub(super) fn standings(reader: Reader<'_>, index: MetricIndex, good: Direction) -> Standings {
    if reader.is_bare {
        return Standings::new();
    }
    let live = live(reader, index);
    let posteriors = live
        .iter()
        .map(|figure| Some(oriented(&figure.posterior?, good)));
    let Some(posteriors) = posteriors.collect::<Option<Vec<_>>>() else {
        return Standings::new();
    };
    let best = best::evaluate(&posteriors);
    let standings = best.prob_best.into_iter().zip(best.expected_loss);
    let arms = &reader.design.field.arms;
    arms.iter().copied().zip(standings).collect()
}

/// The live arms as candidates for the best one.
fn live(reader: Reader<'_>, index: MetricIndex) -> Vec<Figure> {
    let field = &reader.design.field;
    let figures = |basis| -> Vec<Figure> {
        let of = |arm: &Arm| {
            let group = Group {
                rows: &reader.design.side(*arm, basis),
                eras: Some(&field.eras),
                basis,
            };
            reader.figure(index, group)
        };
        field.arms.iter().map(of).collect()
    };
    let live = figures(field.basis);
    if live.iter().any(|figure| figure.is_weighted) {
        return figures(Basis::Weighted);
    }
    live
}

/// A treatment against the control; `None` while either has no posterior.
pub(super) fn compare(
    control: &Figure,
    treatment: &Figure,
    good: Direction,
    standing: Option<&(f64, f64)>,
) -> Option<Bayes> {
    let (control_is, treatment_is) = (control.posterior?, treatment.posterior?);
    let relative = (!control.is_weighted && !treatment.is_weighted)
        .then(|| best::lift_interval(&control_is, &treatment_is, ALPHA))
        .flatten();
    Some(Bayes {
        prob_better: best::prob_better(
            &oriented(&control_is, good),
            &oriented(&treatment_is, good),
        ),
        prob_best: standing.map(|(prob_best, _)| *prob_best),
        expected_loss: standing.map(|(_, loss)| *loss),
        relative: relative.map(|(low, high)| Range { low, high }),
    })
}

/// The posterior of what is to be maximised: 1 − rate or −mean where a decrease is good.
fn oriented(posterior: &Posterior, good: Direction) -> Posterior {
    match good {
        Direction::Increase => *posterior,
        Direction::Decrease => posterior.opposite(),
    }
}

/// The live variant that is most likely the best for the goal, and how likely none of the others is better by more than
/// 1 % (value remaining, Scott 2010; statistics R7): the posteriors of the logarithms, the champion's raised by ln 1.01.
pub(super) fn champion(design: &Design<'_>, totals: &Totals) -> Option<Champion> {
    let experiment = &design.entry.experiment;
    let goal = experiment.goal_metric()?;
    let good = experiment.metric(goal)?.direction;
    let reader = Reader::new(design, totals);
    let live = live(reader, goal);
    let posteriors: Vec<Posterior> = live
        .iter()
        .map(|figure| figure.posterior)
        .collect::<Option<_>>()?;
    if posteriors.len() < 2 {
        return None;
    }
    let oriented: Vec<Posterior> = posteriors.iter().map(|of| oriented(of, good)).collect();
    let prob_best = best::evaluate(&oriented).prob_best;
    let likeliest = prob_best.iter().enumerate();
    let (at, prob_best) = likeliest.max_by(|a, b| a.1.total_cmp(b.1))?;
    let arm = *design.field.arms.get(at)?;
    Some(Champion {
        variant: experiment.variant(arm)?.key.as_str().to_owned(),
        prob_best: *prob_best,
        // That of the logarithms is about normal only, and no less than what it includes.
        prob_near_best: near_best(&posteriors, at, good).map(|near| near.max(*prob_best)),
    })
}

fn near_best(posteriors: &[Posterior], champion: usize, good: Direction) -> Option<f64> {
    let log = |(at, of): (usize, &Posterior)| {
        let raised = if at == champion { 1.01_f64.ln() } else { 0.0 };
        let log = (of.mean() > 0.0).then(|| of.mean().ln())?;
        let mean = match good {
            Direction::Increase => log,
            Direction::Decrease => -log,
        };
        Posterior::normal(mean + raised, of.sd() / of.mean())
    };
    let logs = posteriors.iter().enumerate().map(log);
    let logs: Vec<Posterior> = logs.collect::<Option<_>>()?;
    best::evaluate(&logs).prob_best.get(champion).copied()
}

/// The live variant that has most likely reached the goal. A negative target is reached from above.
pub(super) fn goal(design: &Design<'_>, totals: &Totals) -> Option<GoalReport> {
    let experiment = &design.entry.experiment;
    let goal = experiment.goal.as_ref()?;
    let reader = Reader::new(design, totals);
    let reached = |pairing: &Pairing| {
        let (control, treatment) = reader.pair(goal.metric, pairing);
        let at_least =
            best::prob_lift_at_least(&control.posterior?, &treatment.posterior?, goal.lift);
        let probability = if goal.lift > 0.0 {
            at_least
        } else {
            1.0 - at_least
        };
        Some((pairing.named.key.clone(), probability))
    };
    let live = design.pairings.iter().filter(|pairing| pairing.named.live);
    let likeliest = live.filter_map(reached).max_by(|a, b| a.1.total_cmp(&b.1));
    let (variant, prob_reached) = likeliest.unzip();
    Some(GoalReport {
        metric: experiment.metric(goal.metric)?.key.as_str().to_owned(),
        target_lift: goal.lift,
        by: goal.by,
        variant,
        prob_reached,
    })
}
