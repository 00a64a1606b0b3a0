//! Labels at the ends of lines, moved apart where lines end close to each other.

use super::label::{Isolated, Label};
use super::path::Coord;

/// Height of a label, in pixels.
const LINE: f64 = 15.0;
/// Columns that fit beside a picture.
const COLUMNS: usize = 14;

/// A label at the right of a picture.
pub(super) struct End {
    /// In pixels from above.
    pub(super) y: Coord,
    pub(super) text: Isolated,
    pub(super) title: Label,
    pub(super) class: String,
}

/// A line whose end gets a label.
pub(super) struct Line<'a> {
    pub(super) y: f64,
    pub(super) label: &'a Label,
    pub(super) class: String,
}

/// Puts labels as near to their lines as they fit into the height.
pub(super) fn ends(mut lines: Vec<Line<'_>>, height: f64) -> Vec<End> {
    lines.sort_by(|one, other| one.y.total_cmp(&other.y));
    let wanted: Vec<f64> = lines.iter().map(|line| line.y).collect();
    let places = spread(&wanted, LINE, height);
    let end = |(line, y): (Line<'_>, f64)| End {
        y: Coord(y),
        text: line.label.short(COLUMNS),
        title: line.label.clone(),
        class: line.class,
    };
    lines.into_iter().zip(places).map(end).collect()
}

/// Places in order, each at least a gap behind the one before it; within the length as far as they fit at all.
fn spread(wanted: &[f64], gap: f64, length: f64) -> Vec<f64> {
    let mut places = Vec::with_capacity(wanted.len());
    let mut least = 0.0;
    for place in wanted {
        let place = place.max(least);
        places.push(place);
        least = place + gap;
    }
    let mut most = length;
    for place in places.iter_mut().rev() {
        *place = place.min(most).max(0.0);
        most = *place - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn labels_never_lie_on_each_other_if_there_is_room(mut wanted in prop::collection::vec(0.0..200.0_f64, 0..14)) {
            wanted.sort_by(f64::total_cmp);
            let places = spread(&wanted, 15.0, 200.0);
            for pair in places.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 15.0 - 1e-9, "{places:?}");
            }
            prop_assert!(places.iter().all(|place| (0.0..=200.0).contains(place)), "{places:?}");
        }
    }

    #[test]
    fn labels_with_room_stay_where_they_are() {
        assert_eq!(spread(&[10.0, 50.0], 15.0, 200.0), [10.0, 50.0]);
    }
}
