//! Off-policy estimates against the reference on a shop's logs, and when they are refused.

use super::*;
use crate::golden::{self, Case};
use crate::moments::{Moments, Observation};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Read;

/// Impressions of one item at one position with one propensity.
struct Line {
    position: u64,
    item: u64,
    propensity: f64,
    moments: Moments,
}

fn lines(log: &str) -> Vec<Line> {
    let packed: &[u8] = match log {
        "data/obd/random_men_compact.csv" => {
            include_bytes!("../../../tests/golden/ope/random.csv.gz")
        }
        "data/obd/bts_men_compact.csv" => include_bytes!("../../../tests/golden/ope/bts.csv.gz"),
        other => panic!("no log {other}"),
    };
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed);
    unpacked.read_to_string(&mut text).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let (shown, clicks): (i64, i64) = (fields[3].parse().unwrap(), fields[4].parse().unwrap());
        let each = |n: i64, y| {
            let one = Moments::of(Observation { y, x: 0 });
            (0..n).fold(Moments::default(), |sum, _| sum + one)
        };
        Line {
            position: fields[0].parse().unwrap(),
            item: fields[1].parse().unwrap(),
            propensity: fields[2].parse().unwrap(),
            moments: each(clicks, 1) + each(shown - clicks, 0),
        }
    };
    text.lines().skip(1).map(line).collect()
}

/// The reference's policy, (count + ½)/(total + K/2) by position in the target's log, and its model, each item's clicks
/// with 20 more impressions at the log's mean.
fn cells(case: &Case, clip: f64) -> Vec<Cell> {
    let log = lines(case.input["log"].as_str().unwrap());
    let target = lines(case.input["target_file"].as_str().unwrap());
    let items = case.number("K");
    let (mut shown, mut totals) = (BTreeMap::new(), BTreeMap::new());
    for line in &target {
        *shown.entry((line.position, line.item)).or_insert(0.0) += line.moments.n as f64;
        *totals.entry(line.position).or_insert(0.0) += line.moments.n as f64;
    }
    let policy = |position: u64, item: u64| {
        let count = shown.get(&(position, item)).copied().unwrap_or(0.0);
        (count + 0.5) / (totals[&position] + 0.5 * items)
    };
    let mut by_item: BTreeMap<u64, Moments> = BTreeMap::new();
    for line in &log {
        *by_item.entry(line.item).or_default() += line.moments;
    }
    let all = by_item
        .values()
        .fold(Moments::default(), |sum, one| sum + *one);
    let mean = all.mean(1.0).unwrap();
    let model = |item: u64| {
        let own = by_item.get(&item).copied().unwrap_or_default();
        (own.y as f64 + 20.0 * mean) / (own.n as f64 + 20.0)
    };
    let every = || (0_u64..).take_while(|item| (*item as f64) < items);
    let expected: BTreeMap<u64, f64> = totals
        .keys()
        .map(|&position| {
            let parts = every().map(|item| policy(position, item) * model(item));
            (position, parts.sum())
        })
        .collect();
    let cell = |line: &Line| Cell {
        outcomes: sample(&line.moments),
        propensity: line.propensity,
        target: policy(line.position, line.item).min(clip * line.propensity),
        predicted: model(line.item),
        expected: expected[&line.position],
    };
    log.iter().map(cell).collect()
}

fn sample(moments: &Moments) -> Sample {
    Sample {
        n: u64::try_from(moments.n).unwrap(),
        mean: moments.mean(1.0).unwrap_or(0.0),
        variance: moments.variance(1.0).unwrap_or(0.0),
    }
}

#[test]
fn figures_match_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/ope.json")) {
        let judged = evaluate(&cells(&case, f64::INFINITY), 0.05).unwrap();
        for (name, estimate) in [
            ("ips", judged.ips),
            ("snips", judged.snips),
            ("dr", judged.doubly_robust),
        ] {
            let (error, interval) = (estimate.std_error.unwrap(), estimate.interval.unwrap());
            case.check(name, &[estimate.estimate]);
            case.check(&format!("{name}_se"), &[error]);
            let half = 0.5 * (interval.high - interval.low);
            assert!((half / error - 1.959_963_984_540).abs() < 1e-9);
        }
        case.check("dm", &[judged.modelled]);
        case.check("ess", &[judged.overlap.effective]);
        case.check("w_mean", &[judged.overlap.mean_weight]);
        case.check("w_max", &[judged.overlap.largest_weight]);
        case.check("on_policy_mean_click", &[judged.logged]);
        assert_eq!(judged.overlap.visitors, 10_000);
        // A weight that is clipped is a smaller probability.
        let clipped = evaluate(&cells(&case, 10.0), 0.05).unwrap();
        case.check("clipped_ips_10", &[clipped.ips.estimate]);
        assert!(clipped.overlap.largest_weight <= 10.0 + 1e-9);
    }
}

fn cell(n: u64, mean: f64, propensity: f64, target: f64) -> Cell {
    Cell {
        outcomes: Sample {
            n,
            mean,
            variance: if n > 1 { mean * (1.0 - mean) } else { 0.0 },
        },
        propensity,
        target,
        predicted: 0.0,
        expected: 0.0,
    }
}

#[test]
fn a_log_that_tells_too_little_is_refused() {
    let refused = |cells: &[Cell]| evaluate(cells, 0.05).unwrap_err();
    assert_eq!(refused(&[]), Refusal::NoData);
    assert_eq!(refused(&[cell(0, f64::NAN, 0.0, 1.0)]), Refusal::NoData);
    assert_eq!(refused(&[cell(500, 0.1, 0.5, 0.0)]), Refusal::NoData);
    assert_eq!(
        refused(&[cell(99, 0.1, 0.5, 0.7)]),
        Refusal::FewEffective(99.0)
    );
    assert!(evaluate(&[cell(100, 0.1, 0.5, 0.7)], 0.05).is_ok());
    // 1,000 visitors of weight 1, and one with the weight of 60 of them: (1,060)²/4,600 = 244 effective visitors.
    let one = |weight: f64| {
        [
            cell(1_000, 0.1, 0.5, 0.5),
            cell(1, 1.0, 0.001, 0.001 * weight),
        ]
    };
    let Refusal::Concentrated(share) = refused(&one(60.0)) else {
        panic!("{:?}", refused(&one(60.0)));
    };
    assert!((share - 60.0 / 1_060.0).abs() < 1e-12);
    assert!(evaluate(&one(40.0), 0.05).is_ok());
    for bad in [
        cell(1_000, 0.1, 0.0, 0.5),
        cell(1_000, 0.1, -0.1, 0.5),
        cell(1_000, 0.1, 0.5, f64::NAN),
        cell(1_000, f64::INFINITY, 0.5, 0.5),
        cell(1_000, 0.1, 1e-320, 1.0),
    ] {
        assert_eq!(
            refused(&[bad, cell(1_000, 0.1, 0.5, 0.5)]),
            Refusal::Unusable
        );
    }
}

#[test]
fn the_logged_policy_is_worth_what_it_earned() {
    let log = [cell(600, 0.1, 0.6, 0.6), cell(400, 0.3, 0.4, 0.4)];
    let judged = evaluate(&log, 0.05).unwrap();
    for estimate in [judged.ips, judged.snips, judged.doubly_robust] {
        assert!((estimate.estimate - judged.logged).abs() < 1e-12);
    }
    assert!((judged.logged - 0.18).abs() < 1e-12 && judged.modelled.abs() <= 0.0);
    let constant = evaluate(&[cell(1_000, 1.0, 0.5, 0.5)], 0.05).unwrap();
    assert_eq!(
        (constant.ips.std_error, constant.ips.interval),
        (None, None)
    );
}

/// Visitors of four kinds of cells: which cell, and the outcome.
fn visitors() -> impl Strategy<Value = Vec<(usize, i64)>> {
    prop::collection::vec((0..4_usize, -50..50_i64), 150..250)
}

proptest! {
    #[test]
    fn cells_are_worth_their_visitors(visitors in visitors(), pivot in -1e6..1e6_f64) {
        let kind = |kind: usize, moments: Moments| {
            let outcomes = sample(&moments);
            let (propensity, target) = [(0.4, 0.3), (0.3, 0.1), (0.2, 0.25), (0.1, 0.2)][kind];
            let predicted = [1.0, -2.0, 0.5, 3.0][kind];
            let outcomes = Sample { mean: outcomes.mean + pivot, ..outcomes };
            Cell { outcomes, propensity, target, predicted: predicted + pivot, expected: 0.7 + pivot }
        };
        let one = |y| Moments::of(Observation { y, x: 0 });
        let rows: Vec<Cell> = visitors.iter().map(|&(of, y)| kind(of, one(y))).collect();
        let cells: Vec<Cell> = (0..4)
            .map(|of| {
                let own = visitors.iter().filter(|(other, _)| *other == of);
                kind(of, own.fold(Moments::default(), |sum, &(_, y)| sum + one(y)))
            })
            .collect();
        let pair = evaluate(&rows, 0.05).and_then(|rows| Ok((rows, evaluate(&cells, 0.05)?)));
        let Ok((rows, cells)) = pair else { return Ok(()) };
        for (row, cell) in [
            (rows.ips, cells.ips),
            (rows.snips, cells.snips),
            (rows.doubly_robust, cells.doubly_robust),
        ] {
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
            prop_assert!(close(row.estimate, cell.estimate));
            prop_assert!(close(row.std_error.unwrap(), cell.std_error.unwrap()));
        }
    }

    #[test]
    fn whatever_the_log_figures_are_finite_or_refused(
        cells in prop::collection::vec(
            (0..2_000_u64, any::<f64>(), any::<f64>(), 0.0..1.0_f64, 0.0..1.0_f64),
            0..6,
        )
    ) {
        let cells: Vec<Cell> = cells
            .iter()
            .map(|&(n, mean, variance, propensity, target)| Cell {
                outcomes: Sample { n, mean, variance },
                propensity,
                target,
                predicted: mean,
                expected: variance,
            })
            .collect();
        if let Ok(judged) = evaluate(&cells, 0.05) {
            for estimate in [judged.ips, judged.snips, judged.doubly_robust] {
                prop_assert!(estimate.estimate.is_finite());
                prop_assert!(estimate.std_error.is_none_or(f64::is_finite));
            }
            prop_assert!(judged.logged.is_finite() && judged.modelled.is_finite());
        }
    }
}
