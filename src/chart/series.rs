//! Variants in a picture: each has the same colour and dashes in all charts of a page, by its place among them.

/// Colours of a page, and variants that a picture sets off from the others.
pub(super) const SHOWN: usize = 8;

/// Classes of a variant: colour and dashes, different for the first 64.
pub(super) fn class(place: usize) -> String {
    let colour = place % SHOWN;
    let dashes = (place + place / SHOWN) % SHOWN;
    format!("s{} d{}", colour + 1, dashes + 1)
}

/// Classes of all variants by their values: those that are not set off are quiet.
pub(super) fn classes(values: &[f64]) -> Vec<String> {
    let shown = shown(values).into_iter().enumerate();
    let class = |(place, is_shown)| {
        if is_shown {
            class(place)
        } else {
            "s0 d1".to_owned()
        }
    };
    shown.map(class).collect()
}

/// Which variants are set off: the greatest, of equals the first.
pub(super) fn shown(values: &[f64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*other].total_cmp(&values[*one]));
    let mut shown = vec![false; values.len()];
    for place in order.into_iter().take(SHOWN) {
        shown[place] = true;
    }
    shown
}
