//! Epochs: the lives of allocations. Within an epoch every propensity is constant, which is what makes inference on
//! adaptively collected data possible from sums alone.

pub mod context;
pub mod linear;
pub mod receipt;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::allocation::{Allocation, Arm, Propensity};
use crate::time::Timestamp;
use context::{ContextCell, Contexts};
use linear::{Drawn, Linear, MILLION};
use receipt::Receipt;

/// Number of an epoch within its experiment, from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct EpochNumber(pub u32);

/// Number of an era: a run of epochs with the same live variants, from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct Era(pub u32);

/// Why an epoch was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EpochCause)]
pub enum Cause {
    /// The experiment started.
    Started,
    /// The definition changed: policy, weights, floor, holdout or live variants.
    Redefined,
    /// The experiment resumed after a pause.
    Resumed,
    /// The policy moved traffic.
    Reallocated,
    /// Somebody brought back the weights of an earlier epoch.
    Reverted,
    /// A cap by percentile was frozen.
    Capped,
    /// History of another system, imported under its own allocation.
    Imported,
}

/// What inference on a metric takes from the past, stored so that no outcome of this epoch or a later one touches it
/// (statistics R3, R5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlugIn {
    /// The plug-in mean of AIPW, in the metric's units.
    pub mean: Means,
    /// The variance per visitor that sets the scale of confidence sequences, in squared units: what a covariate leaves of
    /// it, and for a ratio that of its linearised value. Absent if nothing varied.
    pub variance: Option<f64>,
}

/// A plug-in mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// The same for every variant.
    Common(f64),
    /// One per variant, by [`Arm`].
    PerArm(Vec<f64>),
}

impl Means {
    /// The mean of an arm; 0 for one that is not listed.
    pub fn of(&self, arm: Arm) -> f64 {
        match self {
            Self::Common(mean) => *mean,
            Self::PerArm(means) => means.get(usize::from(arm.0)).copied().unwrap_or(0.0),
        }
    }
}

/// The life of one allocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number.
    pub number: EpochNumber,
    /// The era it belongs to.
    pub era: Era,
    /// The probabilities over the live variants; under a contextual policy their average over visitors, under a linear one
    /// those of an average visitor.
    pub allocation: Allocation,
    /// What visitors are drawn from instead, under a contextual policy.
    pub contexts: Option<Box<Contexts>>,
    /// What visitors are drawn from instead, under a linear policy.
    pub linear: Option<Box<Linear>>,
    /// Share of the audience held out on control, outside the allocation.
    pub holdout: f64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Why it was opened.
    pub cause: Cause,
    /// The same in plain sentences, with the numbers that led to it.
    pub receipt: Receipt,
    /// Assignments and counted rewards of the experiment when it was opened.
    pub basis: u64,
    /// What was frozen per metric; empty until burn-in closes, and a metric beyond its end has nothing frozen.
    pub plug_ins: Vec<PlugIn>,
    /// Frozen cap per metric, in micro-units: what its visitors' totals are cut off at, whatever the sketch says later
    /// (R16). Empty while none is frozen, and for imported history.
    pub caps: Vec<Option<i64>>,
    /// For each sum the amount, in micro-units, above which a visitor's value counts as that for a bandit, and for it alone.
    /// Empty while none is frozen, and for imported history.
    pub order_caps: Vec<Option<i64>>,
    /// For imported history: the exporter's epoch number, if given.
    pub label: Option<u64>,
    /// Whether the allocation is known to be the one that drew the visitors (false: import without an allocation).
    pub propensity_known: bool,
}

impl Epoch {
    /// The cap frozen for a metric, in micro-units.
    pub fn cap(&self, metric: usize) -> Option<i64> {
        self.caps.get(metric).copied().flatten()
    }

    /// The cap frozen for a bandit on a metric, in micro-units.
    pub fn order_cap(&self, metric: usize) -> Option<i64> {
        self.order_caps.get(metric).copied().flatten()
    }

    /// Whether all visitors have the same chances.
    pub fn is_uniform(&self) -> bool {
        let linear = self.linear.as_ref();
        self.contexts.is_none() && linear.is_none_or(|linear| linear.learned.is_none())
    }

    /// Whether both tell contexts apart, and the same ones.
    pub fn parts_like(&self, other: &Self) -> bool {
        let pair = self.contexts.as_ref().zip(other.contexts.as_ref());
        pair.is_some_and(|(own, other)| own.is_like(other))
    }

    /// The contexts of an epoch that goes on with the same weights for another reason than the bandit's.
    pub fn contexts_kept(&self) -> Option<Box<Contexts>> {
        let contexts = self.contexts.as_ref()?;
        Some(Box::new(contexts.kept()))
    }

    /// How much of the traffic moves from one to the other: total variation, the largest of all contexts.
    pub fn distance(&self, from: &Self) -> f64 {
        let contexts = self.contexts.iter().flat_map(|contexts| contexts.iter());
        let moved = |(cell, own): (ContextCell, &Allocation)| {
            let allocation = if self.parts_like(from) {
                from.drawn_from(Some(cell))
            } else {
                &from.allocation
            };
            own.distance(allocation)
        };
        let average = self.allocation.distance(&from.allocation);
        contexts.map(moved).fold(average, f64::max)
    }

    /// The context of a visitor with these value positions, one per dimension; `None` where contexts are not told apart.
    pub fn context(&self, positions: &[u8]) -> Option<ContextCell> {
        let contexts = self.contexts.as_ref()?;
        Some(contexts.partition.cell(positions))
    }

    /// The allocation that visitors of a context are drawn from; the average without one.
    pub fn drawn_from(&self, context: Option<ContextCell>) -> &Allocation {
        let own = |cell: ContextCell| {
            let contexts = self.contexts.as_ref()?;
            contexts.allocations.get(usize::from(cell.0))
        };
        context.and_then(own).unwrap_or(&self.allocation)
    }

    /// The allocation that a visitor was drawn from: by own shares, by the context of these value positions, or everybody's.
    pub fn drawn_by(&self, positions: &[u8], drawn: Option<&Drawn>) -> Cow<'_, Allocation> {
        match drawn.filter(|drawn| !drawn.shares.is_empty()) {
            Some(drawn) => {
                let part = |share: &u32| f64::from(*share) / f64::from(MILLION);
                let arms = self.allocation.iter().map(|(arm, _)| arm);
                Cow::Owned(Allocation::normalised(
                    arms.zip(drawn.shares.iter().map(part)),
                ))
            }
            None => Cow::Borrowed(self.drawn_from(self.context(positions))),
        }
    }

    /// The unconditional propensity of being served a variant in a context: control is served to the holdout too,
    /// `h + (1 − h)·e_control`, every other variant `(1 − h)·e` (statistics R4). `None` for a retired variant.
    pub fn served(
        &self,
        arm: Arm,
        control: Arm,
        context: Option<ContextCell>,
    ) -> Option<Propensity> {
        self.served_from(self.drawn_from(context), arm, control)
    }

    /// The same for a visitor who was drawn from this allocation.
    pub fn served_from(&self, from: &Allocation, arm: Arm, control: Arm) -> Option<Propensity> {
        let drawn = from.propensity(arm).map_or(0.0, Propensity::get);
        let held = if arm == control { self.holdout } else { 0.0 };
        Propensity::new(held + (1.0 - self.holdout) * drawn)
    }
}

/// All epochs of an experiment, in order of their numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Epochs(Vec<Epoch>);

impl Epochs {
    /// From the epochs in order of their numbers.
    pub fn new(epochs: Vec<Epoch>) -> Self {
        Self(epochs)
    }

    /// All, oldest number first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Epoch> + Clone {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was opened yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The epoch under which visitors are drawn now; imported history never is.
    pub fn current(&self) -> Option<&Epoch> {
        self.0
            .iter()
            .rev()
            .find(|epoch| epoch.cause != Cause::Imported)
    }

    /// By number.
    pub fn get(&self, number: EpochNumber) -> Option<&Epoch> {
        self.0.get((number.0 as usize).checked_sub(1)?)
    }

    /// The number the next epoch gets.
    pub fn next_number(&self) -> EpochNumber {
        EpochNumber(
            u32::try_from(self.0.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        )
    }

    /// The era of an epoch with this allocation that follows the present ones.
    pub fn era_of(&self, allocation: &Allocation) -> Era {
        match self.0.last() {
            Some(last) if last.allocation.same_arms(allocation) => last.era,
            Some(last) => Era(last.era.0 + 1),
            None => Era(1),
        }
    }

    /// Appends the next epoch; one whose number is not the next is a repetition and is ignored.
    pub fn push(&mut self, epoch: Epoch) {
        if epoch.number == self.next_number() {
            self.0.push(epoch);
        }
    }

    /// Whether more than one weight vector or holdout share was in force (statistics R2), or visitors had
    /// different chances.
    pub fn adaptive<'a>(epochs: impl IntoIterator<Item = &'a Epoch>) -> bool {
        let mut epochs = epochs.into_iter();
        let Some(first) = epochs.next() else {
            return false;
        };
        #[expect(
            clippy::float_cmp,
            reason = "a holdout share is a configured constant, never computed"
        )]
        let moved = epochs.any(|epoch| {
            let same = epoch.allocation.same(&first.allocation) && epoch.is_uniform();
            !same || epoch.holdout != first.holdout
        });
        !first.is_uniform() || moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(number: u32, weights: &[f64]) -> Epoch {
        Epoch {
            number: EpochNumber(number),
            era: Era(1),
            allocation: Allocation::normalised((0..).map(Arm).zip(weights.iter().copied())),
            contexts: None,
            linear: None,
            holdout: 0.1,
            opened_at: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
            cause: Cause::Started,
            receipt: Receipt::default(),
            basis: 0,
            plug_ins: vec![],
            caps: vec![],
            order_caps: vec![],
            label: None,
            propensity_known: true,
        }
    }

    #[test]
    fn control_is_served_to_the_holdout_too() {
        let epoch = epoch(1, &[0.5, 0.5]);
        assert!((epoch.served(Arm(0), Arm(0), None).unwrap().get() - 0.55).abs() < 1e-12);
        assert!((epoch.served(Arm(1), Arm(0), None).unwrap().get() - 0.45).abs() < 1e-12);
        assert!(epoch.served(Arm(2), Arm(0), None).is_none());
    }

    #[test]
    fn a_repeated_epoch_is_ignored_and_new_arms_begin_an_era() {
        let mut epochs = Epochs::default();
        epochs.push(epoch(1, &[0.5, 0.5]));
        epochs.push(epoch(1, &[0.9, 0.1]));
        assert_eq!(epochs.len(), 1);
        assert_eq!(
            epochs.era_of(&Allocation::normalised([(Arm(0), 1.0)])),
            Era(2)
        );
        assert!(!Epochs::adaptive(epochs.iter()));
        epochs.push(epoch(2, &[0.9, 0.1]));
        assert!(Epochs::adaptive(epochs.iter()));
        assert_eq!(epochs.current().unwrap().number, EpochNumber(2));
    }
}
