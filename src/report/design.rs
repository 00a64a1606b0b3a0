//! How the visitors of an experiment were drawn, and hence which sums may be added and compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocation::{Arm, Propensity};
use crate::catalog::Entry;
use crate::cell::Row;
use crate::delay::Delays;
use crate::epoch::{Cause, Epoch, EpochNumber, Epochs, Era};
use crate::time::Timestamp;

/// Odds that differ by less than this share are the same.
const SAME_ODDS: f64 = 1e-9;

/// Which sums of two arms may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Basis {
    /// Plain sums, the holdout pooled with the control.
    Pooled,
    /// Plain sums of the drawn visitors only.
    Drawn,
    /// Sums weighted by inverse propensities, the holdout pooled with the control.
    Weighted,
}

/// A variant revision or the holdout, as a row of the report.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) row: Row,
    pub(super) key: String,
    pub(super) revision: Option<u16>,
    pub(super) live: bool,
}

/// An arm against the control.
#[derive(Debug, Clone)]
pub(super) struct Pairing {
    pub(super) named: Named,
    /// How the two may be compared.
    pub(super) basis: Basis,
    /// The arm's share of the two propensities, where it never moved.
    pub(super) share: Option<f64>,
    /// The eras in which both were live.
    pub(super) eras: BTreeSet<Era>,
    /// Whether some of these visitors were imported without the allocation that drew them.
    pub(super) is_unknown: bool,
}

/// The live arms as candidates for the best one.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) arms: Vec<Arm>,
    pub(super) basis: Basis,
    pub(super) eras: BTreeSet<Era>,
}

/// The design of an experiment as its visitors met it.
pub(super) struct Design<'a> {
    pub(super) entry: &'a Entry,
    /// The moment it is seen at.
    pub(super) as_of: Timestamp,
    /// The epochs that have visitors.
    pub(super) visited: Vec<&'a Epoch>,
    /// The rows: arms that are live or have visitors, then the holdout if there is one.
    pub(super) rows: Vec<Named>,
    /// Every arm but the control.
    pub(super) pairings: Vec<Pairing>,
    /// All live arms together.
    pub(super) field: Field,
    /// Whether more than one allocation or holdout share drew visitors.
    pub(super) adaptive: bool,
    /// Whether visitors of an epoch may have been drawn by context or features: then no odds are the same for all of them.
    pub(super) contextual: bool,
    /// By metric, when its conversions come; empty where that is not asked.
    pub(super) delays: Vec<Option<Delays>>,
}

impl<'a> Design<'a> {
    pub(super) fn new(
        entry: &'a Entry,
        as_of: Timestamp,
        assigned: &BTreeMap<(EpochNumber, Row), i64>,
    ) -> Self {
        let present = || assigned.iter().filter(|(_, visitors)| **visitors > 0);
        let numbers: BTreeSet<EpochNumber> = present().map(|((number, _), _)| *number).collect();
        let used: BTreeSet<Row> = present().map(|((_, row), _)| *row).collect();
        let known = numbers
            .iter()
            .filter_map(|number| entry.epochs.get(*number));
        let visited: Vec<&'a Epoch> = known.collect();
        let rows = rows(entry, &used);
        let control = entry.experiment.control;
        let treatments = rows
            .iter()
            .filter(|named| !named.row.holdout && named.row.arm != control);
        let pairings: Vec<Pairing> = treatments
            .map(|named| Pairing::new(entry, &visited, named))
            .collect();
        Self {
            entry,
            as_of,
            adaptive: Epochs::adaptive(visited.iter().copied()),
            contextual: visited.iter().any(|epoch| !epoch.is_uniform()),
            field: field(entry, &pairings),
            visited,
            rows,
            pairings,
            delays: Vec::new(),
        }
    }

    /// The rows of visitors who were drawn.
    pub(super) fn drawn(&self) -> impl Iterator<Item = &Named> {
        self.rows.iter().filter(|named| !named.row.holdout)
    }

    pub(super) fn control(&self) -> Arm {
        self.entry.experiment.control
    }

    /// Whether the visitors of a row are the holdout.
    pub(super) fn is_held(&self, row: Row) -> bool {
        if self.entry.is_global_holdout() {
            row.arm == self.control()
        } else {
            row.holdout
        }
    }

    /// The share that was held out in an epoch; `None` where nobody could be. Imported history knows no holdout.
    pub(super) fn held_share(&self, epoch: &Epoch) -> Option<f64> {
        let share = if self.entry.is_global_holdout() {
            epoch.allocation.propensity(self.control())?.get()
        } else {
            epoch.holdout
        };
        (epoch.cause != Cause::Imported && share > 0.0).then_some(share)
    }

    /// The rows that belong to an arm's side of a comparison.
    pub(super) fn side(&self, arm: Arm, basis: Basis) -> Vec<Row> {
        let drawn = Row {
            arm,
            holdout: false,
        };
        let joins = arm == self.control() && basis != Basis::Drawn;
        let held = Row { arm, holdout: true };
        std::iter::once(drawn)
            .chain(joins.then_some(held))
            .collect()
    }

    /// How the mean of a row may be taken: the control's is weighted as soon as any live arm's is.
    pub(super) fn own_basis(&self, row: Row) -> Basis {
        if row.holdout {
            return Basis::Drawn;
        }
        let mut pairings = self.pairings.iter();
        let basis = pairings
            .find(|pairing| pairing.named.row.arm == row.arm)
            .map_or(self.field.basis, |pairing| pairing.basis);
        match basis {
            Basis::Weighted => Basis::Weighted,
            Basis::Pooled | Basis::Drawn => Basis::Drawn,
        }
    }
}

impl Pairing {
    fn new(entry: &Entry, visited: &[&Epoch], named: &Named) -> Self {
        let (arm, control) = (named.row.arm, entry.experiment.control);
        let eras = shared(entry, &[arm, control]);
        let met: Vec<&Epoch> = visited
            .iter()
            .copied()
            .filter(|epoch| eras.contains(&epoch.era))
            .collect();
        let served = |epoch: &Epoch, arm| epoch.served(arm, control, None);
        let drawn = |epoch: &Epoch, arm| epoch.allocation.propensity(arm);
        let steady = steady_share(&met, (arm, control), served)
            .map(|share| (Basis::Pooled, share))
            .or_else(|| {
                let share = steady_share(&met, (arm, control), drawn)?;
                Some((Basis::Drawn, share))
            });
        let basis = match (steady, met.is_empty()) {
            (Some((basis, _)), _) => basis,
            (None, true) => Basis::Pooled,
            (None, false) => Basis::Weighted,
        };
        Self {
            named: named.clone(),
            basis,
            share: steady.map(|(_, share)| share),
            is_unknown: met.iter().any(|epoch| !epoch.propensity_known),
            eras,
        }
    }
}

/// The arm's share of a pair's propensities if the odds are the same in all epochs, and for all visitors.
fn steady_share(
    epochs: &[&Epoch],
    (arm, control): (Arm, Arm),
    propensity: impl Fn(&Epoch, Arm) -> Option<Propensity>,
) -> Option<f64> {
    if epochs.iter().any(|epoch| !epoch.is_uniform()) {
        return None;
    }
    let odds = |epoch: &&Epoch| {
        let (arm, control) = (propensity(epoch, arm)?, propensity(epoch, control)?);
        Some(arm.get() / control.get())
    };
    let mut odds = epochs.iter().filter_map(odds);
    let first = odds.next()?;
    odds.all(|odds| (odds / first - 1.0).abs() < SAME_ODDS)
        .then_some(first / (1.0 + first))
}

/// The eras in which all of these arms were live.
fn shared(entry: &Entry, arms: &[Arm]) -> BTreeSet<Era> {
    let met = |epoch: &&Epoch| {
        let mut arms = arms.iter();
        arms.all(|arm| epoch.allocation.propensity(*arm).is_some())
    };
    let epochs = entry.epochs.iter().filter(met);
    epochs.map(|epoch| epoch.era).collect()
}

fn field(entry: &Entry, pairings: &[Pairing]) -> Field {
    let arms: Vec<Arm> = entry.experiment.live().map(|(arm, _)| arm).collect();
    let live = pairings.iter().filter(|pairing| pairing.named.live);
    Field {
        basis: live
            .map(|pairing| pairing.basis)
            .max()
            .unwrap_or(Basis::Pooled),
        eras: shared(entry, &arms),
        arms,
    }
}

fn rows(entry: &Entry, used: &BTreeSet<Row>) -> Vec<Named> {
    let experiment = &entry.experiment;
    let mut rows: Vec<Named> = (0..)
        .map(Arm)
        .zip(&experiment.variants)
        .map(|(arm, variant)| Named {
            row: Row {
                arm,
                holdout: false,
            },
            key: variant.key.as_str().to_owned(),
            revision: (variant.revision > 1).then_some(variant.revision),
            live: variant.live,
        })
        .filter(|named| named.live || used.iter().any(|row| row.arm == named.row.arm))
        .collect();
    let held: Vec<Named> = rows
        .iter()
        .map(|named| Named {
            row: Row {
                arm: named.row.arm,
                holdout: true,
            },
            ..named.clone()
        })
        .filter(|named| {
            let takes = experiment.holdout > 0.0 && named.row.arm == experiment.control;
            takes || used.contains(&named.row)
        })
        .collect();
    rows.extend(held);
    rows
}
