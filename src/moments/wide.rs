//! Second moments of micro-units, which exceed 128 bits.

use std::ops::{AddAssign, SubAssign};

use ethnum::I256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 256-bit signed integer: a second moment of micro-units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wide(pub(super) I256);

impl Wide {
    pub(super) fn product(a: i128, b: i128) -> Self {
        Self(I256::from(a) * I256::from(b))
    }

    /// The nearest float.
    pub fn as_f64(self) -> f64 {
        self.0.as_f64()
    }
}

impl AddAssign for Wide {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Wide {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (high, low) = self.0.into_words();
        (high, low.cast_unsigned()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (high, low) = <(i128, u128)>::deserialize(deserializer)?;
        Ok(Self(I256::from_words(high, low.cast_signed())))
    }
}
