//! Sequences against the reference, and under peeking.

mod peeking;

use super::*;
use crate::golden;
use crate::golden::recorded::{Recorded, bandits};
use crate::posterior::normal;
use crate::stats::adaptive::{Cell, Covariate, Epoch, Known, Weights, tests::epochs};

#[test]
fn margins_match_the_reference() {
    for case in golden::cases(include_str!(
        "../../../tests/golden/sequential_asympcs.json"
    )) {
        let (n, alpha) = (case.number("n"), case.number("alpha"));
        if case.input["kind"] == "lyapunov" {
            let (sum, rho2) = (case.number("sum"), case.number("rho2"));
            let mean = sum / n;
            let spread = case.number("sumsq") - sum * mean;
            let half = critical(rho2 * spread, alpha) * spread.sqrt() / n;
            case.check("V", &[spread]);
            case.check("ci", &[mean - half, mean + half]);
            continue;
        }
        for (rho2, margin, tuning) in [
            ("rho2_exact", "margin_exact_rho", tuning_exact(alpha)),
            ("rho2_approx", "margin_approx_rho", tuning(alpha)),
        ] {
            let tuned = tuning / case.number("t_opt");
            case.check(rho2, &[tuned]);
            case.check(margin, &[critical(n * tuned, alpha) / n.sqrt()]);
        }
    }
}

fn arm(case: &serde_json::Value, kind: &serde_json::Value) -> Sample {
    let number = |field: &str| case[field].as_f64().unwrap();
    let (visitors, sum) = (number("n"), number("sum"));
    let mean = sum / visitors;
    Sample {
        n: case["n"].as_u64().unwrap(),
        mean,
        variance: if kind == "proportion" {
            mean * (1.0 - mean)
        } else {
            (number("sumsq") - sum * mean) / (visitors - 1.0)
        },
    }
}

/// The absolute difference; the reference's relative one tests a delta-method lift, which rejects true nulls on rare
/// revenue.
#[test]
fn two_samples_match_the_reference() {
    let text = include_str!("../../../tests/golden/sequential_growthbook.json");
    for case in golden::cases(text) {
        let part = |name: &str| arm(&case.input[name], &case.input["kind"]);
        let sequence = Sequence {
            planned: case.number("tuning_n"),
            ..Sequence::fixed(&part("control"), &part("treatment"))
        };
        let alpha = case.number("alpha");
        let expected = case.part(&case.expected["absolute"]);
        let interval = sequence.absolute(alpha).unwrap();
        expected.check("rho2", &[tuning(alpha) / sequence.planned]);
        expected.check("point", &[sequence.means.deviation(1.0, 0.0)]);
        expected.check("se", &[sequence.means.variance(1.0, 0.0).sqrt()]);
        expected.check("ci", &[interval.low, interval.high]);
        expected.check("p_value", &[sequence.p_value(alpha).unwrap()]);
    }
}

#[test]
fn a_bandit_matches_the_reference_at_every_look() {
    for case in bandits() {
        let stream = Recorded::of(&case);
        for (look, expected) in case.expected["asympcs_aipw_uniform"].as_object().unwrap() {
            let (visitors, expected) = (look.parse().unwrap(), case.part(expected));
            let rho2 = expected.numbers("rho2")[0];
            let (mut means, mut spreads, mut ends) = (vec![], vec![], vec![]);
            for arm in 1..stream.arms {
                let epochs = epochs(&stream, arm, visitors);
                let contrast = Contrast::of(&epochs, Weights::Uniform);
                let pair = contrast.means().unwrap();
                let error = variance(&pair, 1.0).sqrt();
                let (mean, spread) = (
                    pair.treatment - pair.control,
                    (error * contrast.weight).powi(2),
                );
                let half = critical(rho2 * spread, 0.05) * error;
                means.push(mean);
                spreads.push(spread);
                ends.extend([mean - half, mean + half]);
            }
            expected.check("psi_mean", &means);
            expected.check("V", &spreads);
            expected.check("ci", &ends);
        }
    }
}

#[test]
fn difference_lift_and_p_value_agree_about_zero() {
    let control = Sample::proportion(500, 10_000);
    for conversions in [500, 560, 600, 640, 700, 800] {
        let sequence = Sequence::fixed(&control, &Sample::proportion(conversions, 10_000));
        let (absolute, relative) = (
            sequence.absolute(0.05).unwrap(),
            sequence.relative(0.05).unwrap(),
        );
        let significant = sequence.p_value(0.05).unwrap() < 0.05;
        assert_eq!(
            (absolute.low > 0.0, relative.low > 0.0),
            (significant, significant)
        );
        assert!(relative.low < relative.high && absolute.low < absolute.high);
    }
}

/// `2/√(x + 1)·exp(y²/2)·Φ(y)` at the boundary is at least 1/α, and less than 1/α at the two-sided one of 2α.
#[test]
fn half_a_mixture_passes_its_level_at_the_one_sided_boundary() {
    for information in [0.01, 1.0, 30.0, 1e4] {
        for alpha in [0.05, 0.00125_f64] {
            let evidence = |z: f64| {
                let y = z * (information / (information + 1.0_f64)).sqrt();
                2.0 / (information + 1.0).sqrt() * (0.5 * y * y).exp() * normal::sf(-y)
            };
            let one = critical_one_sided(information, alpha);
            assert!((1.0..1.0 + alpha.sqrt()).contains(&(evidence(one) * alpha)));
            assert!(evidence(critical(information, 2.0 * alpha)) * alpha < 1.0);
            assert!(one < critical(information, alpha));
        }
    }
}

#[test]
fn a_bound_on_one_side_lies_within_the_interval_of_both() {
    let sample = |mean| Sample {
        n: 9_000,
        mean,
        variance: 4.0,
    };
    for (control, treatment, lift) in [(1.0, 1.4, 0.4), (2.0, 1.0, -0.5), (-2.0, -1.0, 0.5)] {
        let sequence = Sequence::fixed(&sample(control), &sample(treatment));
        let both = sequence.relative(0.05).unwrap();
        let above = sequence.lift_beyond(Side::Above, 0.05).unwrap();
        let below = sequence.lift_beyond(Side::Below, 0.05).unwrap();
        assert!(both.low < above && above < lift && lift < below && below < both.high);
        let wider = sequence.lift_beyond(Side::Above, 0.001).unwrap();
        assert!(wider < both.low, "{wider} {both:?}");
    }
    let near_zero = Sequence::fixed(&sample(0.01), &sample(0.5));
    assert_eq!(near_zero.lift_beyond(Side::Below, 0.05), None);
}

#[test]
fn what_cannot_be_told_has_no_interval() {
    let constant = Sample {
        n: 50,
        mean: 2.0,
        variance: 0.0,
    };
    let sequence = Sequence::fixed(&constant, &constant);
    assert_eq!(
        (sequence.absolute(0.05), sequence.p_value(0.05)),
        (None, None)
    );
    assert_eq!(sequence.relative(0.05), None);
    let near_zero = Sample {
        n: 50,
        mean: 0.01,
        variance: 1.0,
    };
    let sequence = Sequence::fixed(&near_zero, &near_zero);
    assert!(sequence.absolute(0.05).is_some() && sequence.relative(0.05).is_none());
    // A control below zero: the lift is relative to its size.
    let (control, treatment) = (
        Sample {
            n: 9_000,
            mean: -2.0,
            variance: 1.0,
        },
        Sample {
            n: 9_000,
            mean: -1.0,
            variance: 1.0,
        },
    );
    let relative = Sequence::fixed(&control, &treatment)
        .relative(0.05)
        .unwrap();
    assert!(relative.low < 0.5 && 0.5 < relative.high && relative.high - relative.low < 0.1);
}

/// Arms that vary alike by what was stored have the sequence of that variance, whatever their propensities.
#[test]
fn a_stored_scale_is_that_of_arms_that_vary_alike() {
    let epoch = |control: f64, n: f64| {
        let cell = |propensity: f64| {
            let n = n * propensity;
            Cell {
                n,
                sum: 5.0 * n,
                squares: 29.0 * n,
                propensity,
                plug_in: 5.0,
                covariate: Known::default(),
            }
        };
        Epoch {
            visitors: n,
            covariate: Covariate::default(),
            control: cell(control),
            treatment: cell(1.0 - control),
        }
    };
    for share in [0.5, 0.2, 0.9] {
        let epochs = [epoch(share, 4_000.0), epoch(0.5, 9_000.0)];
        let contrast = |epochs| Contrast::of(epochs, Weights::Common);
        let all = contrast(&epochs[..]);
        let derived = Sequence::adaptive(&all, &contrast(&epochs[..1])).unwrap();
        let stored = Sequence::anchored(&all, 4.0, 1.0 - share).unwrap();
        let ends = |of: Option<Interval>| of.map(|of| [of.low, of.high]).unwrap();
        for (derived, stored) in [
            (ends(derived.absolute(0.05)), ends(stored.absolute(0.05))),
            (ends(derived.relative(0.05)), ends(stored.relative(0.05))),
        ] {
            for (derived, stored) in derived.iter().zip(stored) {
                assert!(
                    (derived - stored).abs() < 1e-9 * derived.abs(),
                    "{derived} {stored}"
                );
            }
        }
    }
}
