//! The timeline, day by day.

use serde_json::json;

use super::shop::{Shop, held, row};
use super::*;

fn effect(day: &TimelineDay) -> &TimelineEffect {
    &day.metrics[0].comparisons[0]
}

#[test]
fn each_day_is_the_report_as_of_its_end() {
    let mut shop = Shop::two(&json!({"holdout": 0.1}));
    for (day, converted) in [(10, 30), (11, 26), (13, 41)] {
        shop.convert(&[
            (1, row(0), day, 450, 30),
            (1, row(1), day, 450, converted),
            (1, held(), day, 100, 5),
        ]);
    }
    let timeline = shop.ask(None, &[], 60).timeline;
    let days: Vec<&str> = timeline.iter().map(|of| of.day.as_str()).collect();
    assert_eq!(
        days,
        ["1970-01-11", "1970-01-12", "1970-01-13", "1970-01-14"]
    );
    for (of, day) in timeline.iter().zip(10..) {
        let report = shop.report(Some(day));
        let comparison = only(&report);
        assert_eq!(of.visitors, report.visitors, "day {day}");
        assert_eq!(of.weights, report.weights);
        assert_eq!(effect(of).relative, comparison.relative, "day {day}");
        assert_eq!(effect(of).absolute, comparison.absolute);
        assert_eq!(effect(of).always_valid, comparison.always_valid);
    }
    // The last days only, with everything before them in the sums; and none unless asked.
    let last = shop.ask(None, &[], 2).timeline;
    assert_eq!(last, timeline[2..]);
    assert_eq!(shop.ask(Some(12), &[], 2).timeline, timeline[1..3]);
    assert_eq!(shop.report(None).timeline, []);
    assert_eq!(Shop::two(&json!({})).ask(None, &[], 9).timeline, []);
}

#[test]
fn moving_weights_have_a_line_of_one_method_and_the_weights_of_each_day() {
    let mut shop = Shop::two(&json!({}));
    shop.open(&[0.9, 0.1], true);
    shop.convert(&[
        (1, row(0), 0, 5_000, 300),
        (1, row(1), 0, 5_000, 300),
        (2, row(0), 1, 9_000, 270),
        (2, row(1), 1, 1_000, 30),
    ]);
    let [first, second]: [TimelineDay; 2] = shop.ask(None, &[], 60).timeline.try_into().unwrap();
    assert_eq!((first.visitors, second.visitors), (10_000, 20_000));
    close(first.weights["a"], 0.5);
    close(second.weights["a"], 0.9);
    for day in [&first, &second] {
        let (lift, watched) = (
            effect(day).relative.unwrap(),
            effect(day).always_valid.unwrap(),
        );
        assert!(lift.estimate.abs() < 1e-3, "{lift:?}");
        let watched = watched.relative.unwrap();
        assert!(watched.low < lift.low.unwrap() && lift.high.unwrap() < watched.high);
    }
    let now = shop.report(Some(1));
    assert_eq!(effect(&second).relative, only(&now).relative);
}
