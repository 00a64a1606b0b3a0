//! The normal-inverse-gamma model of a mean per visitor whose variance is unknown, too: its posterior mean is Student's t.
//!
//! σ² ~ InvGamma(a, b) and μ | σ² ~ N(m, σ²/k). It is consistent for any distribution of revenue by the central limit
//! theorem, and a variant without an order, whose own variance is 0, is as uncertain as its prior makes it.

use super::Posterior;

/// Most visitors that [`Nig::weak`] counts for.
const MAX_PRIOR_VISITORS: f64 = 200.0;

/// A normal-inverse-gamma distribution of a mean and its variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nig {
    /// The expected mean.
    pub m: f64,
    /// How many visitors the mean is worth; positive.
    pub k: f64,
    /// Half as many as the variance is worth; positive.
    pub a: f64,
    /// a times the typical variance; not negative.
    pub b: f64,
}

impl Nig {
    /// The empirical-Bayes prior from the mean and variance of all variants together, worth about one order.
    ///
    /// It counts as E\[y²\]/E\[y\]² = 1 + variance/mean² visitors (at most 200): one where everybody spends about the same,
    /// a hundred where one in a hundred buys. So a variant that should have had an order is soon believed to sell less,
    /// and one without an order is never certain. `None` where nothing varies.
    pub fn weak(mean: f64, variance: f64) -> Option<Self> {
        if !(mean.is_finite() && variance.is_finite() && variance > 0.0) {
            return None;
        }
        let visitors = (1.0 + variance / (mean * mean)).min(MAX_PRIOR_VISITORS);
        Some(Self {
            m: mean,
            k: visitors,
            a: 0.5 * visitors,
            b: 0.5 * visitors * variance,
        })
    }

    /// The empirical-Bayes prior of a bandit: all arms have the pooled mean until as many visitors as `k` say otherwise, and
    /// the pooled variance for the first ten of them. `None` where nothing varies, or where `k` is no positive number.
    pub fn pooled(mean: f64, variance: f64, k: f64) -> Option<Self> {
        let is_proper = mean.is_finite() && variance.is_finite() && variance > 0.0;
        (is_proper && k.is_finite() && k > 0.0).then_some(Self {
            m: mean,
            k,
            a: 5.0,
            b: 5.0 * variance,
        })
    }

    /// The posterior after `n` visitors with this mean and this sum of squares about it: k' = k + n, m' = (km + n·mean)/k',
    /// a' = a + n/2, b' = b + squares/2 + kn(mean − m)²/2k' (Murphy 2007, section 6).
    #[must_use]
    pub fn updated(self, n: f64, mean: f64, squares: f64) -> Self {
        let k = self.k + n;
        let gap = mean - self.m;
        Self {
            m: (self.k * self.m + n * mean) / k,
            k,
            a: self.a + 0.5 * n,
            b: self.b + 0.5 * squares + 0.5 * self.k * n * gap * gap / k,
        }
    }

    /// The marginal of the mean: Student's t with 2a degrees of freedom, location m and scale √(b/ak); `None` with two
    /// degrees of freedom or fewer.
    pub fn mean(&self) -> Option<Posterior> {
        Posterior::student_t(self.m, (self.b / (self.a * self.k)).sqrt(), 2.0 * self.a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::posterior::best;

    /// n, mean and centred sum of squares of a golden arm.
    fn sums(arm: &serde_json::Value) -> (f64, f64, f64) {
        let number = |name: &str| arm[name].as_f64().unwrap();
        let (n, sum) = (number("n"), number("sum"));
        (n, sum / n, number("sumsq") - sum * sum / n)
    }

    fn arms(input: &serde_json::Value) -> Vec<(f64, f64, f64)> {
        input["arms"].as_array().unwrap().iter().map(sums).collect()
    }

    #[test]
    fn every_figure_matches_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/bayes_normal.json")) {
            let prior = |name: &str| case.input["nig_prior"][name].as_f64().unwrap();
            let prior = Nig {
                m: prior("m0"),
                k: prior("k0"),
                a: prior("a0"),
                b: prior("b0"),
            };
            let models: Vec<Nig> = arms(&case.input)
                .into_iter()
                .map(|(n, mean, squares)| prior.updated(n, mean, squares))
                .collect();
            let expected = case.expected["nig_posterior"].as_array().unwrap();
            for (model, expected) in models.iter().zip(expected) {
                let part = case.part(expected);
                part.check("m", &[model.m]);
                part.check("kappa", &[model.k]);
                part.check("alpha", &[model.a]);
                part.check("beta", &[model.b]);
            }
            let means: Vec<Posterior> = models.iter().map(|model| model.mean().unwrap()).collect();
            let (scales, dfs): (Vec<f64>, Vec<f64>) = means
                .iter()
                .map(|mean| match mean {
                    Posterior::StudentT { scale, df, .. } => (*scale, *df),
                    other @ (Posterior::Beta { .. } | Posterior::Normal { .. }) => {
                        panic!("{other:?}")
                    }
                })
                .unzip();
            case.check("t_scale", &scales);
            case.check("t_df", &dfs);
            let best = best::evaluate(&means);
            case.check("p_best_t", &best.prob_best);
            case.check("expected_loss_t", &best.expected_loss);
        }
    }

    #[test]
    fn flat_normals_match_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/bayes_normal.json")) {
            let normal = |(n, mean, squares): (f64, f64, f64)| {
                Posterior::normal(mean, (squares / (n - 1.0) / n).sqrt()).unwrap()
            };
            let arms: Vec<Posterior> = arms(&case.input).into_iter().map(normal).collect();
            let of = |figure: fn(&Posterior) -> f64| arms.iter().map(figure).collect::<Vec<_>>();
            case.check("mean", &of(Posterior::mean));
            case.check("se", &of(Posterior::sd));
            let best = best::evaluate(&arms);
            case.check("p_best_normal", &best.prob_best);
            case.check("e_max_normal", &[best.expected_max]);
            case.check("expected_loss_normal", &best.expected_loss);
        }
    }

    #[test]
    fn visitors_one_by_one_or_together_are_the_same() {
        let prior = Nig::weak(2.0, 9.0).unwrap();
        let amounts = [0.0, 3.0, 0.0, 7.5, 1.0];
        let one_by_one = amounts
            .iter()
            .fold(prior, |model, y| model.updated(1.0, *y, 0.0));
        let mean = amounts.iter().sum::<f64>() / 5.0;
        let squares: f64 = amounts.iter().map(|y| (y - mean) * (y - mean)).sum();
        let together = prior.updated(5.0, mean, squares);
        assert!((one_by_one.m - together.m).abs() < 1e-12);
        assert!((one_by_one.b - together.b).abs() < 1e-10);
    }

    #[test]
    fn a_variant_without_an_order_is_not_certain() {
        // One in 50 visitors spends 50 on average; this variant has 100 visitors and no order.
        let prior = Nig::weak(1.0, 99.0).unwrap();
        let none = prior.updated(100.0, 0.0, 0.0).mean().unwrap();
        let usual = prior.updated(100.0, 1.0, 99.0 * 99.0).mean().unwrap();
        assert!(none.mean() < 0.55 && none.sd() > 0.4 * usual.sd());
        assert_eq!(Nig::weak(5.0, 0.0), None);
        assert!(Nig::weak(0.0, 1.0).unwrap().k <= MAX_PRIOR_VISITORS);
    }
}
