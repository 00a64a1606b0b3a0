//! The hurdle model of revenue: whether a visitor orders at all, times what an order is worth.
//!
//! Both parts are shrunk towards what all arms have in common by as many pseudo-orders, so that neither decides alone. The
//! mean order value is normal by the central limit theorem, whatever the values' law, with the variance within arms pooled
//! over all of them: an arm with two equal orders is not certain, and one without any has the common mean.
//!
//! # The product
//! In logarithms the parts add and so do their covariances. Where a cost is to be subtracted, or where refunds leave a mean
//! that has no logarithm, the values λ·r·v themselves are taken as normal, by the delta method.

use super::cohort::{Cohort, LogRates};

/// How many orders per arm the prior is worth.
pub const PSEUDO_ORDERS: f64 = 40.0;

/// Visitors of an epoch that never was.
const PSEUDO_VISITORS: f64 = 1e9;

/// What the visitors of an arm with any order spent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// How many visitors ordered.
    pub orders: f64,
    /// Σ of what each spent.
    pub total: f64,
    /// Σ of the squares.
    pub squares: f64,
}

/// The normal posterior of an arm's mean order value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderValue {
    /// Its mean.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// The posterior of the arms' values per visitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Of the rates around their common level.
    pub rates: LogRates,
    /// The rate of an arm whose log rate is 0.
    pub level: f64,
    /// The variance of the level's logarithm.
    pub level_variance: f64,
    /// Of the orders, by arm.
    pub orders: Vec<OrderValue>,
}

/// The posterior of the arms' mean order values. The prior of the variance is one more order that is off by the mean, so a
/// first few equal orders are not certain. `None` where there is no order.
pub fn order_values(arms: &[Spent]) -> Option<Vec<OrderValue>> {
    let sum = |of: fn(&Spent) -> f64| arms.iter().map(of).sum::<f64>();
    let (orders, total) = (sum(|arm| arm.orders), sum(|arm| arm.total));
    if orders <= 0.0 {
        return None;
    }
    let mean = total / orders;
    let within = |arm: &Spent| {
        if arm.orders > 0.0 {
            (arm.squares - arm.total * arm.total / arm.orders).max(0.0)
        } else {
            0.0
        }
    };
    let means = arms.iter().filter(|arm| arm.orders > 0.0).count() as f64;
    let freedom = 1.0 + (orders - means).max(0.0);
    let variance = (mean * mean + arms.iter().map(within).sum::<f64>()) / freedom;
    let value = |arm: &Spent| OrderValue {
        mean: (PSEUDO_ORDERS * mean + arm.total) / (PSEUDO_ORDERS + arm.orders),
        variance: variance / (PSEUDO_ORDERS + arm.orders),
    };
    let values: Vec<OrderValue> = arms.iter().map(value).collect();
    let is_finite = |value: &OrderValue| value.mean.is_finite() && value.variance.is_finite();
    values.iter().all(is_finite).then_some(values)
}

/// The prior of the rates as an epoch in which every arm had [`PSEUDO_ORDERS`] from as many visitors.
pub fn pseudo_epoch(arms: usize) -> Cohort {
    Cohort {
        visitors: vec![PSEUDO_VISITORS; arms],
        converted: vec![PSEUDO_ORDERS; arms],
        weight: 1.0,
        reached: 1.0,
    }
}

impl Values {
    /// Mean and covariance of the arms' values per visitor, by the delta method.
    pub fn per_visitor(&self) -> LogRates {
        let mean: Vec<f64> = self.rates_and_orders().map(|(r, v)| r * v.mean).collect();
        let own: Vec<f64> = self
            .rates_and_orders()
            .map(|(r, v)| r * r * v.variance)
            .collect();
        let around = centred(&self.rates.covariance);
        let covariance = |i: usize, j: usize| {
            let common = around[i][j] + self.level_variance;
            mean[i] * mean[j] * common + if i == j { own[i] } else { 0.0 }
        };
        let arms = mean.len();
        let row = |i| (0..arms).map(|j| covariance(i, j)).collect();
        let covariance = (0..arms).map(row).collect();
        LogRates { mean, covariance }
    }

    /// The probability by arm that `sign` times its value per visitor, less its cost, is the largest.
    pub fn prob_best(&self, sign: f64, costs: &[f64]) -> Vec<f64> {
        let largest = costs.iter().copied().fold(f64::MIN, f64::max);
        let differ = costs.iter().any(|cost| *cost < largest);
        let mut values = if !differ && self.orders.iter().all(|value| value.mean > 0.0) {
            self.logarithms()
        } else {
            self.per_visitor()
        };
        for (mean, cost) in values.mean.iter_mut().zip(costs) {
            *mean = sign * *mean - if differ { *cost } else { 0.0 };
        }
        values.prob_best()
    }

    /// Mean and covariance of the logarithms, for orders with positive means.
    fn logarithms(&self) -> LogRates {
        let mut sum = self.rates.clone();
        for (arm, value) in self.orders.iter().enumerate() {
            sum.mean[arm] += value.mean.ln();
            sum.covariance[arm][arm] += value.variance / (value.mean * value.mean);
        }
        sum
    }

    fn rates_and_orders(&self) -> impl Iterator<Item = (f64, &OrderValue)> {
        let rates = self.rates.mean.iter().map(|log| self.level * log.exp());
        rates.zip(&self.orders)
    }
}

/// The covariance of the differences from the common level, which is known apart from them.
fn centred(covariance: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let arms = covariance.len().max(1) as f64;
    let rows: Vec<f64> = covariance
        .iter()
        .map(|row| row.iter().sum::<f64>() / arms)
        .collect();
    let all = rows.iter().sum::<f64>() / arms;
    let row = |(row, own): (&Vec<f64>, &f64)| {
        let pairs = row.iter().zip(&rows);
        pairs.map(|(c, other)| c - own - other + all).collect()
    };
    covariance.iter().zip(&rows).map(row).collect()
}

#[cfg(test)]
mod tests;
