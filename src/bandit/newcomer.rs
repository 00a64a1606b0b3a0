//! How a variant that joins a bandit that has learned gets its traffic.
//!
//! A variant without data has a posterior as wide as its prior: beside variants that convert at 3 % it is the best with 97 %,
//! and Thompson sampling would hand it almost all traffic. Starting all over with the configured weights would throw away
//! what the others have learned. So a newcomer climbs a ramp: it gets at most half of an equal share at first and one and a
//! half at the end, growing with its evidence; the others keep their proportions. Below `burn_in` visitors it gets
//! just that, since nothing is known of it; then what its probability to be the best asks for, up to that.
//!
//! The ramp ends with 1,000 visitors or, where conversions are rare, with as many as bring 20 at the rate of all variants:
//! from then on its posterior is about as wide as its rate (statistics R10), and its share is its own. Visitors count, not
//! its conversions, so luck at the start does not change the climb.

use super::name;
use super::target::{Evidence, Situation};
use crate::allocation::Arm;

/// Visitors that end the ramp.
const VISITORS: f64 = 1_000.0;
/// Conversions, or orders of equal value, that so many visitors bring at least.
const EVENTS: f64 = 20.0;
/// The first and the last share of the ramp, in equal shares.
const RAMP: (f64, f64) = (0.5, 1.5);

/// Whether the variant was among those with which the bandit first decided, or is before that.
pub(super) fn is_founder(situation: Situation<'_>, arm: Arm) -> bool {
    let mut epochs = situation.entry.epochs.iter();
    let first = epochs.find(|epoch| !epoch.receipt.beliefs.is_empty());
    let listed =
        |arm| first.is_none_or(|first| first.receipt.beliefs.iter().any(|of| of.arm == arm));
    // Where all have been replaced, all begin again.
    listed(arm) || is_anew(situation, listed)
}

/// Whether nobody live is past the beginning.
fn is_anew(situation: Situation<'_>, listed: impl Fn(Arm) -> bool) -> bool {
    let mut arms = situation.arms.iter();
    arms.all(|seen| !listed(seen.arm) && climbed(situation, seen) < 1.0)
}

/// How much of the ramp a variant has climbed.
fn climbed(situation: Situation<'_>, seen: &Evidence) -> f64 {
    let sum = |of: fn(&Evidence) -> f64| situation.arms.iter().map(of).sum::<f64>();
    let visitors = sum(|seen| seen.visitors() as f64);
    let per_visitor = if visitors > 0.0 {
        sum(Evidence::events) / visitors
    } else {
        0.0
    };
    let own = seen.visitors() as f64;
    (own / VISITORS).min(own * per_visitor / EVENTS)
}

/// The most that each live variant gets while it is on its ramp.
pub(super) fn ramps(situation: Situation<'_>) -> Vec<Option<f64>> {
    let equal = 1.0 / situation.arms.len().max(1) as f64;
    let ramp = |seen: &Evidence| {
        let climbed = climbed(situation, seen);
        let is_new = climbed < 1.0 && !is_founder(situation, seen.arm);
        is_new.then_some((RAMP.0 + (RAMP.1 - RAMP.0) * climbed) * equal)
    };
    situation.arms.iter().map(ramp).collect()
}

/// What each newcomer takes, given the shares that the rule would give: together never so much that the others have less
/// than half of an equal share each.
pub(super) fn taken(
    situation: Situation<'_>,
    by_rule: &[f64],
    ramps: &[Option<f64>],
) -> Vec<Option<f64>> {
    let least = situation.bandit.burn_in;
    let take = |((seen, by_rule), ramp): ((&Evidence, &f64), &Option<f64>)| {
        ramp.map(|ramp| match seen.visitors() {
            few if few < least => ramp,
            _ => ramp.min(*by_rule),
        })
    };
    let arms = situation.arms.iter().zip(by_rule).zip(ramps);
    let taken: Vec<Option<f64>> = arms.map(take).collect();
    let others = ramps.iter().filter(|ramp| ramp.is_none()).count() as f64;
    let room = 1.0 - RAMP.0 * others / ramps.len().max(1) as f64;
    let together: f64 = taken.iter().flatten().sum();
    let scale = if together > room {
        room / together
    } else {
        1.0
    };
    taken
        .into_iter()
        .map(|taken| Some(taken? * scale))
        .collect()
}

/// What is to be said about newcomers.
pub(super) fn said(situation: Situation<'_>, ramps: &[Option<f64>]) -> String {
    let say = |(seen, ramp): (&Evidence, &Option<f64>)| {
        let most = (*ramp)? * 100.0;
        let (key, visitors) = (name(&situation.entry.experiment, seen.arm), seen.visitors());
        Some(format!(
            " {key} is new and gets at most {most:.1} % for now, after {visitors} visitors."
        ))
    };
    situation.arms.iter().zip(ramps).filter_map(say).collect()
}
