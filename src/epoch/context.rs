//! Contexts: the cells of visitors that a contextual bandit tells apart, each with an allocation of its own.
//!
//! A cell follows from the dimension values that an assignment keeps, and the way to it is kept with the epoch. So the
//! propensity of an assignment can be told for ever, whatever the definition says later.

use serde::{Deserialize, Serialize};

use super::receipt::Belief;
use crate::allocation::Allocation;

/// Most cells of an experiment.
pub const MAX_CELLS: usize = 64;

/// The number of a cell within its epoch, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContextCell(pub u8);

/// How visitors are parted into cells: by the declared values of some dimensions, and by "other" for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition(Vec<Part>);

/// A dimension of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its position in the experiment's list of dimensions.
    pub dimension: u8,
    /// How many values it declares.
    pub values: u8,
}

impl Partition {
    /// By these dimensions, at most [`MAX_CELLS`] cells.
    pub fn new(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// How many cells there are.
    pub fn cells(&self) -> u8 {
        let sizes = self.0.iter().map(|part| part.values.saturating_add(1));
        sizes.fold(1, u8::saturating_mul)
    }

    /// The cell of a visitor with these value positions, one per dimension of the experiment. A position beyond the
    /// declared values is "other".
    pub fn cell(&self, positions: &[u8]) -> ContextCell {
        let number = self.0.iter().fold(0_u8, |number, part| {
            let position = positions.get(usize::from(part.dimension)).copied();
            let digit = position.map_or(part.values, |position| position.min(part.values));
            number
                .saturating_mul(part.values.saturating_add(1))
                .saturating_add(digit)
        });
        ContextCell(number)
    }

    /// The dimensions of a cell with their value positions; `None` is "other".
    pub fn values(&self, cell: ContextCell) -> Vec<(u8, Option<u8>)> {
        let mut rest = cell.0;
        let mut values: Vec<(u8, Option<u8>)> = Vec::with_capacity(self.0.len());
        for part in self.0.iter().rev() {
            let size = part.values.saturating_add(1);
            let digit = rest % size;
            rest /= size;
            values.push((part.dimension, (digit < part.values).then_some(digit)));
        }
        values.reverse();
        values
    }
}

/// What a contextual epoch draws from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contexts {
    /// How visitors are parted.
    pub partition: Partition,
    /// Positions of the metrics that are kept by cell, in the experiment's list: what the bandit learns, then what it may
    /// not harm.
    pub metrics: Vec<u16>,
    /// The allocation of each cell, with the same live variants.
    pub allocations: Vec<Allocation>,
    /// What the bandit knew and believed of each live variant in each cell; empty where it did not decide by context.
    pub beliefs: Vec<Vec<Belief>>,
}

impl Contexts {
    /// The same allocation in every cell.
    pub fn even(partition: Partition, metrics: Vec<u16>, allocation: &Allocation) -> Self {
        let cells = usize::from(partition.cells());
        Self {
            partition,
            metrics,
            allocations: vec![allocation.clone(); cells],
            beliefs: Vec::new(),
        }
    }

    /// The cells with their allocations.
    pub fn iter(&self) -> impl Iterator<Item = (ContextCell, &Allocation)> {
        (0..).map(ContextCell).zip(&self.allocations)
    }

    /// The cells with their allocations, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ContextCell, &mut Allocation)> {
        (0..).map(ContextCell).zip(&mut self.allocations)
    }

    /// The same under an epoch that opens for another reason than the bandit's.
    #[must_use]
    pub fn kept(&self) -> Self {
        Self {
            beliefs: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether both part visitors alike, so that their cells mean the same.
    pub fn is_like(&self, other: &Self) -> bool {
        self.partition == other.partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device_and_segment() -> Partition {
        let part = |dimension, values| Part { dimension, values };
        Partition::new(vec![part(2, 2), part(0, 3)])
    }

    #[test]
    fn every_combination_of_values_has_a_cell_of_its_own() {
        let partition = device_and_segment();
        assert_eq!(partition.cells(), 12);
        let mut seen = std::collections::BTreeSet::new();
        for device in [0, 1, u8::MAX] {
            for segment in [0, 1, 2, u8::MAX] {
                let cell = partition.cell(&[segment, 7, device]);
                assert!(cell.0 < 12 && seen.insert(cell));
                let known = |position: u8| Some(position).filter(|position| *position < u8::MAX);
                let expected = [(2, known(device)), (0, known(segment))];
                assert_eq!(partition.values(cell), expected);
            }
        }
    }

    #[test]
    fn what_is_missing_is_other() {
        let partition = device_and_segment();
        assert_eq!(partition.cell(&[]), partition.cell(&[3, 0, 9]));
        assert_eq!(Partition::new(vec![]).cells(), 1);
        assert_eq!(Partition::new(vec![]).cell(&[4]), ContextCell(0));
    }
}
