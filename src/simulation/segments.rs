//! Visitors of several kinds, which a server can tell apart by an attribute.

/// The kinds of visitors.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments {
    /// The attribute that tells them apart.
    pub attribute: String,
    /// One per value of the attribute.
    pub values: Vec<Segment>,
}

/// A kind of visitors.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The value of the attribute.
    pub value: String,
    /// Share of all visitors.
    pub share: f64,
    /// By variant, the probability that such a visitor converts; `None` is that of everybody,
    /// which alone follows changes.
    pub rates: Vec<Option<f64>>,
}

impl Segments {
    /// The position of the segment at a uniform draw in [0, 1).
    pub(super) fn at(&self, draw: f64) -> usize {
        let mut left = draw;
        for (at, segment) in self.values.iter().enumerate() {
            left -= segment.share;
            if left < 0.0 {
                return at;
            }
        }
        self.values.len().saturating_sub(1)
    }
}
