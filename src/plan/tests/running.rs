//! Plans of experiments that run.

use std::sync::Arc;

use super::*;
use crate::allocation::{Allocation, Arm};
use crate::catalog::experiment::Status;
use crate::catalog::metric::MetricIndex;
use crate::catalog::{Lifecycle, Serial, Source};
use crate::cell::{Facet, PlainKey, Row, VisitorsKey, WeightedKey};
use crate::epoch::{Cause, Epoch, EpochNumber, Epochs, Era};
use crate::moments::{Moments, Observation, Visitors, Weighted};

/// Days of an experiment that runs: by day, visitors and conversions of the control, of b, and of the holdout.
fn running(days: &[(i32, [(i64, i64); 3])]) -> (Entry, Cells) {
    let experiment = experiment(&json!({"holdout": 0.2}));
    let allocation = Allocation::normalised([(Arm(0), 0.5), (Arm(1), 0.5)]);
    let epoch = Epoch {
        number: EpochNumber(1),
        era: Era(1),
        allocation,
        holdout: 0.2,
        opened_at: now(),
        cause: Cause::Started,
        receipt: "".into(),
        basis: 0,
        plug_ins: Vec::new(),
        caps: Vec::new(),
        order_caps: Vec::new(),
        label: None,
        contexts: None,
        linear: None,
        propensity_known: true,
    };
    let lifecycle = Lifecycle {
        status: Status::Running,
        started_at: Some(now()),
        ..Lifecycle::draft(Source::Api, now())
    };
    let entry = Entry {
        serial: Serial(0),
        experiment,
        lifecycle,
        epochs: Arc::new(Epochs::new(vec![epoch])),
        history: Arc::default(),
    };
    let mut cells = Cells::default();
    let rows = [(0, false), (1, false), (0, true)];
    for (day, counts) in days {
        for ((arm, holdout), (n, converted)) in rows.into_iter().zip(counts) {
            let row = Row {
                arm: Arm(arm),
                holdout,
            };
            fill(&mut cells, (Day(*day), row), (*n, *converted));
        }
    }
    (entry, cells)
}

fn fill(cells: &mut Cells, (day, row): (Day, Row), (n, converted): (i64, i64)) {
    let (epoch, metric) = (EpochNumber(1), MetricIndex(0));
    let visitors = VisitorsKey { epoch, day, row };
    *cells.visitors.entry(visitors).or_default() += Visitors::all(n);
    let weight = if row.arm == Arm(0) { 109_227 } else { 163_840 };
    for visitor in 0..n {
        let value = Observation {
            y: i64::from(visitor < converted),
            x: 0,
        };
        *cells
            .plain
            .entry(PlainKey { metric, epoch, row })
            .or_default() += Moments::of(value);
        let facet = Facet::Day(day);
        let key = WeightedKey {
            facet,
            era: Era(1),
            row,
            metric,
        };
        *cells.weighted.entry(key).or_default() += Weighted::of(weight, value);
    }
}

fn of_running(days: &[(i32, [(i64, i64); 3])], ask: Ask) -> Result<Plan, PlanError> {
    let (entry, cells) = running(days);
    let own = Own {
        entry: &entry,
        cells: &cells,
        today: Day(13),
    };
    plan(&Question {
        experiment: &entry.experiment,
        own: Some(own),
        now: now(),
        ask,
    })
}

const LIFT: Ask = Ask {
    lift: Some(0.2),
    visitors_per_day: None,
    baseline: None,
    sd: None,
    days: None,
};

/// The first day began at some hour and the last is not over; both have visitors that count.
#[test]
fn a_running_experiment_knows_its_traffic_and_baseline() {
    let whole_day = [(400, 20), (400, 30), (200, 10)];
    let days = [
        (10, [(40, 2), (40, 3), (20, 1)]),
        (11, whole_day),
        (12, whole_day),
        (13, [(40, 2), (40, 3), (20, 1)]),
    ];
    let plan = of_running(&days, LIFT).unwrap();
    assert!((plan.visitors_per_day - 1_000.0).abs() < 1e-9);
    assert!((plan.baseline - 0.05).abs() < 1e-6);
    assert_eq!(
        (plan.baseline_from, plan.traffic_from),
        (Origin::Measured, Origin::Measured)
    );
    assert_eq!(
        (plan.variants[0].visitors, plan.variants[1].visitors),
        (1_320, 880)
    );
    assert!((plan.variants[0].share - 0.6).abs() < 1e-12);
    let given = Ask {
        visitors_per_day: Some(1_000.0),
        baseline: Some(0.05),
        ..LIFT
    };
    let from_scratch = fresh(&json!({"holdout": 0.2}), given).unwrap();
    assert_eq!(plan.visitors, from_scratch.visitors);
    // 2,200 visitors are there: as much as 2.2 days bring.
    assert_eq!(plan.days, from_scratch.days.map(|days| days - 2));
    assert!(plan.now.power > 0.1 && plan.now.detectable.unwrap() > 0.2);
}

#[test]
fn a_young_experiment_has_to_be_told() {
    let few = [(12, [(100, 5), (100, 5), (50, 2)])];
    assert_eq!(field(of_running(&few, LIFT)), "baseline");
    let told = Ask {
        baseline: Some(0.05),
        ..LIFT
    };
    // The only day that is over counts, though it began at some hour.
    assert!((of_running(&few, told).unwrap().visitors_per_day - 250.0).abs() < 1e-9);
    let today = [(13, [(1_000, 50), (1_000, 50), (500, 25)])];
    assert_eq!(field(of_running(&today, LIFT)), "visitors_per_day");
    let enough = [(12, [(40_000, 2_000), (40_000, 2_400), (0, 0)])];
    let plan = of_running(&enough, LIFT).unwrap();
    assert_eq!((plan.days, plan.outlook), (Some(0), Outlook::Enough));
}

/// A bandit that has moved: the shares are those of now, and the baseline is still the control's.
#[test]
fn a_moved_split_is_planned_with_its_present_shares() {
    let (mut entry, cells) = running(&[(12, [(4_000, 200), (4_000, 300), (2_000, 100)])]);
    let first = entry.epoch().unwrap().clone();
    Arc::make_mut(&mut entry.epochs).push(Epoch {
        number: EpochNumber(2),
        allocation: Allocation::normalised([(Arm(0), 0.1), (Arm(1), 0.9)]),
        ..first
    });
    let own = Own {
        entry: &entry,
        cells: &cells,
        today: Day(13),
    };
    let planned = plan(&Question {
        experiment: &entry.experiment,
        own: Some(own),
        now: now(),
        ask: LIFT,
    });
    let planned = planned.unwrap();
    assert!((planned.variants[0].share - 0.28).abs() < 1e-12);
    assert!((planned.baseline - 0.05).abs() < 1e-6);
    assert_eq!(planned.variants[0].visitors, 6_000);
}
