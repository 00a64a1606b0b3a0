//! The posterior against a regression with all visitors, and what it makes of seasons.

use super::*;
use crate::golden;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A visitor: epoch, variant, features without the intercept, value.
type Visitor = (usize, usize, Vec<f64>, f64);

fn cohorts((arms, columns): (usize, usize), visitors: &[Visitor]) -> Vec<Cohort> {
    let epochs = visitors.iter().map(|of| of.0 + 1).max().unwrap_or(0);
    let none = Sums {
        x: vec![0.0; columns],
        xx: (1..=columns).map(|width| vec![0.0; width]).collect(),
        y: 0.0,
        yy: 0.0,
        xy: vec![0.0; columns],
    };
    let empty = Cohort {
        weight: 1.0,
        arms: vec![none; arms],
    };
    let mut cohorts = vec![empty; epochs];
    for (epoch, arm, features, y) in visitors {
        let sums = &mut cohorts[*epoch].arms[*arm];
        let x: Vec<f64> = std::iter::once(1.0).chain(features.clone()).collect();
        for (i, one) in x.iter().enumerate() {
            sums.x[i] += one;
            sums.xy[i] += one * y;
            for (cell, other) in sums.xx[i].iter_mut().zip(&x) {
                *cell += one * other;
            }
        }
        sums.y += y;
        sums.yy += y * y;
    }
    cohorts
}

#[test]
fn it_is_the_regression_on_features_and_levels() {
    for case in golden::cases(include_str!("../../../tests/golden/linear.json")) {
        let arms = usize::try_from(case.input["arms"].as_u64().unwrap()).unwrap();
        let read = |row: &serde_json::Value| {
            let row = golden::flatten(row);
            let (y, x) = row[2..].split_last().unwrap();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small"
            )]
            (row[0] as usize, row[1] as usize, x.to_vec(), *y)
        };
        let visitors: Vec<Visitor> = case.input["visitors"]
            .as_array()
            .unwrap()
            .iter()
            .map(read)
            .collect();
        let columns = visitors[0].2.len() + 1;
        let got = posterior(arms, columns, &cohorts((arms, columns), &visitors)).unwrap();
        let means = got.arms.iter().flat_map(|arm| arm.mean.clone());
        case.check("mean", &means.collect::<Vec<f64>>());
        case.check("noise", &[got.noise]);
        // Of differences between two and three variants, nothing is lost.
        let mut differences = Vec::new();
        for a in 0..arms {
            for b in 0..a {
                let pairs = got.arms[a].covariance.iter().zip(&got.arms[b].covariance);
                for (one, other) in pairs {
                    differences.extend(one.iter().zip(other).map(|(one, other)| one + other));
                }
            }
        }
        case.check("difference_covariances", &differences);
    }
}

/// Visitors whose worth is a line, with a level per epoch and a share per epoch of the second of two variants.
fn visitors(seed: u64, epochs: &[(f64, f64)], line: [[f64; 2]; 2]) -> Vec<Visitor> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut visitors = Vec::new();
    for (epoch, (level, share)) in epochs.iter().enumerate() {
        for _ in 0..4_000 {
            let arm = usize::from(random.random::<f64>() < *share);
            let x: f64 = 2.0 * random.random::<f64>() - 1.0;
            let rate = level + line[arm][0] + line[arm][1] * x;
            let y = f64::from(u8::from(random.random::<f64>() < rate));
            visitors.push((epoch, arm, vec![x], y));
        }
    }
    visitors
}

#[test]
fn a_promotion_while_one_variant_had_the_traffic_leaves_no_trace() {
    let line = [[0.0, 0.02], [0.0, -0.02]];
    let epochs = [(0.05, 0.5), (0.05, 0.9), (0.25, 0.9), (0.05, 0.5)];
    let visitors = visitors(1, &epochs, line);
    let known = posterior(2, 2, &cohorts((2, 2), &visitors)).unwrap();
    let [one, other] = known.arms.as_slice() else {
        unreachable!()
    };
    for (at, truth) in [0.0, -0.04].into_iter().enumerate() {
        let difference = other.mean[at] - one.mean[at];
        let sd = (one.covariance[at][at] + other.covariance[at][at]).sqrt();
        assert!(
            (difference - truth).abs() < 3.0 * sd,
            "{at}: {difference} ± {sd}"
        );
        assert!(sd < 0.02);
    }
    // All epochs as one sample would have the second variant ahead by four tenths of the promotion.
    let mean = |arm: usize| {
        let own = visitors.iter().filter(|of| of.1 == arm);
        let (n, y) = own.fold((0.0, 0.0), |(n, y), of| (n + 1.0, y + of.3));
        y / n
    };
    assert!(mean(1) - mean(0) > 0.03);
}

#[test]
fn what_nobody_saw_is_as_wide_as_the_prior() {
    let mut only: Vec<Visitor> = visitors(2, &[(0.2, 0.5)], [[0.0, 0.0]; 2]);
    only.retain(|of| of.1 == 0);
    let known = posterior(2, 2, &cohorts((2, 2), &only)).unwrap();
    let unseen = &known.arms[1];
    let level = only.iter().map(|of| of.3).sum::<f64>() / only.len() as f64;
    assert!(unseen.mean.iter().all(|mean| mean.abs() < 1e-12));
    assert!((unseen.covariance[1][1] / (level * level) - 1.0).abs() < 1e-9);
    assert_eq!(posterior(2, 2, &cohorts((2, 2), &[])), None);
    let same: Vec<Visitor> = (0..10).map(|at| (0, at % 2, vec![0.5], 1.0)).collect();
    assert_eq!(posterior(2, 2, &cohorts((2, 2), &same)), None);
}

#[test]
fn old_epochs_weigh_as_told() {
    let visitors = visitors(3, &[(0.1, 0.5), (0.1, 0.3)], [[0.0, 0.05], [0.02, 0.0]]);
    let whole = cohorts((2, 2), &visitors);
    let twice: Vec<Visitor> = visitors
        .iter()
        .chain(visitors.iter().filter(|of| of.0 == 1))
        .cloned()
        .collect();
    let twice = posterior(2, 2, &cohorts((2, 2), &twice)).unwrap();
    let mut weighed = whole;
    weighed[1].weight = 2.0;
    let weighed = posterior(2, 2, &weighed).unwrap();
    let pairs = twice.arms.iter().zip(&weighed.arms);
    for (one, other) in pairs {
        for (one, other) in one.mean.iter().zip(&other.mean) {
            assert!((one - other).abs() < 1e-12);
        }
    }
}

/// With many variants and uneven shares the covariances stay ones, and differences are as wide as they are.
#[test]
fn one_normal_per_variant_stands_for_all() {
    let mut random = StdRng::seed_from_u64(5);
    let mut visitors = Vec::new();
    for epoch in 0..12 {
        for _ in 0..300 {
            let lucky = random.random::<f64>() < 0.8;
            let arm = if lucky {
                epoch % 6
            } else {
                random.random_range(0..6)
            };
            let x: Vec<f64> = (0..3).map(|_| random.random_range(-1.0..1.0)).collect();
            let y = f64::from(u8::from(random.random::<f64>() < 0.1));
            visitors.push((epoch, arm, x, y));
        }
    }
    let sums = cohorts((6, 4), &visitors);
    let known = posterior(6, 4, &sums).unwrap();
    let within = Within::new((6, 4), &sums);
    let level = within.total / within.visitors;
    let joint = within.factor(known.noise, level * level).inverse();
    for a in 0..6 {
        for b in 0..a {
            for i in 0..4 {
                let (one, other) = (a * 4 + i, b * 4 + i);
                let exact = joint[one][one] + joint[other][other] - 2.0 * joint[one][other];
                let got = known.arms[a].covariance[i][i] + known.arms[b].covariance[i][i];
                assert!(
                    (got / exact - 1.0).abs() < 0.1,
                    "{a} {b} {i}: {got} {exact}"
                );
            }
        }
        let factor = known.arms[a].factor();
        assert!(
            factor
                .iter()
                .all(|row| row.iter().all(|cell| cell.is_finite()))
        );
    }
}
