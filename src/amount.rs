//! Exact quantities: fixed point in micro-units, so that sums can be retracted without a trace.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Micro-units of one unit.
pub const MICROS: i64 = 1_000_000;
/// Largest magnitude of an amount and of a visitor's total as it is analysed, in micro-units (10⁹ units).
pub const MAX_MICROS: i64 = 1_000_000_000 * MICROS;

/// Why a value is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a number, or a text that is not one.
    #[error("is not a number")]
    NotANumber,
    /// NaN, infinite, or beyond ±1,000,000,000.
    #[error("is not finite or lies beyond ±1000000000")]
    OutOfRange,
}

/// A quantity of money (or of anything a `sum` metric adds) in micro-units, within ±10⁹ units.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Amount(i64);

impl Amount {
    /// The amount nearest to `value` units.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`] for NaN, infinities and beyond ±10⁹.
    pub fn from_f64(value: f64) -> Result<Self, AmountError> {
        if !value.is_finite() || value.abs() > 1e9 {
            return Err(AmountError::OutOfRange);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bounded by 1e15 above, which i64 and f64 hold exactly"
        )]
        let micros = (value * 1e6).round() as i64;
        Ok(Self(micros))
    }

    /// A JSON number, or a text that is one (`"12.50"`), as shops send both.
    ///
    /// # Errors
    /// [`AmountError`] for every other JSON value, malformed text and numbers out of range.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, AmountError> {
        let number = match value {
            serde_json::Value::Number(number) => number.as_f64(),
            serde_json::Value::String(text) => text.trim().parse().ok(),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        };
        Self::from_f64(number.ok_or(AmountError::NotANumber)?)
    }

    /// Micro-units.
    pub fn micros(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (units, micros) = (
            self.0.unsigned_abs() / 1_000_000,
            self.0.unsigned_abs() % 1_000_000,
        );
        if micros == 0 {
            write!(f, "{sign}{units}")
        } else {
            write!(f, "{sign}{units}.{micros:06}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_numeric_texts_are_amounts() {
        assert_eq!(
            Amount::from_json(&json!(29.9)).unwrap().micros(),
            29_900_000
        );
        assert_eq!(
            Amount::from_json(&json!("12.50")).unwrap().micros(),
            12_500_000
        );
        assert_eq!(Amount::from_json(&json!(-3)).unwrap().to_string(), "-3");
        assert_eq!(Amount::from_f64(0.000_001).unwrap().to_string(), "0.000001");
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            json!("12,50"),
            json!(null),
            json!(true),
            json!([1]),
            json!({}),
            json!(""),
        ] {
            assert_eq!(
                Amount::from_json(&bad),
                Err(AmountError::NotANumber),
                "{bad}"
            );
        }
        for bad in [json!("NaN"), json!("inf"), json!(1e10), json!("1e400")] {
            assert_eq!(
                Amount::from_json(&bad),
                Err(AmountError::OutOfRange),
                "{bad}"
            );
        }
    }
}
