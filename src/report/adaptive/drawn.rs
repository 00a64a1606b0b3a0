//! A pair of arms in one epoch, and what is analysed of its visitors.

use crate::moments::Moments;
use crate::report::adjusted::MIN_VISITORS;
use crate::stats::adaptive::{self, Covariate, Known, Values};

/// A pair of arms in one epoch: sums about the pivot in units, and plug-in means less the pivot.
#[derive(Clone, Copy)]
pub(super) struct Drawn {
    pub(super) visitors: f64,
    pub(super) control: Side,
    pub(super) treatment: Side,
    /// All arms of the epoch together.
    pub(super) all: Side,
    /// What is known of all visitors from before their assignment.
    pub(super) history: History,
    /// The stored variance per visitor.
    pub(super) variance: Option<f64>,
}

/// The covariate of a metric in an epoch: the plug-in rises by `slope` per unit of x above `center`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct History {
    slope: f64,
    center: f64,
    /// Σ x − center over the visitors of all arms, and the sum of its squares.
    sum: f64,
    squares: f64,
}

impl History {
    /// The least-squares slope and the mean of the epochs before; `all` are the visitors of this one.
    pub(super) fn new(before: &Moments, all: &Moments, (above, below): (f64, f64)) -> Self {
        let slope = before
            .covariance(below, above)
            .zip(before.variance_x(below))
            .map(|(mixed, spread)| mixed / spread)
            .filter(|slope| slope.is_finite() && before.n >= MIN_VISITORS);
        let Some(slope) = slope else {
            return Self::default();
        };
        let center = before.x as f64 / before.n as f64 / below;
        let (n, x) = (all.n as f64, all.x as f64 / below);
        let squares = all.xx.as_f64() / (below * below);
        Self {
            slope,
            center,
            sum: x - n * center,
            squares: squares - 2.0 * center * x + n * center * center,
        }
    }
}

/// The sums of an arm in an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub(super) n: f64,
    pub(super) y: f64,
    pub(super) yy: f64,
    pub(super) x: f64,
    pub(super) xx: f64,
    pub(super) xy: f64,
    pub(super) propensity: f64,
    /// Plug-in means above and below the line.
    plug_in: [f64; 2],
}

impl Side {
    pub(super) fn new(
        moments: &Moments,
        (above, below): (f64, f64),
        propensity: f64,
        plug_in: [f64; 2],
    ) -> Self {
        Self {
            n: moments.n as f64,
            y: moments.y as f64 / above,
            yy: moments.yy.as_f64() / (above * above),
            x: moments.x as f64 / below,
            xx: moments.xx.as_f64() / (below * below),
            xy: moments.xy.as_f64() / (above * below),
            propensity,
            plug_in,
        }
    }

    /// Visitors of several arms together, with the plug-in means of the first.
    pub(super) fn together(sides: &[Self]) -> Option<Self> {
        let (first, rest) = sides.split_first()?;
        let start = Self {
            propensity: 1.0,
            ..*first
        };
        Some(rest.iter().fold(start, |sum, side| Self {
            n: sum.n + side.n,
            y: sum.y + side.y,
            yy: sum.yy + side.yy,
            x: sum.x + side.x,
            xx: sum.xx + side.xx,
            xy: sum.xy + side.xy,
            ..sum
        }))
    }

    /// The sums of (y − ratio·x + constant)·scale.
    fn cell(&self, line: Line, center: f64) -> adaptive::Cell {
        let Line {
            ratio,
            constant,
            scale,
        } = line;
        let sum = self.y - ratio * self.x;
        let squares = self.yy - 2.0 * ratio * self.xy + ratio * ratio * self.xx;
        adaptive::Cell {
            n: self.n,
            sum: scale * (sum + self.n * constant),
            squares: scale
                * scale
                * (squares + 2.0 * constant * sum + self.n * constant * constant),
            propensity: self.propensity,
            plug_in: scale * (self.plug_in[0] - ratio * self.plug_in[1] + constant),
            covariate: Known {
                sum: self.x - self.n * center,
                squares: self.xx - 2.0 * center * self.x + self.n * center * center,
                product: self.xy - center * self.y,
            },
        }
    }
}

/// What is analysed of a visitor: (y − ratio·x + constant)·scale.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) ratio: f64,
    pub(super) constant: f64,
    pub(super) scale: f64,
}

pub(super) const ABOVE: Line = Line {
    ratio: 0.0,
    constant: 0.0,
    scale: 1.0,
};

impl Drawn {
    pub(super) fn epoch(&self, control: Line, treatment: Line) -> adaptive::Epoch {
        let History {
            slope,
            center,
            sum,
            squares,
        } = self.history;
        adaptive::Epoch {
            visitors: self.visitors,
            covariate: Covariate {
                slope,
                sum,
                squares,
            },
            control: self.control.cell(control, center),
            treatment: self.treatment.cell(treatment, center),
        }
    }

    /// What is known of the values above the line: of control, treatment and all arms so many visitors had an event. Sums
    /// are kept about a pivot; without one, as for ratios, arms are not compared.
    pub(super) fn values(&self, events: [f64; 3], pivot: Option<f64>) -> Values {
        let sum = |side: Side| pivot.map_or(0.0, |pivot| side.y + pivot * side.n);
        Values {
            all: self.all.cell(ABOVE, self.history.center),
            events,
            sums: [self.control, self.treatment, self.all].map(sum),
        }
    }

    /// The same with x above the line.
    pub(super) fn turned(&self) -> Self {
        let turn = |side: Side| Side {
            y: side.x,
            yy: side.xx,
            plug_in: [side.plug_in[1], 0.0],
            ..side
        };
        Self {
            control: turn(self.control),
            treatment: turn(self.treatment),
            ..*self
        }
    }

    /// The treatment's share of the two propensities.
    pub(super) fn share(&self) -> f64 {
        self.treatment.propensity / (self.treatment.propensity + self.control.propensity)
    }

    /// Whether the plug-in follows a covariate.
    pub(super) fn is_adjusted(&self) -> bool {
        self.history.slope.abs() > 0.0
    }

    /// The same without what is known from before.
    pub(super) fn unadjusted(&self) -> Self {
        Self {
            history: History::default(),
            ..*self
        }
    }
}
