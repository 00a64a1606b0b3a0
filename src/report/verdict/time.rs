//! How long until the headline decides, if the effect is what it seems and traffic stays as it is.

use super::{Facts, Rival};
use crate::report::{ALPHA, Evidence, MetricReport};
use crate::stats::sequence::{self, msprt, odds};

/// Longer forecasts are not worth a number.
const MAX_DAYS: f64 = 90.0;

/// Days until the smaller arm has so many orders.
pub(super) fn until_enough(facts: &Facts<'_>, rival: &Rival<'_>, needed: f64) -> Option<u32> {
    let orders = rival.with.orders.filter(|orders| *orders > 0.0)?;
    days(facts, (needed / orders).max(1.0))
}

/// Days until the interval excludes no difference.
pub(super) fn until_decided(
    facts: &Facts<'_>,
    goal: &MetricReport,
    rival: &Rival<'_>,
) -> Option<u32> {
    let (effect, error) = (rival.with.absolute?.estimate, rival.with.std_error?);
    let alpha = ALPHA / goal.comparisons.len().max(1) as f64;
    let by_odds = rival
        .headline
        .is_some_and(|headline| headline.evidence == Evidence::ConversionOdds);
    if by_odds {
        let lift = rival.with.relative?.estimate;
        let control = effect / lift;
        // Of ln ρ among the converted visitors: as of the rates, but for the visitors who did not convert.
        let variance = error * error / (control * (control + effect) * (1.0 - control));
        let (log_ratio, spread) = (lift.ln_1p(), odds::SPREAD * odds::SPREAD);
        let decides =
            |factor: f64| msprt::log_e(log_ratio, variance / factor, spread) >= -alpha.ln();
        return days(facts, smallest(facts, decides)?);
    }
    let visitors = visitors(facts);
    let decides = |factor: f64| {
        let information = sequence::tuning(alpha) * visitors * factor / sequence::PLANNED;
        sequence::critical(information, alpha) <= (effect / error).abs() * factor.sqrt()
    };
    days(facts, smallest(facts, decides)?)
}

fn visitors(facts: &Facts<'_>) -> f64 {
    let question = facts.question;
    let counts = question.cells.analysed(question.until);
    counts.values().sum::<i64>() as f64
}

/// Days of traffic like that of late which all visitors so far amount to.
fn elapsed(facts: &Facts<'_>) -> Option<f64> {
    let question = facts.question;
    let per_day = question.per_day()?;
    (per_day > 0.0).then(|| visitors(facts) / per_day)
}

/// Days until there are so many times the visitors.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 90, and a cast saturates"
)]
fn days(facts: &Facts<'_>, factor: f64) -> Option<u32> {
    let days = (factor - 1.0) * elapsed(facts)?;
    (days <= MAX_DAYS).then(|| days.ceil().max(1.0) as u32)
}

/// The smallest multiple of the visitors that decides, up to the longest forecast.
fn smallest(facts: &Facts<'_>, decides: impl Fn(f64) -> bool) -> Option<f64> {
    let mut high = 1.0 + MAX_DAYS / elapsed(facts)?;
    if !decides(high) {
        return None;
    }
    let mut low = 1.0;
    while high - low > 1e-3 * high {
        let middle = 0.5 * (low + high);
        if decides(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
