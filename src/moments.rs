//! Sufficient statistics as exact integers.
//!
//! Both kinds of moments are abelian groups: what was added can be subtracted without a trace, so any order of events,
//! any batching and any merge of shards gives the same sums. Everything a report, a posterior or a test needs is
//! derived from them on demand.
//!
//! # Why
//! Floating sums (or Welford's recurrence) depend on the order of events and can not take a refund back exactly.
//! Second moments of micro-units exceed 128 bits, hence 256-bit integers.

pub mod vectors;
mod wide;

use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use ethnum::I256;
use serde::{Deserialize, Serialize};
pub use wide::Wide;

/// One visitor's value of a metric as it is analysed, in the metric's integer unit (1 for conversions and counts,
/// micro-units for sums; at most 10¹⁵ in magnitude), with the denominator of a ratio, or the same measure before the
/// assignment of a metric with a covariate (else 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// The value, or the numerator of a ratio.
    pub y: i64,
    /// The denominator of a ratio, or the covariate.
    pub x: i64,
}

macro_rules! group {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),+ }

        impl $name {
            /// Whether this is the neutral element.
            pub fn is_zero(&self) -> bool {
                *self == Self::default()
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        }

        impl AddAssign<&Self> for $name {
            fn add_assign(&mut self, other: &Self) {
                *self += *other;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                $(self.$field -= other.$field;)+
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(mut self, other: Self) -> Self {
                self += other;
                self
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(mut self, other: Self) -> Self {
                self -= other;
                self
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self::default() - self
            }
        }
    };
}

group! {
    /// How many visitors have a total in a bucket of a sketch.
    Tally {
        /// Visitors.
        n: i64,
    }
}

group! {
    /// What visitors who bought spent in all: the values of a sum that are not zero, each cut off at a multiple of their
    /// mean, so that a bandit learns neither from zeros nor from a reseller's order what an order is worth.
    Orders {
        /// Visitors with a value other than zero.
        n: i64,
        /// Σ of the values, cut off.
        y: i128,
        /// Σ of their squares.
        yy: Wide,
    }
}

group! {
    /// Plain moments of an epoch cell: the visitors of one variant in one epoch.
    Moments {
        /// Visitors.
        n: i64,
        /// Σ y.
        y: i128,
        /// Σ y².
        yy: Wide,
        /// Σ x.
        x: i128,
        /// Σ x².
        xx: Wide,
        /// Σ x·y.
        xy: Wide,
    }
}

group! {
    /// Inverse-propensity weighted moments of a day or dimension cell. `w` is the visitor's weight in 1/65,536.
    Weighted {
        /// Visitors.
        n: i64,
        /// Σ w.
        w: i128,
        /// Σ w².
        ww: i128,
        /// Σ w·y.
        wy: i128,
        /// Σ w²·y.
        wwy: Wide,
        /// Σ w²·y².
        wwyy: Wide,
        /// Σ w·x.
        wx: i128,
        /// Σ w²·x.
        wwx: Wide,
        /// Σ w²·x².
        wwxx: Wide,
        /// Σ w²·x·y.
        wwxy: Wide,
    }
}

group! {
    /// How many visitors were analysed, how many were assigned, and how many of these are known to have seen what. Each on a
    /// day of its own: that of the assignment, or of the first exposure.
    Visitors {
        /// Analysed visitors: the assigned ones, or the exposed ones of an experiment that analyses those.
        n: i64,
        /// Assigned visitors.
        assigned: i64,
        /// Those who saw their variant.
        exposed: i64,
        /// Those who saw another one.
        unlike: i64,
    }
}

group! {
    /// What became of visitors who were assigned under several ids, or imported with several variants.
    Joins {
        /// Visitors who were assigned two variants, and count for the first.
        crossovers: i64,
        /// Visitors who were assigned under several ids.
        doubled: i64,
        /// Assignments under other ids, in whose stead an earlier one stands.
        aside: i64,
    }
}

impl Visitors {
    /// So many visitors, assigned and analysed on one day.
    pub fn all(n: i64) -> Self {
        Self {
            n,
            assigned: n,
            ..Self::default()
        }
    }
}

impl Moments {
    /// The moments of one visitor.
    pub fn of(observation: Observation) -> Self {
        let (y, x) = (i128::from(observation.y), i128::from(observation.x));
        Self {
            n: 1,
            y,
            yy: Wide::product(y, y),
            x,
            xx: Wide::product(x, x),
            xy: Wide::product(x, y),
        }
    }

    /// Mean of y in units of `unit` integers (10⁶ for sums, 1 for counts); `None` without visitors.
    pub fn mean(&self, unit: f64) -> Option<f64> {
        (self.n > 0).then(|| self.y as f64 / self.n as f64 / unit)
    }

    /// Unbiased variance of y, `(Σy² − (Σy)²/n)/(n−1)`, computed as `(n·Σy² − (Σy)²)/(n(n−1))` in exact integers so that
    /// nothing cancels; `None` for fewer than two visitors.
    pub fn variance(&self, unit: f64) -> Option<f64> {
        Self::centred(self.n, self.yy, self.y, self.y).map(|v| v / (unit * unit))
    }

    /// Unbiased variance of x, as [`Moments::variance`].
    pub fn variance_x(&self, unit: f64) -> Option<f64> {
        Self::centred(self.n, self.xx, self.x, self.x).map(|v| v / (unit * unit))
    }

    /// Unbiased covariance of x and y in `unit_x · unit_y`; `None` for fewer than two visitors.
    pub fn covariance(&self, unit_x: f64, unit_y: f64) -> Option<f64> {
        Self::centred(self.n, self.xy, self.x, self.y).map(|v| v / (unit_x * unit_y))
    }

    /// The moments of y − `pivot.y` and x − `pivot.x`, exactly: floats made from them do not cancel.
    #[must_use]
    pub fn about(&self, pivot: Observation) -> Self {
        if pivot == Observation::default() {
            return *self;
        }
        let (n, y, x) = (i128::from(self.n), i128::from(pivot.y), i128::from(pivot.x));
        let moved = |second: Wide, (first, by): (i128, i128), (other, other_by): (i128, i128)| {
            let mixed = Wide::product(by, other).0 + Wide::product(other_by, first).0;
            Wide(second.0 - mixed + Wide::product(by, other_by).0 * I256::from(n))
        };
        Self {
            n: self.n,
            y: self.y - n * y,
            yy: moved(self.yy, (self.y, y), (self.y, y)),
            x: self.x - n * x,
            xx: moved(self.xx, (self.x, x), (self.x, x)),
            xy: moved(self.xy, (self.x, x), (self.y, y)),
        }
    }

    fn centred(n: i64, second: Wide, first: i128, other: i128) -> Option<f64> {
        if n < 2 {
            return None;
        }
        let centred = second.0 * I256::from(n) - I256::from(first) * I256::from(other);
        Some(centred.as_f64() / (n as f64 * (n - 1) as f64))
    }
}

impl Orders {
    /// Those of one visitor; none for a value of zero.
    pub fn of(y: i64) -> Self {
        let (n, y) = (i64::from(y != 0), i128::from(y));
        let yy = Wide::product(y, y);
        Self { n, y, yy }
    }
}

impl Weighted {
    /// The weighted moments of one visitor whose weight is `w`/65,536.
    pub fn of(w: u64, observation: Observation) -> Self {
        let (y, x) = (i128::from(observation.y), i128::from(observation.x));
        let w = i128::from(w);
        let ww = w * w;
        let (wwy, wwx) = (Wide::product(ww, y), Wide::product(ww, x));
        let scaled = |wide: Wide, factor: i128| Wide(wide.0 * I256::from(factor));
        Self {
            n: 1,
            w,
            ww,
            wy: w * y,
            wwy,
            wwyy: scaled(wwy, y),
            wx: w * x,
            wwx,
            wwxx: scaled(wwx, x),
            wwxy: scaled(wwx, y),
        }
    }

    /// The plain moments of these visitors when all of them have the same weight (a fixed split); else `None`.
    ///
    /// Equal weights are exactly the case `n·Σw² = (Σw)²` (Cauchy–Schwarz).
    pub fn unweighted(&self) -> Option<Moments> {
        if self.n <= 0 {
            return (self.n == 0).then(Moments::default);
        }
        let n = i128::from(self.n);
        let equal = I256::from(self.ww) * I256::from(n) == I256::from(self.w) * I256::from(self.w);
        equal.then(|| {
            let (w, ww) = (self.w / n, I256::from(self.ww / n));
            let plain = |wide: Wide| Wide(wide.0 / ww);
            Moments {
                n: self.n,
                y: self.wy / w,
                yy: plain(self.wwyy),
                x: self.wx / w,
                xx: plain(self.wwxx),
                xy: plain(self.wwxy),
            }
        })
    }

    /// The weighted moments of y − `by`, exactly.
    #[must_use]
    pub fn less(&self, by: i64) -> Self {
        if by == 0 {
            return *self;
        }
        let by = i128::from(by);
        let paid = Wide::product(by, self.ww);
        let twice = self.wwy.0 + self.wwy.0 - paid.0;
        Self {
            wy: self.wy - by * self.w,
            wwy: Wide(self.wwy.0 - paid.0),
            wwyy: Wide(self.wwyy.0 - twice * I256::from(by)),
            wwxy: Wide(self.wwxy.0 - self.wwx.0 * I256::from(by)),
            ..*self
        }
    }

    /// Hájek mean `ΣwY/Σw` in units of `unit` integers; `None` without visitors.
    pub fn mean(&self, unit: f64) -> Option<f64> {
        (self.w > 0).then(|| self.wy as f64 / self.w as f64 / unit)
    }

    /// Variance of the Hájek mean, `(Σw²Y² − 2mΣw²Y + m²Σw²)/(Σw)²` (statistics R1), in `unit²`.
    pub fn mean_variance(&self, unit: f64) -> Option<f64> {
        let mean = self.mean(1.0)?;
        let spread =
            self.wwyy.as_f64() - 2.0 * mean * self.wwy.as_f64() + mean * mean * self.ww as f64;
        let total = self.w as f64;
        Some(spread.max(0.0) / (total * total) / (unit * unit))
    }
}

#[cfg(test)]
mod tests;
