//! The values of dimensions: their positions, in the order in which they were first seen.

use crate::catalog::Entry;
use crate::cell::OTHER;

/// Positions of a visitor's dimension values, and the grown table of values when one is new: the declared values, or
/// the first [`MAX_VALUES`] seen; everything else is [`OTHER`].
pub(super) fn dimension_values(
    entry: &Entry,
    values: &[Option<String>],
) -> (Vec<u8>, Option<Vec<Vec<String>>>) {
    let mut grown: Option<Vec<Vec<String>>> = None;
    let mut positions = Vec::with_capacity(entry.experiment.dimensions.len());
    for (i, dimension) in entry.experiment.dimensions.iter().enumerate() {
        let table = |tables: &[Vec<String>]| tables.get(i).cloned().unwrap_or_default();
        let fixed = !dimension.values.is_empty();
        let known = if fixed {
            &dimension.values
        } else {
            entry.lifecycle.seen.get(i).unwrap_or(&dimension.values)
        };
        let position = values.get(i).and_then(Option::as_ref).and_then(|value| {
            known.iter().position(|other| other == value).or_else(|| {
                let at = known.len();
                if fixed || at >= MAX_VALUES {
                    return None;
                }
                let tables = grown.get_or_insert_with(|| entry.lifecycle.seen.clone());
                let mut longer = table(tables);
                longer.push(value.clone());
                tables.resize(entry.experiment.dimensions.len(), Vec::new());
                tables.get_mut(i).map(|table| *table = longer).map(|()| at)
            })
        });
        positions.push(
            position
                .and_then(|at| u8::try_from(at).ok())
                .unwrap_or(OTHER),
        );
    }
    (positions, grown)
}

/// Values of a dimension that are kept apart when the definition declares none.
const MAX_VALUES: usize = 50;

/// The entry with new values of its dimensions, if there are any.
pub(super) fn with_seen(entry: &Entry, seen: Option<Vec<Vec<String>>>) -> Option<Entry> {
    let seen = seen?;
    let mut entry = Entry::clone(entry);
    entry.lifecycle.seen = seen;
    Some(entry)
}
