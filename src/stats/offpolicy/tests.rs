//! Off-policy estimates against the reference on a shop's logs, and when they are refused.

use super::log::{Choice, Incomplete, Log, Policy, Prior};
use super::*;
use crate::golden::{self, Case};
use crate::moments::{Moments, Observation};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Read;

/// Impressions of one item at one position with one propensity.
struct Line {
    position: u32,
    item: u32,
    propensity: f64,
    moments: Moments,
}

/// A campaign's logs, the random one first, and the recommender's own policy.
fn campaign(name: &str) -> ([&'static [u8]; 2], &'static str) {
    macro_rules! campaign {
        ($name:literal) => {
            (
                [
                    include_bytes!(concat!(
                        "../../../tests/golden/ope/",
                        $name,
                        "/random.csv.gz"
                    )),
                    include_bytes!(concat!("../../../tests/golden/ope/", $name, "/bts.csv.gz")),
                ],
                include_str!(concat!("../../../tests/golden/ope/", $name, "/policy.csv")),
            )
        };
    }
    match name {
        "all" => campaign!("all"),
        "men" => campaign!("men"),
        "women" => campaign!("women"),
        other => panic!("no campaign {other}"),
    }
}

/// Its lines, from a name that has the campaign's in it.
fn lines(log: &str) -> Vec<Line> {
    let named = |name: &&str| log.contains(name);
    let name = ["women", "men", "all"].into_iter().find(named).unwrap();
    let packed = campaign(name).0[usize::from(log.contains("bts"))];
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

fn log(lines: &[Line]) -> Log {
    let mut log = Log::default();
    for line in lines {
        log.add(
            choice(line.position, line.item),
            line.propensity,
            line.moments,
        );
    }
    log
}

fn choice(context: u32, action: u32) -> Choice {
    Choice { context, action }
}

/// The reference's policy, (count + ½)/(total + K/2) by position in the target's log, and its model, each item's clicks
/// with 20 more impressions at the log's mean.
fn cells(case: &Case, clip: f64) -> Vec<Cell> {
    let log = log(&lines(case.input["log"].as_str().unwrap()));
    let target = lines(case.input["target_file"].as_str().unwrap());
    let (mut shown, mut totals) = (BTreeMap::new(), BTreeMap::new());
    for line in &target {
        *shown.entry((line.position, line.item)).or_insert(0.0) += line.moments.n as f64;
        *totals.entry(line.position).or_insert(0.0) += line.moments.n as f64;
    }
    let items = u32::try_from(case.input["K"].as_u64().unwrap()).unwrap();
    let probability = |position: u32, item: u32| {
        let count = shown.get(&(position, item)).copied().unwrap_or(0.0);
        (count + 0.5) / (totals[&position] + 0.5 * f64::from(items))
    };
    let of = |&position: &u32| {
        (0..items).map(move |item| (choice(position, item), probability(position, item)))
    };
    let policy = Policy::new(totals.keys().flat_map(of).collect()).unwrap();
    let mut cells = log.cells(&policy, Prior::of(&log, 1.0), 1.0);
    for cell in &mut cells {
        cell.target = cell.target.min(clip * cell.propensity);
    }
    cells
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

/// The recommender's own policy by position, and a draw among all items; the model is each item's clicks with one click
/// in 250 impressions more.
#[test]
fn figures_match_the_recommender() {
    let given = golden::cases(include_str!("../../../tests/golden/bandit_ope.json"));
    let campaigns = golden::cases(include_str!(
        "../../../tests/golden/bandit_ope_campaigns.json"
    ));
    let mut refused = 0;
    for case in given.into_iter().chain(campaigns) {
        let name = case.name.split('/').next_back().unwrap();
        let log = log(&lines(case.input["log"].as_str().unwrap()));
        let items = u32::try_from(case.input["K"].as_u64().unwrap()).unwrap();
        let share = 1.0 / f64::from(items);
        let policy = match case.input["policy"].as_str().unwrap() {
            "uniform" => (1..=3)
                .flat_map(|position| (0..items).map(move |item| (choice(position, item), share)))
                .collect(),
            _ => recommender(name),
        };
        let policy = Policy::new(policy).unwrap();
        let prior = Prior {
            visitors: 250.0,
            mean: 1.0 / 250.0,
        };
        let judged = match evaluate(&log.cells(&policy, prior, 1.0), 0.05) {
            Ok(judged) => judged,
            // Some items were shown to one woman in 100,000: two visitors have nearly all the weight.
            Err(refusal) => {
                assert_eq!(case.name, "bts->random/women");
                let Refusal::FewEffective(overlap) = refusal else {
                    panic!("{refusal:?}");
                };
                case.check("ess", &[overlap.effective]);
                case.check("w_max", &[overlap.largest_weight]);
                case.check("w_mean", &[overlap.mean_weight]);
                refused += 1;
                continue;
            }
        };
        case.check("ips", &[judged.ips.estimate]);
        case.check("ips_se", &[judged.ips.std_error.unwrap()]);
        case.check("snips", &[judged.snips.estimate]);
        case.check("dr_percase_smoothed", &[judged.doubly_robust.estimate]);
        case.check("dr_se", &[judged.doubly_robust.std_error.unwrap()]);
        case.check("ess", &[judged.overlap.effective]);
        case.check("w_max", &[judged.overlap.largest_weight]);
        case.check("w_mean", &[judged.overlap.mean_weight]);
        case.check("behavior_mean", &[judged.logged]);
    }
    assert_eq!(refused, 1);
}

fn recommender(campaign_of: &str) -> BTreeMap<Choice, f64> {
    let text = campaign(campaign_of).1;
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let of = choice(fields[1].parse().unwrap(), fields[0].parse().unwrap());
        (of, fields[2].parse().unwrap())
    };
    text.lines().skip(1).map(line).collect()
}

#[test]
fn probabilities_add_up_to_one_in_every_context() {
    let two = |first, second| Policy::new([(choice(7, 0), first), (choice(7, 1), second)].into());
    assert!(two(0.25, 0.75).is_ok() && two(1.0 / 3.0, 0.666_666_7).is_ok());
    let short = Incomplete {
        context: 7,
        sum: 0.75,
    };
    assert_eq!(two(0.25, 0.5).unwrap_err(), short);
    assert!(two(f64::NAN, 0.5).is_err());
}

/// A policy that takes an action in a context where the log never did is judged by the rest of it.
#[test]
fn what_the_log_never_did_is_told() {
    let mut log = Log::default();
    let one = Moments::of(Observation { y: 1, x: 0 });
    log.add(choice(0, 0), 0.5, one);
    log.add(choice(0, 1), 0.5, one + one);
    log.add(choice(1, 0), 1.0, one);
    let policy = [
        (choice(0, 0), 1.0),
        (choice(1, 0), 0.2),
        (choice(1, 1), 0.8),
    ];
    let policy = Policy::new(policy.into()).unwrap();
    assert!((log.unsupported(&policy) - 0.8 / 4.0).abs() < 1e-15);
    let targets: Vec<f64> = log
        .cells(&policy, Prior::of(&log, 1.0), 1.0)
        .iter()
        .map(|cell| cell.target)
        .collect();
    assert_eq!(targets, [1.0, 0.0, 0.2]);
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
    let Refusal::FewEffective(overlap) = refused(&[cell(99, 0.1, 0.5, 0.7)]) else {
        panic!("99 visitors are enough");
    };
    assert!((overlap.effective - 99.0).abs() < 1e-9 && overlap.visitors == 99);
    assert!(evaluate(&[cell(100, 0.1, 0.5, 0.7)], 0.05).is_ok());
    // 1,000 visitors of weight 1, and one with the weight of 60 of them: (1,060)²/4,600 = 244 effective visitors.
    let one = |weight: f64| {
        [
            cell(1_000, 0.1, 0.5, 0.5),
            cell(1, 1.0, 0.001, 0.001 * weight),
        ]
    };
    let Refusal::Concentrated(overlap) = refused(&one(60.0)) else {
        panic!("{:?}", refused(&one(60.0)));
    };
    assert!((overlap.largest_share - 60.0 / 1_060.0).abs() < 1e-12);
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
