//! The difference of two arms' means, compared within strata: what a common level of each stratum does to both cancels.

use super::Posterior;

/// What an arm saw in a stratum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Visitors, at least 1.
    pub n: f64,
    /// Their mean.
    pub mean: f64,
    /// Σ (y − mean)².
    pub squares: f64,
}

/// Two arms in a stratum, such as an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratum {
    /// The control.
    pub control: Group,
    /// The treatment.
    pub treatment: Group,
}

/// Treatment less control under a flat prior: the strata's differences weighted by `n_c·n_t/(n_c + n_t)`, best where variances
/// are alike. The variance of each arm is that of all its strata together, so that small ones need none of their own.
/// `None` where nothing varies or nothing can be compared.
pub fn difference(strata: &[Stratum]) -> Option<Posterior> {
    let weight = |of: &Stratum| of.control.n * of.treatment.n / (of.control.n + of.treatment.n);
    let sum = |of: &dyn Fn(&Stratum) -> f64| strata.iter().map(of).sum::<f64>();
    let variance = |arm: fn(&Stratum) -> Group| {
        let degrees = sum(&|of| arm(of).n - 1.0);
        (degrees > 0.0).then(|| sum(&|of| arm(of).squares) / degrees)
    };
    let control = variance(|of| of.control)?;
    let treatment = variance(|of| of.treatment)?;
    let total = sum(&weight);
    let mean = sum(&|of| weight(of) * (of.treatment.mean - of.control.mean)) / total;
    let square =
        |of: &Stratum| weight(of).powi(2) * (treatment / of.treatment.n + control / of.control.n);
    let error = sum(&square).sqrt() / total;
    Posterior::normal(mean, error).filter(|_| error > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(n: f64, mean: f64, variance: f64) -> Group {
        let squares = variance * (n - 1.0);
        Group { n, mean, squares }
    }

    #[test]
    fn one_stratum_is_the_usual_difference_of_means() {
        let (control, treatment) = (group(100.0, 2.0, 9.0), group(400.0, 2.5, 16.0));
        let posterior = difference(&[Stratum { control, treatment }]).unwrap();
        assert!((posterior.mean() - 0.5).abs() < 1e-12);
        assert!((posterior.sd() - (9.0 / 100.0 + 16.0 / 400.0_f64).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn levels_that_move_with_the_shares_cancel() {
        // The treatment had most of a day at a level of 10, the control most of one at 1; it is worse by 0.5 on both.
        let first = Stratum {
            control: group(900.0, 1.0, 1.0),
            treatment: group(100.0, 0.5, 1.0),
        };
        let second = Stratum {
            control: group(100.0, 10.0, 1.0),
            treatment: group(900.0, 9.5, 1.0),
        };
        let posterior = difference(&[first, second]).unwrap();
        assert!((posterior.mean() + 0.5).abs() < 1e-12);
        assert!((posterior.sd() - (1.0_f64 / 180.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_vary_or_can_not_be_compared_is_absent() {
        assert_eq!(difference(&[]), None);
        let same = group(50.0, 0.0, 0.0);
        assert_eq!(
            difference(&[Stratum {
                control: same,
                treatment: same
            }]),
            None
        );
    }
}
