//! Scales and ticks: from values to places.

/// Steps that people count in, as parts of a power of ten.
const NICE: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// Ticks that a scale has at most, whatever is asked.
const MOST: usize = 64;

/// A span of values, and the step of its ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// From the first to the last of some ticks that lie around both values, about so many steps in between.
    ///
    /// The values are finite and of at most 10¹⁵ in size; their order does not matter.
    pub(crate) fn around(one: f64, other: f64, steps: usize) -> Self {
        let (low, high) = apart(one.min(other), one.max(other));
        let step = nice((high - low) / steps.clamp(1, MOST / 2) as f64);
        Self {
            low: step * (low / step + 1e-9).floor(),
            high: step * (high / step - 1e-9).ceil(),
            step,
        }
    }

    /// How far apart the ticks are.
    pub(crate) fn step(&self) -> f64 {
        self.step
    }

    /// The ticks from the lowest.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let Self { low, high, step } = *self;
        let first = (low / step - 1e-9).ceil();
        let ticks = (0..MOST).map(move |at| (first + at as f64) * step);
        // Minus zero is zero.
        let ticks = ticks.map(|tick| tick + 0.0);
        ticks.take_while(move |tick| *tick <= high + 1e-9 * step)
    }

    /// The part of the way from the lowest to the highest value, from 0 to 1; beyond them the nearest of both.
    pub(crate) fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The part of the way, which goes on beyond both ends by the whole length at most.
    pub(crate) fn beyond(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(-1.0, 2.0)
    }

    /// Whether a value lies below the lowest, or above the highest.
    pub(crate) fn leaves(&self, value: f64) -> bool {
        value < self.low || value > self.high
    }
}

/// Two values that differ enough to have ticks between them.
fn apart(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if high - low > 1e-9 * size {
        return (low, high);
    }
    let gap = if size > 0.0 { 0.01 * size } else { 0.01 };
    (low - gap, high + gap)
}

/// The nearest nice number that is not below.
fn nice(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    let steps = NICE.map(|step| step * power);
    let fits = steps
        .into_iter()
        .find(|step| *step >= number * (1.0 - 1e-9));
    fits.unwrap_or(10.0 * power)
}
