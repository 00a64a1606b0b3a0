//! Ages of conversions: how long after the assignment they came, in logarithmic buckets.
//!
//! The buckets have bounds at 1, 1.5, 2, 3, 4, 6, 8, 12… minutes, two to an octave, up to 68 days: what matters for a
//! delay is the order of magnitude, and so few buckets cost nothing to keep.

use serde::{Deserialize, Serialize};

use crate::time::Window;

/// How many buckets there are.
pub const BUCKETS: usize = 35;

const MINUTE_MS: i64 = 60_000;

/// A bucket of ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgeBucket(u8);

impl AgeBucket {
    /// The bucket of an age; a negative one lies in the first.
    pub fn of(age: Window) -> Self {
        let half_minutes = u64::try_from(age.millis() / (MINUTE_MS / 2)).unwrap_or(0);
        let Some(octave) = (half_minutes / 2).checked_ilog2() else {
            return Self(0);
        };
        let upper = half_minutes >= 3 << octave;
        let bucket = 1 + 2 * octave as usize + usize::from(upper);
        Self(u8::try_from(bucket.min(BUCKETS - 1)).unwrap_or(0))
    }

    /// All, the youngest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).take(BUCKETS).map(Self)
    }

    /// By its position; the last for one beyond.
    pub fn at(position: u8) -> Self {
        Self(position.min(Self::last()))
    }

    /// Its position.
    pub fn position(self) -> usize {
        usize::from(self.0)
    }

    /// Where it begins and ends, in milliseconds. The last bucket takes in whatever is older, too.
    pub fn bounds(self) -> (i64, i64) {
        let start = |bucket: u8| match bucket.checked_sub(1) {
            None => 0,
            Some(halves) => ((2 + i64::from(halves % 2)) * (MINUTE_MS / 2)) << (halves / 2),
        };
        (start(self.0), start(self.0 + 1))
    }

    fn last() -> u8 {
        u8::try_from(BUCKETS - 1).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_age_lies_within_its_bucket(age in 0_i64..5_000_000_000) {
            let (from, to) = AgeBucket::of(Window::from_millis(age)).bounds();
            prop_assert!(from <= age && age < to);
        }
    }

    #[test]
    fn buckets_follow_each_other_and_the_last_takes_the_rest() {
        let bounds: Vec<(i64, i64)> = AgeBucket::all().map(AgeBucket::bounds).collect();
        assert_eq!(bounds.len(), BUCKETS);
        assert!(bounds.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!(
            bounds[..3],
            [(0, 60_000), (60_000, 90_000), (90_000, 120_000)]
        );
        let old = AgeBucket::of(Window::days(400));
        assert_eq!(old.position(), BUCKETS - 1);
        assert_eq!(AgeBucket::of(Window::from_millis(-1)), AgeBucket::at(0));
    }
}
