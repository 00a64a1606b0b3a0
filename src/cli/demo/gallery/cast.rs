//! What the gallery plays: its experiments, what becomes of them on which day, and what their variants truly do.

use std::ops::Range;

/// Days that are played.
pub(super) const DAYS: u32 = 60;
/// All the time there is.
const ALWAYS: Range<u32> = 0..u32::MAX;

/// An experiment of the gallery.
pub(super) struct Part {
    /// Its key.
    pub(super) key: &'static str,
    /// Its definition as TOML.
    pub(super) definition: &'static str,
    /// What is done with it, by day.
    pub(super) acts: &'static [(u32, Act)],
}

/// What is done with an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// It starts.
    Start,
    /// It is paused.
    Pause,
    /// It is concluded: everybody gets this variant.
    Conclude(&'static str),
}

/// Something that a visitor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// Puts a product into the cart.
    Adds,
    /// Subscribes to the newsletter.
    Subscribes,
    /// Orders.
    Orders,
    /// Asks for help.
    Asks,
}

impl Deed {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Adds, Self::Subscribes, Self::Orders, Self::Asks];

    /// The name of its event.
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::Adds => "Product Added",
            Self::Subscribes => "Newsletter Subscribed",
            Self::Orders => "Order Completed",
            Self::Asks => "Support Contacted",
        }
    }

    /// The share of visitors who do it where nothing is tried.
    pub(super) const fn base(self) -> f64 {
        match self {
            Self::Adds => 0.30,
            Self::Subscribes => 0.15,
            Self::Orders => 0.10,
            Self::Asks => 0.06,
        }
    }

    /// How many hours after the visit, on average and at most.
    pub(super) const fn hours(self) -> (u32, u32) {
        match self {
            Self::Adds | Self::Subscribes => (1, 3),
            Self::Orders => (6, 48),
            Self::Asks => (24, 96),
        }
    }
}

/// What a variant does to the chance of a deed.
struct Effect {
    experiment: &'static str,
    variant: &'static str,
    deed: Deed,
    factor: f64,
    /// On these days.
    days: Range<u32>,
    /// With this device; absent: with any.
    device: Option<&'static str>,
}

impl Effect {
    const fn of(experiment: &'static str, variant: &'static str, deed: Deed, factor: f64) -> Self {
        Self {
            experiment,
            variant,
            deed,
            factor,
            days: ALWAYS,
            device: None,
        }
    }

    const fn on(self, device: &'static str) -> Self {
        Self {
            device: Some(device),
            ..self
        }
    }

    const fn during(self, days: Range<u32>) -> Self {
        Self { days, ..self }
    }
}

/// The day on which the winter sale ends.
const SALE_ENDS: u32 = 30;
/// The share of visitors with the reorder screen on a phone who never tell that they saw it, and of all others.
const LOST: (f64, f64) = (0.25, 0.02);

pub(super) const PARTS: [Part; 9] = [
    Part {
        key: "express-checkout",
        definition: include_str!("express-checkout.toml"),
        acts: &[(0, Act::Start)],
    },
    Part {
        key: "countdown",
        definition: include_str!("countdown.toml"),
        acts: &[(21, Act::Start)],
    },
    Part {
        key: "badge-colour",
        definition: include_str!("badge-colour.toml"),
        acts: &[(7, Act::Start)],
    },
    Part {
        key: "app-reorder",
        definition: include_str!("app-reorder.toml"),
        acts: &[(14, Act::Start)],
    },
    Part {
        key: "cart-incentive",
        definition: include_str!("cart-incentive.toml"),
        acts: &[(0, Act::Start)],
    },
    Part {
        key: "newsletter-offer",
        definition: include_str!("newsletter-offer.toml"),
        acts: &[(0, Act::Start)],
    },
    Part {
        key: "loyalty-teaser",
        definition: include_str!("loyalty-teaser.toml"),
        acts: &[],
    },
    Part {
        key: "search-suggestions",
        definition: include_str!("search-suggestions.toml"),
        acts: &[(3, Act::Start), (17, Act::Pause)],
    },
    Part {
        key: "trust-seals",
        definition: include_str!("trust-seals.toml"),
        acts: &[(0, Act::Start), (28, Act::Conclude("seals"))],
    },
];

const EFFECTS: [Effect; 14] = [
    Effect::of("express-checkout", "express", Deed::Orders, 1.45).on("mobile"),
    Effect::of("express-checkout", "express", Deed::Orders, 1.2).on("desktop"),
    Effect::of("countdown", "countdown", Deed::Adds, 0.82),
    Effect::of("countdown", "countdown", Deed::Asks, 1.9),
    Effect::of("app-reorder", "reorder", Deed::Orders, 1.1),
    Effect::of("cart-incentive", "low-stock", Deed::Orders, 0.92),
    Effect::of("cart-incentive", "free-shipping", Deed::Orders, 1.5),
    Effect::of("cart-incentive", "easy-returns", Deed::Orders, 1.1),
    Effect::of("newsletter-offer", "winter-sale", Deed::Subscribes, 1.5).during(0..SALE_ENDS),
    Effect::of("newsletter-offer", "winter-sale", Deed::Subscribes, 0.7).during(SALE_ENDS..DAYS),
    Effect::of("newsletter-offer", "voucher", Deed::Subscribes, 0.9).during(0..SALE_ENDS),
    Effect::of("newsletter-offer", "voucher", Deed::Subscribes, 1.4).during(SALE_ENDS..DAYS),
    Effect::of("search-suggestions", "pictures", Deed::Adds, 1.04),
    Effect::of("trust-seals", "seals", Deed::Orders, 1.3),
];

/// A visit: what was decided for the visitor, with which device, on which day.
pub(super) struct Visit<'a> {
    /// Experiment and variant of each decision.
    pub(super) variants: &'a [(&'a str, &'a str)],
    /// The device.
    pub(super) device: &'a str,
    /// The day of the play, from 0.
    pub(super) day: u32,
}

impl Visit<'_> {
    /// How much more often than without any experiment the visitor does something.
    pub(super) fn factor(&self, deed: Deed) -> f64 {
        let applies = |of: &&Effect| {
            of.deed == deed
                && of.days.contains(&self.day)
                && of.device.is_none_or(|device| device == self.device)
                && self.variants.contains(&(of.experiment, of.variant))
        };
        let factors = EFFECTS.iter().filter(applies).map(|of| of.factor);
        factors.product()
    }

    /// The share of such visitors who never tell that they saw a variant.
    pub(super) fn loss(&self, variant: (&str, &str)) -> f64 {
        let is_broken = variant == ("app-reorder", "reorder") && self.device == "mobile";
        if is_broken { LOST.0 } else { LOST.1 }
    }
}

/// The experiments whose pages tell that a variant was seen.
pub(super) const TELLING: [&str; 2] = ["app-reorder", "express-checkout"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalog::experiment::Status;
    use crate::catalog::read_files;
    use crate::catalog::spec::Spec;

    fn specs() -> Vec<Spec> {
        let files = PARTS.map(|part| (format!("{}.toml", part.key), part.definition.to_owned()));
        let (specs, mistakes) = read_files(&files);
        assert_eq!(mistakes, []);
        specs.into_iter().map(|(_, spec)| spec).collect()
    }

    #[test]
    fn definitions_are_valid_drafts_under_their_keys() {
        for (spec, part) in specs().iter().zip(&PARTS) {
            assert_eq!((spec.key.as_str(), spec.status), (part.key, Status::Draft));
            let told = [&spec.name, &spec.hypothesis, &spec.owner, &spec.touchpoint];
            assert!(told.iter().all(|text| text.is_some()), "{}", part.key);
            assert!(spec.review.is_some(), "{}", part.key);
        }
    }

    #[test]
    fn whatever_acts_exists() {
        let specs = specs();
        let known: BTreeSet<(&str, &str)> = specs
            .iter()
            .flat_map(|spec| spec.variants.iter().map(|of| (&*spec.key, &*of.key)))
            .collect();
        let events: BTreeSet<&str> = specs
            .iter()
            .flat_map(|spec| spec.metrics.iter().filter_map(|of| of.event.as_deref()))
            .collect();
        for effect in &EFFECTS {
            assert!(known.contains(&(effect.experiment, effect.variant)));
        }
        assert!(Deed::ALL.iter().all(|deed| events.contains(deed.event())));
        for part in &PARTS {
            assert!(part.acts.iter().all(|(day, _)| *day < DAYS));
            for (_, act) in part.acts {
                match act {
                    Act::Conclude(winner) => assert!(known.contains(&(part.key, winner))),
                    Act::Start | Act::Pause => {}
                }
            }
        }
    }

    #[test]
    fn effects_multiply_on_their_days_and_devices() {
        let visit = |day, device| Visit {
            variants: &[
                ("trust-seals", "seals"),
                ("express-checkout", "express"),
                ("newsletter-offer", "winter-sale"),
            ],
            device,
            day,
        };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(visit(0, "mobile").factor(Deed::Orders), 1.3 * 1.45);
        close(visit(0, "desktop").factor(Deed::Orders), 1.3 * 1.2);
        close(visit(0, "mobile").factor(Deed::Adds), 1.0);
        close(visit(SALE_ENDS - 1, "mobile").factor(Deed::Subscribes), 1.5);
        close(visit(SALE_ENDS, "mobile").factor(Deed::Subscribes), 0.7);
    }
}
