//! Revenue: the rate of orders, compared within epochs, times what an order is worth.

use super::super::super::target::Situation;
use super::super::Modelled;
use super::sums::{self, Seen, Sums};
use super::{costs, estimates, said_of, unknown};
use crate::posterior::cohort::{self, Cohort};
use crate::posterior::hurdle::{PSEUDO_ORDERS, Spent, Values, order_values, pseudo_epoch};

/// What the model makes of the orders.
pub(super) fn modelled(situation: Situation<'_>) -> Modelled {
    let arms = situation.arms.len();
    let epochs = sums::by_epoch(situation);
    let spent: Vec<Spent> = sums::total(&epochs, arms)
        .iter()
        .map(|sum| sum.spent)
        .collect();
    let Some(orders) = order_values(&spent) else {
        return Modelled {
            arms: unknown(situation),
            said: " There is no order yet.".to_owned(),
            ratios: Vec::new(),
        };
    };
    let mut cohorts: Vec<Cohort> = epochs.iter().map(cohort).collect();
    cohorts.insert(0, pseudo_epoch(arms));
    let rates = cohort::posterior(arms, &cohorts);
    let (level, level_variance) = sums::level(&rates, &cohorts[1..]);
    let said = said(&spent, &rates.mean);
    let values = Values {
        rates,
        level,
        level_variance,
        orders,
    };
    let costs = costs(situation);
    Modelled {
        arms: estimates(situation, &values, &costs),
        said: said + &said_of(&costs),
        ratios: Vec::new(),
    }
}

fn cohort(epoch: &Seen) -> Cohort {
    let by = |of: fn(&Sums) -> f64| epoch.arms.iter().map(of).collect();
    Cohort {
        visitors: by(|sum| sum.n),
        converted: by(|sum| sum.spent.orders),
        weight: epoch.weight,
        reached: 1.0,
    }
}

fn said(spent: &[Spent], rates: &[f64]) -> String {
    let part = |(spent, rate): (&Spent, &f64)| {
        let (orders, value) = (spent.orders, spent.total / spent.orders.max(1.0));
        format!("{orders:.0} × {value:.2} (rate ×{:.3})", rate.exp())
    };
    let parts: Vec<String> = spent.iter().zip(rates).map(part).collect();
    format!(
        " Orders and their capped mean value: {}; rates compared within epochs, both shrunk by {PSEUDO_ORDERS} orders.",
        parts.join(", ")
    )
}
