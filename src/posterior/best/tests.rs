//! Against two references, two closed forms and a finer rule, and what must hold for any arms.

use proptest::prelude::*;
use serde_json::Value;
use statrs::function::beta::ln_beta;

use super::*;
use crate::golden;
use crate::posterior::{normal, student};

fn numbers(value: &Value) -> Vec<f64> {
    golden::flatten(value)
}

fn arms(input: &Value) -> Vec<Posterior> {
    let prior = |name: &str| input["prior"][name].as_f64().unwrap();
    let arm = |arm: &Value| {
        let (n, x) = (arm["n"].as_f64().unwrap(), arm["x"].as_f64().unwrap());
        Posterior::Beta {
            a: prior("a") + x,
            b: prior("b") + n - x,
        }
    };
    input["arms"].as_array().unwrap().iter().map(arm).collect()
}

/// P(treatment > control) for Betas with integer `a`: the closed form of Miller (2015).
fn miller(control: (f64, f64), treatment: (f64, f64)) -> f64 {
    let term = |i: f64| {
        (ln_beta(control.0 + i, control.1 + treatment.1)
            - (treatment.1 + i).ln()
            - ln_beta(1.0 + i, treatment.1)
            - ln_beta(control.0, control.1))
        .exp()
    };
    std::iter::successors(Some(0.0), |i| Some(i + 1.0))
        .take_while(|i| *i < treatment.0)
        .map(term)
        .sum()
}

fn worst(left: &[f64], right: &[f64]) -> f64 {
    let pairs = left.iter().zip(right);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn every_figure_matches_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/bayes_beta.json")) {
        let arms = arms(&case.input);
        let best = evaluate(&arms);
        case.check("p_best", &best.prob_best);
        // Tighter than the reference asks: its quadrature shares nothing with ours, and both have ten digits.
        assert!(worst(&best.prob_best, &case.numbers("p_best")) < 1e-10);
        case.check("e_max", &[best.expected_max]);
        case.check("expected_loss", &best.expected_loss);
        let of_arms = |figure: fn(&Posterior) -> f64| arms.iter().map(figure).collect::<Vec<_>>();
        case.check("post_mean", &of_arms(Posterior::mean));
        let against_control = |figure: &dyn Fn(&Posterior) -> f64| -> Vec<f64> {
            arms[1..].iter().map(figure).collect()
        };
        let control = &arms[0];
        case.check(
            "p_beat_control",
            &against_control(&|arm| prob_better(control, arm)),
        );
        case.check(
            "loss_choose_control_vs_k",
            &against_control(&|arm| loss(control, arm)),
        );
        case.check(
            "loss_choose_k_vs_control",
            &against_control(&|arm| loss(arm, control)),
        );
        let alpha = case.number("alpha");
        let intervals: Vec<f64> = arms
            .iter()
            .map(|arm| arm.interval(alpha))
            .flat_map(|(low, high)| [low, high])
            .collect();
        case.check("ci_rate", &intervals);
    }
}

#[test]
fn the_bandit_s_probabilities_match_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/bandit_pbest.json")) {
        let successes = numbers(&case.input["successes"]);
        let trials = numbers(&case.input["trials"]);
        let prior = numbers(&case.input["prior"]);
        let arms: Vec<Posterior> = successes
            .iter()
            .zip(&trials)
            .map(|(x, n)| Posterior::Beta {
                a: prior[0] + x,
                b: prior[1] + n - x,
            })
            .collect();
        let best = evaluate(&arms);
        case.check("p_best", &best.prob_best);
        case.check("expected_loss", &best.expected_loss);
    }
}

/// A recommender's items: 34 to 80 arms of 2 to 1,300 clicks.
#[test]
fn many_arms_match_the_reference() {
    for case in golden::cases(include_str!("../../../tests/golden/bandit_pbest_many.json")) {
        let of = |name: &str| numbers(&case.input[name]);
        let beta = |(a, b)| Posterior::Beta { a, b };
        let arms: Vec<Posterior> = of("alpha").into_iter().zip(of("beta")).map(beta).collect();
        case.check("p_best", &evaluate(&arms).prob_best);
    }
}

#[test]
fn two_arms_match_the_closed_form() {
    for (control, treatment) in [
        ((1.0, 1.0), (1.0, 1.0)),
        ((3.0, 8.0), (4.0, 8.0)),
        ((31.0, 970.0), (37.0, 964.0)),
        ((2.0, 20.0), (900.0, 9100.0)),
        ((1.0, 51.0), (5.0, 47.0)),
        ((4.0, 1.0), (60.0, 2.0)),
    ] {
        let beta = |(a, b)| Posterior::Beta { a, b };
        let got = prob_better(&beta(control), &beta(treatment));
        assert!((got - miller(control, treatment)).abs() < 1e-9);
    }
}

#[test]
fn normal_arms_match_the_closed_form() {
    for (gap, sd, other) in [
        (0.0, 1.0, 1.0),
        (1.0, 1.0, 0.001),
        (-2.0, 0.3, 1.7),
        (1e-6, 1e-6, 2e-6),
    ] {
        let control = Posterior::normal(0.0, sd).unwrap();
        let treatment = Posterior::normal(gap, other).unwrap();
        let z = gap / sd.hypot(other);
        let exact = 1.0 - normal::sf(z);
        let swept = evaluate(&[control, treatment]);
        assert!((swept.prob_best[1] - exact).abs() < 1e-9);
        assert!((prob_better(&control, &treatment) - exact).abs() < 1e-12);
        // Risk of staying: s·φ(z) + gap·Φ(z).
        let scale = sd.hypot(other);
        let phi = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let risk = scale * phi + gap * exact;
        assert!((swept.expected_loss[0] - risk).abs() < 1e-9);
        assert!((loss(&control, &treatment) - risk).abs() < 1e-12);
    }
}

#[test]
fn student_arms_match_finer_rules_and_their_limit() {
    let arm = |mean, scale, df| Posterior::student_t(mean, scale, df).unwrap();
    let fine: Rule<64> = Rule::new();
    for (first, second) in [(2.1, 3.0), (5.0, 1_000.0), (30.0, 2.5), (1e4, 1e6)] {
        for (gap, scale) in [(0.0, 1.0), (1.0, 0.01), (-30.0, 4.0), (1e6, 1.0)] {
            let arms = [
                arm(0.0, 1.0, first),
                arm(gap, scale, second),
                Posterior::normal(0.5 * gap, scale).unwrap(),
            ];
            let (quick, exact) = (evaluate(&arms), evaluate_with(&fine, &arms));
            let error = worst(&quick.prob_best, &exact.prob_best);
            assert!(error < 1e-9, "{first}, {second}, {gap}: {error:e}");
            let size = exact.expected_max.abs().max(arms[0].sd());
            let loss = worst(&quick.expected_loss, &exact.expected_loss) / size;
            assert!(loss < 1e-8, "{first}, {second}, {gap}: loss {loss:e}");
        }
    }
    // One mean known exactly leaves Student's own tail; many degrees of freedom are a normal.
    let tail = prob_better(&arm(0.0, 1.0, 4.0), &arm(2.0, 0.0, 4.0));
    assert!((tail - (1.0 - student::t_sf(2.0, 4.0))).abs() < 1e-9);
    let near = prob_better(&arm(0.0, 1.0, 1e9), &arm(1.0, 2.0, 1e9));
    let normals = [(0.0, 1.0), (1.0, 2.0)].map(|(mean, sd)| Posterior::normal(mean, sd).unwrap());
    assert!((near - prob_better(&normals[0], &normals[1])).abs() < 1e-8);
    let mixed = evaluate(&[Posterior::beta(10, 100), arm(0.1, 0.03, 50.0)]);
    assert!((mixed.prob_best.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn an_exact_mean_shares_ties_and_is_never_nan() {
    let point = |mean| Posterior::normal(mean, 0.0).unwrap();
    let tie = evaluate(&[point(0.0), point(0.0), point(0.0)]);
    assert!(worst(&tie.prob_best, &[1.0 / 3.0; 3]) < 1e-9);
    let clear = evaluate(&[point(1.0), point(2.0)]);
    assert!(worst(&clear.prob_best, &[0.0, 1.0]) < 1e-12);
    assert!((clear.expected_loss[0] - 1.0).abs() < 1e-7);
    let against = evaluate(&[point(0.0), Posterior::normal(0.0, 1.0).unwrap()]);
    assert!(worst(&against.prob_best, &[0.5, 0.5]) < 1e-7);
    // An arm far behind does not blur the close contest: z = 1/√2.
    let narrow = |mean| Posterior::normal(mean, 1e-6).unwrap();
    let close = evaluate(&[narrow(0.0), narrow(1e-6), point(-1000.0)]);
    let ahead = normal::sf(-0.5_f64.sqrt());
    assert!(worst(&close.prob_best, &[1.0 - ahead, ahead, 0.0]) < 1e-6);
    let mixed = evaluate(&[Posterior::beta(10, 100), point(0.1)]);
    assert!((mixed.prob_best.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn few_arms_are_no_special_case() {
    let none = evaluate(&[]);
    assert!(none.prob_best.is_empty() && none.expected_max.abs() < 1e-300);
    let one = evaluate(&[Posterior::beta(3, 10)]);
    assert!((one.prob_best[0] - 1.0).abs() < 1e-12 && one.expected_loss[0] < 1e-9);
}

/// Eight nodes per panel against 64, over sizes from 10 to 10⁷ that also meet each other.
#[test]
fn eight_nodes_are_enough_at_every_size() {
    let fine: Rule<64> = Rule::new();
    let sizes = [10, 100, 1_000, 100_000, 1_000_000, 10_000_000_u64];
    for n in sizes {
        for m in sizes {
            for percent in [0, 1, 10, 50, 95, 100] {
                let rates = [
                    Posterior::beta(n * percent / 100, n),
                    Posterior::beta(m * percent / 100, m),
                    Posterior::beta(
                        m * percent / 100 + m.isqrt() * percent.min(100 - percent) / 100,
                        m,
                    ),
                ];
                let (quick, exact) = (evaluate(&rates), evaluate_with(&fine, &rates));
                let error = worst(&quick.prob_best, &exact.prob_best);
                assert!(error < 1e-8, "n {n}, m {m}, {percent} %: {error:e}");
                let loss = worst(&quick.expected_loss, &exact.expected_loss);
                assert!(loss < 1e-8, "n {n}, m {m}, {percent} %: loss {loss:e}");
            }
        }
    }
}

fn any_arm() -> impl Strategy<Value = Posterior> {
    (0.0..7.0_f64, 0.0..1.0_f64).prop_map(|(size, rate)| {
        let trials = 10_f64.powf(size).floor();
        let conversions = (trials * rate * rate).floor();
        Posterior::Beta {
            a: 1.0 + conversions,
            b: 1.0 + trials - conversions,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn probabilities_sum_to_one_and_losses_fit_them(arms in prop::collection::vec(any_arm(), 1..8)) {
        let raw = sweep(&RULE, &Line::new(&arms).densities, true);
        let best = evaluate(&arms);
        prop_assert!((best.prob_best.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(worst(&raw.prob_best, &best.prob_best) < 1e-9);
        for (arm, loss) in arms.iter().zip(&best.expected_loss) {
            prop_assert!((best.expected_max - arm.mean() - loss).abs() < 1e-9);
        }
    }

    #[test]
    fn eight_nodes_are_enough_for_any_arms(arms in prop::collection::vec(any_arm(), 2..8)) {
        let exact = evaluate_with(&Rule::<64>::new(), &arms);
        let error = worst(&evaluate(&arms).prob_best, &exact.prob_best);
        prop_assert!(error < 1e-8, "{error:e}");
    }

    #[test]
    fn the_order_of_arms_is_immaterial(arms in prop::collection::vec(any_arm(), 2..6), turn in 1_usize..5) {
        let turn = turn % arms.len();
        let mut turned = arms.clone();
        turned.rotate_left(turn);
        let mut expected = evaluate(&arms).prob_best;
        expected.rotate_left(turn);
        prop_assert!(worst(&evaluate(&turned).prob_best, &expected) < 1e-10);
    }

    #[test]
    fn a_conversion_speaks_for_its_arm(x in 0_u64..1_000, n in 1_000_u64..100_000, other in any_arm()) {
        let before = prob_better(&other, &Posterior::beta(x, n));
        let converted = prob_better(&other, &Posterior::beta(x + 1, n + 1));
        let failed = prob_better(&other, &Posterior::beta(x, n + 1));
        prop_assert!(failed <= before + 1e-9 && before <= converted + 1e-9);
    }
}
