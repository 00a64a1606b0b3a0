//! What all personalization costs, and what it leaves: net gain, return and payback.
//!
//! Over the time from the first counted visitor's epoch (`since`) to the moment of the report, in the currency of one sum
//! metric (the goal if it is one, else the first sum), with N personalized visitors so far:
//!
//! | figure | formula | unit |
//! |---|---|---|
//! | gain | ±(policy − holdout) per visitor × N; minus where less of the metric is better | money |
//! | days | (as of − since) / 24 h | days |
//! | fixed costs | monthly cost × days / 30.4375 (a month is a twelfth of 365.25 days) | money |
//! | variant costs | Σ over visitors of all experiments since then: cost of their variant − cost of its control | money |
//! | costs | fixed costs + variant costs | money |
//! | net | gain − costs | money |
//! | ROI | net / costs | fraction |
//! | gain per day | ±(policy − holdout) per visitor × personalized visitors per day of late | money per day |
//! | payback | costs / gain per day | days |
//!
//! Costs and numbers of visitors are known, so every interval is that of the difference per visitor, moved and scaled:
//! the one for one planned look, and the one that holds however often one looks. Rewards that are still to come within
//! their window are no gain yet.
//!
//! The payback is how many days after its start personalization would have earned all its costs so far, had it always
//! earned what it does of late. It is told only where the gain is certainly positive, by the interval that holds at every
//! look if there is one. The variants of an experiment count where its amounts have the currency of the holdout's, or either
//! has none.

use std::collections::BTreeMap;

use super::table::cells::{money, signed_money};
use super::{Effect, HoldoutReport, Money, Payback, PolicyMetric, Profit, Range, Returns, Unpaid};
use crate::catalog::metric::{Direction, Role};
use crate::time::{Day, Timestamp};

/// Days of a month, on average.
const MONTH: f64 = 365.25 / 12.0;
/// Milliseconds of a day.
const DAY: f64 = 86_400_000.0;

/// What personalization costs.
#[derive(Debug, Clone, Copy)]
pub struct Costs<'a> {
    /// Fixed costs per month, at least 0, in the currency of the holdout's sums; `None`: they are not known.
    pub monthly: Option<f64>,
    /// What the variants of all experiments cost by day, as [`super::variant_costs`] has it.
    pub variants: &'a BTreeMap<Day, f64>,
    /// Experiments whose variants cost money of another currency, which is left out.
    pub foreign: u32,
}

/// When it is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The moment of the report.
    pub(super) as_of: Timestamp,
    /// The first day with a visitor who counts.
    pub(super) first: Day,
    /// The day of the report.
    pub(super) last: Day,
}

/// What personalization costs and leaves; `None` where no metric is money.
pub(super) fn profit(holdout: &HoldoutReport, costs: Costs<'_>, span: Span) -> Option<Profit> {
    let metric = of_money(&holdout.metrics)?;
    let days = (span.as_of.millis() - holdout.since.millis()).max(0) as f64 / DAY;
    let fixed = costs.monthly.map(|monthly| monthly * days / MONTH);
    let is_counted = |day: &Day| (span.first..=span.last).contains(day);
    let spent = costs.variants.iter().filter(|(day, _)| is_counted(day));
    let variant_costs: f64 = spent.map(|(_, cost)| cost).sum();
    let total = fixed.unwrap_or(0.0) + variant_costs;
    let sign = match metric.direction {
        Direction::Increase => 1.0,
        Direction::Decrease => -1.0,
    };
    let gain = metric.so_far.as_ref().map(|of| of.scaled(sign, 0.0));
    let net = gain.as_ref().map(|gain| gain.scaled(1.0, -total));
    let returns = net.as_ref().filter(|_| total > 0.0).map(|net| {
        let part = net.scaled(1.0 / total, 0.0);
        Returns {
            roi: part.amount,
            always_valid: part.always_valid,
        }
    });
    let per_day = metric.per_day.as_ref().map(|of| of.scaled(sign, 0.0));
    let payback = payback(gain.as_ref(), per_day.as_ref(), total);
    let mut profit = Profit {
        metric: metric.key.clone(),
        days,
        gain,
        monthly_cost: costs.monthly,
        fixed_costs: fixed,
        variant_costs,
        costs: total,
        foreign_experiments: costs.foreign,
        net,
        returns,
        unpaid: payback.err(),
        payback: payback.ok(),
        sentence: String::new(),
    };
    profit.sentence = sentence(&profit, currency(metric));
    Some(profit)
}

fn currency(metric: &PolicyMetric) -> Option<&str> {
    let of = metric.so_far.as_ref().or(metric.per_day.as_ref())?;
    of.currency.as_deref()
}

/// The metric whose money it is.
fn of_money(metrics: &[PolicyMetric]) -> Option<&PolicyMetric> {
    let sums = || metrics.iter().filter(|metric| metric.kind == "sum");
    let goal = sums().find(|metric| metric.role == Role::Goal);
    goal.or_else(|| sums().next())
}

/// How many days of the present gain pay for all costs so far, or why that is not told.
fn payback(gain: Option<&Money>, per_day: Option<&Money>, costs: f64) -> Result<Payback, Unpaid> {
    if costs <= 0.0 {
        return Err(Unpaid::NoCosts);
    }
    gain.ok_or(Unpaid::NoGain)?;
    let per_day = per_day.ok_or(Unpaid::NoRate)?;
    let range = per_day.trusted().ok_or(Unpaid::Uncertain)?;
    if range.high <= 0.0 || per_day.amount.estimate <= 0.0 {
        return Err(Unpaid::NotPositive);
    }
    if range.low <= 0.0 {
        return Err(Unpaid::Uncertain);
    }
    Ok(Payback {
        days: costs / per_day.amount.estimate,
        low: costs / range.high,
        high: costs / range.low,
    })
}

impl Money {
    /// × `by`, and so much more.
    fn scaled(&self, by: f64, more: f64) -> Self {
        let Effect {
            estimate,
            low,
            high,
        } = self.amount;
        let at = |value: f64| value * by + more;
        let (low, high) = (low.map(at), high.map(at));
        let (low, high) = if by < 0.0 { (high, low) } else { (low, high) };
        let always_valid = self.always_valid.map(|range| {
            let (one, other) = (at(range.low), at(range.high));
            Range {
                low: one.min(other),
                high: one.max(other),
            }
        });
        Self {
            currency: self.currency.clone(),
            amount: Effect {
                estimate: at(estimate),
                low,
                high,
            },
            always_valid,
        }
    }

    /// The interval to decide by: what holds at every look, else what holds at one that was planned.
    fn trusted(&self) -> Option<Range> {
        let Effect { low, high, .. } = self.amount;
        let planned = low.zip(high).map(|(low, high)| Range { low, high });
        self.always_valid.or(planned)
    }
}

/// The same in plain words.
fn sentence(profit: &Profit, currency: Option<&str>) -> String {
    let days = in_days(profit.days);
    let costs = money(profit.costs, currency);
    let result = match (&profit.gain, &profit.net) {
        (Some(gain), Some(net)) => {
            let range = gain.trusted().map_or_else(String::new, |range| {
                let (low, high) = (range.low, range.high);
                let (low, high) = (signed_money(low, currency), signed_money(high, currency));
                format!(" (between {low} and {high})")
            });
            let gain = signed_money(gain.amount.estimate, currency);
            let net = signed_money(net.amount.estimate, currency);
            format!("In {days} personalization brought {gain}{range} and cost {costs}: {net} net.")
        }
        (None, _) | (_, None) => {
            format!("In {days} personalization cost {costs}; what it brought can not be told yet.")
        }
    };
    let payback = match (&profit.payback, profit.unpaid) {
        (Some(payback), _) => format!(
            " At the present rate all costs so far are earned within {} of the start.",
            in_days(payback.days.ceil())
        ),
        (None, Some(unpaid)) => format!(" {}", unpaid.explain()),
        (None, None) => String::new(),
    };
    result + &payback
}

fn in_days(days: f64) -> String {
    let days = format!("{days:.0} days");
    if days == "1 days" {
        "1 day".to_owned()
    } else {
        days
    }
}

impl Unpaid {
    /// The same in a sentence.
    pub fn explain(self) -> &'static str {
        match self {
            Self::NoCosts => "No costs are known, so there is nothing to pay back.",
            Self::NoGain => "Without a difference to the holdout there is no payback to tell.",
            Self::NoRate => "The present rate is not known yet, so no payback is told.",
            Self::Uncertain => "The interval of the gain includes none, so no payback is told.",
            Self::NotPositive => "It earns nothing that could pay for its costs.",
        }
    }
}
