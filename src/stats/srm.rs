//! Sample-ratio mismatch: do the visitors per arm fit the probabilities under which they were assigned?
//!
//! A mismatch means that assignment or tracking is broken and no figure of the experiment can be trusted. Under moving
//! weights the counts must be held against the logged propensities of each epoch: against the configured even split,
//! every healthy bandit would raise the alarm.

pub mod evidence;
pub mod individual;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::special::chi2_sf;
use individual::IndividualCounts;

/// The p-value below which a mismatch is reported in a single look.
const ALARM: f64 = 0.001;
/// The e-value from which a mismatch is reported in any of many looks.
const ALARM_E: f64 = 1_000.0;
/// e-values beyond this are cut off.
const MAX_E: f64 = 1e300;
/// Expected visitors per arm below which χ² is no approximation.
const MIN_EXPECTED: f64 = 5.0;
/// A pivot below this share of its arm's variance is rounding: that direction was never random.
const RANK_TOLERANCE: f64 = 1e-9;

/// Whether the counts fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SrmVerdict)]
pub enum Verdict {
    /// They fit.
    Ok,
    /// They do not (e-value ≥ 1,000; for a single look p < .001; or visitors where none can be).
    Mismatch,
    /// An arm's expected count is below 5.
    TooFew,
}

/// The test of visitors per arm against their expectation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Srm {
    /// The χ² statistic; absent if an arm that nobody can get has visitors (it would be infinite).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chi2: Option<f64>,
    /// Degrees of freedom: arms that could be got, less one.
    pub df: usize,
    /// P(χ² at least this large); 0 if an arm that nobody can get has visitors. For a single look.
    pub p_value: f64,
    /// The evidence of a mismatch as an e-value, valid however often one looks; absent with `chi2`, and where only a single
    /// look is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_value: Option<f64>,
    /// The conclusion.
    pub verdict: Verdict,
}

impl Srm {
    fn impossible(df: usize) -> Self {
        Self {
            chi2: None,
            df,
            p_value: 0.0,
            e_value: None,
            verdict: Verdict::Mismatch,
        }
    }

    fn new(chi2: f64, df: usize, expected: &[f64]) -> Self {
        let p_value = if df == 0 { 1.0 } else { chi2_sf(chi2, df) };
        let too_few = expected.iter().all(|count| *count <= 0.0)
            || expected
                .iter()
                .any(|count| *count > 0.0 && *count < MIN_EXPECTED);
        Self {
            chi2: Some(chi2),
            df,
            p_value,
            e_value: None,
            verdict: if too_few {
                Verdict::TooFew
            } else if p_value < ALARM {
                Verdict::Mismatch
            } else {
                Verdict::Ok
            },
        }
    }
}

impl Srm {
    /// Judged by the e-value, since reports are looked at every day.
    fn watched(self, e_value: f64) -> Self {
        Self {
            e_value: Some(e_value),
            verdict: match self.verdict {
                Verdict::TooFew => Verdict::TooFew,
                Verdict::Ok | Verdict::Mismatch if e_value >= ALARM_E => Verdict::Mismatch,
                Verdict::Ok | Verdict::Mismatch => Verdict::Ok,
            },
            ..self
        }
    }
}

/// Visitors assigned during one epoch, per arm, with the propensity of each arm (any positive scale).
#[derive(Debug, Clone, PartialEq)]
pub struct EpochCounts {
    /// Visitors by arm.
    pub counts: Vec<u64>,
    /// Propensities by arm; 0 is an arm that nobody can get.
    pub propensities: Vec<f64>,
}

impl EpochCounts {
    fn total(&self) -> f64 {
        self.counts.iter().sum::<u64>() as f64
    }

    /// Propensities that sum to 1; all 0 where none is positive.
    fn shares(&self) -> Vec<f64> {
        let total: f64 = self.propensities.iter().filter(|share| **share > 0.0).sum();
        self.propensities
            .iter()
            .map(|share| if *share > 0.0 { share / total } else { 0.0 })
            .collect()
    }
}

/// Pearson's χ² = Σ (O − E)²/E for a split that never moved.
pub fn fixed(counts: &[u64], weights: &[f64]) -> Srm {
    let only = EpochCounts {
        counts: counts.to_vec(),
        propensities: weights.to_vec(),
    };
    let shares = only.shares();
    let df = live(&shares).saturating_sub(1);
    if impossible(counts, &shares) {
        return Srm::impossible(df);
    }
    let total = only.total();
    let expected: Vec<f64> = shares.iter().map(|share| share * total).collect();
    let chi2 = expected
        .iter()
        .zip(counts)
        .filter(|(expected, _)| **expected > 0.0)
        .map(|(expected, count)| (*count as f64 - expected).powi(2) / expected)
        .sum();
    Srm::new(chi2, df, &expected)
}

/// The quadratic form `(O − E)ᵀ V⁻ (O − E)` with `E = Σ_b N_b e_b` and `V = Σ_b N_b (diag e_b − e_b e_bᵀ)`; visitors with
/// propensities of their own add those.
///
/// It is χ² by the martingale central limit theorem, whatever the policy did between epochs. Pearson's statistic against E
/// would be conservative (.035 at .05); with one epoch both agree. Degrees of freedom are the rank of V, so arms that were
/// never live together cost none. The verdict is that of the e-value ([`evidence`]).
pub fn adaptive(epochs: &[EpochCounts], individuals: &[IndividualCounts]) -> Srm {
    let counts = epochs.iter().map(|epoch| &epoch.counts);
    let counts = counts.chain(individuals.iter().map(|own| &own.counts));
    let arms = counts.clone().map(Vec::len).max();
    let mut observed = vec![0.0; arms.unwrap_or(0)];
    let mut broken = false;
    let mut drawn = Vec::with_capacity(epochs.len());
    for epoch in epochs {
        let shares = epoch.shares();
        broken |= impossible(&epoch.counts, &shares);
        drawn.push((epoch.total(), shares));
    }
    for counts in counts {
        for (sum, count) in observed.iter_mut().zip(counts) {
            *sum += *count as f64;
        }
    }
    let mut null = Null::new(&drawn, observed.len());
    for own in individuals {
        broken |= own.is_impossible();
        own.add_to(&mut null.expected, &mut null.variance);
    }
    if broken {
        return Srm::impossible(live(&null.expected).saturating_sub(1));
    }
    let deviation = observed.iter().zip(&null.expected).map(|(o, e)| o - e);
    let (chi2, df) = quadratic_form(null.variance, deviation.collect());
    let e_value = evidence::log_e(epochs, individuals).exp().min(MAX_E);
    Srm::new(chi2, df, &null.expected).watched(e_value)
}

/// Expectation and covariance of the visitors per arm if assignment works.
struct Null {
    expected: Vec<f64>,
    variance: Vec<Vec<f64>>,
}

impl Null {
    /// Of so many visitors per epoch with these shares.
    fn new(epochs: &[(f64, Vec<f64>)], arms: usize) -> Self {
        let mut expected = vec![0.0; arms];
        let mut variance = vec![vec![0.0; arms]; arms];
        for (total, shares) in epochs {
            for (i, share) in shares.iter().enumerate().take(arms) {
                expected[i] += total * share;
                variance[i][i] += total * share;
                for (cell, other) in variance[i].iter_mut().zip(shares) {
                    *cell -= total * share * other;
                }
            }
        }
        Self { expected, variance }
    }
}

fn live(shares: &[f64]) -> usize {
    shares.iter().filter(|share| **share > 0.0).count()
}

/// Whether an arm without propensity has visitors; an arm beyond the list of propensities has none.
fn impossible(counts: &[u64], shares: &[f64]) -> bool {
    let known = shares.iter().copied().chain(std::iter::repeat(0.0));
    counts
        .iter()
        .zip(known)
        .any(|(count, share)| *count > 0 && share <= 0.0)
}

/// dᵀ V⁻ d and the rank of V, by symmetric elimination on the largest remaining pivot.
fn quadratic_form(mut variance: Vec<Vec<f64>>, mut deviation: Vec<f64>) -> (f64, usize) {
    let scale: Vec<f64> = (0..deviation.len()).map(|i| variance[i][i]).collect();
    let mut open: Vec<usize> = (0..deviation.len()).collect();
    let (mut form, mut rank) = (0.0, 0);
    loop {
        open.retain(|&i| variance[i][i] > RANK_TOLERANCE * scale[i]);
        let Some(&pivot) = open
            .iter()
            .max_by(|&&i, &&j| variance[i][i].total_cmp(&variance[j][j]))
        else {
            return (form, rank);
        };
        open.retain(|&i| i != pivot);
        let row = variance[pivot].clone();
        form += deviation[pivot] * deviation[pivot] / row[pivot];
        rank += 1;
        for &i in &open {
            let factor = row[i] / row[pivot];
            deviation[i] -= factor * deviation[pivot];
            for &j in &open {
                variance[i][j] -= factor * row[j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, flatten};
    use proptest::prelude::*;

    fn adaptive(epochs: &[EpochCounts]) -> Srm {
        super::adaptive(epochs, &[])
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of golden files"
    )]
    fn counts(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| *value as u64).collect()
    }

    #[test]
    fn pearson_matches_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/srm.json")) {
            if case.input.get("batches").is_none() {
                let observed = counts(&flatten(&case.input["observed"]));
                let result = fixed(&observed, &flatten(&case.input["weights"]));
                case.check("chi2", &[result.chi2.unwrap()]);
                case.check("df", &[result.df as f64]);
                case.check("p_value", &[result.p_value]);
            }
        }
    }

    /// The reference has sizes per epoch but counts in total only, in one case for 60 visitors more, and scales E to them.
    #[test]
    fn the_quadratic_form_matches_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/srm.json")) {
            let Some(batches) = case.input["batches"].as_array() else {
                continue;
            };
            let epochs: Vec<(f64, Vec<f64>)> = batches
                .iter()
                .map(|batch| (batch["n"].as_f64().unwrap(), flatten(&batch["e"])))
                .collect();
            let observed = flatten(&case.input["observed"]);
            let total: f64 = epochs.iter().map(|(n, _)| n).sum();
            let scale = observed.iter().sum::<f64>() / total;
            let null = Null::new(&epochs, observed.len());
            let expected: Vec<f64> = null.expected.iter().map(|count| count * scale).collect();
            case.check("expected_counts", &expected);
            let deviation = observed.iter().zip(&expected).map(|(o, e)| o - e);
            let (chi2, df) = quadratic_form(null.variance, deviation.collect());
            case.check("quad_form", &[chi2]);
            case.check("quad_p", &[chi2_sf(chi2, df)]);
        }
    }

    /// Each epoch fits its own shares exactly, though no fixed split fits both.
    #[test]
    fn moving_weights_are_held_against_their_own_epochs() {
        let epoch = |counts: [u64; 2], propensities: [f64; 2]| EpochCounts {
            counts: counts.to_vec(),
            propensities: propensities.to_vec(),
        };
        let moved = [
            epoch([500, 500], [0.5, 0.5]),
            epoch([900, 8_100], [0.1, 0.9]),
        ];
        let result = adaptive(&moved);
        assert!(result.chi2.unwrap() < 1e-9 && result.verdict == Verdict::Ok);
        assert_eq!(
            fixed(&[1_400, 8_600], &[1.0, 1.0]).verdict,
            Verdict::Mismatch
        );
        let lossy = [
            epoch([500, 500], [0.5, 0.5]),
            epoch([650, 8_100], [0.1, 0.9]),
        ];
        assert_eq!(adaptive(&lossy).verdict, Verdict::Mismatch);
    }

    #[test]
    fn verdicts() {
        assert_eq!(
            fixed(&[5_000, 5_400], &[1.0, 1.0]).verdict,
            Verdict::Mismatch
        );
        assert_eq!(fixed(&[5_000, 5_100], &[1.0, 1.0]).verdict, Verdict::Ok);
        assert_eq!(fixed(&[9, 0], &[1.0, 1.0]).verdict, Verdict::TooFew);
        assert_eq!(fixed(&[0, 0], &[1.0, 1.0]).verdict, Verdict::TooFew);
        assert_eq!(fixed(&[], &[]).verdict, Verdict::TooFew);
        assert_eq!(adaptive(&[]).verdict, Verdict::TooFew);
        assert_eq!(fixed(&[70], &[1.0]), fixed(&[70, 0], &[1.0, 0.0]));
    }

    #[test]
    fn an_arm_that_nobody_can_get_costs_no_freedom_and_must_stay_empty() {
        let result = fixed(&[100, 110, 0], &[1.0, 1.0, 0.0]);
        assert_eq!((result.df, result.verdict), (1, Verdict::Ok));
        let result = fixed(&[100, 100, 1], &[1.0, 1.0, 0.0]);
        assert_eq!((result.chi2, result.verdict), (None, Verdict::Mismatch));
        assert!(result.p_value <= 0.0);
        assert_eq!(fixed(&[3], &[]).verdict, Verdict::Mismatch);
        // Live in one epoch, retired in the other.
        let epoch = |counts: [u64; 3], propensities: [f64; 3]| EpochCounts {
            counts: counts.to_vec(),
            propensities: propensities.to_vec(),
        };
        let early = epoch([340, 330, 330], [1.0, 1.0, 1.0]);
        let late = adaptive(&[early.clone(), epoch([500, 510, 0], [1.0, 1.0, 0.0])]);
        assert_eq!((late.df, late.verdict), (2, Verdict::Ok));
        let leak = adaptive(&[early, epoch([500, 510, 1], [1.0, 1.0, 0.0])]);
        assert_eq!(leak.verdict, Verdict::Mismatch);
    }

    #[test]
    fn arms_that_never_met_cost_no_freedom() {
        let epoch = |counts: [u64; 4], propensities: [f64; 4]| EpochCounts {
            counts: counts.to_vec(),
            propensities: propensities.to_vec(),
        };
        let result = adaptive(&[
            epoch([480, 520, 0, 0], [0.5, 0.5, 0.0, 0.0]),
            epoch([0, 0, 330, 670], [0.0, 0.0, 1.0, 2.0]),
        ]);
        let parts = fixed(&[480, 520], &[1.0, 1.0]).chi2.unwrap()
            + fixed(&[330, 670], &[1.0, 2.0]).chi2.unwrap();
        assert_eq!(result.df, 2);
        assert!((result.chi2.unwrap() - parts).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn one_epoch_is_pearson(
            arms in prop::collection::vec((0_u64..100_000, prop_oneof![Just(0.0), 0.001..1.0_f64]), 1..8)
        ) {
            let (counts, weights): (Vec<u64>, Vec<f64>) = arms.into_iter().unzip();
            let pearson = fixed(&counts, &weights);
            let form = adaptive(&[EpochCounts { counts, propensities: weights }]);
            prop_assert_eq!(form.df, pearson.df);
            prop_assert_eq!(form.chi2.is_some(), pearson.chi2.is_some());
            if let (Some(form), Some(pearson)) = (form.chi2, pearson.chi2) {
                prop_assert!((form - pearson).abs() <= 1e-9 * (1.0 + pearson));
            }
        }
    }
}
