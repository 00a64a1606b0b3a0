//! Who got what: visitors per row, and whether their numbers fit the propensities.

use std::collections::BTreeMap;

use crate::allocation::Propensity;
use crate::catalog::{Entry, spec};
use crate::cell::{Cells, Counts};
use crate::epoch::context::ContextCell;
use crate::epoch::linear::MILLION;
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::moments::vectors::Chances;
use crate::stats::srm::individual::IndividualCounts;
use crate::stats::srm::{self, EpochCounts, Srm};
use crate::time::Timestamp;

use super::design::{Design, Named};
use super::exposure::{Exposure, analyses_exposed};
use super::{Question, VariantTraffic};

/// The visitors of an experiment.
pub(super) struct Traffic {
    pub(super) visitors: u64,
    pub(super) variants: Vec<VariantTraffic>,
    pub(super) srm: Srm,
}

impl Traffic {
    pub(super) fn new(question: &Question<'_>, design: &Design<'_>, exposure: &Exposure) -> Self {
        let assigned = &exposure.assigned;
        let count = |visitors: &i64| u64::try_from(*visitors).unwrap_or(0);
        let total: u64 = assigned.values().map(count).sum();
        let sources = (question.entry, question.cells);
        let detailed = question.until.is_none() && !analyses_exposed(question);
        let drawn = question.cells.drawn(question.until);
        let all_drawn: u64 = drawn.values().map(count).sum();
        let joins = question.cells.joins(question.until);
        let epochs = epochs(sources, design, &drawn, detailed);
        let individuals = individuals(sources, design, assigned, detailed);
        let told: u64 = epochs.iter().flat_map(|epoch| &epoch.counts).sum();
        let expected = if detailed || told == all_drawn {
            expected(&epochs, &individuals)
        } else {
            Vec::new()
        };
        let variant = |(position, named): (usize, &Named)| {
            let of = assigned.iter().filter(|((_, row), _)| *row == named.row);
            let visitors: u64 = of.map(|(_, visitors)| count(visitors)).sum();
            let share = |count: f64, of: u64| (of > 0).then(|| count / of as f64);
            let joins = joins.iter().filter(|((_, row), _)| *row == named.row);
            let crossovers = joins.map(|(_, joins)| count(&joins.crossovers)).sum();
            VariantTraffic {
                variant: named.key.clone(),
                revision: named.revision,
                holdout: named.row.holdout,
                control: named.row.arm == design.control(),
                live: named.live,
                visitors,
                crossovers,
                exposed: exposure.exposed(named),
                share: share(visitors as f64, total),
                expected_share: expected
                    .get(position)
                    .and_then(|count| share(*count, all_drawn)),
            }
        };
        Self {
            visitors: total,
            variants: design.rows.iter().enumerate().map(variant).collect(),
            srm: srm::adaptive(&epochs, &individuals),
        }
    }
}

/// Whether some visitors fit the propensities under which they were assigned. Only those who are analysed are kept by context
/// and feature; of others, those who were drawn so are left out.
pub(super) fn fit(
    question: &Question<'_>,
    design: &Design<'_>,
    (counts, analysed): (&Counts, bool),
) -> Srm {
    let sources = (question.entry, question.cells);
    let detailed = question.until.is_none() && analysed;
    let epochs = epochs(sources, design, counts, detailed);
    srm::adaptive(&epochs, &individuals(sources, design, counts, detailed))
}

/// Whether the visitors per variant that are analysed do not fit the propensities under which they were assigned.
pub fn is_mismatched(entry: &Entry, cells: &Cells, now: Timestamp) -> bool {
    let assigned = cells.analysed(None);
    let design = Design::new(entry, now, &assigned);
    let sources = (entry, cells);
    let drawn = match entry.experiment.spec.exposure {
        spec::Exposure::Assigned => cells.drawn(None),
        spec::Exposure::Exposed => assigned.clone(),
    };
    let epochs = epochs(sources, &design, &drawn, true);
    let srm = srm::adaptive(&epochs, &individuals(sources, &design, &assigned, true));
    srm.verdict == srm::Verdict::Mismatch
}

/// The share of new visitors that each live variant gets in an epoch.
pub(super) fn weights(entry: &Entry, epoch: Option<&Epoch>) -> BTreeMap<String, f64> {
    let allocation = epoch.map(|epoch| epoch.allocation.iter());
    let named = allocation
        .into_iter()
        .flatten()
        .filter_map(|(arm, weight)| {
            let variant = entry.experiment.variant(arm)?;
            Some((variant.key.as_str().to_owned(), weight))
        });
    named.collect()
}

/// Counts and propensities of every epoch that drew visitors, in the order of the rows; of every context where an epoch
/// tells them apart. As of an earlier day, visitors are not kept by context, and those of such epochs are left out. So are
/// those who had propensities of their own.
fn epochs(
    (entry, cells): (&Entry, &Cells),
    design: &Design<'_>,
    drawn: &Counts,
    detailed: bool,
) -> Vec<EpochCounts> {
    let epochs = &entry.epochs;
    let is_parted = |number| {
        let epoch: Option<&Epoch> = epochs.get(number);
        epoch.is_some_and(|epoch| !epoch.is_uniform())
    };
    let whole = drawn.iter();
    let whole = whole
        .filter(|((number, _), _)| !is_parted(*number))
        .map(|((number, row), visitors)| ((*number, None), *row, *visitors));
    let drawn_for = |number| {
        epochs
            .get(number)?
            .contexts
            .as_ref()?
            .metrics
            .first()
            .copied()
    };
    let parts = cells.contexts.iter();
    let parts = parts.filter(|(key, _)| detailed && drawn_for(key.epoch) == Some(key.metric.0));
    let parts = parts.map(|(key, moments)| ((key.epoch, Some(key.context)), key.row, moments.n));
    let mut counts: BTreeMap<(EpochNumber, Option<ContextCell>), Vec<u64>> = BTreeMap::new();
    for (part, row, visitors) in whole.chain(parts) {
        let cells = counts
            .entry(part)
            .or_insert_with(|| vec![0; design.rows.len()]);
        let position = design.rows.iter().position(|named| named.row == row);
        if let Some(cell) = position.and_then(|position| cells.get_mut(position)) {
            *cell += u64::try_from(visitors).unwrap_or(0);
        }
    }
    let drawn = |((number, context), counts): ((EpochNumber, Option<ContextCell>), Vec<u64>)| {
        let epoch = epochs.get(number)?;
        Some(EpochCounts {
            propensities: propensities((epoch, context), &design.rows, &counts),
            counts,
        })
    };
    counts.into_iter().filter_map(drawn).collect()
}

/// Counts and sums of propensities of every epoch that drew visitors by their features, in the order of the rows. As of an
/// earlier day they are not kept.
fn individuals(
    (entry, cells): (&Entry, &Cells),
    design: &Design<'_>,
    assigned: &Counts,
    detailed: bool,
) -> Vec<IndividualCounts> {
    let cells = cells.chances.iter();
    let of = |(number, chances): (&EpochNumber, &Chances)| {
        let epoch = entry.epochs.get(*number)?;
        let visitors = |named: &Named| assigned.get(&(*number, named.row)).copied().unwrap_or(0);
        let count = |named: &Named| u64::try_from(visitors(named)).unwrap_or(0);
        let counts: Vec<u64> = design.rows.iter().map(count).collect();
        let served = Served::new(epoch, &design.rows, &counts);
        let row = |one: usize| (0..counts.len()).map(move |other| (one, other));
        let products = |one| row(one).map(|(one, other)| served.product(chances, one, other));
        Some(IndividualCounts {
            expected: (0..counts.len())
                .map(|at| served.sum(chances, at))
                .collect(),
            products: (0..counts.len())
                .map(|one| products(one).collect())
                .collect(),
            counts,
        })
    };
    cells.filter(|_| detailed).filter_map(of).collect()
}

/// What the propensity of each row is made of, in an epoch that drew visitors by their features.
struct Served {
    held: f64,
    rows: Vec<Part>,
}

#[derive(Clone, Copy)]
enum Part {
    /// That of nobody.
    None,
    /// The holdout's share.
    Held,
    /// (1 − h) times the share at a position of the epoch's allocation.
    Drawn(usize),
}

impl Served {
    fn new(epoch: &Epoch, rows: &[Named], counts: &[u64]) -> Self {
        let place = |arm| epoch.allocation.iter().position(|(live, _)| live == arm);
        let served = served_holdout(epoch, rows, counts);
        let part = |(position, named): (usize, &Named)| {
            if named.row.holdout {
                let is_served = served == Some(position);
                return if is_served { Part::Held } else { Part::None };
            }
            place(named.row.arm).map_or(Part::None, Part::Drawn)
        };
        Self {
            held: epoch.holdout,
            rows: rows.iter().enumerate().map(part).collect(),
        }
    }

    /// Σ of a row's propensities.
    fn sum(&self, chances: &Chances, at: usize) -> f64 {
        match self.rows[at] {
            Part::None => 0.0,
            Part::Held => self.held * chances.n as f64,
            Part::Drawn(place) => {
                let sum = chances.e.get(place).copied().unwrap_or(0);
                (1.0 - self.held) * sum as f64 / f64::from(MILLION)
            }
        }
    }

    /// Σ of the products of two rows' propensities.
    fn product(&self, chances: &Chances, one: usize, other: usize) -> f64 {
        match (self.rows[one], self.rows[other]) {
            (Part::None, _) | (_, Part::None) => 0.0,
            (Part::Held, _) => self.held * self.sum(chances, other),
            (_, Part::Held) => self.held * self.sum(chances, one),
            (Part::Drawn(first), Part::Drawn(second)) => {
                let drawn = (1.0 - self.held) / f64::from(MILLION);
                drawn * drawn * chances.product(first, second) as f64
            }
        }
    }
}

/// The row of the control that the holdout was served in an epoch: the one that has its visitors, else the first live one.
fn served_holdout(epoch: &Epoch, rows: &[Named], counts: &[u64]) -> Option<usize> {
    let live = |named: &Named| epoch.allocation.propensity(named.row.arm).is_some();
    let holdouts = || {
        rows.iter()
            .zip(counts)
            .enumerate()
            .filter(|(_, (named, _))| named.row.holdout)
    };
    holdouts()
        .find(|(_, (_, count))| **count > 0)
        .or_else(|| holdouts().find(|(_, (named, _))| live(named)))
        .map(|(position, _)| position)
}

/// (1 − h)·e for an arm and h for the holdout; imported history knows no holdout.
fn propensities(
    (epoch, context): (&Epoch, Option<ContextCell>),
    rows: &[Named],
    counts: &[u64],
) -> Vec<f64> {
    let held = if epoch.cause == Cause::Imported {
        0.0
    } else {
        epoch.holdout
    };
    let served = served_holdout(epoch, rows, counts);
    let propensity = |(position, named): (usize, &Named)| {
        if named.row.holdout {
            return if served == Some(position) { held } else { 0.0 };
        }
        let drawn = epoch.drawn_from(context).propensity(named.row.arm);
        (1.0 - held) * drawn.map_or(0.0, Propensity::get)
    };
    rows.iter().enumerate().map(propensity).collect()
}

fn expected(epochs: &[EpochCounts], individuals: &[IndividualCounts]) -> Vec<f64> {
    let mut expected = Vec::new();
    let mut add = |more: &[f64]| {
        expected.resize(more.len(), 0.0);
        for (sum, more) in expected.iter_mut().zip(more) {
            *sum += more;
        }
    };
    for epoch in epochs {
        let visitors = epoch.counts.iter().sum::<u64>() as f64;
        let total: f64 = epoch.propensities.iter().sum();
        let shares = epoch.propensities.iter();
        if total > 0.0 {
            add(&shares
                .map(|share| visitors * share / total)
                .collect::<Vec<f64>>());
        }
    }
    for own in individuals {
        add(&own.expected);
    }
    expected
}
