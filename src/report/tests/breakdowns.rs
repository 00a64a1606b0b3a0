//! Breakdowns by dimension, and whether lifts differ.

use serde_json::json;

use super::shop::{Shop, row};
use super::*;
use crate::cell::Row;

fn shop() -> Shop {
    let mut shop = Shop::two(&json!({"dimensions": ["device"]}));
    shop.entry.lifecycle.seen = vec![vec!["phone".to_owned(), "desktop".to_owned()]];
    shop
}

fn names(breakdown: &Breakdown) -> Vec<&str> {
    let values = breakdown.values.iter();
    values.map(|of| of.value.as_str()).collect()
}

#[test]
fn a_breakdown_has_the_metrics_of_each_value() {
    let mut shop = shop();
    shop.entry.lifecycle.seen = vec![vec!["phone".to_owned()]];
    shop.convert(&[
        (1, row(0), 0, 500, 30),
        (1, row(1), 0, 500, 40),
        (1, row(1), 1, 100, 90),
    ]);
    let whole = shop.ask(None, &["device"], 0);
    let [breakdown] = whole.breakdowns.as_slice() else {
        panic!("one dimension was asked for")
    };
    assert_eq!(names(breakdown), ["phone", "other"]);
    let phone = &breakdown.values[0].metrics[0].comparisons[0];
    close(phone.absolute.unwrap().estimate, 0.02);
    assert!(phone.p_value.is_some() && phone.always_valid.is_some() && phone.bayes.is_none());
    assert_eq!(
        breakdown.values[1].metrics[0].comparisons[0].caveats,
        [Caveat::NoData]
    );
    assert_eq!(breakdown.interactions, []);
    assert_eq!(shop.ask(None, &["country"], 0).breakdowns, []);
    assert_eq!(shop.ask(Some(3), &["device"], 0).breakdowns, []);
}

#[test]
fn several_dimensions_are_one_family() {
    let mut shop = shop();
    for day in 0..4 {
        shop.convert(&[(1, row(0), day, 500, 30), (1, row(1), day, 500, 50)]);
    }
    assert_eq!(dimensions(&shop.entry), ["device", "visitor_type"]);
    let both = shop.ask(None, &["visitor_type", "device"], 0);
    let [device, kind] = both.breakdowns.as_slice() else {
        panic!("two dimensions were asked for")
    };
    assert_eq!(names(device), ["phone", "desktop"]);
    assert_eq!(names(kind), ["new", "returning"]);
    assert_eq!(
        (device.dimension.as_str(), kind.dimension.as_str()),
        ("device", "visitor_type")
    );
    let goal = |of: &Breakdown| of.values[0].metrics[0].comparisons[0].clone();
    // Four equal p-values of one family stay as they are, and so do equal lifts.
    close(
        goal(device).p_adjusted.unwrap(),
        goal(device).p_value.unwrap(),
    );
    close(goal(kind).absolute.unwrap().estimate, 0.04);
    for breakdown in [device, kind] {
        let [same] = breakdown.interactions.as_slice() else {
            panic!("one metric and one variant")
        };
        assert_eq!((same.values, same.variant.as_str()), (2, "b"));
        assert!(same.p_value > 0.999 && same.text.contains("within chance"));
    }
}

/// The report where phones (even days) and desktops (odd days) convert like this, control and treatment of 5,000 each.
fn with_rates(phone: [i64; 2], desktop: [i64; 2], moved: bool) -> Report {
    let mut shop = shop();
    if moved {
        shop.open(&[0.7, 0.3], true);
    }
    for (day, converted) in [(0, phone), (1, desktop)] {
        for (arm, converted) in (0..).zip(converted) {
            let half: Vec<(u32, Row, i32, i64, i64)> = if moved {
                vec![
                    (1, row(arm), day, 2_500, converted / 2),
                    (
                        2,
                        row(arm),
                        day,
                        [3_500, 1_500][usize::from(arm)],
                        [7, 3][usize::from(arm)] * converted / 10,
                    ),
                ]
            } else {
                vec![(1, row(arm), day, 5_000, converted)]
            };
            shop.convert(&half);
        }
    }
    shop.ask(None, &["device"], 0)
}

#[test]
fn lifts_that_differ_are_told_from_base_rates_that_differ() {
    for moved in [false, true] {
        // A tenth more on both devices, though desktops convert four times as often.
        let same = with_rates([200, 220], [800, 880], moved);
        let [of] = same.breakdowns[0].interactions.as_slice() else {
            panic!("one metric and one variant")
        };
        assert!(of.p_value > 0.9, "{of:?}");
        // Half more on phones, a fifth less on desktops.
        let other = with_rates([400, 600], [800, 640], moved);
        let [of] = other.breakdowns[0].interactions.as_slice() else {
            panic!("one metric and one variant")
        };
        assert!(
            of.p_adjusted < 1e-6 && of.text.contains("really differs"),
            "{of:?}"
        );
        assert!(table::render(&other).contains("really differs"));
        let comparison = &other.breakdowns[0].values[0].metrics[0].comparisons[0];
        let expected = if moved {
            Method::Weighted
        } else {
            Method::PooledZ
        };
        assert_eq!(comparison.method, expected);
        assert!(comparison.relative.unwrap().low.unwrap() > 0.2);
        assert!(comparison.always_valid.unwrap().relative.unwrap().low > 0.1);
        let text = csv::render(&other);
        assert!(text.contains(",device,phone,purchase,"), "{text}");
    }
}
