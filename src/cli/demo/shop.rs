//! The shop of the demo: who comes, when, and what they do. Pure: the same seed and number give the same shopper.
//!
//! Shoppers arrive evenly over two weeks, come back within a day and a half, and order hours after the visit at which
//! they made up their mind. Whether they order depends on the variant they got: the rates are known, so that the demo can
//! say what the bandit was worth.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Exp1, StandardNormal};

const HOUR: u32 = 3_600_000;
/// How long new shoppers arrive, in milliseconds.
pub(super) const ARRIVALS: u32 = 14 * 24 * HOUR;
/// Longest time between a shopper's visits.
const LONGEST_GAP: u32 = 12 * HOUR;
/// Longest time between a visit and its order.
const LONGEST_DELAY: u32 = 24 * HOUR;
/// Most visits of a shopper.
const MOST_VISITS: u32 = 4;
/// When everything has happened.
pub(super) const END: u32 = ARRIVALS + (MOST_VISITS - 1) * LONGEST_GAP + LONGEST_DELAY;

/// The share of shoppers that order under the control of the experiment that is played.
const BASE: f64 = 0.06;
/// What its other variants do to that share, in their order; further ones repeat them.
const OTHERS: [f64; 3] = [1.4, 0.9, 1.15];
/// The share of visits with a product put into the cart.
const ADDS: f64 = 0.25;
/// What variants of the other examples do to an event.
const EFFECTS: [(&str, &str, &str, f64); 5] = [
    ("express-search", "on", ADDED, 1.15),
    ("product-badge", "bestseller", ADDED, 1.10),
    ("product-badge", "few-left", ADDED, 0.95),
    ("homepage-hero", "last-viewed", ORDERED, 1.10),
    ("checkout-steps", "one-page", ORDERED, 1.08),
];
/// Countries and their shares.
pub(super) const COUNTRIES: [(&str, f64); 5] = [
    ("DE", 0.45),
    ("AT", 0.15),
    ("CH", 0.10),
    ("FR", 0.15),
    ("NL", 0.15),
];
/// Devices, their shares, and how readily people order with them (1 on average).
pub(super) const DEVICES: [(&str, f64, f64); 2] = [("mobile", 0.6, 0.8), ("desktop", 0.4, 1.3)];
/// Median of the revenue of an order, and the spread of its logarithm.
const MEDIAN: f64 = 45.0;
const SPREAD: f64 = 0.9;

/// A product was put into the cart.
pub(super) const ADDED: &str = "Product Added";
/// An order was placed.
pub(super) const ORDERED: &str = "Order Completed";

/// The variant of each experiment that a shopper has.
pub(super) type Variants = BTreeMap<String, String>;

/// Somebody who comes to the shop.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shopper {
    /// Where from.
    pub(super) country: &'static str,
    /// With what.
    pub(super) device: &'static str,
    /// Whether they work here.
    pub(super) staff: bool,
    /// When they come, in milliseconds of the play.
    pub(super) visits: Vec<u32>,
    /// At which of the visits they make up their mind.
    pub(super) decides: usize,
    /// How long after that visit they order.
    pub(super) delay: u32,
    /// What they pay.
    pub(super) revenue: f64,
    readiness: f64,
    /// They order if their chance is above this.
    reluctance: f64,
    /// They put something into the cart at a visit if the chance is above this.
    restraint: Vec<f64>,
}

impl Shopper {
    /// Shopper `number` of `of`.
    pub(super) fn new(seed: u64, number: u32, of: u32) -> Self {
        let own = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(number);
        let mut rng = StdRng::seed_from_u64(own);
        let country = pick(rng.random(), COUNTRIES.iter().map(|row| (row.0, row.1)));
        let chosen = pick(rng.random(), DEVICES.iter().map(|row| (row, row.1)));
        let (device, _, readiness) = chosen.copied().unwrap_or(DEVICES[0]);
        let visits = visits(&mut rng, number, of);
        let restraint = visits.iter().map(|_| rng.random()).collect();
        let size: f64 = rng.sample(StandardNormal);
        Self {
            country: country.unwrap_or_default(),
            device,
            staff: rng.random_bool(0.01),
            decides: rng.random_range(0..visits.len()),
            delay: after(&mut rng, f64::from(3 * HOUR), LONGEST_DELAY),
            revenue: (MEDIAN * (SPREAD * size).exp() * 100.0).round() / 100.0,
            readiness,
            reluctance: rng.random(),
            restraint,
            visits,
        }
    }

    /// The chance that the shopper orders under a rate of the played experiment and variants of others.
    pub(super) fn chance(&self, rate: f64, variants: &Variants) -> f64 {
        (rate * self.readiness * lift(ORDERED, variants)).min(1.0)
    }

    /// Whether the shopper orders at such a chance.
    pub(super) fn orders(&self, chance: f64) -> bool {
        self.reluctance < chance
    }

    /// Whether the shopper puts something into the cart at a visit.
    pub(super) fn adds(&self, visit: usize, variants: &Variants) -> bool {
        let restraint = self.restraint.get(visit).copied().unwrap_or(1.0);
        restraint < ADDS * lift(ADDED, variants)
    }
}

/// The share of shoppers that order under each of so many variants.
pub(super) fn rates(variants: usize, control: usize) -> Vec<f64> {
    let mut others = OTHERS.iter().cycle();
    let mut effect = |variant| {
        if variant == control {
            1.0
        } else {
            others.next().copied().unwrap_or(1.0)
        }
    };
    (0..variants)
        .map(|variant| BASE * effect(variant))
        .collect()
}

/// What variants do to the chance of an event.
fn lift(event: &str, variants: &Variants) -> f64 {
    let applies = |(experiment, variant, on, _): &&(&str, &str, &str, f64)| {
        *on == event && variants.get(*experiment).is_some_and(|got| got == variant)
    };
    EFFECTS
        .iter()
        .filter(applies)
        .map(|effect| effect.3)
        .product()
}

pub(super) fn pick<T>(draw: f64, shares: impl Iterator<Item = (T, f64)>) -> Option<T> {
    let mut left = draw;
    let mut picked = None;
    for (value, share) in shares {
        picked = Some(value);
        left -= share;
        if left < 0.0 {
            break;
        }
    }
    picked
}

fn visits(rng: &mut StdRng, number: u32, of: u32) -> Vec<u32> {
    let place = (f64::from(number) + rng.random::<f64>()) / f64::from(of.max(1));
    let mut visits = vec![whole(place * f64::from(ARRIVALS))];
    while visits.len() < MOST_VISITS as usize && rng.random_bool(0.55) {
        let gap = after(rng, f64::from(5 * HOUR), LONGEST_GAP);
        let last = visits.last().copied().unwrap_or_default();
        visits.push(last + gap);
    }
    visits
}

/// A time of some minutes and an exponential rest, cut at the longest.
fn after(rng: &mut StdRng, mean: f64, longest: u32) -> u32 {
    let rest: f64 = rng.sample(Exp1);
    (HOUR / 12 + whole(rest * mean)).min(longest)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive, and the cast saturates"
)]
fn whole(millis: f64) -> u32 {
    (millis as u32).min(END)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: u32 = 20_000;

    fn crowd() -> impl Iterator<Item = Shopper> {
        (0..OF).map(|number| Shopper::new(7, number, OF))
    }

    #[test]
    fn seed_and_number_say_everything() {
        assert_eq!(Shopper::new(7, 11, OF), Shopper::new(7, 11, OF));
        assert_ne!(Shopper::new(7, 11, OF), Shopper::new(7, 12, OF));
        assert_ne!(Shopper::new(7, 11, OF), Shopper::new(8, 11, OF));
    }

    #[test]
    fn everything_happens_in_order_and_before_the_end() {
        let mut last = 0;
        for shopper in crowd() {
            assert!(shopper.visits[0] >= last);
            last = shopper.visits[0];
            assert!(shopper.visits.is_sorted());
            assert!(shopper.visits[shopper.decides] + shopper.delay <= END);
            assert!(shopper.revenue > 0.0);
        }
    }

    #[test]
    fn rates_are_what_they_say() {
        for (rate, expected) in rates(4, 0).into_iter().zip([0.06, 0.084, 0.054, 0.069]) {
            let orders = |shopper: &Shopper| shopper.orders(shopper.chance(rate, &Variants::new()));
            let seen = crowd().filter(orders).count() as f64 / f64::from(OF);
            assert!((seen - expected).abs() < 0.006, "{seen} for {expected}");
        }
    }

    #[test]
    fn the_control_has_the_base_rate_wherever_it_stands() {
        let in_percent = |rates: Vec<f64>| -> Vec<i64> {
            let percent = rates.iter().map(|rate| whole((rate * 10_000.0).round()));
            percent.map(i64::from).collect()
        };
        assert_eq!(in_percent(rates(3, 2)), [840, 540, 600]);
        assert_eq!(in_percent(rates(5, 0)), [600, 840, 540, 690, 840]);
    }

    #[test]
    fn other_experiments_matter_too() {
        let variants = Variants::from([("homepage-hero".into(), "last-viewed".into())]);
        assert!((lift(ORDERED, &variants) - 1.1).abs() < 1e-12);
        assert!((lift(ADDED, &variants) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn revenue_has_a_heavy_tail() {
        let mut paid: Vec<f64> = crowd().map(|shopper| shopper.revenue).collect();
        paid.sort_by(f64::total_cmp);
        let (median, high) = (paid[paid.len() / 2], paid[paid.len() * 99 / 100]);
        assert!((median - MEDIAN).abs() < 2.0, "{median}");
        assert!(high > 6.0 * median, "{high}");
    }
}
