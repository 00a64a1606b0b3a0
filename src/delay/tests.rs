//! Delays from the cells of an experiment.

use super::*;
use crate::age::AgeBucket;
use crate::allocation::Arm;
use crate::time::Window;

fn spread(hours: &[(f64, f64)]) -> ByAge {
    let day = hours
        .iter()
        .map(|(from, to)| ((from * 3_600_000.0, to * 3_600_000.0), 1.0));
    let now = 48.0 * 3_600_000.0;
    average(day, |at| now - at, 1e9)
}

#[test]
fn visitors_come_evenly_through_their_day() {
    let followed = spread(&[(0.0, 24.0)]);
    let at = |hours: i64| {
        let age = Window::from_millis(hours * 3_600_000);
        followed[AgeBucket::of(age).position()]
    };
    assert!((at(12) - 1.0).abs() < 1e-12, "all were followed for a day");
    assert!(at(37) > 0.2 && at(37) < 0.8, "some for two: {}", at(37));
    assert!(at(100).abs() < 1e-12, "nobody for three");
}

#[test]
fn epochs_of_the_same_age_are_one_cohort() {
    let (old, young) = (spread(&[(0.0, 1.0)]), spread(&[(47.0, 48.0)]));
    let metric = MetricIndex(0);
    let row = Row {
        arm: Arm(0),
        holdout: false,
    };
    let mut cells = Cells::none();
    let mut followed = BTreeMap::new();
    for (number, share) in (1..).map(EpochNumber).zip([old, old, young]) {
        let key = crate::cell::PlainKey {
            epoch: number,
            row,
            metric,
        };
        let observation = crate::moments::Observation { y: 1, x: 0 };
        cells
            .plain
            .insert(key, crate::moments::Moments::of(observation));
        followed.insert(number, share);
    }
    let cohorts = &cohorts(&cells, metric, &followed)[&row];
    let sizes: Vec<f64> = cohorts.iter().map(|cohort| cohort.converted).collect();
    assert_eq!(sizes, [1.0, 2.0]);
}
