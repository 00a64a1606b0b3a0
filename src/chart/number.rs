//! Numbers that can be drawn.

/// Size beyond which a number is taken for infinite.
const MOST: f64 = 1e15;

/// A finite number of at most 10¹⁵ in size.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// None for what is not a number, and for what is too large to be drawn.
    pub fn new(value: f64) -> Option<Self> {
        (value.abs() <= MOST).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl From<u32> for Number {
    fn from(count: u32) -> Self {
        Self(f64::from(count))
    }
}

/// An estimate with its interval, if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    estimate: Number,
    interval: Option<[f64; 2]>,
}

impl Effect {
    /// None without an estimate that can be drawn. An interval may be open: its ends may be infinite; one whose ends
    /// are no numbers or the wrong way round is left out.
    pub fn new(estimate: f64, interval: Option<[f64; 2]>) -> Option<Self> {
        let end = |end: f64| match Number::new(end) {
            Some(number) => number.get(),
            None => f64::INFINITY.copysign(end),
        };
        let interval = interval.filter(|[low, high]| low <= high);
        Some(Self {
            estimate: Number::new(estimate)?,
            interval: interval.map(|ends| ends.map(end)),
        })
    }

    pub(super) fn estimate(self) -> f64 {
        self.estimate.get()
    }

    /// Its ends, which may be infinite, in order.
    pub(super) fn interval(self) -> Option<[f64; 2]> {
        self.interval
    }

    /// The ends that are finite.
    pub(super) fn ends(self) -> impl Iterator<Item = f64> {
        let ends = self.interval.into_iter().flatten();
        ends.filter(|end| end.is_finite())
    }
}

/// The span that shows every estimate and the origin, if it has one, and of the intervals what is not far longer than usual: one interval
/// of an early day or a small arm shall not press all others into a line.
pub(super) fn span(effects: &[Effect], origin: Option<f64>) -> [f64; 2] {
    /// How many usual half-lengths of an interval an axis shows beyond the estimates.
    const REACH: f64 = 3.0;
    let estimates = effects.iter().map(|effect| effect.estimate());
    let points: Vec<f64> = estimates.chain(origin).collect();
    let low = points.iter().copied().reduce(f64::min).unwrap_or(0.0);
    let high = points.iter().copied().reduce(f64::max).unwrap_or(0.0);
    let mut halves: Vec<f64> = effects
        .iter()
        .filter_map(|effect| effect.interval())
        .map(|[from, to]| (to - from) / 2.0)
        .filter(|half| half.is_finite())
        .collect();
    halves.sort_by(f64::total_cmp);
    let reach = halves
        .get(halves.len() / 2)
        .map_or(0.0, |half| REACH * half);
    let ends = effects.iter().flat_map(|effect| effect.ends());
    ends.fold([low, high], |[from, to], end| {
        [
            from.min(end.max(low - reach)),
            to.max(end.min(high + reach)),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_drawn_stays_out() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e16, f64::MAX] {
            assert_eq!(Number::new(value), None);
            assert_eq!(Effect::new(value, Some([0.0, 1.0])), None);
        }
        for [low, high] in [[f64::NAN, 1.0], [0.0, f64::NAN], [2.0, 1.0]] {
            let effect = Effect::new(1.0, Some([low, high])).unwrap();
            assert_eq!(effect.interval(), None);
        }
        let open = Effect::new(1.0, Some([f64::MIN, f64::INFINITY])).unwrap();
        assert_eq!(open.interval(), Some([f64::NEG_INFINITY, f64::INFINITY]));
    }

    #[test]
    fn one_long_interval_does_not_press_the_others_into_a_line() {
        let effect = |low, high| Effect::new(f64::midpoint(low, high), Some([low, high])).unwrap();
        let usual = [effect(0.0, 0.2), effect(-0.1, 0.1), effect(0.1, 0.3)];
        let [low, high] = span(&usual, Some(0.0));
        assert!(
            (low + 0.1).abs() < 1e-9 && (high - 0.3).abs() < 1e-9,
            "{low} {high}"
        );
        let mut long = usual.to_vec();
        long.push(effect(-50.0, 50.0));
        let [low, high] = span(&long, Some(0.0));
        assert!(low > -1.0 && high < 1.0, "{low} {high}");
    }
}
