//! Sufficient statistics of several numbers per visitor: features with a value, and shares.
//!
//! As [`super::Moments`], they are exact integers and groups; a list that is empty counts as one of zeros.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Wide;

/// Sums of features x (whole numbers) and of a value y.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Products {
    /// Visitors.
    pub n: i64,
    /// Σ y.
    pub y: i128,
    /// Σ y².
    pub yy: Wide,
    /// Σ x, by feature.
    pub x: Vec<i64>,
    /// Σ x·xᵀ, the rows of the lower triangle one after the other.
    pub xx: Vec<i64>,
    /// Σ x·y, by feature.
    pub xy: Vec<i128>,
}

/// Sums of the shares e that visitors were drawn from, in 1/1,000,000.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chances {
    /// Visitors.
    pub n: i64,
    /// Σ e, by variant.
    pub e: Vec<i64>,
    /// Σ e·eᵀ, the rows of the lower triangle one after the other.
    pub ee: Vec<i128>,
}

impl Products {
    /// Those of one visitor, or without them if `sign` is −1.
    pub fn of(features: &[i16], y: i64, sign: i64) -> Self {
        let (value, signed) = (i128::from(y), i128::from(y) * i128::from(sign));
        let x = features.iter().map(|x| i64::from(*x) * sign);
        let pairs = lower(features).map(|(x, other)| i64::from(x) * i64::from(other) * sign);
        Self {
            n: sign,
            y: signed,
            yy: Wide::product(value, signed),
            x: x.collect(),
            xx: pairs.collect(),
            xy: features.iter().map(|x| i128::from(*x) * signed).collect(),
        }
    }

    /// Whether nothing is left.
    pub fn is_zero(&self) -> bool {
        let Self {
            n,
            y,
            yy,
            x,
            xx,
            xy,
        } = self;
        let none = *n == 0 && *y == 0 && *yy == Wide::default();
        none && x.iter().chain(xx).all(|sum| *sum == 0) && xy.iter().all(|sum| *sum == 0)
    }
}

impl Chances {
    /// Those of one visitor, or without them if `sign` is −1.
    pub fn of(shares: &[u32], sign: i64) -> Self {
        let pairs = lower(shares).map(|(e, other)| i128::from(e) * i128::from(other));
        Self {
            n: sign,
            e: shares.iter().map(|e| i64::from(*e) * sign).collect(),
            ee: pairs.map(|product| product * i128::from(sign)).collect(),
        }
    }

    /// Whether nothing is left.
    pub fn is_zero(&self) -> bool {
        let none = self.n == 0 && self.e.iter().all(|sum| *sum == 0);
        none && self.ee.iter().all(|sum| *sum == 0)
    }

    /// Σ e·eᵀ of two variants.
    pub fn product(&self, one: usize, other: usize) -> i128 {
        let (row, column) = (one.max(other), one.min(other));
        let cell = self.ee.get(row * (row + 1) / 2 + column);
        cell.copied().unwrap_or(0)
    }
}

/// All pairs of a lower triangle, row by row.
fn lower<T: Copy>(of: &[T]) -> impl Iterator<Item = (T, T)> + '_ {
    let row = |(at, one): (usize, &T)| {
        let one = *one;
        of.iter().take(at + 1).map(move |other| (one, *other))
    };
    of.iter().enumerate().flat_map(row)
}

fn add<T: Copy + Default + AddAssign>(sums: &mut Vec<T>, more: &[T]) {
    if sums.len() < more.len() {
        sums.resize(more.len(), T::default());
    }
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += *more;
    }
}

impl AddAssign<&Self> for Products {
    fn add_assign(&mut self, more: &Self) {
        self.n += more.n;
        self.y += more.y;
        self.yy += more.yy;
        add(&mut self.x, &more.x);
        add(&mut self.xx, &more.xx);
        add(&mut self.xy, &more.xy);
    }
}

impl AddAssign<&Self> for Chances {
    fn add_assign(&mut self, more: &Self) {
        self.n += more.n;
        add(&mut self.e, &more.e);
        add(&mut self.ee, &more.ee);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn visitor() -> impl Strategy<Value = (Vec<i16>, i64, Vec<u32>)> {
        let features = prop::collection::vec(-1_024_i16..=1_024, 3);
        let amount = -1_000_000_000_000_000_i64..=1_000_000_000_000_000;
        (
            features,
            amount,
            prop::collection::vec(1_u32..=1_000_000, 4),
        )
    }

    proptest! {
        #[test]
        fn sums_are_a_group(all in prop::collection::vec(visitor(), 1..30), cut in 0_usize..30) {
            let cut = cut.min(all.len());
            let sums = |of: &[(Vec<i16>, i64, Vec<u32>)], sign| {
                let (mut products, mut chances) = (Products::default(), Chances::default());
                for (x, y, e) in of {
                    products += &Products::of(x, *y, sign);
                    chances += &Chances::of(e, sign);
                }
                (products, chances)
            };
            let whole = sums(&all, 1);
            let (mut products, mut chances) = sums(&all[cut..], 1);
            let (early, early_chances) = sums(&all[..cut], 1);
            products += &early;
            chances += &early_chances;
            prop_assert_eq!(&(products, chances), &whole);
            let (back, back_chances) = sums(&all, -1);
            let (mut products, mut chances) = whole.clone();
            products += &back;
            chances += &back_chances;
            prop_assert!(products.is_zero() && chances.is_zero());
            let bytes = postcard::to_stdvec(&whole).unwrap();
            prop_assert_eq!(postcard::from_bytes::<(Products, Chances)>(&bytes).unwrap(), whole);
        }
    }

    #[test]
    fn a_triangle_has_every_pair_once() {
        let sums = Chances::of(&[1, 2, 5], 1);
        assert_eq!(sums.ee, [1, 2, 4, 5, 10, 25]);
        assert_eq!((sums.product(0, 2), sums.product(2, 1)), (5, 10));
        let sums = Products::of(&[3, -2], 7, 1);
        assert_eq!((sums.xx, sums.xy), (vec![9, -6, 4], vec![21, -14]));
    }
}
