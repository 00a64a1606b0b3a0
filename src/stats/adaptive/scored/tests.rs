//! What the variance under a hypothesis makes of intervals.

use super::*;
use proptest::prelude::*;

fn pair(treatment: f64, control: f64) -> Pair {
    Pair {
        treatment,
        treatment_variance: 0.0,
        control,
        control_variance: 0.04,
        covariance: 0.0,
    }
}

fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-9, "{got} is not {expected}");
}

/// A treatment known exactly and a control of 1 ± 0.2 that starved: c′ is 2/r, so r is an end where
/// (2 − r)² = 1.96²·0.04·r²·(2/r), which is r² − (4 + 0.3073·…)·r + 4 = 0 with 2·1.96²·0.04 = 0.30731.
#[test]
fn a_control_that_starved_may_have_come_out_low() {
    let z = 1.96;
    let scored = Scored::new(pair(2.0, 1.0), [1.0, 0.0]);
    let (low, high) = scored.ratios(z).unwrap();
    let sum = 4.0 + 2.0 * z * z * 0.04;
    let root = (sum * sum / 4.0 - 4.0_f64).sqrt();
    close(low, sum / 2.0 - root);
    close(high, sum / 2.0 + root);
    // Fieller has 2/(1 ± 0.392): from 1.437, and to 3.289.
    let (above, beyond) = Scored::from(pair(2.0, 1.0)).ratios(z).unwrap();
    close(above, 2.0 / 1.392);
    assert!(low < above && high < beyond);
}

/// The same of a mean is Wilson's interval of a rate whose share of visitors is small: (m − μ)² = z²·v·μ/m.
#[test]
fn a_mean_may_have_come_out_low() {
    let [(low, high), (same, exactly)] = Scored::new(pair(2.0, 1.0), [1.0, 1.0]).of_means(1.96);
    for end in [low, high] {
        close((1.0 - end) * (1.0 - end), 1.96 * 1.96 * 0.04 * end);
    }
    assert!(high - 1.0 > 1.0 - low);
    assert_eq!((same, exactly), (2.0, 2.0), "what does not vary is known");
}

#[test]
fn costs_move_the_means_and_leave_what_they_vary_by() {
    let scored = Scored::new(pair(2.0, 1.0), [1.0, 1.0]).less([0.5, 0.25]);
    close(scored.means.control, 0.5);
    let before = Scored::new(pair(2.0, 1.0), [1.0, 1.0]);
    let (low, high) = before.differences(1.96);
    let (net_low, net_high) = scored.differences(1.96);
    close(net_low, low + 0.25);
    close(net_high, high + 0.25);
}

#[test]
fn what_is_not_positive_keeps_its_variance() {
    assert!(Scored::new(pair(-1.0, 0.0), [1.0, 1.0]).is_plain());
}

#[test]
fn a_hypothesis_under_which_nothing_varies_is_rejected() {
    let far = Scored {
        means: Pair {
            treatment: 6.9,
            treatment_variance: 0.004_75,
            control: 0.1,
            control_variance: 0.000_43,
            covariance: 0.000_66,
        },
        growth: [0.0, 0.144],
    };
    assert!(far.z().unwrap() > 100.0);
}

fn pairs() -> impl Strategy<Value = Scored> {
    let errors = (0.01..0.4_f64, 0.01..0.4_f64, -0.5..0.5_f64);
    (
        0.1..10.0_f64,
        0.1..10.0_f64,
        errors,
        [0.0..1.0_f64, 0.0..1.0_f64],
    )
        .prop_map(
            |(treatment, control, (of_treatment, of_control, correlation), starved)| {
                let errors = (of_treatment * treatment, of_control * control);
                let means = Pair {
                    treatment,
                    treatment_variance: errors.0 * errors.0,
                    control,
                    control_variance: errors.1 * errors.1,
                    covariance: correlation * errors.0 * errors.1,
                };
                Scored::new(means, starved)
            },
        )
}

proptest! {
    /// An end is where a hypothesis is just rejected; difference, lift and z agree about none.
    #[test]
    fn ends_are_where_hypotheses_begin_to_be_rejected(scored in pairs(), z in 0.5..2.4_f64) {
        let (low, high) = scored.ratios(z).unwrap();
        let seen = scored.means.treatment / scored.means.control;
        prop_assert!(low < seen && seen < high);
        for end in [low, high] {
            let error = scored.variance(end, 0.0).sqrt();
            let away = scored.deviation(end, 0.0).abs();
            prop_assert!((away - z * error).abs() < 1e-6 * (1.0 + away), "{end}: {away} {error}");
        }
        let (below, above) = scored.differences(z);
        let apart = scored.z().unwrap();
        let outside = |low: f64, high: f64, none: f64| none < low || high < none;
        let is_close = (apart.abs() - z).abs() < 1e-6;
        prop_assert!(is_close || outside(low, high, 1.0) == (apart.abs() > z));
        prop_assert!(is_close || outside(below, above, 0.0) == (apart.abs() > z));
    }

    /// For large samples the variance that a hypothesis implies is that of what was seen.
    #[test]
    fn large_samples_have_fieller_s_interval(scored in pairs()) {
        let scale = 1e-8;
        let means = Pair {
            treatment_variance: scored.means.treatment_variance * scale,
            control_variance: scored.means.control_variance * scale,
            covariance: scored.means.covariance * scale,
            ..scored.means
        };
        let plain = Scored::from(means).ratios(1.96).unwrap();
        let got = Scored::new(means, [1.0, 1.0]).ratios(1.96).unwrap();
        let width = plain.1 - plain.0;
        prop_assert!((got.0 - plain.0).abs() < 1e-3 * width && (got.1 - plain.1).abs() < 1e-3 * width);
    }
}
