//! Variants in a picture: each has the same colour and dashes in all charts of a page, by its place among them.

/// Colours of a page, and variants that a picture sets off from the others.
pub(super) const SHOWN: usize = 8;

/// How a variant looks.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// Classes of its colour and its dashes.
    pub(super) class: String,
    /// Whether it is one of many that are not set off.
    pub(super) is_quiet: bool,
}

/// The looks of variants by their places and values: the greatest are set off, differently for the first 64 places.
pub(super) fn looks(variants: &[(usize, f64)]) -> Vec<Look> {
    let values: Vec<f64> = variants.iter().map(|(_, value)| *value).collect();
    let shown = shown(&values, SHOWN).into_iter();
    let look = |((place, _), is_shown): (&(usize, f64), bool)| {
        let (colour, dashes) = (colour(*place), motif(*place));
        Look {
            class: if is_shown {
                format!("s{colour} d{dashes}")
            } else {
                "s0 d1".to_owned()
            },
            is_quiet: !is_shown,
        }
    };
    variants.iter().zip(shown).map(look).collect()
}

/// Number of the colour of a variant, from 1.
pub(super) fn colour(place: usize) -> usize {
    place % SHOWN + 1
}

/// Number of its dashes or pattern, from 1.
pub(super) fn motif(place: usize) -> usize {
    (place + place / SHOWN) % SHOWN + 1
}

/// Which variants are the greatest, of equals the first.
pub(super) fn shown(values: &[f64], most: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*other].total_cmp(&values[*one]));
    let mut shown = vec![false; values.len()];
    for place in order.into_iter().take(most) {
        shown[place] = true;
    }
    shown
}
