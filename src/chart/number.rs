//! Numbers that can be drawn.

/// Size beyond which a number is taken for infinite.
const MOST: f64 = 1e15;

/// A finite number of at most 10¹⁵ in size.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
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

/// The span that shows every estimate and zero, and of the intervals what is not far longer than usual: one interval
/// of an early day or a small arm shall not press all others into a line.
pub(super) fn span(effects: &[Effect]) -> [f64; 2] {
    /// How many usual half-lengths of an interval an axis shows beyond the estimates.
    const REACH: f64 = 3.0;
    let estimates = effects.iter().map(|effect| effect.estimate());
    let [low, high] = estimates.fold([0.0_f64, 0.0_f64], |[low, high], at| {
        [low.min(at), high.max(at)]
    });
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
