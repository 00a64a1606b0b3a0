//! Evidence of a mismatch that may be looked at every day: e-values, whose false alarm rate is 1/threshold for ever.

use statrs::function::gamma::ln_gamma;

use super::EpochCounts;
use super::individual::IndividualCounts;

/// The tilts that are tried on every arm: how many times as likely it may have been as logged.
pub(super) const TILTS: [f64; 10] = [0.5, 0.8, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.25, 2.0];

/// ln of the mean over tilts of one arm of `Π_b Π_a (r_a / Σ_j e_bj·r_j)^n_ba`, against the propensities of each epoch, with
/// a lower bound of the same for visitors with propensities of their own.
///
/// Infinite if an arm that nobody can get has visitors.
pub fn log_e(epochs: &[EpochCounts], individuals: &[IndividualCounts]) -> f64 {
    let counts = epochs.iter().map(|epoch| &epoch.counts);
    let counts = counts.chain(individuals.iter().map(|own| &own.counts));
    let arms = counts.map(Vec::len).max();
    let mut evidence = vec![[0.0; TILTS.len()]; arms.unwrap_or(0)];
    let gains = TILTS.map(f64::ln);
    for epoch in epochs {
        let shares = epoch.shares();
        if super::impossible(&epoch.counts, &shares) {
            return f64::INFINITY;
        }
        let total = epoch.total();
        for ((sums, share), count) in evidence.iter_mut().zip(shares).zip(&epoch.counts) {
            for ((sum, tilt), gain) in sums.iter_mut().zip(TILTS).zip(gains) {
                *sum += *count as f64 * gain - total * (share * (tilt - 1.0)).ln_1p();
            }
        }
    }
    for own in individuals {
        if own.is_impossible() {
            return f64::INFINITY;
        }
        for (sums, more) in evidence.iter_mut().zip(own.log_e()) {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += more;
            }
        }
    }
    let evidence = evidence.as_flattened();
    let highest = evidence.iter().copied().fold(0.0, f64::max);
    let sum: f64 = evidence.iter().map(|log| (log - highest).exp()).sum();
    if evidence.is_empty() {
        0.0
    } else {
        highest + (sum / evidence.len() as f64).ln()
    }
}

/// ln of the Dirichlet-multinomial e-value of a split that never moved: `ln B(a + o) − ln B(a) − Σ o·ln θ` with a = k·θ
/// (Lindon & Malek 2022). Larger concentrations k look for smaller mismatches.
pub fn log_e_fixed(counts: &[u64], weights: &[f64], concentration: f64) -> f64 {
    let weight: f64 = weights.iter().sum();
    let total = counts.iter().sum::<u64>() as f64;
    let term = |(count, of): (&u64, &f64)| {
        let (count, share) = (*count as f64, of / weight);
        let prior = concentration * share;
        ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln()
    };
    let terms: f64 = counts.iter().zip(weights).map(term).sum();
    terms + ln_gamma(concentration) - ln_gamma(concentration + total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, flatten};

    #[test]
    fn a_fixed_split_matches_the_reference() {
        for case in golden::cases(include_str!("../../../tests/golden/srm.json")) {
            for (concentration, log, p) in [
                (100.0, "anytime_log_e_k100", "anytime_p_k100"),
                (1_000.0, "anytime_log_e_k1000", "anytime_p_k1000"),
            ] {
                if case.has(log) {
                    let counts: Vec<u64> = case.input["observed"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|count| count.as_u64().unwrap())
                        .collect();
                    let weights = flatten(&case.input["weights"]);
                    let evidence = log_e_fixed(&counts, &weights, concentration);
                    case.check(log, &[evidence]);
                    case.check(p, &[(-evidence).exp().min(1.0)]);
                }
            }
        }
    }

    /// E\[e\] = 1 under the null: the mean over all outcomes of ten visitors in two epochs.
    #[test]
    fn the_expected_e_value_is_one() {
        let binomial = |n: u32, k: u32, share: f64| {
            let choose = (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
            choose * share.powi(k.cast_signed()) * (1.0 - share).powi((n - k).cast_signed())
        };
        let mut mean = 0.0;
        for early in 0..=5 {
            for late in 0..=5 {
                let epoch = |count: u32, share: f64| EpochCounts {
                    counts: vec![u64::from(count), u64::from(5 - count)],
                    propensities: vec![share, 1.0 - share],
                };
                let epochs = [epoch(early, 0.5), epoch(late, 0.05)];
                let probability = binomial(5, early, 0.5) * binomial(5, late, 0.05);
                mean += probability * log_e(&epochs, &[]).exp();
            }
        }
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn evidence_grows_with_a_mismatch_only() {
        let epoch = |counts: [u64; 2]| EpochCounts {
            counts: counts.to_vec(),
            propensities: vec![0.5, 0.5],
        };
        assert!(log_e(&[epoch([50_000, 50_100])], &[]) < 0.0);
        assert!(log_e(&[epoch([5_000, 5_600])], &[]) > 1_000_f64.ln());
        assert!(log_e(&[], &[]).abs() < 1e-15);
        let leak = EpochCounts {
            counts: vec![5, 1],
            propensities: vec![1.0, 0.0],
        };
        assert!(log_e(&[leak], &[]).is_infinite());
    }
}
