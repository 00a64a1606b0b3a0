//! AIPW against recorded bandits and against its own symmetries.

use proptest::prelude::*;

use super::*;
use crate::golden::recorded::{Recorded, Visitor, bandits};
use crate::posterior::normal;

/// The cells of an arm of a recorded bandit against arm 0, over the first so many visitors.
pub(in crate::stats) fn epochs(of: &Recorded, arm: usize, first: usize) -> Vec<Epoch> {
    let epoch = |visitors: &[Visitor]| {
        let cell = |arm: usize| {
            let own = visitors.iter().filter(|visitor| visitor.arm == arm);
            let values: Vec<f64> = own.map(|visitor| visitor.reward).collect();
            Cell {
                n: values.len() as f64,
                sum: values.iter().sum(),
                squares: values.iter().map(|value| value * value).sum(),
                propensity: visitors[0].propensities[arm],
                plug_in: visitors[0].plug_ins[arm],
                covariate: Known::default(),
            }
        };
        Epoch {
            visitors: visitors.len() as f64,
            covariate: Covariate::default(),
            control: cell(0),
            treatment: cell(arm),
        }
    };
    of.epochs(first).map(epoch).collect()
}

fn difference_variance(means: &Pair) -> f64 {
    means.treatment_variance + means.control_variance - 2.0 * means.covariance
}

#[test]
fn uniform_weights_match_the_reference() {
    for case in bandits() {
        let (stream, z) = (Recorded::of(&case), normal::critical(0.05));
        let pairs: Vec<Pair> = (1..stream.arms)
            .map(|arm| epochs(&stream, arm, stream.visitors.len()))
            .map(|epochs| Contrast::of(&epochs, Weights::Uniform).means().unwrap())
            .collect();
        let all = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(of).collect::<Vec<_>>();
        let expected = case.part(&case.expected["aipw_uniform"]);
        let control = pairs[0].control;
        expected.check("mean", &[vec![control], all(&|of| of.treatment)].concat());
        let error = vec![pairs[0].control_variance.sqrt()];
        let errors = [error, all(&|of| of.treatment_variance.sqrt())].concat();
        expected.check("se", &errors);
        expected.check("diff", &all(&|of| of.treatment - of.control));
        expected.check("se_diff", &all(&|of| difference_variance(of).sqrt()));
        let interval = |of: &Pair| {
            let half = z * difference_variance(of).sqrt();
            let difference = of.treatment - of.control;
            [difference - half, difference + half]
        };
        expected.check(
            "ci_diff",
            pairs
                .iter()
                .map(interval)
                .collect::<Vec<_>>()
                .as_flattened(),
        );
    }
}

#[test]
fn contrast_weights_match_the_reference() {
    for case in bandits() {
        let stream = Recorded::of(&case);
        for (arm, expected) in (1..).zip(case.expected["aipw_contrast_common"].as_array().unwrap())
        {
            let epochs = epochs(&stream, arm, stream.visitors.len());
            let means = Contrast::of(&epochs, Weights::Common).means().unwrap();
            let expected = case.part(expected);
            expected.check("mean_k", &[means.treatment]);
            expected.check("mean_c", &[means.control]);
            expected.check("var_k", &[means.treatment_variance]);
            expected.check("var_c", &[means.control_variance]);
            expected.check("cov", &[means.covariance]);
            let (difference, error) = (
                means.treatment - means.control,
                difference_variance(&means).sqrt(),
            );
            expected.check("diff", &[difference]);
            expected.check("se_diff", &[error]);
            expected.check("p_value", &[2.0 * normal::sf((difference / error).abs())]);
            expected.check("lift", &[means.treatment / means.control - 1.0]);
            let (low, high) = means.fieller(normal::critical(0.05)).unwrap();
            expected.check("ci_lift_fieller", &[low - 1.0, high - 1.0]);
        }
    }
}

/// Equal values move with the plug-in mean, so a shift of both leaves every variance alone.
#[test]
fn a_shift_of_values_and_plug_in_moves_the_means_only() {
    let case = &bandits()[1];
    let stream = Recorded::of(case);
    let epochs = epochs(&stream, 1, stream.visitors.len());
    let shifted: Vec<Epoch> = epochs
        .iter()
        .map(|epoch| {
            let shift = |cell: Cell| Cell {
                sum: cell.sum + 3.0 * cell.n,
                squares: cell.squares + 6.0 * cell.sum + 9.0 * cell.n,
                plug_in: cell.plug_in + 3.0,
                ..cell
            };
            Epoch {
                visitors: epoch.visitors,
                covariate: epoch.covariate,
                control: shift(epoch.control),
                treatment: shift(epoch.treatment),
            }
        })
        .collect();
    let means = |epochs: &[Epoch]| Contrast::of(epochs, Weights::Common).means().unwrap();
    let (plain, moved) = (means(&epochs), means(&shifted));
    assert!((moved.treatment - plain.treatment - 3.0).abs() < 1e-9);
    assert!((moved.control_variance / plain.control_variance - 1.0).abs() < 1e-6);
}

#[test]
fn events_far_from_even_weights_count_less() {
    let cell = |events: f64, propensity| Cell {
        n: 10.0 * events,
        sum: events,
        squares: events,
        propensity,
        plug_in: 0.0,
        covariate: Known::default(),
    };
    let epoch = |control: f64, share| Epoch {
        visitors: 1_000.0,
        covariate: Covariate::default(),
        control: cell(control, share),
        treatment: cell(60.0, 1.0 - share),
    };
    let mut events = Events::default();
    assert!(events.effective() <= 0.0);
    events.add(&epoch(40.0, 0.5));
    assert!((events.effective() - 40.0).abs() < 1e-9);
    events.add(&epoch(1.0, 0.01));
    assert!(events.effective() < 41.0);
    events.add(&epoch(9.0, 0.01));
    assert!(events.effective() < 45.0);
}

/// A visitor of one epoch: arm (2 is neither of the pair), value and covariate.
type Met = (usize, f64, f64);

const PROPENSITIES: [f64; 3] = [0.5, 0.3, 0.2];
const PLUG_INS: [f64; 2] = [0.4, 0.7];

fn folded(visitors: &[Met], slope: f64) -> Epoch {
    let total = |arm: Option<usize>, of: &dyn Fn(f64, f64) -> f64| {
        let own = visitors
            .iter()
            .filter(|met| arm.is_none_or(|arm| met.0 == arm));
        own.map(|(_, y, z)| of(*y, *z)).sum::<f64>()
    };
    let cell = |arm: usize| Cell {
        n: total(Some(arm), &|_, _| 1.0),
        sum: total(Some(arm), &|y, _| y),
        squares: total(Some(arm), &|y, _| y * y),
        propensity: PROPENSITIES[arm],
        plug_in: PLUG_INS[arm],
        covariate: Known {
            sum: total(Some(arm), &|_, z| z),
            squares: total(Some(arm), &|_, z| z * z),
            product: total(Some(arm), &|y, z| y * z),
        },
    };
    Epoch {
        visitors: total(None, &|_, _| 1.0),
        covariate: Covariate {
            slope,
            sum: total(None, &|_, z| z),
            squares: total(None, &|_, z| z * z),
        },
        control: cell(0),
        treatment: cell(1),
    }
}

/// Both arms' scores, weights and covariance visitor by visitor.
fn scored(epochs: &[(Vec<Met>, f64)]) -> Pair {
    let (p, q) = (PROPENSITIES[0], PROPENSITIES[1]);
    let weight = (p * q / (p + q)).sqrt();
    let score = |arm: usize, (of, y, z): Met, slope: f64| {
        let plug_in = PLUG_INS[arm] + slope * z;
        let own = if of == arm {
            (y - plug_in) / PROPENSITIES[arm]
        } else {
            0.0
        };
        (plug_in + own) * weight
    };
    let scores: Vec<[f64; 2]> = epochs
        .iter()
        .flat_map(|(visitors, slope)| {
            visitors
                .iter()
                .map(move |met| [0, 1].map(|arm| score(arm, *met, *slope)))
        })
        .collect();
    let total = weight * scores.len() as f64;
    let mean = |arm: usize| scores.iter().map(|of| of[arm]).sum::<f64>() / total;
    let (control, treatment) = (mean(0), mean(1));
    let mixed = |a: usize, b: usize| {
        let centred = |of: &[f64; 2], arm: usize| of[arm] - weight * [control, treatment][arm];
        scores
            .iter()
            .map(|of| centred(of, a) * centred(of, b))
            .sum::<f64>()
            / (total * total)
    };
    Pair {
        treatment,
        treatment_variance: mixed(1, 1),
        control,
        control_variance: mixed(0, 0),
        covariance: mixed(0, 1),
    }
}

proptest! {
    #[test]
    fn sums_with_a_covariate_are_those_of_the_visitors(
        epochs in prop::collection::vec(
            (prop::collection::vec((0_usize..3, -2.0_f64..5.0, -3.0_f64..3.0), 2..30), -1.0_f64..1.0),
            1..6,
        ),
    ) {
        let cells: Vec<Epoch> = epochs.iter().map(|(visitors, slope)| folded(visitors, *slope)).collect();
        let got = Contrast::of(&cells, Weights::Common).means().unwrap();
        let expected = scored(&epochs);
        for (got, expected) in [
            (got.control, expected.control),
            (got.treatment, expected.treatment),
            (got.control_variance, expected.control_variance),
            (got.treatment_variance, expected.treatment_variance),
            (got.covariance, expected.covariance),
        ] {
            prop_assert!((got - expected).abs() <= 1e-9 * (1.0 + expected.abs()), "{} {}", got, expected);
        }
    }
}

/// A covariate that explains most of the value takes most of the variance away and moves nothing.
#[test]
fn a_good_covariate_narrows_the_contrast() {
    let visitors: Vec<Met> = (0..3_000)
        .map(|i| {
            let z = f64::from(i * 7 % 11) - 5.0;
            let arm = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][usize::try_from(i).unwrap() % 10];
            (arm, 1.0 + z + f64::from(i % 3) * 0.1, z)
        })
        .collect();
    let means = |slope| {
        Contrast::of(&[folded(&visitors, slope)], Weights::Common)
            .means()
            .unwrap()
    };
    let (plain, adjusted) = (means(0.0), means(1.0));
    assert!(difference_variance(&adjusted) < 0.1 * difference_variance(&plain));
    assert!((adjusted.treatment - adjusted.control).abs() < 0.02);
}
