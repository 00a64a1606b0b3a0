//! What starved arms vary by.

use super::*;
use crate::stats::adaptive::{Contrast, Covariate, Known};

/// Visitors of an arm at a propensity, of whom some spent the same.
fn cell(propensity: f64, n: f64, orders: f64, value: f64) -> Cell {
    Cell {
        n,
        sum: orders * value,
        squares: orders * value * value,
        propensity,
        plug_in: 0.0,
        covariate: Known::default(),
    }
}

/// An epoch of 10,000 visitors where the control's orders are all worth `value`.
fn epoch(propensity: f64, orders: f64, value: f64) -> Epoch {
    let visitors = 10_000.0;
    let rest = 1.0 - propensity;
    Epoch {
        visitors,
        covariate: Covariate::default(),
        control: cell(propensity, visitors * propensity, orders, value),
        treatment: cell(rest, visitors * rest, 0.03 * rest * visitors, 60.0),
    }
}

/// The variances before and after.
fn variances(epochs: &[Epoch], weights: Weights) -> [Pair; 2] {
    let all = Contrast::of(epochs, weights);
    let mut starved = Starved::default();
    for epoch in epochs {
        let (control, treatment) = (epoch.control, epoch.treatment);
        let both = Cell {
            n: control.n + treatment.n,
            sum: control.sum + treatment.sum,
            squares: control.squares + treatment.squares,
            propensity: 1.0,
            ..control
        };
        // All orders of an arm are alike, those of both are not.
        let events = |cell: Cell| {
            let events = cell.sum * cell.sum / cell.squares;
            if events.is_finite() { events } else { 0.0 }
        };
        let [some, others] = [control, treatment].map(events);
        let values = Values {
            all: both,
            events: [some, others, some + others],
            sums: [control.sum, treatment.sum, both.sum],
        };
        starved.add(epoch, weights, &values);
    }
    let means = all.means().unwrap();
    [means, starved.widened(means, all.weight)]
}

/// What the control's variance rises by if its 3 orders in the last epoch have this mean square.
fn rise(epochs: &[Epoch], weights: Weights, square: f64) -> f64 {
    let last = &epochs[epochs.len() - 1];
    let of = |epoch: &Epoch| weights.of(epoch) * epoch.visitors;
    let total: f64 = epochs.iter().map(of).sum();
    let lack = 3.0 * square - last.control.squares;
    lack * (weights.of(last) / last.control.propensity / total).powi(2)
}

#[test]
fn a_starved_arm_varies_like_all_of_its_visitors() {
    for weights in [Weights::Uniform, Weights::Common] {
        // Large orders while half of the visitors got it, small ones later; those of the other arm vary less.
        let epochs = [epoch(0.5, 150.0, 100.0), epoch(0.01, 3.0, 10.0)];
        let [plain, widened] = variances(&epochs, weights);
        let square = (150.0 * 10_000.0 + 3.0 * 100.0) / 153.0;
        let expected = rise(&epochs, weights, square);
        let got = widened.control_variance - plain.control_variance;
        assert!((got / expected - 1.0).abs() < 1e-9, "{got} {expected}");
        let same = Pair {
            control_variance: plain.control_variance,
            ..widened
        };
        assert_eq!(same, plain, "nothing else moves");
    }
}

#[test]
fn it_borrows_large_orders_from_all_arms_as_far_as_its_own_are_as_large() {
    let mut last = epoch(0.01, 3.0, 30.0);
    // Ten wholesale orders of the other arm.
    last.treatment.squares += 10.0 * 3_000.0 * 3_000.0;
    let (treatment, events) = (last.treatment, 287.0);
    let squares = last.control.squares + treatment.squares;
    let sum = last.control.sum + treatment.sum;
    let values = Values {
        all: Cell {
            n: last.visitors,
            sum,
            squares,
            propensity: 1.0,
            ..last.control
        },
        events: [3.0, events, events + 3.0],
        sums: [last.control.sum, treatment.sum, sum],
    };
    let mut starved = Starved::default();
    starved.add(&last, Weights::Uniform, &values);
    let means = Contrast::of(&[last], Weights::Uniform).means().unwrap();
    let got = starved.widened(means, last.visitors).control_variance - means.control_variance;
    let worth = 30.0 / (sum / (events + 3.0));
    let borrowed = worth * worth * squares / (events + 3.0);
    let square = (3.0 * 900.0 + BORROWED * borrowed) / (3.0 + BORROWED);
    let expected = rise(&[last], Weights::Uniform, square);
    assert!(
        expected > 0.0 && (got / expected - 1.0).abs() < 1e-9,
        "{got} {expected}"
    );
}

#[test]
fn an_arm_whose_heavy_visitors_vary_enough_keeps_its_variance() {
    let epochs = [epoch(0.5, 150.0, 10.0), epoch(0.01, 3.0, 200.0)];
    let [plain, widened] = variances(&epochs, Weights::Common);
    assert_eq!(widened, plain);
}

#[test]
fn from_one_visitor_in_ten_on_no_arm_starves() {
    let epochs = [epoch(0.5, 150.0, 100.0), epoch(0.1, 30.0, 10.0)];
    let [plain, widened] = variances(&epochs, Weights::Common);
    assert_eq!(widened, plain);
}

#[test]
fn without_events_nothing_is_added() {
    let epochs = [epoch(0.01, 0.0, 10.0)];
    let [plain, widened] = variances(&epochs, Weights::Common);
    assert_eq!(widened, plain);
}

#[test]
fn only_what_rests_on_starved_visitors_goes_with_the_mean() {
    let epochs = [epoch(0.5, 150.0, 100.0), epoch(0.01, 3.0, 200.0)];
    let all = Contrast::of(&epochs, Weights::Uniform);
    let mut starved = Starved::default();
    for (epoch, orders) in epochs.iter().zip([150.0, 3.0]) {
        let values = Values {
            all: Cell {
                propensity: 1.0,
                ..epoch.control
            },
            events: [orders, 150.0, orders],
            sums: [epoch.control.sum, epoch.treatment.sum, epoch.control.sum],
        };
        starved.add(epoch, Weights::Uniform, &values);
    }
    let means = starved.widened(all.means().unwrap(), all.weight);
    // 3 orders of 200 at a propensity of 1 %, and nothing of the treatment.
    let of_starved = 3.0 * 200.0 * 200.0 / 1e-4 / (all.weight * all.weight);
    let expected = Scored::new(means, [of_starved / means.control_variance, 0.0]);
    let got = starved.scored(means, all.weight);
    for ratio in [0.5, 2.0] {
        let (got, expected) = (got.variance(ratio, 0.0), expected.variance(ratio, 0.0));
        assert!((got / expected - 1.0).abs() < 1e-9, "{got} {expected}");
    }
    assert!(!got.is_plain() && Starved::default().scored(means, 1.0).is_plain());
}
