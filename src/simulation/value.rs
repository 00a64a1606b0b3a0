//! What orders are worth.

use crate::posterior::normal::quantile;

/// The law of an order's value, in currency units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderValue {
    /// Its shape.
    pub law: Law,
    /// Its mean, without wholesale orders.
    pub mean: f64,
    /// Share of wholesale orders, whose value is multiplied by `wholesale_factor`.
    pub wholesale: f64,
    /// What wholesale multiplies a value by.
    pub wholesale_factor: f64,
}

/// Shapes of a law of positive values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// Every order is worth the mean.
    Constant,
    /// Log-normal with this σ of the logarithm.
    Lognormal(f64),
    /// Weibull with this shape: below 1 a long tail of small and large values, well above 1 a bell.
    Weibull(f64),
}

impl OrderValue {
    /// One unit of currency each.
    pub(super) const UNIT: Self = Self {
        law: Law::Constant,
        mean: 1.0,
        wholesale: 0.0,
        wholesale_factor: 1.0,
    };

    /// The mean, wholesale included.
    pub fn mean(&self) -> f64 {
        self.mean * (1.0 + self.wholesale * (self.wholesale_factor - 1.0))
    }

    /// The value at a uniform draw in (0, 1); `bulk`, another one, decides about wholesale.
    pub fn at(&self, uniform: f64, bulk: f64) -> f64 {
        let plain = match self.law {
            Law::Constant => self.mean,
            Law::Lognormal(sigma) => {
                self.mean * (sigma * quantile(uniform) - 0.5 * sigma * sigma).exp()
            }
            Law::Weibull(shape) => {
                let scale = self.mean / statrs::function::gamma::gamma(1.0 + 1.0 / shape);
                scale * (-(-uniform).ln_1p()).powf(1.0 / shape)
            }
        };
        if bulk < self.wholesale {
            plain * self.wholesale_factor
        } else {
            plain
        }
    }
}
