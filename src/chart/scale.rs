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

    /// From the one to the other value, with the ticks that lie in between.
    pub(crate) fn within(one: f64, other: f64, steps: usize) -> Self {
        let (low, high) = apart(one.min(other), one.max(other));
        let step = nice((high - low) / steps.clamp(1, MOST / 2) as f64);
        Self { low, high, step }
    }

    /// The highest value.
    pub(crate) fn high(&self) -> f64 {
        self.high
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_numbers_that_people_count_in() {
        let ticks = |low, high| Scale::around(low, high, 5).ticks().collect::<Vec<f64>>();
        assert_eq!(
            ticks(0.0, 1.0),
            [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]
        );
        assert_eq!(ticks(-7.0, 23.0), [-10.0, 0.0, 10.0, 20.0, 30.0]);
        assert_eq!(ticks(350.0, 0.0), [0.0, 100.0, 200.0, 300.0, 400.0]);
    }

    #[test]
    fn equal_values_have_an_axis_too() {
        for value in [0.0, 3.0, -1e15, 1e-300] {
            let scale = Scale::around(value, value, 5);
            assert!(scale.ticks().count() >= 2, "{value}");
            assert!((0.0..=1.0).contains(&scale.place(value)));
        }
    }

    /// Values of all sizes that can be drawn.
    fn value() -> impl Strategy<Value = f64> {
        (-1.0..1.0_f64, -20..15_i32).prop_map(|(digits, power)| digits * 10_f64.powi(power))
    }

    proptest! {
        #[test]
        fn ticks_rise_by_nice_steps_and_lie_around_all_values(one in value(), other in value(), steps in 1..12_usize) {
            let scale = Scale::around(one, other, steps);
            let ticks: Vec<f64> = scale.ticks().collect();
            prop_assert!(ticks.iter().all(|tick| tick.is_finite()));
            prop_assert!((2..=steps + 3).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
            let slack = 1e-6 * scale.step();
            prop_assert!(ticks[0] <= one.min(other) + slack);
            prop_assert!(ticks[ticks.len() - 1] >= one.max(other) - slack);
            let digits = scale.step() / 10_f64.powf(scale.step().log10().floor());
            prop_assert!([1.0, 2.0, 5.0, 10.0].iter().any(|nice| (digits - nice).abs() < 1e-6), "{digits}");
        }

        #[test]
        fn greater_values_have_greater_places(mut values in prop::collection::vec(value(), 2..9), ends in [value(), value()]) {
            for scale in [Scale::around(ends[0], ends[1], 5), Scale::within(ends[0], ends[1], 5)] {
                values.sort_by(f64::total_cmp);
                let places: Vec<f64> = values.iter().map(|value| scale.place(*value)).collect();
                prop_assert!(places.windows(2).all(|pair| pair[0] <= pair[1]), "{places:?}");
                prop_assert!(places.iter().all(|place| (0.0..=1.0).contains(place)), "{places:?}");
                prop_assert!(scale.ticks().all(|tick| !scale.leaves(tick - scale.step() * 1e-6) || !scale.leaves(tick + scale.step() * 1e-6)));
            }
        }
    }
}
