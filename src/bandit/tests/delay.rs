//! The better variant converts more slowly.

use super::*;
use crate::age::AgeBucket;
use crate::cell::{DelayKey, VisitorsKey};
use crate::moments::{Tally, Visitors};
use crate::time::Day;

const DAYS: u8 = 4;
const PER_HOUR: f64 = 60.0;

/// What four days have brought, of variants that convert at these rates after exponential delays of these mean days.
fn brought(variants: [(f64, f64); 3]) -> Cells {
    let mut counts = Vec::new();
    let mut parts = Cells::default();
    for (arm, (rate, mean)) in (0..).map(Arm).zip(variants) {
        let row = Row {
            arm,
            holdout: false,
        };
        let mut converted = 0;
        for age in AgeBucket::all() {
            let (from, to) = age.bounds();
            let share = |age: f64| 1.0 - (-age / mean).exp();
            let days = |millis: i64| millis as f64 / 86_400_000.0;
            let came = |hour: u8| {
                let followed = f64::from(DAYS) - (f64::from(hour) + 0.5) / 24.0;
                share(days(to).min(followed)) - share(days(from).min(followed))
            };
            let came: f64 = (0..DAYS * 24).map(came).sum();
            #[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
            let n = (came * rate * PER_HOUR).round() as i64;
            converted += n;
            let metric = MetricIndex(0);
            parts
                .delays
                .insert(DelayKey { metric, row, age }, Tally { n });
        }
        for day in 0..i32::from(DAYS) {
            let key = VisitorsKey {
                epoch: EpochNumber(1),
                day: Day(20_513 + day),
                row,
            };
            let n = 24 * 60;
            parts.visitors.insert(key, Visitors::all(n));
        }
        counts.push((i64::from(DAYS) * 24 * 60, converted));
    }
    parts.merge(&cells(&counts));
    parts
}

fn decided(model: &str, delay: &str, cells: &Cells) -> (Vec<f64>, String) {
    let entry = entry(|spec| {
        spec["allocation"]["model"] = model.into();
        spec["allocation"]["delay"] = delay.into();
    });
    let first = opened_by_change(None, &entry, &Cells::none(), at(0)).unwrap();
    let now = at(i64::from(DAYS) * 86_400);
    match reallocate(&opened(entry, first), cells, now, Urgency::Forced) {
        Proposal::Open(epoch) => (weights(&epoch), epoch.receipt.sentence),
        Proposal::Keep(why) => panic!("kept: {why}"),
    }
}

#[test]
fn a_better_variant_whose_conversions_take_longer_is_not_starved() {
    let slow = brought([(0.04, 0.4), (0.055, 3.0), (0.04, 0.4)]);
    for model in ["pooled", "cohort"] {
        let (ignoring, _) = decided(model, "ignore", &slow);
        let (learning, said) = decided(model, "auto", &slow);
        assert!(ignoring[1] < 0.1, "{model} {ignoring:?}");
        assert!(learning[1] > 0.8, "{model} {learning:?} {said}");
        assert!(said.contains("Conversions are delayed"), "{said}");
        assert!(
            said.contains("differ in it has a probability of 100 %"),
            "{said}"
        );
    }
}

#[test]
fn a_delay_that_all_variants_share_changes_no_comparison_within_epochs() {
    let even = brought([(0.04, 1.0), (0.05, 1.0), (0.04, 1.0)]);
    let (ignoring, _) = decided("cohort", "ignore", &even);
    let (learning, said) = decided("cohort", "auto", &even);
    for (a, b) in ignoring.iter().zip(&learning) {
        assert!((a - b).abs() < 0.05, "{ignoring:?} {learning:?} {said}");
    }
}

#[test]
fn conversions_that_come_at_once_need_no_correction() {
    let quick = brought([(0.04, 0.000_01), (0.05, 0.000_01), (0.04, 0.000_01)]);
    let (ignoring, _) = decided("pooled", "ignore", &quick);
    let (learning, said) = decided("pooled", "auto", &quick);
    assert_eq!(ignoring, learning);
    assert!(!said.contains("delayed"), "{said}");
}
