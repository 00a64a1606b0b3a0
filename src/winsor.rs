//! Winsorising at a percentile: where the cap of a visitor's total lies.
//!
//! One order of a reseller can outweigh a thousand others, so totals above a high percentile count as that percentile.
//! The cap is one number for all variants, taken over all of them together: a cap per variant would hide a difference.
//!
//! # Which percentile
//! The inverse of the empirical distribution (SQL's `PERCENTILE_DISC`): the smallest value with at least that share of
//! all values at or below it. Zeros count unless they are ignored; a percentile over all visitors is zero where fewer
//! buy than lie above it. [`Percentile::exact`] reads values in memory. A server keeps a sketch instead: how many
//! visitors have a total in each bucket of a high dynamic range histogram with two significant digits. Buckets are
//! fixed by the value alone, so sketches form a group like all other sums, and their percentile
//! ([`Percentile::sketched`]) lies at most 1 % above the exact one (1/128, to be precise) and never below it.

use std::sync::LazyLock;

use hdrhistogram::Histogram;

/// Significant decimal digits that a bucket keeps apart.
const DIGITS: u8 = 2;
/// A percentile is kept in parts of so many.
const WHOLE: u32 = 1_000_000;

/// Where the buckets lie; it counts nothing.
static SCALE: LazyLock<Option<Histogram<u8>>> = LazyLock::new(|| Histogram::new(DIGITS).ok());

/// A percentile of visitors' totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentile {
    /// The share of values at or below it, in millionths.
    share: u32,
    /// Whether visitors whose total is zero are left out.
    ignore_zeros: bool,
}

/// What a sketch says of a percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sketched {
    /// The percentile, in the unit of the values.
    pub value: i64,
    /// How many values it was taken over.
    pub values: u64,
    /// How many of them are expected above it.
    pub above: u64,
    /// How many of them are above zero.
    pub positive: u64,
}

impl Percentile {
    /// From a percentage such as 99.5; `None` below 50, from 100 on, and for NaN. Four decimals count.
    pub fn new(percentage: f64, ignore_zeros: bool) -> Option<Self> {
        if !(50.0..100.0).contains(&percentage) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 500,000 and 1,000,000"
        )]
        let share = (percentage * 10_000.0).round() as u32;
        (share < WHOLE).then_some(Self {
            share,
            ignore_zeros,
        })
    }

    /// The percentage.
    pub fn percentage(self) -> f64 {
        f64::from(self.share) / 10_000.0
    }

    /// Whether visitors whose total is zero are left out.
    pub fn ignores_zeros(self) -> bool {
        self.ignore_zeros
    }

    /// Whether a value counts for it.
    fn counts(self, value: i64) -> bool {
        value != 0 || !self.ignore_zeros
    }

    /// The percentile of values in memory; `None` without any that counts.
    pub fn exact(self, values: impl IntoIterator<Item = i64>) -> Option<i64> {
        let mut values: Vec<i64> = values.into_iter().filter(|of| self.counts(*of)).collect();
        let last = values.len().checked_sub(1)?;
        let (n, share) = (values.len() as u128, u128::from(self.share));
        let rank = (n * share).div_ceil(u128::from(WHOLE)).saturating_sub(1);
        let rank = usize::try_from(rank).unwrap_or(last).min(last);
        Some(*values.select_nth_unstable(rank).1)
    }

    /// The bucket of a value in the sketch, named by its lowest value; `None` if the value does not count. Negative
    /// values share the bucket −1: they lie below every cap.
    pub fn bucket(self, value: i64) -> Option<i64> {
        let Ok(positive) = u64::try_from(value) else {
            return Some(-1);
        };
        let scale = SCALE.as_ref().filter(|_| self.counts(value))?;
        i64::try_from(scale.lowest_equivalent(positive)).ok()
    }

    /// The percentile of a sketch: buckets, and how many values lie in each. `None` without any.
    pub fn sketched(self, buckets: impl IntoIterator<Item = (i64, i64)>) -> Option<Sketched> {
        let mut histogram = Histogram::<u64>::new(DIGITS).ok()?;
        let mut positive = 0;
        for (bucket, count) in buckets {
            let count = u64::try_from(count).unwrap_or(0);
            let value = u64::try_from(bucket).unwrap_or(0);
            histogram.record_n(value, count).ok()?;
            positive += if value > 0 { count } else { 0 };
        }
        let values = histogram.len();
        let value = histogram.value_at_quantile(f64::from(self.share) / f64::from(WHOLE));
        let above = u128::from(values) * u128::from(WHOLE - self.share) / u128::from(WHOLE);
        (values > 0).then_some(Sketched {
            value: i64::try_from(value).unwrap_or(i64::MAX),
            values,
            above: u64::try_from(above).unwrap_or(u64::MAX),
            positive,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;
    use crate::golden::{self, Case};

    /// The spend of the customers of a golden case, in micro-units.
    fn values(case: &Case) -> Vec<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "small amounts")]
        let micros = |value: f64| (value * 1e6).round() as i64;
        if case.input["data"].is_array() {
            let data = golden::flatten(&case.input["data"]);
            return data.into_iter().map(micros).collect();
        }
        let file = &include_bytes!("../tests/data/hillstrom.csv.gz")[..];
        let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
        let headers = reader.headers().unwrap().clone();
        let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
        let (segment, spend) = (at("segment"), at("spend"));
        let rows = reader.records().map(Result::unwrap);
        let rows = rows.filter(|row| &row[segment] != "Womens E-Mail");
        rows.map(|row| micros(row[spend].parse().unwrap()))
            .collect()
    }

    fn sketch(percentile: Percentile, values: &[i64]) -> BTreeMap<i64, i64> {
        let mut buckets = BTreeMap::new();
        for bucket in values.iter().filter_map(|value| percentile.bucket(*value)) {
            *buckets.entry(bucket).or_default() += 1;
        }
        buckets
    }

    #[test]
    fn percentiles_agree_with_the_golden_ones() {
        for case in golden::cases(include_str!("../tests/golden/winsor.json")) {
            let ignores_zeros = case.input["ignore_zeros"].as_bool().unwrap();
            let percentile = Percentile::new(case.number("q") * 100.0, ignores_zeros).unwrap();
            let values = values(&case);
            let cap = percentile.exact(values.iter().copied());
            let sketched = percentile.sketched(sketch(percentile, &values));
            let case = case.part(&case.expected["inverted_cdf"]);
            let units: Vec<f64> = cap.iter().map(|cap| *cap as f64 / 1e6).collect();
            case.check("cap", &units);
            let capped = || {
                let units = values.iter().map(|value| (*value).min(cap.unwrap_or(0)));
                units.map(|value| value as f64 / 1e6)
            };
            case.check("n", &[values.len() as f64]);
            case.check("sum", &[capped().sum()]);
            case.check("sumsq", &[capped().map(|value| value * value).sum()]);
            assert_eq!(sketched.is_some(), cap.is_some());
            for (cap, sketched) in units.iter().zip(sketched) {
                let ratio = sketched.value as f64 / 1e6 / cap;
                assert!((1.0..1.01).contains(&ratio), "{}: {ratio}", case.name);
            }
        }
    }

    proptest! {
        #[test]
        fn a_sketch_is_at_most_one_percent_above(
            values in prop::collection::vec(prop_oneof![Just(0), -9_i64..9, 0_i64..1_000_000_000_000_000], 1..300),
            percentage in 50.0..99.99_f64,
            ignore_zeros in any::<bool>(),
        ) {
            let percentile = Percentile::new(percentage, ignore_zeros).unwrap();
            let exact = percentile.exact(values.iter().copied());
            let (some, rest) = values.split_at(values.len() / 2);
            let mut merged = sketch(percentile, rest);
            for (bucket, count) in sketch(percentile, some) {
                *merged.entry(bucket).or_default() += count;
            }
            prop_assert_eq!(&merged, &sketch(percentile, &values), "parts add up to the whole");
            let sketched = percentile.sketched(merged);
            prop_assert_eq!(sketched.is_some(), exact.is_some());
            if let Some((sketched, exact)) = sketched.zip(exact) {
                let exact = exact.max(0);
                prop_assert!(sketched.value >= exact, "{sketched:?} {exact}");
                prop_assert!((sketched.value - exact) as f64 <= exact as f64 / 128.0);
                prop_assert_eq!(sketched.positive, values.iter().filter(|value| **value > 0).count() as u64);
            }
        }
    }

    #[test]
    fn what_is_no_percentage_is_none() {
        for none in [0.995, 49.9, 100.0, 99.999_99, f64::NAN, f64::INFINITY] {
            assert_eq!(Percentile::new(none, true), None, "{none}");
        }
        let percentile = Percentile::new(99.5, false).unwrap();
        assert!((percentile.percentage() - 99.5).abs() < 1e-12);
        assert_eq!(percentile.exact([]), None);
        assert_eq!(percentile.sketched([]), None);
        assert_eq!(percentile.exact([7]), Some(7));
    }
}
