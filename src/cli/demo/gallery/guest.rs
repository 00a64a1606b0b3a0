//! A visitor of the gallery. Pure: the same seed and number give the same visitor.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Exp1, StandardNormal};

use super::cast::{DAYS, Deed, Visit};
use crate::cli::demo::shop::{COUNTRIES, DEVICES, pick};
use crate::time::DAY_MS;

const HOUR_MS: i64 = DAY_MS / 24;
/// How many more visitors come at the weekend: days 2 and 3 of each week, as of a Thursday.
const WEEKEND: f64 = 1.35;
/// The share of orders that are sent back, and after how many days.
const SENT_BACK: (f64, f64) = (0.08, 6.0);
/// Median of the revenue of an order, and the spread of its logarithm.
const MEDIAN: f64 = 48.0;
const SPREAD: f64 = 0.7;

/// Somebody who visits once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Guest {
    /// When, in milliseconds of the play.
    pub(super) arrives: i64,
    /// Where from.
    pub(super) country: &'static str,
    /// With what.
    pub(super) device: &'static str,
    /// What is paid if anything is ordered.
    pub(super) revenue: f64,
    /// How long after the order it is sent back, if it is.
    pub(super) sent_back: Option<i64>,
    /// Above these draws the visitor does things.
    reluctance: [f64; 4],
    /// How long after the visit.
    delays: [i64; 4],
    readiness: f64,
    telling: f64,
}

impl Guest {
    /// Visitor `number` of `of`.
    pub(super) fn new(seed: u64, number: u32, of: u32) -> Self {
        let own = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(number);
        let mut rng = StdRng::seed_from_u64(own);
        let place = (f64::from(number) + rng.random::<f64>()) / f64::from(of.max(1));
        let country = pick(rng.random(), COUNTRIES.iter().map(|row| (row.0, row.1)));
        let chosen = pick(rng.random(), DEVICES.iter().map(|row| (row, row.1)));
        let (device, _, readiness) = chosen.copied().unwrap_or(DEVICES[0]);
        let size: f64 = rng.sample(StandardNormal);
        let wait = |rng: &mut StdRng, (mean, most): (u32, u32)| {
            let rest: f64 = rng.sample(Exp1);
            millis((rest * f64::from(mean) + 0.05).min(f64::from(most)))
        };
        Self {
            arrives: arrival(place),
            country: country.unwrap_or_default(),
            device,
            revenue: (MEDIAN * (SPREAD * size).exp() * 100.0).round() / 100.0,
            sent_back: rng.random_bool(SENT_BACK.0).then(|| {
                let rest: f64 = rng.sample(Exp1);
                millis(24.0 + 24.0 * SENT_BACK.1 * rest)
            }),
            reluctance: Deed::ALL.map(|_| rng.random()),
            delays: Deed::ALL.map(|deed| wait(&mut rng, deed.hours())),
            readiness,
            telling: rng.random(),
        }
    }

    /// What the visitor does after a visit, and how many milliseconds later.
    pub(super) fn deeds(&self, visit: &Visit<'_>) -> impl Iterator<Item = (Deed, i64)> {
        let each = Deed::ALL.into_iter().zip(self.reluctance).zip(self.delays);
        each.filter_map(|((deed, reluctance), delay)| {
            let readiness = match deed {
                Deed::Orders => self.readiness,
                Deed::Adds | Deed::Subscribes | Deed::Asks => 1.0,
            };
            let chance = deed.base() * readiness * visit.factor(deed);
            (reluctance < chance).then_some((deed, delay))
        })
    }

    /// Whether the page tells that the visitor saw a variant.
    pub(super) fn tells(&self, visit: &Visit<'_>, variant: (&str, &str)) -> bool {
        self.telling >= visit.loss(variant)
    }
}

/// The time at which such a share of all visitors has come.
fn arrival(place: f64) -> i64 {
    let busy = |day: u32| {
        if matches!(day % 7, 2 | 3) {
            WEEKEND
        } else {
            1.0
        }
    };
    let mut left = place * (0..DAYS).map(busy).sum::<f64>();
    for day in 0..DAYS {
        if left < busy(day) {
            return millis(24.0 * (f64::from(day) + left / busy(day)));
        }
        left -= busy(day);
    }
    i64::from(DAYS) * DAY_MS - 1
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "hours of some months, and the cast saturates"
)]
fn millis(hours: f64) -> i64 {
    (hours * HOUR_MS as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: u32 = 20_000;

    fn crowd() -> Vec<Guest> {
        (0..OF).map(|number| Guest::new(5, number, OF)).collect()
    }

    #[test]
    fn guests_come_in_order_on_every_day_and_more_of_them_at_weekends() {
        let crowd = crowd();
        assert_eq!(crowd[7], Guest::new(5, 7, OF));
        assert!(crowd.is_sorted_by_key(|guest| guest.arrives));
        let mut days = vec![0_u32; DAYS as usize];
        for guest in &crowd {
            days[usize::try_from(guest.arrives / DAY_MS).unwrap()] += 1;
        }
        assert!(days.iter().all(|visitors| *visitors > 250), "{days:?}");
        assert!(days[2] > days[1] + 50 && days[3] > days[4] + 50, "{days:?}");
    }

    #[test]
    fn shares_are_what_they_say() {
        let visit = Visit {
            variants: &[],
            device: "desktop",
            day: 0,
        };
        let crowd = crowd();
        for deed in Deed::ALL {
            let does = |guest: &&Guest| guest.deeds(&visit).any(|(of, _)| of == deed);
            let seen = crowd.iter().filter(does).count() as f64 / f64::from(OF);
            assert!((seen - deed.base()).abs() < 0.01, "{deed:?}: {seen}");
        }
        let telling = crowd.iter().filter(|of| of.tells(&visit, ("any", "other")));
        assert!(telling.count() > 19_400);
    }
}
